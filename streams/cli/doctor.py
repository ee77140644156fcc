"""`veilstream doctor`: is this installation fit to judge?"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from filters.errors import ConfigurationError
from streams.checkup import Cause, CheckResult, Status, brokers, installation_checks, objects, settings_checks
from streams.cli.output import ExitCode, print_json
from streams.cli.worker import with_overrides

_EXITS = (
    (Cause.CONFIGURATION, ExitCode.CONFIGURATION),
    (Cause.DEPENDENCY, ExitCode.DEPENDENCY),
    (Cause.INSTALLATION, ExitCode.FINDINGS),
)
_STYLES = {Status.OK: "green", Status.NOTE: "yellow", Status.FAILED: "red"}


def doctor(
    config: Annotated[Path | None, typer.Option(help="Settings file (YAML); VEILSTREAM_CONFIG where absent.")] = None,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Kafka brokers, host:port, comma-separated; implies --broker.")
    ] = None,
    broker: Annotated[bool, typer.Option("--broker", help="Also ask the brokers, and object stores.")] = False,  # noqa: FBT002
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer of theirs.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,  # noqa: FBT002
) -> None:
    """Check this installation, its settings and, when asked, its brokers."""
    results = installation_checks()
    try:
        settings = with_overrides(config, kafka={"bootstrap_servers": bootstrap_servers})
    except ConfigurationError as error:
        results.append(CheckResult("settings", Status.FAILED, str(error), Cause.CONFIGURATION))
    else:
        results += settings_checks(settings)
        if broker or bootstrap_servers is not None:
            results += brokers(settings, timeout)
            results += objects(settings, timeout)
    _show(results, as_json=as_json)
    raise typer.Exit(int(exit_code(results)))


def exit_code(results: Iterable[CheckResult]) -> ExitCode:
    """Configuration before dependencies before the installation: the first thing to mend."""
    causes = {result.cause for result in results if result.status is Status.FAILED}
    return next((code for cause, code in _EXITS if cause in causes), ExitCode.OK)


def _show(results: list[CheckResult], *, as_json: bool) -> None:
    if as_json:
        print_json({"checks": results, "ok": exit_code(results) is ExitCode.OK}, indent=True)
        return
    table = Table("check", "", "detail")
    table.columns[0].no_wrap = True
    table.columns[2].overflow = "fold"
    for result in results:
        table.add_row(result.name, f"[{_STYLES[result.status]}]{result.status}[/]", result.detail)
    Console(highlight=False).print(table)
