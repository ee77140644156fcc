"""`veilstream scan`: the worker's very pipeline on files, without Kafka."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import typer
from rich.progress import Progress

from filters.errors import PolicyError, RecordError
from filters.image.container import Reader
from filters.pipeline import FilterPipeline, capabilities
from filters.policy import FilterPolicy, Keepable, check_capabilities
from filters.policy_source import decode_policy, load_default_policy, parse_policy
from filters.records import Content, ContentKind, ImageContent, PromptContent, Record, RecordContext, SourcePosition
from filters.verdict import Action, Outcome, Verdict, verdict_id
from models.session import Device
from streams import app as build
from streams.cli.output import ExitCode, print_json, stderr_console
from streams.cli.scan_inputs import ImageFile, TextLine, image_files, text_lines
from streams.cli.worker import with_overrides
from streams.documents import finding_document
from streams.settings import Settings

app = typer.Typer(help="Judge text or images from files, as the worker would.", no_args_is_help=True)
T = TypeVar("T")

ConfigOption = Annotated[Path | None, typer.Option(help="Settings file (YAML); VEILSTREAM_CONFIG where absent.")]
PolicyOption = Annotated[Path | None, typer.Option(help="Policy file; the built-in default policy where absent.")]
TenantOption = Annotated[str | None, typer.Option(help="Judge as this tenant; the policy's own where absent.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document a line, also on a terminal.")]
_TEXT_BATCH = 256


class _OnePolicy:
    """`PolicyResolver` with the one policy of the command line."""

    def __init__(self, policy: FilterPolicy) -> None:
        self._policy = policy

    def resolve(self, tenant: str) -> FilterPolicy:
        del tenant
        return self._policy


class _Silent:
    """`PipelineObserver` and `DecodeObserver` that tells nobody."""

    def stage_finished(self, stage: str, kind: str, seconds: float, records: int) -> None:
        del stage, kind, seconds, records

    def detector_failed(self, detector: str, code: str) -> None:
        del detector, code

    def judged(self, verdict: Verdict) -> None:
        del verdict

    def decoder_lost(self, cause: str) -> None:
        del cause


def _kinds(kind: ContentKind, policy: FilterPolicy) -> list[ContentKind]:
    """`kind`, and prompts where images keep generation parameters, which the prompt rules judge."""
    keeps = policy.spec.images is not None and Keepable.GENERATION in policy.spec.images.keep_metadata
    return [kind, ContentKind.PROMPT] if kind is ContentKind.IMAGE and keeps else [kind]


class _Scanner:
    """The pipeline for one kind of content, under one policy; `reader` opens images, where it is not the pipeline."""

    def __init__(
        self,
        settings: Settings,
        kind: ContentKind,
        policy: FilterPolicy,
        tenant: str | None,
        reader: Reader | None = None,
    ) -> None:
        keys = build.build_keys(settings)
        media = build.build_media(settings, _kinds(kind, policy), keys, reader)
        check_capabilities(policy, capabilities(media, has_key=keys.available))
        self._pipeline = FilterPipeline(media, _OnePolicy(policy), _Silent())
        self._tenant = tenant or policy.tenant
        self._kind = kind

    def source(self, position: int) -> SourcePosition:
        return SourcePosition(f"scan.{self._kind.value}s", 0, position)

    def judge(self, contents: Sequence[tuple[int, str, Content]]) -> list[Outcome]:
        """Outcomes of `(position, request id, content)`."""
        return self._pipeline.process_batch(
            [
                Record(RecordContext(self.source(position), self._tenant, request_id), content)
                for position, request_id, content in contents
            ]
        )


@app.command("text")
def scan_text(
    file: Annotated[str, typer.Argument(help="A file of lines, or - for standard input.")] = "-",
    policy: PolicyOption = None,
    tenant: TenantOption = None,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Judge prompts, one a line: plain text, or {"id", "prompt", "negative_prompt"?}.

    Exit code 1 where a line could not be judged.
    """
    scanner = _Scanner(with_overrides(config), ContentKind.PROMPT, _load_policy(policy), tenant)
    failed = False
    with _open_text(file) as stream:
        for batch in _batches(text_lines(stream), _TEXT_BATCH):
            for document in _judge_lines(scanner, batch):
                failed |= "error" in document
                _print(document, as_json=as_json)
    raise typer.Exit(ExitCode.FINDINGS if failed else ExitCode.OK)


@app.command("images")
def scan_images(
    paths: Annotated[list[Path], typer.Argument(help="Image files, or folders to walk.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for released images.", file_okay=False)],
    policy: PolicyOption = None,
    tenant: TenantOption = None,
    config: ConfigOption = None,
    device: Annotated[Device | None, typer.Option(help="Where models run.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Judge images, and write what is released below OUT, under the same names.

    Exit code 1 where a file could not be judged.
    """
    settings = with_overrides(config, models={"device": device})
    files = enumerate(image_files(paths, settings.images.max_image_bytes))
    failed = False
    with (
        build.build_isolated_reader(settings, _Silent()) or nullcontext() as reader,
        Progress(console=stderr_console(), transient=True, disable=not sys.stderr.isatty()) as progress,
    ):
        scanner = _Scanner(settings, ContentKind.IMAGE, _load_policy(policy), tenant, reader)
        task = progress.add_task("scanning", total=None)
        for batch in _batches(files, settings.images.batch_records):
            for document in _judge_files(scanner, batch, out):
                failed |= "error" in document
                _print(document, as_json=as_json)
            progress.advance(task, len(batch))
    raise typer.Exit(ExitCode.FINDINGS if failed else ExitCode.OK)


def _judge_lines(scanner: _Scanner, lines: Sequence[TextLine]) -> Iterator[dict[str, Any]]:
    judged = [(line.number - 1, line.id, line.content) for line in lines if isinstance(line.content, PromptContent)]
    outcomes = iter(scanner.judge(judged))
    for line in lines:
        if isinstance(line.content, RecordError):
            yield {"id": line.id} | _refusal(line.content, scanner.source(line.number - 1), ContentKind.PROMPT)
            continue
        outcome = next(outcomes)
        released = dict(outcome.content.fields) if isinstance(outcome.content, PromptContent) else {}
        yield {"id": line.id, "action": outcome.verdict.action.value, "fields": released} | _explanation(outcome)


def _judge_files(scanner: _Scanner, files: Sequence[tuple[int, ImageFile]], out: Path) -> Iterator[dict[str, Any]]:
    judged = [(n, str(n), file.content) for n, file in files if isinstance(file.content, ImageContent)]
    outcomes = iter(scanner.judge(judged))
    for number, file in files:
        place = {"path": _printable(file.path)}
        if isinstance(file.content, RecordError):
            yield place | _refusal(file.content, scanner.source(number), ContentKind.IMAGE)
            continue
        outcome = next(outcomes)
        released = _write(outcome, file, out)
        yield place | {"action": outcome.verdict.action.value, "released_path": released} | _explanation(outcome)


def _explanation(outcome: Outcome) -> dict[str, Any]:
    verdict = outcome.verdict
    document: dict[str, Any] = {
        "findings": [finding_document(finding) for finding in verdict.findings],
        "rules": list(verdict.rules),
        "verdict_id": verdict.id,
    }
    if verdict.failure is not None:
        document["error"] = {"code": verdict.failure.code, "reason": verdict.failure.reason}
    return document


def _refusal(error: RecordError, source: SourcePosition, kind: ContentKind) -> dict[str, Any]:
    """The line for input that could not even be read."""
    released: dict[str, Any] = {"fields": {}} if kind is ContentKind.PROMPT else {"released_path": None}
    return {
        "action": Action.REJECT.value,
        **released,
        "findings": [],
        "rules": [f"error.{error.code}"],
        "verdict_id": verdict_id(source, kind),
        "error": {"code": error.code, "reason": error.reason},
    }


def _write(outcome: Outcome, file: ImageFile, out: Path) -> str | None:
    if not isinstance(outcome.content, ImageContent):
        return None
    target = out / file.target
    if target.exists() and target.samefile(file.path):
        raise PolicyError(f"{target} would overwrite its own input; choose another --out", reason="overwrite")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(outcome.content.data)
    return _printable(target)


def _printable(path: Path) -> str:
    """A path as JSON can hold it: names of files are bytes, and need not be UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


def _load_policy(path: Path | None) -> FilterPolicy:
    if path is None:
        return load_default_policy()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}", reason="unreadable") from None
    return parse_policy(decode_policy(data, str(path)), str(path))


def _open_text(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json or not sys.stdout.isatty():
        print_json(document)
        return
    shown = document.get("fields", {}).get("prompt") or document.get("released_path") or ""
    why = ", ".join(document["rules"]) or "nothing found"
    typer.echo(f"{document.get('id', document.get('path'))}\t{document['action']}\t{shown}\t({why})")
