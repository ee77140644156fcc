"""All regions in one pass find what Presidio's `PhoneRecognizer` finds region by region."""

import random
import re
import time

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text.phone import Region, Regions
from filters.text.presidio_recognizers import PHONE_REGIONS, LongPhoneRecognizer, predefined, scanner

(RECOGNIZER,) = [each for each in predefined() if isinstance(each, LongPhoneRecognizer)]
SCANNER = scanner(RECOGNIZER)
FORMATS = [getattr(phonenumbers.PhoneNumberFormat, name) for name in ("E164", "INTERNATIONAL", "NATIONAL", "NATIONAL")]
KINDS = range(11)


def theirs(text):
    return sorted((result.start, result.end) for result in RECOGNIZER.analyze(text, ["PHONE_NUMBER"]))


def ours(text):
    return sorted((each.start, each.end) for each in SCANNER.scan(text, time.monotonic() + 60))


def number(rng):
    """A number of any kind and country in one of its formats, some digits changed, written more or less well."""
    region = rng.choice(PHONE_REGIONS) if rng.random() < 0.7 else rng.choice(sorted(phonenumbers.SUPPORTED_REGIONS))
    example = phonenumbers.example_number_for_type(region, rng.choice(KINDS)) or phonenumbers.example_number(region)
    digits = str(example.national_number)
    changed = digits[:-2] + f"{rng.randint(0, 99):02}" if rng.random() < 0.7 else digits
    example.national_number = int(changed)
    text = phonenumbers.format_number(example, rng.choice(FORMATS))
    tail = rng.choice([" ext 12", "x123", " #12", ";ext=3", " / x 2", "-503#"])
    return rng.choice(
        [
            *(text, text, text, text, "00" + text.lstrip("+"), "011 " + text.lstrip("+"), text.lstrip("+0")),
            *(
                f"({text})",
                text + tail,
                text.replace(" ", rng.choice(".-/\u00a0")),
                text[: rng.randint(3, 12)],
                "+" + text,
            ),
        ]
    )


def texts(count, seed):
    rng = random.Random(seed)  # noqa: S311  a test, not a secret
    for _ in range(count):
        numbers = [number(rng) for _ in range(rng.randint(1, 3))]
        before, after = (
            rng.choice(["", "call ", "x", "$", "(", "12 ", "4111 "]),
            rng.choice(["", "%", " 12", "m", ")", "."]),
        )
        yield before + rng.choice([" ", "/", "  ", ", ", "-", "; ", " - ", ""]).join(numbers) + after


def test_the_numbering_plans_of_the_world():
    some = list(texts(300, 1))
    assert [text for text in some if ours(text) != theirs(text)] == []
    assert sum(bool(theirs(text)) for text in some) > 150


@pytest.mark.slow
def test_the_numbering_plans_of_the_world_at_length():
    assert [text for text in texts(6000, 2) if ours(text) != theirs(text)] == []


@settings(max_examples=200)
@given(st.text("0123456789 ()+-./x#\u00a0\n", max_size=40))
def test_any_digits_and_punctuation(text):
    assert ours(text) == theirs(text)


@pytest.mark.parametrize("attribute", ["_national", "_abroad", "_lead"])
def test_a_region_that_is_asked_too_seldom_would_be_noticed(attribute, monkeypatch):
    """Mutants: digits in national notation, or after an international prefix, or with a prefix, are never numbers."""
    mutant = Regions(PHONE_REGIONS)
    for region in mutant.all:
        if attribute == "_lead":
            monkeypatch.setattr(region, "_formats", [_Always()])
        else:
            monkeypatch.setattr(region, attribute, re.compile("(?!)"))
    monkeypatch.setattr(SCANNER, "_regions", mutant)
    assert [text for text in texts(300, 1) if ours(text) != theirs(text)]


class _Always:
    asks_for_prefix = True

    def fits(self, digits):
        return True


def test_every_region_is_known():
    assert [Region(code).code for code in PHONE_REGIONS] == list(PHONE_REGIONS)
    with pytest.raises(ValueError, match="no region"):
        Region("XX")
