"""What each view reads, what is believed of it, and that hostile texts cost no more than long ones."""

import base64
import time

import pytest

from filters.findings import EntityType
from filters.text.candidate import Candidate
from filters.text.escapes import DEPTH, MOST_ISLANDS, decoded_view, turned_view
from filters.text.spelled import compact_view, leet_view, lettered_view, spelled_view
from filters.text.views import is_believed, no_views, reading_of, views_of
from tests.support.evasions import VECTORS, evasions
from tests.support.prompts import detector, findings

LEAST = 0.4


def text_of(view):
    return view.text if view else None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("jane%40example.com", "jane@example.com"),
        ("jane&#64;example&period;com", "jane@example.com"),
        ("jane&commat;example.com", "jane@example.com"),
        ("jane\\u0040example.com", "jane@example.com"),
        ("jane\\x40example.com", "jane@example.com"),
        ("jane U+0040 example", "jane @ example"),
        ("to " + base64.b64encode(b"jane.doe@example.com").decode() + " now", "to jane.doe@example.com now"),
        (base64.b64encode(base64.b64encode(b"jane.doe@example.com")).decode(), "jane.doe@example.com"),
        (b"jane.doe@example.com".hex(), "jane.doe@example.com"),
        ("0x" + b"jane@example.com".hex(), "jane@example.com"),
        ("%2540", "@"),
        ("100% cotton & wool", None),
        ("masterpiece", None),
        ("internationalization", None),
        ("e99a18c428cb38d5f260853678922e03", None),
        ("%80%80", None),
    ],
)
def test_decoded(text, plain):
    assert text_of(decoded_view(text)) == plain


def test_what_is_decoded_three_times_over_is_left_alone_and_so_are_too_many_islands():
    thrice = b"jane.doe@example.com"
    for _ in range(3):
        thrice = base64.b64encode(thrice)
    assert "jane" not in decoded_view(thrice.decode()).text
    island = base64.b64encode(b"jane.doe@example.com").decode()
    assert decoded_view(" ".join([island] * (MOST_ISLANDS * 4))).text.count("jane") == DEPTH * MOST_ISLANDS


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("jane at example dot com", "jane@example.com"),
        ("jane [at] example [dot] com", "jane@example.com"),
        ("jane(at)example(dot)co(dot)uk", "jane@example.co.uk"),
        ("jane arroba example punto com", "jane@example.com"),
        ("jane @ example . com", "jane@example.com"),
        ("call four one five five five five two six seven one", "call 4155552671"),
        ("vier eins fünf, fünf fünf fünf, zwei sechs sieben eins", "4155552671"),
        ("plus four four two zero seven nine four six", "+442079 46".replace(" ", "")),
        ("double five five one two three four nine", "55512349".replace("5551", "5551")),
        ("look at example.com", None),
        ("a cat at dawn. comic", None),
        ("one two three go", None),
        ("look at the dot com bubble", None),
    ],
)
def test_spelled(text, plain):
    assert text_of(spelled_view(text)) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("j a n e @ e x a m p l e . c o m", "jane@example.com"),
        ("j-a-n-e", "jane"),
        ("j a n e  d o e", "jane  doe"),
        ("j.a.n.e d.o.e", "jane doe"),
        ("4_1_1_1_1_1_1_1", "41111111"),
        ("4111_1111", "4111-1111"),
        ("4111\n1111", "4111-1111"),
        ("jane\n@example.com", "jane@example.com"),
        ("jane@example.\ncom", "jane@example.com"),
        ("GB29_NWBK_6016_1331_9268_19", "GB29 NWBK 6016 1331 9268 19"),
        ("U.S.A. flag", None),
        ("a b c", None),
        ("one\ntwo", None),
        ("snake_case_name", None),
    ],
)
def test_put_together(text, plain):
    assert text_of(compact_view(text)) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("4I5-555-267l", "415-555-2671"),
        ("4111 llll 1111 1111", "4111 1111 1111 1111"),
        ("1990s 1992", None),
        ("OIL", None),
    ],
)
def test_letters_for_digits(text, plain):
    assert text_of(leet_view(text)) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("j4ne d0e", "jane doe"),
        ("C0ll33n", None),
        ("sd15 4k mp3", None),
        ("jane.d0e@example.com", None),
        ("v1 x2", None),
    ],
)
def test_digits_for_letters(text, plain):
    assert text_of(lettered_view(text)) == plain


def test_rot13_is_read_only_where_an_address_comes_out():
    assert turned_view("wnar.qbr@rknzcyr.pbz").text == "jane.doe@example.com"
    assert turned_view("jane.doe@example.com") is None
    assert turned_view("uryyb jbeyq") is None


def test_a_name_is_read_through_everything_at_once():
    assert reading_of("photo of (j\u200b4ne:1.2) (d\u043ee:1.3)").text == "photo of jane doe"
    assert reading_of("portrait of a sailor, 8k") is None


def test_what_is_put_together_counts_only_where_it_proves_itself():
    view = compact_view("1 2 3 4 5 6 7 8 9")
    candidate = Candidate(0, 9, EntityType.US_PASSPORT, 0.9)
    assert not is_believed(view, candidate, "1 2 3 4 5 6 7 8 9")
    assert is_believed(view, Candidate(0, 9, EntityType.US_SSN, 0.5), "1 2 3 4 5 6 7 8 9")
    assert not is_believed(view, Candidate(0, 9, EntityType.US_SSN, 0.05), "1 2 3 4 5 6 7 8 9")
    assert no_views("j a n e") == ()


@pytest.mark.parametrize("vector", [vector.name for vector in VECTORS])
def test_patterns_find_every_vector(vector):
    """All of the value, in three prompts for each type; names are the text model's (`tests.evals.evasion`)."""
    some = [each for each in evasions(3) if each.vector == vector and each.entity_type != "PERSON"]
    missed = [each.text for each in some if not is_covered(each)]
    assert missed == []


def is_covered(evasion) -> bool:
    grammar = "()<>:"
    found = {
        place
        for finding in findings(evasion.text)
        if finding.score >= LEAST
        for place in range(finding.start, finding.end)
    }
    value = evasion.text[evasion.start : evasion.end]
    shell = {
        evasion.start + at + offset
        for word in ("BREAK", ":1.2", ":1.3")
        for at in range(len(value))
        if value.startswith(word, at)
        for offset in range(len(word))
    }
    private = {
        place
        for place in range(evasion.start, evasion.end)
        if place not in shell and evasion.text[place].isalnum() and evasion.text[place] not in grammar
    }
    return len(private & found) >= 0.95 * len(private)


HOSTILE = {
    "single letters": "a " * 32_768,
    "digits apart": "1_" * 32_768,
    "number words": "one " * 16_384,
    "at and dot": "a at b dot " * 5_957,
    "base64 letters": "aB3" * 21_845,
    "hex": "6a" * 32_768,
    "percent signs": "%41" * 21_845,
    "ampersands": "&#64;" * 13_107,
    "backslashes": "\\" * 65_536,
    "look-alikes": "а" * 65_536,
    "line breaks": "1\n" * 32_768,
    "blanks": "1" + " " * 65_000 + "1",
    "leet words": "a4" * 32_768,
    "leet digits": "1O" * 32_768,
    "underscores": "a_" * 32_768,
    "IBAN beginnings": "GB29_" * 13_107,
    "at signs": "@" * 65_536,
    "dots": "a." * 32_768,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_views_of_hostile_texts_are_linear(text):
    """Twice the text takes about twice the time; 6 leaves room for a busy machine, and a square would be 16 in two."""
    quarter = text[: len(text) // 4]
    for read in (views_of, reading_of):
        short, long = seconds(read, quarter), seconds(read, text)
        assert long < 10 * short + 0.05, read.__name__


def seconds(read, text) -> float:
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        read(text)
        best = min(best, time.process_time() - started)
    return best


def test_the_detector_without_views_misses_what_they_find():
    """The views are what finds: a detector that does not use them fails the list of vectors."""
    from filters.text.patterns import PatternDetector

    bare = PatternDetector(views=no_views)
    some = [each for each in evasions(1) if each.entity_type == "EMAIL_ADDRESS"]
    missed = [each for each in some if not findings(each.text, bare)]
    assert len(missed) > len(some) / 2
    assert all(findings(each.text, detector()) for each in some)
