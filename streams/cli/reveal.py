"""`veilstream reveal`: open what the operator `encrypt` wrote, for whoever holds the master key."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from filters.text.cipher import TokenCipher
from streams.cli.output import ExitCode, fail, note
from streams.cli.worker import with_overrides


def reveal(
    tenant: Annotated[str, typer.Option(help="Whose tokens: each tenant has a key of its own.")],
    file: Annotated[str, typer.Argument(help="A UTF-8 text with tokens, or - for standard input.")] = "-",
    config: Annotated[Path | None, typer.Option(help="Settings file (YAML); VEILSTREAM_CONFIG where absent.")] = None,
) -> None:
    """Print a text with its `<TYPE=…>` tokens opened, under the key of VEILSTREAM_KEYS__MASTER.

    Everything else is printed as it is, byte for byte. Exit code 1 where a token does not open: it is of another
    tenant or key, or was altered; it then stays in the text.
    """
    from streams.app import build_keys  # noqa: PLC0415  the detectors take seconds to import

    cipher = TokenCipher(build_keys(with_overrides(config)), tenant)
    try:
        revealed = cipher.reveal(_read(file).decode())
    except UnicodeDecodeError:
        fail("the text is not UTF-8", ExitCode.FINDINGS)
    sys.stdout.buffer.write(revealed.text.encode())
    sys.stdout.flush()
    note(f"{revealed.opened} tokens opened, {revealed.closed} not")
    raise typer.Exit(ExitCode.FINDINGS if revealed.closed else ExitCode.OK)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}", ExitCode.USAGE)
