"""`veilstream topics`: what the cluster's topics lack, and making it so."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from filters.errors import ConfigurationError
from streams.cli.output import ExitCode, fail, note, print_json, stderr_console
from streams.cli.worker import with_overrides
from streams.settings import Settings
from streams.topic_admin import TopicAdmin, librdkafka_arguments
from streams.topics import (
    DEFAULT_PARTITIONS,
    DEFAULT_REPLICATION,
    AddPartitions,
    CreateTopic,
    RaiseReplication,
    SetConfigs,
    TopicChange,
    TopicSizing,
    plan,
    wanted_topics,
)

app = typer.Typer(help="Topics: what they lack, and making them so.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option(help="Settings file (YAML); VEILSTREAM_CONFIG where absent.")]
Servers = Annotated[str | None, typer.Option(help="Kafka brokers, host:port, comma-separated.")]
Partitions = Annotated[int, typer.Option(min=1, help="Partitions of each topic; the policies topic has one.")]
Replication = Annotated[int, typer.Option(min=1, help="Copies of each partition; 3 survives the loss of a broker.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command("plan")
def show_plan(
    config: Config = None,
    bootstrap_servers: Servers = None,
    partitions: Partitions = DEFAULT_PARTITIONS,
    replication: Replication = DEFAULT_REPLICATION,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show what `apply` would change. Changes nothing."""
    settings = with_overrides(config, kafka={"bootstrap_servers": bootstrap_servers})
    _, changes = _changes(settings, partitions, replication)
    _show(changes, as_json=as_json)


@app.command("apply")
def apply_plan(
    config: Config = None,
    bootstrap_servers: Servers = None,
    partitions: Partitions = DEFAULT_PARTITIONS,
    replication: Replication = DEFAULT_REPLICATION,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Create what is missing and mend what delivery needs; nothing is ever deleted or made smaller."""
    settings = with_overrides(config, kafka={"bootstrap_servers": bootstrap_servers})
    admin, changes = _changes(settings, partitions, replication)
    if any(not isinstance(change, RaiseReplication) for change in changes) and not yes:
        _confirm(changes)
    admin.apply(changes)
    _show(changes, as_json=as_json)
    left = [change.topic for change in changes if isinstance(change, RaiseReplication)]
    if left:
        fail(f"too few copies of {', '.join(left)}: reassign their partitions by hand", ExitCode.FINDINGS)


def _changes(settings: Settings, partitions: int, replication: int) -> tuple[TopicAdmin, list[TopicChange]]:
    admin = TopicAdmin(librdkafka_arguments(settings.kafka))
    if (brokers := admin.brokers()) < replication:
        raise ConfigurationError(
            f"--replication {replication} needs as many brokers and {brokers} answer; for a test cluster use "
            f"--replication {brokers}",
            reason="too_few_brokers",
        )
    wanted = wanted_topics(settings.topics, TopicSizing(partitions, replication, settings.kafka.max_message_bytes))
    return admin, plan(admin.describe(spec.name for spec in wanted), wanted)


def _confirm(changes: list[TopicChange]) -> None:
    if not sys.stdin.isatty():
        fail("there is nobody to ask; look at `veilstream topics plan`, then use --yes", ExitCode.USAGE)
    stderr_console().print(_table(changes))
    if not typer.confirm("Make these changes?", err=True):
        fail("nothing was changed", ExitCode.FINDINGS)


def _show(changes: list[TopicChange], *, as_json: bool) -> None:
    if as_json:
        print_json({"changes": [_as_json(change) for change in changes]}, indent=True)
    elif changes:
        Console(highlight=False).print(_table(changes))
    else:
        note("nothing to change")


def _as_json(change: TopicChange) -> dict[str, Any]:
    return {"kind": change.kind} | asdict(change)


def _table(changes: list[TopicChange]) -> Table:
    table = Table("topic", "change", "now", "then")
    table.columns[0].no_wrap = True
    for change in changes:
        for row in _rows(change):
            table.add_row(change.topic, *row)
    return table


def _rows(change: TopicChange) -> list[tuple[str, str, str]]:
    match change:
        case CreateTopic(_, partitions, replication, configs):
            settings = "\n".join(f"{key}={value}" for key, value in configs.items())
            return [("create", "", f"{partitions} partitions, {replication} copies\n{settings}")]
        case AddPartitions(_, current, wanted):
            return [("add partitions (order by key breaks once)", str(current), str(wanted))]
        case SetConfigs(_, current, wanted):
            return [(f"set {key}", current[key], value) for key, value in wanted.items()]
        case RaiseReplication(_, current, wanted):
            return [("too few copies: reassign by hand", str(current), str(wanted))]
