"""Letters are read with care: whatever else lies on the topic is counted, and never repeated."""

import json
from datetime import timedelta

import pytest

from filters.records import SourcePosition
from streams.letters import Catalogue, Letter, Receipt, parse_place, read_letter, receipt_value
from tests.support.letters import AT, letter, raw

TOPIC = "dead"


def place(offset, partition=0):
    return SourcePosition(TOPIC, partition, offset)


def body(**changes):
    return json.dumps(json.loads(letter(raw()).value) | changes).encode()


def everything(_place, _letter):
    return True


def test_what_a_worker_writes_is_read_without_its_sealed_part():
    read = read_letter(letter(raw(partition=2, offset=7)).value)
    assert isinstance(read, Letter)
    assert (read.code, read.reason, read.stage, read.attempts) == ("unknown_tenant", "because", "resolve", 2)
    assert (str(read.source), read.tenant, read.request_id) == ("generation.prompts:2:7", "acme", "r-1")
    assert (read.size, read.timestamp, read.kept, read.replay_of) == (33, AT, True, None)
    assert "sealed" not in read.model_dump()
    keyless = read_letter(letter(raw(), key=None).value)
    assert (keyless.kept, keyless.digest) == (False, None)


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"prompt": "by Zebulon"}',
        body(code="a portrait of Zebulon"),
        body(reason="Zebulon"),
        body(tenant="By Zebulon"),
        body(request_id="by Zebulon"),
        body(request_id="r-1\n"),
        body(tenant="acme\n"),
        body(topic="a portrait"),
        body(verdict_id="Zebulon"),
        body(digest="x"),
        body(attempts=0),
        body(offset=-1),
        body(timestamp="now"),
        body(replay_of="Zebulon"),
        b'{"replayed": "Zebulon"}',
    ],
)
def test_whatever_is_no_letter_is_taken_for_none(value):
    assert read_letter(value) is None


def test_a_receipt_names_the_verdict_whose_letter_was_replayed():
    verdict_id = read_letter(letter(raw()).value).verdict_id
    receipt = read_letter(receipt_value(verdict_id, SourcePosition("generation.prompts", 1, 9), AT))
    assert isinstance(receipt, Receipt)
    assert (receipt.replayed, receipt.topic, receipt.partition, receipt.offset) == (
        *(verdict_id, "generation.prompts"),
        *(1, 9),
    )


def test_a_catalogue_keeps_the_newest_and_counts_the_rest():
    catalogue = Catalogue(everything, 3)
    for offset in (4, 0, 3, 1, 2):
        catalogue.take(place(offset), letter(raw(offset=offset), at=AT + timedelta(hours=offset)).value)
    catalogue.take(place(9), b"something else")
    assert [listed.place.offset for listed in catalogue.letters] == [2, 3, 4]
    assert (catalogue.found, catalogue.strange) == (5, 1)


def test_a_catalogue_keeps_what_is_wanted():
    catalogue = Catalogue(lambda place, letter: letter.code == "message" and place.partition == 1, 10)
    for code in ("message", "detection"):
        for partition in (0, 1):
            catalogue.take(place(0, partition), letter(raw(), code=code).value)
    (listed,) = catalogue.letters
    assert (listed.letter.code, listed.place.partition, catalogue.found) == ("message", 1, 1)


def test_receipts_are_counted_wherever_they_lie_before_or_behind_their_letter():
    catalogue = Catalogue(everything, 10)
    first, second = letter(raw(offset=1)), letter(raw(offset=2))
    receipt = receipt_value(read_letter(first.value).verdict_id, SourcePosition("generation.prompts", 0, 5), AT)
    catalogue.take(place(0, 1), receipt)
    catalogue.take(place(0), first.value)
    catalogue.take(place(1), second.value)
    catalogue.take(place(2), receipt)
    assert [listed.replays for listed in catalogue.letters] == [2, 0]


def test_letters_of_one_moment_are_listed_in_the_order_of_their_places():
    catalogue = Catalogue(everything, 10)
    for offset in (2, 0, 1):
        catalogue.take(place(offset), letter(raw(offset=offset)).value)
    assert [listed.place.offset for listed in catalogue.letters] == [0, 1, 2]


@pytest.mark.parametrize("name", ["a:0:0", "a.b-c_d:12:345678901234"])
def test_places_are_written_as_they_are_read(name):
    assert str(parse_place(name)) == name


@pytest.mark.parametrize("name", ["", "a", "a:1", "a:1:", ":1:2", "a:x:1", "a:-1:2", "a:1:2:3", "a:1:²"])
def test_what_is_no_place_is_refused(name):
    with pytest.raises(ValueError, match="TOPIC:PARTITION:OFFSET"):
        parse_place(name)
