"""What a prompt costs: the whole text path with the text model, by part, on one core; and the memory of it.

    taskset -c 1 python -m tests.evals.text_speed

Processor time of the pipeline (decode, detect, decide, redact, verify) in batches of 32, the best of three rounds. The
prompts are captions with artists and flavours of the lists where they are there, else the benchmark's.
"""

import resource
import time
from collections.abc import Sequence

from filters.pipeline import FilterPipeline
from filters.policy import FilterPolicy
from filters.records import ContentKind, PromptContent, Record, RecordContext, SourcePosition
from models.session import Device
from streams import app as build
from streams.settings import load_settings
from tests.benchmarks import material
from tests.evals import over_redaction
from tests.evals.figures import Figure, shown
from tests.fakes import CollectingObserver, StaticPolicies
from tests.support.prompts import default_policy

GOAL_MILLISECONDS = 4.0
BATCH = 32
_PROMPTS, _ROUNDS = 512, 3


def prompts() -> list[str]:
    """What the figures are about."""
    if not over_redaction.EVAL.is_dir():
        return material.prompts(_PROMPTS)
    return list(over_redaction.composed_prompts(_PROMPTS, seed=5))


def table() -> list[Figure]:
    """Milliseconds a prompt of the whole path and of its parts, and the memory that the path adds to the process."""
    before = _peak()
    settings = load_settings(models={"device": Device.CPU, "threads": 1})
    (medium,) = build.build_media(settings, [ContentKind.PROMPT], build.build_keys(settings))
    policy = default_policy()
    judge = FilterPipeline([medium], StaticPolicies(policy), CollectingObserver())
    texts = prompts()
    records = _records(texts, policy)
    whole = min(_seconds(judge, records) for _ in range(_ROUNDS))
    characters = f"{sum(map(len, texts)) / len(texts):.0f} characters a prompt on average"
    figures = [
        Figure("whole text path", 1000 * whole / len(texts), len(texts), "ms", None, GOAL_MILLISECONDS, characters)
    ]
    contents = [PromptContent({"prompt": text}) for text in texts]
    for detector in medium.detectors:
        took = min(_detecting(medium, detector, contents, policy) for _ in range(_ROUNDS))
        figures.append(Figure(f"… of which `{detector.name}`", 1000 * took / len(texts), len(texts), "ms"))
    return [*figures, Figure("memory of the text path", _peak() - before, 1, "MiB")]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _records(texts: Sequence[str], policy: FilterPolicy) -> list[Record]:
    return [
        Record(RecordContext(SourcePosition("p", 0, n), policy.tenant, str(n)), PromptContent({"prompt": text}))
        for n, text in enumerate(texts)
    ]


def _seconds(judge: FilterPipeline, records: Sequence[Record]) -> float:
    started = time.process_time()
    for start in range(0, len(records), BATCH):
        judge.process_batch(records[start : start + BATCH])
    return time.process_time() - started


def _detecting(medium, detector, contents: Sequence[PromptContent], policy: FilterPolicy) -> float:
    started = time.process_time()
    for start in range(0, len(contents), BATCH):
        some = contents[start : start + BATCH]
        medium.detect(detector, some, [policy] * len(some))
    return time.process_time() - started


if __name__ == "__main__":
    shown(f"cost of a prompt, one core, batches of {BATCH}", table())
