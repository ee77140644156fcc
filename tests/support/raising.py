"""A judge that raises on marked records, and our worker with it: `python -m tests.support.raising`.

The fault of `tests.support.stock_worker`, for a worker that must survive it.
"""

import asyncio
import sys
from collections.abc import Sequence

from filters.errors import DetectionError
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.records import ContentKind
from streams import app as build
from streams.judge import Judge, Judgement
from streams.log import configure_logging
from streams.message import RawMessage
from streams.settings import Settings, load_settings

MARK = "raise-here"
"""Stands in the prompts that the judge raises on."""


class RaisingJudge:
    """`BatchJudge` over another one."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    def judge(self, raws: Sequence[RawMessage], deadline: float) -> list[Judgement]:
        for raw in raws:
            if MARK.encode() in (raw.value or b""):
                raise RuntimeError(raw.value)  # as libraries do that put what they were given into their errors
        return self._judge.judge(raws, deadline)

    def failed(self, raw: RawMessage, error: DetectionError) -> Judgement:
        return self._judge.failed(raw, error)


def raising_judge(settings: Settings, kind: ContentKind, pipeline: FilterPipeline, keys: TenantKeys) -> RaisingJudge:
    """As `streams.app.build_judge`."""
    return RaisingJudge(_build_judge(settings, kind, pipeline, keys))


_build_judge = build.build_judge


def main() -> None:
    """Run `veilstream worker --streams prompts` with the raising judge."""
    settings = load_settings()
    configure_logging(settings.log.level)
    build.build_judge = raising_judge  # type: ignore[assignment]
    from streams.worker import Worker

    asyncio.run(Worker(settings, [ContentKind.PROMPT]).run())


if __name__ == "__main__":
    sys.exit(main())
