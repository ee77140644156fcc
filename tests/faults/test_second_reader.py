"""The second reader finds what it looks for."""

import time
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.faults.trial import prompt_group
from tests.support.house import House
from tests.support.kafka_io import Outgoing, produce
from tests.support.material import prompt_cases
from tests.support.oracle import SOURCE, Input, send
from tests.support.second_reader import SecondReader


@pytest.fixture
def inputs(mock_house: House) -> list[Input]:
    """Four prompts, and no worker."""
    return send(mock_house.bootstrap, mock_house.topics, prompt_cases(4))


@pytest.fixture
def reader(mock_house: House, inputs: list[Input]) -> Iterator[SecondReader]:
    with SecondReader(mock_house.bootstrap, mock_house.topics, prompt_group(mock_house), lambda: inputs) as looking:
        yield looking


def write(house: House, topic: str, given: Input) -> None:
    """An output of an input."""
    produce(house.bootstrap, [Outgoing(topic, b"{}", None, ((SOURCE, given.source.encode()),))])


def commit(house: House, given: Input, offset: int) -> None:
    """As a member of the group would."""
    consumer = Consumer({"bootstrap.servers": house.bootstrap, "group.id": prompt_group(house), "log_level": 2})
    consumer.commit(offsets=[TopicPartition(*given.place[:2], offset)], asynchronous=False)
    consumer.close()


def after_two_rounds(reader: SecondReader) -> list[str]:
    """What has been found by then."""
    rounds, deadline = reader.rounds, time.monotonic() + 20
    while reader.rounds < rounds + 2:
        assert time.monotonic() < deadline, f"{reader.rounds} rounds, {reader.blind} of them blind"
        time.sleep(0.02)
    return reader.findings


def test_what_is_committed_after_its_outputs_is_no_finding(
    mock_house: House, inputs: list[Input], reader: SecondReader
):
    """Verdict, release, commit: the order that is promised."""
    for given in inputs:
        write(mock_house, mock_house.topics.verdicts, given)
        write(mock_house, mock_house.topics.prompts_released, given)
        commit(mock_house, given, given.place[2] + 1)
    assert after_two_rounds(reader) == []
    assert reader.committed == {given.place[:2]: given.place[2] + 1 for given in inputs}


def no_output(house: House, given: Input) -> None:
    """Committed and gone."""
    commit(house, given, given.place[2] + 1)


def verdict_only(house: House, given: Input) -> None:
    """Committed between verdict and content."""
    write(house, house.topics.verdicts, given)
    commit(house, given, given.place[2] + 1)


def content_only(house: House, given: Input) -> None:
    """Released before its verdict."""
    write(house, house.topics.prompts_released, given)


@pytest.mark.parametrize("fault", [no_output, verdict_only, content_only], ids=lambda fault: fault.__name__)
def test_a_promise_that_is_broken_is_found_while_it_is(
    fault: Callable[[House, Input], None], mock_house: House, inputs: list[Input], reader: SecondReader
):
    """Also where the outputs come later: they were not there in time."""
    given = min(inputs, key=lambda given: given.place[2])
    fault(mock_house, given)
    found = list(after_two_rounds(reader))
    write(mock_house, mock_house.topics.verdicts, given)
    write(mock_house, mock_house.topics.prompts_released, given)
    assert after_two_rounds(reader) == found
    assert [finding.partition(" ")[0] for finding in found] == [given.source]


def test_a_committed_offset_that_goes_back_is_found(mock_house: House, inputs: list[Input], reader: SecondReader):
    """Whatever the records there are."""
    given = max(inputs, key=lambda given: given.place[2])
    commit(mock_house, given, 1000)
    after_two_rounds(reader)
    assert not any("then up to" in finding for finding in reader.findings)
    commit(mock_house, given, 999)
    after_two_rounds(reader)
    assert any("up to 1000, then up to 999" in finding for finding in reader.findings)


def test_under_transactions_outputs_may_be_seen_after_their_offset_and_must_be_seen_at_the_end(
    mock_house: House, inputs: list[Input]
):
    """The offset first, then the outputs: a finding until they are there."""
    given = inputs[0]
    group = prompt_group(mock_house)
    with SecondReader(mock_house.bootstrap, mock_house.topics, group, lambda: inputs, transactions=True) as reader:
        commit(mock_house, given, given.place[2] + 1)
        assert after_two_rounds(reader) == [f"{given.source} is committed, and its outputs cannot be read"]
        write(mock_house, mock_house.topics.verdicts, given)
        write(mock_house, mock_house.topics.prompts_released, given)
        assert after_two_rounds(reader) == []
