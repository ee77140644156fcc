"""`make bench`: prompts and images a second, end to end, beside the parts and the named peers, in one run.

Absolute figures depend on the machine and on what else it does; the ratios are what to compare.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from filters.pipeline import FilterPipeline
from filters.policy import FilterPolicy
from filters.policy_source import load_default_policy
from filters.records import ContentKind, ImageContent, PromptContent, Record, RecordContext, SourcePosition
from streams import app as build
from streams.embedded_broker import EmbeddedBroker
from streams.settings import Settings, load_settings
from tests.benchmarks import loops, material, peers
from tests.fakes import CollectingObserver, StaticPolicies
from tests.support.brokers import Broker, RealKafka
from tests.support.kafka_io import unique
from tests.support.kafka_jars import kafka_jars, why_no_real_kafka

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=4000)
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--side", type=int, default=512, help="pixels")
    options = parser.parse_args()
    texts, files = material.prompts(options.prompts), material.images(options.images, options.side)
    settings = load_settings()
    rows = _prompt_parts(settings, texts) + _image_parts(settings, files)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, broker in _brokers(stack, folder):
            rows += _loops(name, broker, texts, files, folder)
    _print(rows)


Row = tuple[str, str, float]


def _prompt_parts(settings: Settings, texts: list[str]) -> list[Row]:
    contents = [PromptContent({"prompt": text}) for text in texts]
    (medium,) = build.build_media(settings, [ContentKind.PROMPT], build.build_keys(settings))
    detector, *_ = medium.detectors  # the patterns; the pipeline asks the text model too
    pipeline = _pipeline(medium)
    records = [_record(content, n) for n, content in enumerate(contents)]
    few = texts[:400]
    default, same, bare = peers.default_engine(), peers.same_engine(), peers.bare_engine()
    return [
        ("prompts", "Presidio AnalyzerEngine, its defaults", peers.rate(len(few), lambda: [*map(default, few)])),
        ("prompts", "Presidio AnalyzerEngine, our recognizers", peers.rate(len(few), lambda: [*map(same, few)])),
        ("prompts", "the same without spaCy", peers.rate(len(few), lambda: [*map(bare, few)])),
        ("prompts", "bare search, the same findings", peers.rate(len(texts), lambda: [*map(peers.search(), texts)])),
        ("prompts", "bare detector", peers.rate(len(texts), lambda: detector.detect(contents))),
        ("prompts", "pipeline, batches of 64", peers.rate(len(texts), lambda: _batched(pipeline, records, 64))),
    ]


def _image_parts(settings: Settings, files: list[bytes]) -> list[Row]:
    (medium,) = build.build_media(settings, [ContentKind.IMAGE], build.build_keys(settings))
    detector, *_ = medium.detectors  # of faces: no rule of the default policy asks for codes or text
    frames = [medium.decode(ImageContent(file)) for file in files]
    pixels = [frame.pixels for decoded in frames for frame in decoded.frames]
    pipeline = _pipeline(medium)
    records = [_record(ImageContent(file), n) for n, file in enumerate(files)]
    run_deface = peers.deface()
    few = files[:40]
    return [
        ("images", "deface (decode, detect, blur, encode)", peers.rate(len(few), lambda: run_deface(few))),
        ("images", "bare detector", peers.rate(len(pixels), lambda: _in_batches(detector.detect, pixels, 8))),
        ("images", "pipeline, batches of 8", peers.rate(len(records), lambda: _batched(pipeline, records, 8))),
    ]


def _loops(name: str, broker: Broker, texts: list[str], files: list[bytes], folder: Path) -> list[Row]:
    policy = folder / "policies" / "bench.yaml"
    policy.parent.mkdir(exist_ok=True)
    policy.write_text(_bench_policy().model_dump_json(exclude_none=True))
    prompts = loops.prompt_records(unique("prompts"), texts)
    images = loops.image_records(unique("images"), files)
    loops.load(broker, prompts)
    loops.load(broker, images)
    return [
        ("prompts", f"bare aiokafka loop, {name}", loops.bare_loop(broker, prompts)),
        ("prompts", f"worker, {name}", loops.worker_loop(broker, ContentKind.PROMPT, prompts, policy, folder)),
        ("images", f"bare aiokafka loop, {name}", loops.bare_loop(broker, images)),
        ("images", f"worker, {name}", loops.worker_loop(broker, ContentKind.IMAGE, images, policy, folder)),
    ]


def _brokers(stack: ExitStack, folder: Path) -> list[tuple[str, Broker]]:
    brokers: list[tuple[str, Broker]] = [("embedded broker", stack.enter_context(EmbeddedBroker()))]
    if (reason := why_no_real_kafka()) is None:
        brokers.append(("Apache Kafka", stack.enter_context(RealKafka(kafka_jars(ROOT / ".cache"), folder))))
    else:
        Console(stderr=True).print(f"no Apache Kafka: {reason}")
    return brokers


def _bench_policy() -> FilterPolicy:
    default = load_default_policy()
    return default.model_copy(update={"metadata": default.metadata.model_copy(update={"tenant": "bench"})})


def _pipeline(medium: object) -> FilterPipeline:
    return FilterPipeline([medium], StaticPolicies(_bench_policy()), CollectingObserver())  # type: ignore[list-item]


def _record(content: PromptContent | ImageContent, number: int) -> Record:
    return Record(RecordContext(SourcePosition("bench", 0, number), "bench", f"r{number}"), content)


def _batched(pipeline: FilterPipeline, records: list[Record], size: int) -> None:
    _in_batches(pipeline.process_batch, records, size)


def _in_batches(work: object, items: list, size: int) -> None:
    for start in range(0, len(items), size):
        work(items[start : start + size])


def _print(rows: list[Row]) -> None:
    table = Table(title="one run, this machine; the ratio is to the first row of the kind")
    for column, side in (("content", "left"), ("what", "left"), ("per second", "right"), ("ratio", "right")):
        table.add_column(column, justify=side)
    for kind in ("prompts", "images"):
        of_kind = [(what, figure) for row_kind, what, figure in rows if row_kind == kind]
        base = of_kind[0][1]
        for what, figure in of_kind:
            table.add_row(kind, what, f"{figure:,.1f}", f"{figure / base:.2f}")
        table.add_section()
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
