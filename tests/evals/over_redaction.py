"""What the default policy changes although nothing in it is private: the price of looking.

    python -m tests.evals.over_redaction [--show]

A prompt counts as changed when it is not released as it came. The list prompts name artists as styles, as people who
write such prompts do; a few hundred of the flavours are names of artists and photographers again.
"""

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from filters.findings import TextFinding
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.policy import FilterPolicy
from filters.records import ContentKind, PromptContent, Record, RecordContext, SourcePosition
from filters.verdict import Outcome
from models.session import Device
from streams import app as build
from streams.settings import load_settings
from tests.evals.figures import Figure, shown
from tests.fakes import CollectingObserver, StaticPolicies
from tests.support.prompts import default_policy
from tests.support.technical_prompts import technical_prompts

EVAL = Path(__file__).parents[3] / "shared" / "eval" / "prompts"
COMPOSED = 2000
TECHNICAL = 2000
PARTI_GOAL, COMPOSED_GOAL = 0.01, 0.02
_BATCH = 32
_BARE = "{medium} of {caption}, {artist}, {flavour}, {flavour2}"
"""The artist is no more than a tag: a private name can stand there as well, so that there is no goal."""
_FRAMES = (
    "{caption} by {artist}, {flavour}, {flavour2}",
    "{caption}, {medium} by {artist}, {movement}, {flavour}",
    "{caption}, in the style of {artist}, {flavour}",
    "{medium} of {caption} by {artist}, {flavour}, {flavour2}",
    "{caption}, art by {artist} and {artist2}, {flavour}",
    "{caption}, {flavour}, {flavour2}, {flavour3}",
)


def pipeline(policy: FilterPolicy) -> FilterPipeline:
    """As a worker runs it, on one thread of the CPU."""
    settings = load_settings(models={"device": Device.CPU, "threads": 1})
    media = build.build_media(settings, [ContentKind.PROMPT], TenantKeys(None))
    return FilterPipeline(media, StaticPolicies(policy), CollectingObserver())


def outcomes(texts: Sequence[str], policy: FilterPolicy | None = None) -> list[Outcome]:
    """What becomes of each text as a prompt of the policy's tenant."""
    policy = policy or default_policy()
    judge = pipeline(policy)
    records = [
        Record(RecordContext(SourcePosition("p", 0, n), policy.tenant, str(n)), PromptContent({"prompt": text}))
        for n, text in enumerate(texts)
    ]
    return [
        outcome
        for start in range(0, len(records), _BATCH)
        for outcome in judge.process_batch(records[start : start + _BATCH])
    ]


def changed(outcome: Outcome) -> bool:
    """Whether a prompt does not come out as it went in."""
    return outcome.content is None or outcome.changed


def parti_prompts() -> list[str]:
    """PartiPrompts as they stand."""
    return [line.split("\t")[0] for line in _lines("partiprompts.tsv")[1:]]


def composed_prompts(count: int = COMPOSED, seed: int = 21, frames: Sequence[str] = _FRAMES) -> Iterator[str]:
    """Captions with artists, mediums, movements and flavours of the lists, in the forms that such prompts have."""
    rng = random.Random(seed)  # noqa: S311  material, not a secret
    captions, artists, flavours = parti_prompts(), _lines("artists.txt"), _lines("flavors.txt")
    mediums, movements = _lines("mediums.txt"), _lines("movements.txt")
    for _ in range(count):
        yield rng.choice(frames).format(
            caption=rng.choice(captions),
            artist=rng.choice(artists),
            artist2=rng.choice(artists),
            medium=rng.choice(mediums),
            movement=rng.choice(movements),
            flavour=rng.choice(flavours),
            flavour2=rng.choice(flavours),
            flavour3=rng.choice(flavours),
        )


def _lines(name: str) -> list[str]:
    return [line.strip() for line in (EVAL / name).read_text(encoding="utf-8").splitlines() if line.strip()]


def table(*, show: bool = False) -> list[Figure]:
    """The shares of prompts that are changed; those of the lists only where the material is there."""
    figures = []
    if EVAL.is_dir():
        figures.append(_share("PartiPrompts changed", parti_prompts(), PARTI_GOAL, show=show))
        figures.append(_share("prompts of the lists changed", list(composed_prompts()), COMPOSED_GOAL, show=show))
        bare = list(composed_prompts(500, frames=[_BARE]))
        figures.append(_share("… with the artist as a bare tag", bare, None, show=show))
    technical = [text for text, _ in technical_prompts(TECHNICAL)]
    figures.append(_share("prompts of technical tokens changed", technical, 0.0, show=show))
    return figures


def _share(what: str, texts: Sequence[str], goal: float | None, *, show: bool) -> Figure:
    touched = [(text, outcome) for text, outcome in zip(texts, outcomes(texts), strict=True) if changed(outcome)]
    rules = Counter(rule for _, outcome in touched for rule in outcome.verdict.rules)
    if show:
        for text, outcome in touched:
            hits = [
                (f.entity_type.value, text[f.start : f.end])
                for f in outcome.verdict.findings
                if isinstance(f, TextFinding)
            ]
            sys.stdout.write(f"{what}: {outcome.verdict.rules} {hits} {text!r}\n")
    beside = ", ".join(f"{rule} {count}" for rule, count in rules.most_common(4))
    return Figure(what, len(touched) / len(texts), len(texts), most=goal, beside=beside)


if __name__ == "__main__":
    shown("over-redaction by the default policy", table(show="--show" in sys.argv))
