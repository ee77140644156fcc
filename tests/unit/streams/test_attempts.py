"""Spans of records that are being judged: written, read back, and looked up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.attempts import AttemptBook, Span, decode_spans, encode_spans, spans_of
from streams.message import RawMessage


def raw(offset, attempts=1, partition=0, timestamp_ms=1000):
    return RawMessage("prompts", partition, offset, None, b"x", (), timestamp_ms, attempts)


def test_neighbours_share_a_span_and_what_was_begun_alone_has_its_own():
    spans = spans_of([raw(7), raw(3), raw(4), raw(9, attempts=2), raw(8), raw(1, partition=2)])
    assert spans == {
        ("prompts", 0): (Span(3, 4, 1), Span(7, 8, 1), Span(9, 9, 2, 1000)),
        ("prompts", 2): (Span(1, 1, 1),),
    }


def test_another_record_at_the_same_place_of_a_topic_made_anew_is_no_suspect():
    book = AttemptBook()
    book.note("other", spans_of([raw(5, attempts=2, timestamp_ms=1000)]))
    assert book.earlier(raw(5, timestamp_ms=1000)) == 2
    assert book.earlier(raw(5, timestamp_ms=2000)) == 0


def test_a_newer_note_takes_the_place_of_the_last_one_of_its_writer():
    book = AttemptBook()
    book.note("a", spans_of([raw(5), raw(6)]))
    book.note("b", spans_of([raw(6, attempts=2)]))
    assert [book.earlier(raw(offset)) for offset in (4, 5, 6, 7)] == [0, 1, 2, 0]
    book.note("a", spans_of([raw(6)]))
    assert [book.earlier(raw(offset)) for offset in (5, 6)] == [0, 2]
    book.note("b", {})
    assert book.earlier(raw(6)) == 1


@pytest.mark.parametrize("value", [b"", b"{}x", b"[1]", b'[["t"]]', b"null", b'[["t",0,"a",1,1,null]]'])
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
            assert book.earlier(raw(offset, partition=partition)) == counts.get((partition, offset), 0)
