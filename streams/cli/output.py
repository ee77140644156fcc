"""What every command shares: exit codes, data on stdout, everything else on stderr."""

import sys
from enum import IntEnum
from typing import NoReturn

import orjson
import typer
from rich.console import Console


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FINDINGS = 1
    """The command ran, and found something wrong with its input."""
    USAGE = 2
    CONFIGURATION = 3
    DEPENDENCY = 4
    """Something outside (a broker, a registry) does not answer."""


def stderr_console() -> Console:
    """A console for progress and notes; honours NO_COLOR."""
    return Console(stderr=True, highlight=False)


def print_json(value: object, *, indent: bool = False) -> None:
    """One JSON document and a line end on stdout, flushed; dataclasses and enums are understood."""
    option = orjson.OPT_APPEND_NEWLINE | (orjson.OPT_INDENT_2 if indent else 0)
    sys.stdout.write(orjson.dumps(value, option=option).decode())
    sys.stdout.flush()


def note(message: str) -> None:
    """A line for people, on stderr."""
    typer.echo(message, err=True)


def fail(message: str, code: ExitCode) -> NoReturn:
    """Say why on stderr and end the command.

    Raises:
        typer.Exit: always.
    """
    typer.secho(f"error: {message}", err=True, fg=typer.colors.RED)
    raise typer.Exit(int(code))
