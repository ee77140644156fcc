"""A judge that lets everything pass unread, and our worker with it: `python -m tests.support.passing`.

What is left is the gate: intake, attempts, verdicts before content, acknowledgements. For benchmarks of delivery alone.
"""

import asyncio
import sys
from collections.abc import Sequence

from filters.errors import DetectionError
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.records import ContentKind, RecordContext
from filters.verdict import Action, PolicyRef, Verdict, verdict_id
from streams import app as build
from streams.documents import encode, verdict_document
from streams.emit import OutputRecord
from streams.judge import Judgement
from streams.log import configure_logging
from streams.message import RawMessage
from streams.settings import Settings, load_settings
from streams.topics import TopicNames

POLICY = PolicyRef("bench", 1, "off")


class PassingJudge:
    """`BatchJudge` that runs no pipeline: one verdict record of a real one's size, and the value as it came."""

    def __init__(self, topics: TopicNames) -> None:
        self._topics = topics

    def judge(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        del deadline
        return [self._passed(raw) for raw in raws]

    def failed(self, raw: RawMessage, error: DetectionError) -> Judgement:
        raise RuntimeError("nothing here can fail") from error

    def _passed(self, raw: RawMessage) -> Judgement:
        verdict = Verdict(
            id=verdict_id(raw.source, ContentKind.PROMPT),
            context=RecordContext(raw.source, "bench", "r"),
            kind=ContentKind.PROMPT,
            action=Action.ALLOW,
            intended=Action.ALLOW,
            rules=(),
            findings=(),
            policy=POLICY,
            models=(),
            failure=None,
        )
        audit = OutputRecord(self._topics.verdicts, raw.key, encode(verdict_document(verdict)))
        marks = (*raw.headers, ("veilstream-verdict", verdict.id.encode()))
        return Judgement(
            verdict, audit, (OutputRecord(self._topics.prompts_released, raw.key, raw.value or b"", marks),)
        )


def passing_judge(settings: Settings, kind: ContentKind, pipeline: FilterPipeline, keys: TenantKeys) -> PassingJudge:
    """As `streams.app.build_judge`."""
    del kind, pipeline, keys
    return PassingJudge(settings.topics)


def main() -> None:
    """Run `veilstream worker --streams prompts` with the passing judge."""
    settings = load_settings()
    configure_logging(settings.log.level)
    build.build_judge = passing_judge  # type: ignore[assignment]
    from streams.worker import Worker

    asyncio.run(Worker(settings, [ContentKind.PROMPT]).run())


if __name__ == "__main__":
    sys.exit(main())
