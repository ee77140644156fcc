"""`veilstream policy`: check, describe, publish and show tenants' policies."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from ruamel.yaml import YAML

from filters.errors import ConfigurationError, DeliveryError
from filters.policy import FilterPolicy, policy_json_schema
from filters.policy_issues import PolicyDocumentError, PolicyIssue, Severity
from filters.policy_source import decode_policy, lint_policy
from streams.cli.output import ExitCode, fail, note, print_json
from streams.cli.policy_report import issue_document, issue_text
from streams.policies import PolicyBoard, PolicySnapshot
from streams.policy_files import FolderPolicies, policy_files
from streams.policy_publish import Published, publish_policy
from streams.policy_topic import read_topic

UNREACHABLE_REASONS = frozenset({"broker_unreachable", "catching_up"})
"""Reasons of a `ConfigurationError` that lie with the broker, not with the settings."""

app = typer.Typer(help="Check, describe, publish and show tenants' policies.", no_args_is_help=True)

Files = Annotated[
    list[Path], typer.Argument(exists=True, readable=True, help="Policy files, or folders of them.", show_default=False)
]
Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap-servers", envvar="VEILSTREAM_KAFKA__BOOTSTRAP_SERVERS", help="host:port, comma-separated."
    ),
]
Topic = Annotated[
    str | None, typer.Option("--topic", envvar="VEILSTREAM_TOPICS__POLICIES", help="The compacted policies topic.")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file, for TLS and logins.", exists=True, dir_okay=False)
]
Within = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the broker.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]

T = TypeVar("T")


class OutputFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


@app.command()
def lint(
    files: Files,
    output: Annotated[OutputFormat, typer.Option("--format", help="How findings are printed.")] = OutputFormat.TEXT,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on warnings as well.")] = False,
) -> None:
    """Check policy files: exit 0 where none has an error, 1 where one has."""
    texts = _read(files)
    issues = {source: _lint(data, source) for source, data in texts.items()}
    found = [issue for of_file in issues.values() for issue in of_file]
    if output is OutputFormat.JSON:
        print_json([issue_document(issue) for issue in found], indent=True)
    else:
        for source, of_file in issues.items():
            _print_text(of_file, texts[source])
        errors = sum(issue.severity is Severity.ERROR for issue in found)
        note(f"{len(texts)} files: {errors} errors, {len(found) - errors} warnings")
    if any(issue.severity is Severity.ERROR or strict for issue in found):
        raise typer.Exit(ExitCode.FINDINGS)


@app.command()
def schema() -> None:
    """Print the policy document's JSON Schema (draft 2020-12)."""
    print_json(policy_json_schema(), indent=True)


@app.command()
def publish(
    files: Files,
    bootstrap_servers: Bootstrap = None,
    topic: Topic = None,
    config: Config = None,
    within: Within = 15.0,
    *,
    as_json: Json = False,
) -> None:
    """Check policies and publish them; nothing is sent where any of the files has an error."""
    texts = _read(files)
    issues = {source: _lint(data, source) for source, data in texts.items()}
    for source, of_file in issues.items():
        _print_text(of_file, texts[source], err=True)
    if any(issue.severity is Severity.ERROR for of_file in issues.values() for issue in of_file):
        raise typer.Exit(ExitCode.FINDINGS)
    client, name = _connection(bootstrap_servers, topic, config)
    for source, data in texts.items():
        try:
            sent = _run(publish_policy(client, name, decode_policy(data, source), source, within_seconds=within))
        except PolicyDocumentError as error:
            _print_text(error.issues, data, err=True)
            raise typer.Exit(ExitCode.FINDINGS) from None
        _print_published(sent, name, as_json=as_json)


@app.command()
def show(
    tenant: Annotated[str | None, typer.Argument(help="Whose policy.", show_default=False)] = None,
    bootstrap_servers: Bootstrap = None,
    topic: Topic = None,
    config: Config = None,
    within: Within = 15.0,
    folder: Annotated[
        Path | None, typer.Option("--folder", exists=True, file_okay=False, help="Read a folder, not the topic.")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="One line a tenant.")] = False,
    as_json: Json = False,
) -> None:
    """Show the policy in force for TENANT, or --all, from the topic or a folder."""
    if every == (tenant is not None):
        raise typer.BadParameter("name a TENANT, or give --all")
    if folder is not None:
        snapshot = _from_folder(folder)
    else:
        client, name = _connection(bootstrap_servers, topic, config)
        snapshot = _run(read_topic(client, name, _Refusals(), within_seconds=within)).snapshot
    if tenant is None:
        _print_all(snapshot, as_json=as_json)
    elif tenant in snapshot:
        _print_policy(snapshot[tenant], as_json=as_json)
    else:
        fail(f"no policy is in force for tenant {tenant!r}", ExitCode.FINDINGS)


class _Refusals:
    """`PolicyListener` that tells people what was refused."""

    def on_accepted(self, policy: FilterPolicy) -> None:
        pass

    def on_removed(self, tenant: str) -> None:
        pass

    def on_refused(self, tenant: str | None, issues: Sequence[PolicyIssue]) -> None:  # noqa: ARG002  the protocol's
        for issue in issues:
            note(f"refused: {issue}")


def _read(paths: Sequence[Path]) -> dict[str, bytes]:
    files = [file for path in paths for file in (policy_files(path) if path.is_dir() else [path])]
    if not files:
        raise typer.BadParameter("the folder holds no policy (*.yaml)")
    return {str(path): path.read_bytes() for path in files}


def _lint(data: bytes, source: str) -> list[PolicyIssue]:
    try:
        return lint_policy(decode_policy(data, source), source)
    except PolicyDocumentError as error:
        return list(error.issues)


def _print_text(issues: Sequence[PolicyIssue], data: bytes, *, err: bool = False) -> None:
    lines = data.decode("utf-8-sig", "replace").splitlines()
    for issue in issues:
        typer.echo(issue_text(issue, lines), err=err)


def _connection(bootstrap_servers: str | None, topic: str | None, config: Path | None) -> tuple[dict[str, Any], str]:
    """aiokafka's connection arguments and the topic's name, from options, then environment, then file."""
    # Settings bring Faust and onnxruntime along: `lint` and `schema` start without them, and where they are missing.
    from streams.kafka_client import client_arguments  # noqa: PLC0415
    from streams.settings import load_settings  # noqa: PLC0415

    overrides: dict[str, Any] = {}
    if bootstrap_servers is not None:
        overrides["kafka"] = {"bootstrap_servers": bootstrap_servers}
    if topic is not None:
        overrides["topics"] = {"policies": topic}
    try:
        settings = load_settings(config, **overrides)
        return client_arguments(settings.kafka), settings.topics.policies
    except ConfigurationError as error:
        fail(str(error), ExitCode.CONFIGURATION)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run what talks to the broker; ends the command where that fails for the broker's or the settings' sake."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the command says itself what is wrong
    try:
        return asyncio.run(work)
    except PolicyDocumentError:
        raise
    except ConfigurationError as error:
        fail(str(error), ExitCode.DEPENDENCY if error.reason in UNREACHABLE_REASONS else ExitCode.CONFIGURATION)
    except DeliveryError as error:
        fail(str(error), ExitCode.DEPENDENCY)


def _from_folder(folder: Path) -> PolicySnapshot:
    board = PolicyBoard(None, _Refusals())
    FolderPolicies(folder, board).poll()
    return board.snapshot


def _print_published(sent: Published, topic: str, *, as_json: bool) -> None:
    if as_json:
        print_json(sent)
    elif sent.offset is None:
        typer.echo(f"{sent.tenant} version {sent.version} stands on {topic} already")
    else:
        typer.echo(f"{sent.tenant} version {sent.version} published as {topic}:{sent.partition}@{sent.offset}")


def _print_policy(policy: FilterPolicy, *, as_json: bool) -> None:
    document = policy.model_dump(mode="json", exclude_none=True)
    if as_json:
        print_json(document, indent=True)
        return
    text = StringIO()
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(document, text)
    typer.echo(text.getvalue(), nl=False)


def _print_all(snapshot: PolicySnapshot, *, as_json: bool) -> None:
    rows = [_summary(snapshot[tenant]) for tenant in sorted(snapshot)]
    if as_json:
        print_json(rows, indent=True)
        return
    columns = ("tenant", "version", "mode", "on_error", "prompt_rules", "image_rules")
    widths = [max(len(column), *(len(str(row[column])) for row in rows), 0) for column in columns]
    for cells in (columns, *([str(row[column]) for column in columns] for row in rows)):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip())


def _summary(policy: FilterPolicy) -> dict[str, Any]:
    spec = policy.spec
    return {
        "tenant": policy.tenant,
        "version": policy.metadata.version,
        "mode": spec.mode.value,
        "on_error": spec.on_error.value,
        "prompt_rules": len(spec.prompts.rules) if spec.prompts else None,
        "image_rules": len(spec.images.rules) if spec.images else None,
    }
