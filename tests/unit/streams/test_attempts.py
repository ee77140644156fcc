"""Spans of records that are being judged, or have been: written, read back, and looked up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.verdict import Failure
from streams.attempts import MOST_ENDED_SPANS, AttemptBook, Ending, History, Span, decode_spans, encode_spans, spans_of
from streams.message import RawMessage


def raw(offset, attempts=1, partition=0, timestamp_ms=1000):
    return RawMessage("prompts", partition, offset, None, b"x", (), timestamp_ms, attempts)


ANSWERED = Ending()
TIMED_OUT = Ending(Failure("detector_timeout", "budget", "detect"))
PLACE = ("prompts", 0)


def begun(book, *offsets, **fields):
    return [book.earlier(raw(offset, **fields)).attempts for offset in offsets]


def test_neighbours_share_a_span_and_what_was_begun_alone_has_its_own():
    spans = spans_of([raw(7), raw(3), raw(4), raw(9, attempts=2), raw(8), raw(1, partition=2)])
    assert spans == {
        ("prompts", 0): (Span(3, 4, 1), Span(7, 8, 1), Span(9, 9, 2, 1000)),
        ("prompts", 2): (Span(1, 1, 1),),
    }


def test_another_record_at_the_same_place_of_a_topic_made_anew_is_no_suspect():
    book = AttemptBook()
    book.note("other", spans_of([raw(5, attempts=2, timestamp_ms=1000)]))
    assert begun(book, 5, timestamp_ms=1000) == [2]
    assert begun(book, 5, timestamp_ms=2000) == [0]


def test_a_newer_note_takes_the_place_of_the_last_one_of_its_writer():
    book = AttemptBook()
    book.note("a", spans_of([raw(5), raw(6)]))
    book.note("b", spans_of([raw(6, attempts=2)]))
    assert begun(book, 4, 5, 6, 7) == [0, 1, 2, 0]
    book.note("a", spans_of([raw(6)]))
    assert begun(book, 5, 6) == [0, 2]
    book.note("b", {})
    assert begun(book, 6) == [1]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}x",
        b"[1]",
        b'[["t"]]',
        b"null",
        b'[["t",0,"a",1,1,null,null]]',
        b'[["t",0,1,1,1,null]]',
        b'[["t",0,1,1,0,null,["code"]]]',
        b'[["t",0,1,1,0,null,5]]',
    ],
)
def test_what_is_no_note_is_refused(value):
    with pytest.raises(ValueError, match="not a note"):
        decode_spans(value)


places = st.tuples(st.integers(0, 3), st.integers(0, 40))


@given(st.dictionaries(places, st.integers(1, 4), max_size=30))
def test_a_note_read_back_counts_every_record_it_was_made_of_and_no_other(counts):
    raws = [raw(offset, attempts, partition) for (partition, offset), attempts in counts.items()]
    book = AttemptBook()
    book.note("other", decode_spans(encode_spans(spans_of(raws))))
    for partition in range(4):
        for offset in range(41):
            assert book.earlier(raw(offset, partition=partition)).attempts == counts.get((partition, offset), 0)


def ended(book, *offsets, ending=ANSWERED, timestamp_ms=1000):
    raws = [raw(offset, timestamp_ms=timestamp_ms) for offset in offsets]
    book.begin(raws)
    book.end((each, ending) for each in raws)


def test_batches_that_end_in_another_order_are_one_span():
    book = AttemptBook()
    ended(book, 3, 4)
    ended(book, 0, 1, 2, timestamp_ms=2000)
    assert book.spans == {PLACE: (Span(0, 4, 0, 2000, ANSWERED),)}


def test_an_offset_without_a_record_parts_no_span_and_an_open_one_does():
    """Transactions leave markers in between; a record that is being judged has no ending yet."""
    book = AttemptBook()
    ended(book, 0, 2)
    assert book.spans == {PLACE: (Span(0, 2, 0, 1000, ANSWERED),)}
    book.begin([raw(3)])
    ended(book, 4)
    assert [span for span in book.spans[PLACE] if span.ending] == [
        Span(0, 2, 0, 1000, ANSWERED),
        Span(4, 4, 0, 1000, ANSWERED),
    ]
    assert book.earlier(raw(3)).ending is None


def test_an_answer_and_a_failure_are_not_mixed_up():
    book = AttemptBook()
    ended(book, 0, 1)
    ended(book, 2, ending=TIMED_OUT)
    ended(book, 3)
    assert [book.earlier(raw(offset)).ending for offset in range(5)] == [ANSWERED, ANSWERED, TIMED_OUT, ANSWERED, None]


def test_what_is_committed_is_forgotten():
    book = AttemptBook()
    ended(book, 0, 1)
    ended(book, 2, ending=TIMED_OUT)
    book.forget(PLACE, 2)
    assert [book.earlier(raw(offset)).ending for offset in (1, 2)] == [None, TIMED_OUT]
    book.forget(PLACE, 3)
    assert (book.spans, book.ended) == ({}, ())


def test_a_later_record_at_the_same_place_of_a_topic_made_anew_has_no_ending():
    book = AttemptBook()
    ended(book, 5, ending=TIMED_OUT, timestamp_ms=1000)
    assert book.earlier(raw(5, timestamp_ms=1000)) == History(0, TIMED_OUT)
    assert book.earlier(raw(5, timestamp_ms=1001)) == History()


def test_endings_are_bounded_and_the_latest_stay():
    book = AttemptBook()
    for offset in range(MOST_ENDED_SPANS + 100):
        ended(book, offset, ending=TIMED_OUT if offset % 2 else ANSWERED)
    book.forget(PLACE, 0)
    spans = book.spans[PLACE]
    assert len(spans) == MOST_ENDED_SPANS
    assert spans[-1].last == MOST_ENDED_SPANS + 99


endings = st.sampled_from([ANSWERED, TIMED_OUT])


@given(st.lists(st.dictionaries(st.integers(0, 60), endings, max_size=8), max_size=8))
def test_every_ending_is_found_again_by_another_process_and_none_is_made_up(batches):
    """`batches` end one after the other, whichever way they lie."""
    book, other, expected = AttemptBook(), AttemptBook(), {}
    for batch in batches:
        fresh = {offset: ending for offset, ending in batch.items() if offset not in expected}
        book.end((raw(offset), ending) for offset, ending in fresh.items())
        expected |= fresh
    other.note("book", decode_spans(encode_spans(book.spans)))
    for offset, ending in expected.items():
        assert other.earlier(raw(offset)).ending == ending
        assert book.earlier(raw(offset)).ending == ending
