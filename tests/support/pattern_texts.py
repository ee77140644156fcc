"""A deterministic mixture of texts on which two searches for patterns are compared.

Prompts in the style of the lists, numbers made from the recognizers' own patterns with their context words, near
misses of them, and soups of digits, punctuation and letters of any script.
"""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import cycle
from re import _constants as sre
from re import _parser
from typing import Any

from filters.text.presidio_recognizers import PatternScanner, predefined, scanner

_CATEGORIES: Mapping[Any, str] = {
    sre.CATEGORY_DIGIT: "0123456789",
    sre.CATEGORY_WORD: "0123456789abcXYZ_é",
    sre.CATEGORY_SPACE: " \t\u00a0",
    sre.CATEGORY_NOT_SPACE: "abc-/?=",
    sre.CATEGORY_NOT_WORD: " -.",
    sre.CATEGORY_NOT_DIGIT: "ab -",
}
_ANY = "abcXYZ019 -./:@_"
_MORE = 3
"""Repetitions beyond the least where a pattern sets no limit."""
_TRIES = 400
_PER_PATTERN = 6

# Checksums of these are too rare to be met by chance; all are published samples or made from none but their own form.
_KNOWN = {
    "IBAN_CODE": (
        *("DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "FR14 2004 1010 0505 0001 3M02 606"),
        *("ES9121000418450200051332", "IT60X0542811101000000123456", "NL91ABNA0417164300", "NO93 8601 1117 947"),
        *("CH93-0076-2011-6238-5295-7", "MT84MALT011000012345MTLCAST001S", "GB29nwbk60161331926819"),
    ),
    "CRYPTO": (
        *("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    ),
    "CREDIT_CARD": ("4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444", "30569309025904"),
    "PHONE_NUMBER": (
        *(
            "415-555-2671",
            "+44 20 7946 0958",
            "(030) 901820",
            "4155552671",
            "+1 (212) 555-0147 ext. 12",
            "020 7946 0958",
        ),
        *("01 42 68 53 00", "91 123 45 67", "02 6270 4000", "+5511987654321", "98765 43210", "1-800-555-0199x1234"),
        *(
            "651-234-2345/332-445-1234",
            "(650) 223 3345 (754) 223 3321",
            "+49 30 901820",
            "0049 30 901820",
            "03-6123456",
        ),
        *("12/30/2011 415-555-2671", "2012-01-02 08:00", "211-227 (2003)", "+999 123 4567", "011 44 20 7946 0958"),
    ),
    "FI_PERSONAL_IDENTITY_CODE": ("131052-308T", "010594Y9032", "131052-308t"),
    "ES_NIE": ("Z8078221M", "X0523821F", "y8063915-z"),
    "EMAIL_ADDRESS": ("jane.doe@example.com", "a_b+c@mail.example.co.uk", "me@nowhere.invalid", "x@münchen.de"),
}
_SUBJECTS = (
    *("a red brick house", "portrait of a sailor", "misty forest at dawn", "two cats on a sofa"),
    *("street in Lisbon",),
)
_ARTISTS = (
    *("Rembrandt", "J. M. W. Turner", "Hilma af Klint", "Katsushika Hokusai", "Frida Kahlo", "A.B. Smith"),
    *("C215", "Ai.Weiwei"),
)
_FLAVOURS = (
    *("highly detailed", "8k", "trending on artstation.com", "1920s", "f/1.8", "35mm film"),
    *("unreal engine 5", "art nouveau", "16:9", "50mm lens", "--ar 16:9 --seed 1234567890"),
    *("Steps: 30, CFG scale: 7.5, Seed: 987654321", "(masterpiece:1.3)", "<lora:jane_doe_v2:0.8>"),
    *("512x768", "iso 400", "#ff8800", "v1-5-pruned.safetensors", "model hash: 7f6146b8a9", "BREAK", "::2"),
    *("rtx 3080", "D850", "24-70mm", "1/250s"),
)
_CONTEXT = (
    *("my", "call", "phone", "be", "is", "passport number", "the number of her passport is", "ssn"),
    *("bank account", "<EMAIL_ADDRESS> card", "visa"),
)
_SOUP = "0123456789012345678901234567890123456789 -./:()@+_xAaBbT\n\u00a0\u2010\u200b５٣Ⅷſẞé中\U0001d7d8#[]{}&=,"
_GLUE = (" ", " ", ", ", ": ", "\n", "", "-", "(", ")", ". ", "/")


def sample(pattern: str, rng: random.Random) -> str:
    """A string in the shape of a pattern; what it says about its surroundings is passed over."""
    groups: dict[int, str] = {}
    return _sampled(_parser.parse(pattern.replace("(?i)", "")), rng, groups)


def _sampled(parsed: Any, rng: random.Random, groups: dict[int, str]) -> str:
    return "".join(_one(operator, value, rng, groups) for operator, value in parsed)


def _one(operator: Any, value: Any, rng: random.Random, groups: dict[int, str]) -> str:
    match operator:
        case sre.LITERAL:
            text = chr(value).lower() if rng.random() < 0.1 else chr(value)
        case sre.NOT_LITERAL | sre.ANY:
            text = rng.choice(_ANY)
        case sre.IN:
            text = _member(value, rng)
        case sre.BRANCH:
            text = _sampled(rng.choice(value[1]), rng, groups)
        case sre.SUBPATTERN:
            text = groups[value[0]] = _sampled(value[3], rng, groups)
        case sre.MAX_REPEAT | sre.MIN_REPEAT:
            least, most, inner = value
            count = rng.randint(least, max(least, min(most, least + _MORE)))
            text = "".join(_sampled(inner, rng, groups) for _ in range(count))
        case sre.GROUPREF:
            text = groups.get(value, "")
        case _:  # borders, look-around
            text = ""
    return text


def _member(members: Any, rng: random.Random) -> str:
    if members[0][0] is sre.NEGATE:
        return rng.choice("abcXYZ019")
    kind, value = rng.choice(members)
    if kind is sre.RANGE:
        return chr(rng.randint(*value))
    return rng.choice(_CATEGORIES[value]) if kind is sre.CATEGORY else chr(value)


@cache
def private_pieces() -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """For each entity type: strings that its recognizer finds, and strings in their shape that it may not find."""
    rng = random.Random(47)  # noqa: S311  a test, not a secret
    return {each.entity_type.value: _pieces(each, rng) for each in map(scanner, predefined())}


def _pieces(recognizer: Any, rng: random.Random) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known = _KNOWN.get(recognizer.entity_type.value, ())
    if not isinstance(recognizer, PatternScanner):
        return known, tuple(re.sub(r"\d$", "", text) for text in known)
    found, missed = list(known), []
    for pattern in recognizer._patterns:
        wanted = len(found) + _PER_PATTERN
        for _ in range(_TRIES):
            text = sample(pattern.compiled.pattern, rng)
            (found if any(recognizer.scan(text, time.monotonic() + 60)) else missed).append(text)
            if len(found) >= wanted:
                break
    return tuple(found), tuple(missed[: 2 * _PER_PATTERN])


def pattern_texts(count: int, seed: int = 5) -> list[str]:
    """`count` different texts: a third prompts, most of the rest with private pieces, one in six a soup."""
    rng = random.Random(seed)  # noqa: S311  as above
    return _different([_prompt, _prompt, _private, _private, _private, _soup], count, rng)


def private_texts(count: int, seed: int = 9) -> list[str]:
    """`count` different texts, each with private pieces or near misses of them."""
    return _different([_private], count, random.Random(seed))  # noqa: S311  as above


def _different(kinds: Sequence[Callable[[random.Random], str]], count: int, rng: random.Random) -> list[str]:
    texts: dict[str, None] = {}
    for kind in cycle(kinds):
        if len(texts) == count:
            break
        texts[kind(rng)] = None
    return list(texts)


def _prompt(rng: random.Random) -> str:
    flavours = [rng.choice(_FLAVOURS) for _ in range(rng.randint(1, 5))]
    return ", ".join([f"{rng.choice(_SUBJECTS)} by {rng.choice(_ARTISTS)}", *flavours])


def _private(rng: random.Random) -> str:
    pieces = private_pieces()
    parts = []
    for _ in range(rng.randint(1, 3)):
        entity = rng.choice(sorted(pieces))
        found, missed = pieces[entity]
        piece = rng.choice(missed if missed and rng.random() < 0.2 else found)
        words = _context_words()[entity]
        context = rng.choice(words) if words and rng.random() < 0.5 else rng.choice(_CONTEXT)
        parts += [context, *rng.sample(_CONTEXT, rng.randint(0, 3)), piece]
    parts.append(rng.choice(_FLAVOURS))
    return "".join(part + rng.choice(_GLUE) for part in parts)


@cache
def _context_words() -> Mapping[str, tuple[str, ...]]:
    return {each.entity_type.value: tuple(each.context) for each in map(scanner, predefined())}


def _soup(rng: random.Random) -> str:
    return "".join(rng.choice(_SOUP) for _ in range(rng.randint(1, 80)))
