"""The replay of a selection, told letter by letter."""

from collections import Counter
from collections.abc import Iterable, Sequence

import typer

from filters.errors import ConfigurationError, DeliveryError
from filters.records import ContentKind
from streams.app import build_keys, input_topic
from streams.cli.dlq_report import report_text
from streams.cli.output import print_json
from streams.kafka_client import client_arguments
from streams.letter_topic import LetterTopic
from streams.letters import Listed, read_letter
from streams.replay import InputProducer, ReplayRules, Report, Status, plan, rehearse, replay
from streams.seal import Sealer
from streams.settings import Settings


class Replaying:
    """Replays letters, one after the other, and prints what became of each.

    Args:
        settings: brokers, topics and the master key.
        letters: what is to be replayed, oldest first.
        again: also what was replayed before.
        within: seconds for each letter.
        as_json: print JSON lines.

    Raises:
        ConfigurationError: an original is sealed and no master key is set.
    """

    def __init__(
        self, settings: Settings, letters: Sequence[Listed], *, again: bool, within: float, as_json: bool
    ) -> None:
        self._settings = settings
        self._within = within
        self._as_json = as_json
        keys = build_keys(settings)
        self._rules = ReplayRules({input_topic(settings, kind): kind for kind in ContentKind}, Sealer(keys))
        self._plan = plan(letters, self._rules, again=again)
        self.counts: Counter[Status] = Counter()
        if self.open_letters and not keys.available:
            raise ConfigurationError(
                f"{len(self.open_letters)} originals are sealed and no master key is set; set VEILSTREAM_KEYS__MASTER",
                reason="key_missing",
            )

    @property
    def open_letters(self) -> list[Listed]:
        """Those that would be replayed."""
        return [step for step in self._plan if isinstance(step, Listed)]

    @property
    def failed(self) -> bool:
        """Whether a letter that was meant was not replayed."""
        return any(self.counts[status] for status in (Status.NOT_REPLAYABLE, Status.FAILED))

    def miss(self, names: Iterable[str]) -> None:
        """Tell of letters that are not there."""
        for name in names:
            self._tell(
                Report(name, Status.FAILED, "there is no such letter; it may have outlived the topic's retention")
            )

    async def rehearse(self) -> None:
        """Open every original and tell what would be done; write nothing."""
        async with self._topic() as topic:
            for step in self._plan:
                value = await self._value(topic, step)
                self._tell(step if isinstance(step, Report) else self._rehearsed(step, value))

    async def replay(self) -> None:
        """Write every original to its input topic.

        Raises:
            DeliveryError: no broker takes it; the letters behind it are not tried.
        """
        kafka = self._settings.kafka
        producer = InputProducer(client_arguments(kafka), kafka.max_message_bytes, within_seconds=self._within)
        async with self._topic() as topic, producer:
            for step in self._plan:
                value = await self._value(topic, step)
                self._tell(step if isinstance(step, Report) else await self._replayed(step, value, producer))

    async def _value(self, topic: LetterTopic, step: Listed | Report) -> bytes | None:
        return await topic.value_at(step.place) if isinstance(step, Listed) else None

    def _rehearsed(self, listed: Listed, value: bytes | None) -> Report:
        return _gone(listed) if _is_gone(listed, value) else rehearse(listed, value or b"", self._rules)

    async def _replayed(self, listed: Listed, value: bytes | None, producer: InputProducer) -> Report:
        if _is_gone(listed, value):
            return _gone(listed)
        try:
            return await replay(listed, value or b"", self._rules, producer)
        except DeliveryError as error:
            self._tell(Report(str(listed.place), Status.FAILED, f"{error}; it may be written all the same"))
            raise

    def _topic(self) -> LetterTopic:
        settings = self._settings
        client = client_arguments(settings.kafka)
        return LetterTopic(client, settings.topics.dead_letters, within_seconds=self._within)

    def _tell(self, report: Report) -> None:
        self.counts[report.status] += 1
        if self._as_json:
            print_json(report)
        else:
            typer.echo(report_text(report))


def _is_gone(listed: Listed, value: bytes | None) -> bool:
    return read_letter(value) != listed.letter


def _gone(listed: Listed) -> Report:
    return Report(str(listed.place), Status.FAILED, "the letter has gone meanwhile")
