"""The `veilstream` command."""

import sys

import typer

from filters.errors import ConfigurationError, DeliveryError, VeilstreamError
from streams.cli import demo, dlq, doctor, models, policy, reveal, scan, topics, worker
from streams.cli.output import ExitCode

app = typer.Typer(
    name="veilstream",
    help="A privacy filter for the message bus of image-generation platforms.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its tracebacks print locals, which hold content
    add_completion=False,
)
app.command("worker")(worker.worker)
app.command("demo")(demo.demo)
app.add_typer(scan.app, name="scan")
app.add_typer(models.app, name="models")
app.add_typer(policy.app, name="policy")
app.add_typer(topics.app, name="topics")
app.add_typer(dlq.app, name="dlq")
app.command("reveal")(reveal.reveal)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; errors of ours become one line and an exit code."""
    try:
        app()
    except VeilstreamError as error:
        typer.secho(f"error: {error}", err=True, fg=typer.colors.RED)
        sys.exit(_exit_code(error))


def _exit_code(error: VeilstreamError) -> int:
    match error:
        case ConfigurationError(reason=reason) if reason in policy.UNREACHABLE_REASONS:
            return ExitCode.DEPENDENCY
        case ConfigurationError():
            return ExitCode.CONFIGURATION
        case DeliveryError():
            return ExitCode.DEPENDENCY
        case _:
            return ExitCode.FINDINGS


if __name__ == "__main__":
    main()
