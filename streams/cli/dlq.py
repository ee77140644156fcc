"""`veilstream dlq`: dead letters for people: list them, show them, have them judged again.

Content goes to files only, and only when asked for.
"""

import asyncio
import logging
import os
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer

from filters.records import SourcePosition
from streams.app import build_keys
from streams.cli.dlq_replay import Replaying
from streams.cli.dlq_report import counts_text, letter_document, letter_table, letter_text
from streams.cli.dlq_selection import Selection, parse_letter, parse_since
from streams.cli.output import ExitCode, fail, note, print_json
from streams.cli.worker import with_overrides
from streams.dead_letter import open_dead_letter
from streams.kafka_client import client_arguments
from streams.letter_topic import LetterTopic
from streams.letters import Catalogue, Letter, Listed, read_letter
from streams.original import Original
from streams.seal import Sealer
from streams.settings import Settings

app = typer.Typer(help="Dead letters: what could not be judged, and judging it again.", no_args_is_help=True)

PRIVATE = 0o600

Config = Annotated[Path | None, typer.Option(help="Settings file (YAML); VEILSTREAM_CONFIG where absent.")]
Servers = Annotated[str | None, typer.Option(help="Kafka brokers, host:port, comma-separated.")]
Since = Annotated[
    str | None, typer.Option(help="Only letters since then: 45m, 24h, 7d, or a time (ISO 8601, UTC); else all.")
]
Code = Annotated[str | None, typer.Option(help="Only letters with this code.")]
Tenant = Annotated[str | None, typer.Option(help="Only letters of this tenant.")]
Within = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds for reading the topic, or for a record.")]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")]

T = TypeVar("T")


@app.command("list")
def list_letters(
    since: Since = None,
    code: Code = None,
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, help="Only the newest so many.")] = 100,
    config: Config = None,
    bootstrap_servers: Servers = None,
    within: Within = 30.0,
    *,
    as_json: Json = False,
) -> None:
    """List letters, oldest first: what failed, where, for whom, whether the original is kept, how often replayed."""
    selection = Selection(code=code, tenant=tenant, since=parse_since(since))
    catalogue = _run(_catalogue(_settings(config, bootstrap_servers), selection, limit, within))
    letters = catalogue.letters
    if as_json:
        for listed in letters:
            print_json(letter_document(listed.place, listed.letter) | {"replays": listed.replays})
    elif letters:
        typer.echo(letter_table(letters), nl=False)
    left_out = catalogue.found - len(letters)
    older = f"; {left_out} older ones are left out (--limit)" if left_out else ""
    strange = f"; {catalogue.strange} other records on the topic are no letters" if catalogue.strange else ""
    note(f"{catalogue.found} letters{older}{strange}")


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="TOPIC:PARTITION:OFFSET, as `list` names it.", show_default=False)],
    reveal: Annotated[
        Path | None,
        typer.Option(help="Decrypt the original into this new file (mode 0600), key and headers beside it."),
    ] = None,
    config: Config = None,
    bootstrap_servers: Servers = None,
    within: Within = 30.0,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Show everything of a letter but the original; with the master key that can be revealed, into a file only."""
    settings = _settings(config, bootstrap_servers)
    place = parse_letter(letter, settings.topics.dead_letters)
    value = _run(_value(settings, place, within))
    found = read_letter(value)
    if value is None or not isinstance(found, Letter):
        fail(f"there is no letter at {place}; it may have outlived the topic's retention", ExitCode.FINDINGS)
    document = letter_document(place, found)
    revealed = _reveal(Sealer(build_keys(settings)), found, value, reveal) if reveal is not None else {}
    if as_json:
        print_json(document | revealed, indent=True)
    else:
        typer.echo(letter_text(document | revealed), nl=False)
    if revealed.get("digest_matches") is False:
        fail("the original is not the one that the letter's digest was made of", ExitCode.FINDINGS)


@app.command()
def replay(
    letters: Annotated[
        list[str] | None, typer.Argument(help="TOPIC:PARTITION:OFFSET of each, as `list` names them.")
    ] = None,
    code: Code = None,
    tenant: Tenant = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="Refuse to replay more letters than this.")] = 10_000,
    config: Config = None,
    bootstrap_servers: Servers = None,
    within: Within = 30.0,
    *,
    every: Annotated[bool, typer.Option("--all", help="All letters.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was replayed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Open originals and tell; write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Write originals to their input topics again: the filter judges them as it judges now, never around it.

    Name LETTERS, or choose by --code and --tenant, or say --all. A replayed record carries the header
    `veilstream-replay-of` with the verdict id of its letter. Exit code 1 where a letter was not replayed.
    """
    settings = _settings(config, bootstrap_servers)
    places = frozenset(parse_letter(name, settings.topics.dead_letters) for name in letters or ())
    selection = Selection(places, code, tenant, parse_since(since), every)
    selection.check()
    catalogue = _run(_catalogue(settings, selection, limit, within))
    if catalogue.found > limit:
        fail(f"{catalogue.found} letters match; choose fewer, or raise --limit", ExitCode.USAGE)
    found = catalogue.letters
    replaying = Replaying(settings, found, again=again, within=within, as_json=as_json)
    if replaying.open_letters and not (dry_run or yes):
        _confirm(replaying.open_letters)
    replaying.miss(sorted(map(str, places - {listed.place for listed in found})))
    try:
        _run(replaying.rehearse() if dry_run else replaying.replay())
    finally:
        note(counts_text(replaying.counts))
    if replaying.failed:
        raise typer.Exit(ExitCode.FINDINGS)


def _settings(config: Path | None, bootstrap_servers: str | None) -> Settings:
    return with_overrides(config, kafka={"bootstrap_servers": bootstrap_servers})


def _run(work: Coroutine[Any, Any, T]) -> T:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the command says itself what is wrong
    return asyncio.run(work)


def _topic(settings: Settings, within: float) -> LetterTopic:
    return LetterTopic(client_arguments(settings.kafka), settings.topics.dead_letters, within_seconds=within)


async def _catalogue(settings: Settings, selection: Selection, limit: int, within: float) -> Catalogue:
    catalogue = Catalogue(selection.wants, limit)
    async with _topic(settings, within) as topic:
        await topic.scan(catalogue.take, selection.since_ms)
    return catalogue


async def _value(settings: Settings, place: SourcePosition, within: float) -> bytes | None:
    async with _topic(settings, within) as topic:
        return await topic.value_at(place)


def _confirm(letters: list[Listed]) -> None:
    if not sys.stdin.isatty():
        fail("there is nobody to ask; look at it with --dry-run, then use --yes", ExitCode.USAGE)
    counts = Counter(listed.letter.topic for listed in letters)
    told = ", ".join(f"{count} to {topic}" for topic, count in sorted(counts.items()))
    if not typer.confirm(f"Replay {told}?", err=True):
        fail("nothing was replayed", ExitCode.FINDINGS)


def _reveal(sealer: Sealer, letter: Letter, value: bytes, path: Path) -> dict[str, Any]:
    """Write the original to a new file, its key and headers to another, and say whether the digest is the letter's."""
    try:
        original = open_dead_letter(sealer, value)
    except ValueError as error:
        fail(f"{error}; is VEILSTREAM_KEYS__MASTER the key that it was sealed with?", ExitCode.FINDINGS)
    if original is None or original.value is None:
        fail(
            "the letter keeps no original: no key was set, the policy does not ask for it, or it was too large",
            ExitCode.FINDINGS,
        )
    beside = path.with_name(f"{path.name}.headers.json")
    for file in (path, beside):
        if file.exists() or file.is_symlink():
            fail(f"{file} exists; nothing is overwritten", ExitCode.USAGE)
    _write(path, original.value)
    _write(beside, _around(original))
    matches = sealer.digest(letter.tenant, original.value) == letter.digest
    return {"revealed": str(path), "headers": str(beside), "digest_matches": matches}


def _around(original: Original) -> bytes:
    """Key and headers as JSON, bytes in Base64: they may hold anything."""
    headers = [[name, _base64(value)] for name, value in original.headers]
    return orjson.dumps({"key": _base64(original.key), "headers": headers}, option=orjson.OPT_INDENT_2)


def _base64(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode("ascii")


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except OSError as error:
        fail(f"{path} cannot be made: {error.strerror}", ExitCode.USAGE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
