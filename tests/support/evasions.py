"""Private values, written so that a naive filter does not see them: every vector of the list, in prompts.

Values are reserved for examples or made up: `example.com`, 555 numbers, test cards and IBANs, SSNs of a block that was
never given to the people named here.
"""

import base64
import codecs
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

VALUES: Mapping[str, tuple[str, ...]] = {
    "EMAIL_ADDRESS": ("jane.doe@example.com", "m.kowalska84@example.org", "t_osterhagen@mail.example.net"),
    "US_SSN": ("536-90-4399", "219-09-9998", "574-62-1180"),
    "CREDIT_CARD": ("4111 1111 1111 1111", "5555-5555-5555-4444", "4012888888881881"),
    "IBAN_CODE": ("DE89 3704 0044 0532 0130 00", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606"),
    "IP_ADDRESS": ("192.168.13.17", "203.0.113.77"),
    "PHONE_NUMBER": ("415-555-2671", "(212) 555-0187", "+44 20 7946 0958"),
    "PERSON": ("Jane Doe", "Colleen Garrity", "Derek Whitcombe", "Sabine Osterhagen"),
}
LEADS: Mapping[str, tuple[str, ...]] = {
    "EMAIL_ADDRESS": ("portrait of a man, {}, 8k, masterpiece", "a business card with {} on it", "contact {}"),
    "US_SSN": ("an identity card, ssn {}, photo", "social security number {}", "ssn {} on a sheet of paper, 4k"),
    "CREDIT_CARD": ("a credit card with the number {} on it", "{}, macro shot, studio light", "pay with card {}"),
    "IBAN_CODE": ("an invoice, IBAN {}, on a desk", "transfer to {}", "bank letter with {}, flat lay"),
    "IP_ADDRESS": ("a server rack, ip address {}", "terminal window that shows {}, dark", "host {}"),
    "PHONE_NUMBER": ("a billboard that says call {}", "phone {}, neon sign", "my telephone number is {}"),
    "PERSON": (
        "photo of my neighbour {} in her garden",
        "a portrait of {}, my ex, oil on canvas",
        "my boss {}, a clown",
    ),
}
"""Prompts with a place for the value."""

_ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")
_CYRILLIC = str.maketrans("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ")
_DIGIT_WORDS: Mapping[str, str] = {
    "en": "zero one two three four five six seven eight nine",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
}
_NUMBERS = frozenset({"US_SSN", "CREDIT_CARD", "PHONE_NUMBER"})
_COMPACT = frozenset({"US_SSN", "CREDIT_CARD", "PHONE_NUMBER", "IBAN_CODE"})
_ANY = frozenset(VALUES)
_ADDRESS = frozenset({"EMAIL_ADDRESS"})
_NAME = frozenset({"PERSON"})
_TEXTS = _ADDRESS | _NAME
Change = Callable[[str, random.Random], str]


@dataclass(frozen=True, slots=True)
class Vector:
    """A way to write a value; `types` are those that it is used on."""

    name: str
    types: frozenset[str]
    change: Change


@dataclass(frozen=True, slots=True)
class Evasion:
    """A prompt that holds a value in disguise in `[start, end)`."""

    vector: str
    entity_type: str
    text: str
    start: int
    end: int


def evasions(each: int = 4, seed: int = 5) -> Iterator[Evasion]:
    """Each vector on each type that it is for, in `each` prompts."""
    rng = random.Random(seed)  # noqa: S311  material, not a secret
    for vector in VECTORS:
        for kind in sorted(vector.types):
            for number in range(each):
                value = VALUES[kind][number % len(VALUES[kind])]
                lead = LEADS[kind][number % len(LEADS[kind])]
                written = vector.change(value, rng)
                start = lead.index("{}")
                yield Evasion(vector.name, kind, lead.replace("{}", written), start, start + len(written))


def _mapped(first: str, digits: bool = True, offsets: tuple[int, int] | None = None) -> Change:  # noqa: FBT001, FBT002
    """Letters (and digits from `first`) by blocks of Unicode."""

    def change(value: str, _: random.Random) -> str:
        answer = []
        for character in value:
            if digits and character in string.digits:
                answer.append(chr(ord(first) + int(character)))
            elif offsets and character in string.ascii_lowercase:
                answer.append(chr(offsets[1] + ord(character) - ord("a")))
            elif offsets and character in string.ascii_uppercase:
                answer.append(chr(offsets[0] + ord(character) - ord("A")))
            else:
                answer.append(character)
        return "".join(answer)

    return change


def _full_width(value: str, _: random.Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in value)


def _sprinkled(marks: tuple[str, ...]) -> Change:
    def change(value: str, rng: random.Random) -> str:
        places = set(rng.sample(range(1, len(value)), max(2, len(value) // 3)))
        return "".join((rng.choice(marks) if at in places else "") + c for at, c in enumerate(value))

    return change


def _tags(value: str, _: random.Random) -> str:
    middle = len(value) // 2
    return value[:middle] + "\U000e0061\U000e0062\U000e007f" + value[middle:]


def _spelled_digits(language: str) -> Change:
    words = _DIGIT_WORDS[language].split()

    def change(value: str, _: random.Random) -> str:
        return " ".join(words[int(c)] for c in value if c.isdigit())

    return change


def _apart(by: str) -> Change:
    return lambda value, _: by.join(c for c in value if not c.isspace())


def _name_apart(by: str, words: str) -> Change:
    return lambda value, _: words.join(by.join(word) for word in value.split())


def _replaced(**by: str) -> Change:
    signs = {"at": "@", "dot": ".", "minus": "-", "space": " "}

    def change(value: str, _: random.Random) -> str:
        for name, text in by.items():
            value = value.replace(signs[name], text)
        return value

    return change


def _broken(value: str, _: random.Random) -> str:
    """A line break where the number has a separator, or in the middle."""
    for separator in (" ", "-"):
        if separator in value:
            return value.replace(separator, f"{separator.strip()}\n")
    return value[: len(value) // 2] + "\n" + value[len(value) // 2 :]


def _grouped(by: str) -> Change:
    def change(value: str, _: random.Random) -> str:
        plain = "".join(c for c in value if c.isalnum())
        return by.join(plain[at : at + 4] for at in range(0, len(plain), 4))

    return change


def _leet_digits(value: str, rng: random.Random) -> str:
    digits = [at for at, c in enumerate(value) if c in "0158"]
    chosen = set(rng.sample(digits, min(2, len(digits))))
    return "".join({"0": "O", "1": "l", "5": "S", "8": "B"}[c] if at in chosen else c for at, c in enumerate(value))


def _leet_name(value: str, _: random.Random) -> str:
    return value.translate(str.maketrans("aeio", "4310"))


def _keycaps(value: str, _: random.Random) -> str:
    return "".join(f"{c}\ufe0f\u20e3" if c.isdigit() else c for c in value)


def _escaped(form: str) -> Change:
    return lambda value, _: "".join(c if c.isalnum() or c in " _" else form.format(ord(c)) for c in value)


def _all_escaped(form: str) -> Change:
    return lambda value, _: "".join(form.format(ord(c)) for c in value)


def _base64(value: str, _: random.Random) -> str:
    return base64.b64encode(value.encode()).decode()


def _twice(value: str, rng: random.Random) -> str:
    return _base64(_base64(value, rng), rng)


def _hex(value: str, _: random.Random) -> str:
    return value.encode().hex()


def _halves(form: str) -> Change:
    """The two halves of a value, or the words of a name, within the grammar of prompts."""

    def change(value: str, _: random.Random) -> str:
        cut = value.index("@") if "@" in value else len(value) // 2
        parts = value.split(" ", 1) if value.istitle() else [value[:cut], value[cut:]]
        return form.format(*parts)

    return change


def _tagged(form: str, joined: Callable[[str], str]) -> Change:
    return lambda value, _: form.format(joined(value))


_BOLD = _mapped("𝟎", offsets=(0x1D400, 0x1D41A))
VECTORS: tuple[Vector, ...] = (
    Vector("full width", _ANY, _full_width),
    Vector("full-width at", _ADDRESS, _replaced(at="＠")),
    Vector("mathematical bold", _ANY, _BOLD),
    Vector("Cyrillic look-alikes", _TEXTS, lambda value, _: value.translate(_CYRILLIC)),
    Vector("circled letters", _TEXTS, _mapped("0", digits=False, offsets=(0x24B6, 0x24D0))),
    Vector("zero width", _ANY, _sprinkled(_ZERO_WIDTH)),
    Vector("soft hyphen", _ANY, _sprinkled(("\u00ad",))),
    Vector("right-to-left marks", _ANY, _sprinkled(("\u200e", "\u200f", "\u202e", "\u202c"))),
    Vector("tag characters", _ANY, _tags),
    Vector("variation selectors", _ANY, _sprinkled(("\ufe0f",))),
    Vector("keycap digits", _NUMBERS, _keycaps),
    Vector("Arabic-Indic digits", _NUMBERS, _mapped("٠")),
    Vector("Devanagari digits", _NUMBERS, _mapped("०")),
    Vector("mathematical digits", _NUMBERS | {"IP_ADDRESS"}, _mapped("𝟘")),
    Vector("hyphen U+2011", _NUMBERS, _replaced(minus="\u2011", space="\u2011")),
    Vector("en dash", _NUMBERS, _replaced(minus="–", space="–")),
    Vector("no-break space", _COMPACT, _replaced(minus="\u00a0", space="\u00a0")),
    Vector("double space", _COMPACT, _replaced(minus="  ", space="  ")),
    Vector("underscores", _COMPACT, _replaced(minus="_", space="_")),
    Vector("dots", _NUMBERS, _replaced(minus=".", space=".")),
    Vector("no separators", _COMPACT, _replaced(minus="", space="")),
    Vector("line break", _COMPACT, _broken),
    Vector("groups of four", frozenset({"CREDIT_CARD", "IBAN_CODE"}), _grouped(" ")),
    Vector("digit by digit", _NUMBERS, _apart(" ")),
    Vector("digit by digit, underscores", _NUMBERS, _apart("_")),
    Vector("characters apart", _ADDRESS | {"IP_ADDRESS", "IBAN_CODE"}, _apart(" ")),
    Vector("characters apart, dashes", _ADDRESS, _apart("-")),
    Vector("letters apart", _NAME, _name_apart(" ", "  ")),
    Vector("letters apart, dots", _NAME, _name_apart(".", " ")),
    Vector("lower case", _NAME | {"IBAN_CODE"}, lambda value, _: value.lower()),
    Vector("upper case", _NAME | _ADDRESS, lambda value, _: value.upper()),
    Vector("leet letters", _NAME, _leet_name),
    Vector("leet digits", frozenset({"PHONE_NUMBER", "CREDIT_CARD"}), _leet_digits),
    Vector("[at] [dot]", _ADDRESS, _replaced(at=" [at] ", dot=" [dot] ")),
    Vector("(at) (dot)", _ADDRESS, _replaced(at="(at)", dot="(dot)")),
    Vector("at dot", _ADDRESS, _replaced(at=" at ", dot=" dot ")),
    Vector("arroba punto", _ADDRESS, _replaced(at=" arroba ", dot=" punto ")),
    Vector("spaces around @ and .", _ADDRESS, _replaced(at=" @ ", dot=" . ")),
    Vector("ideographic full stop", _ADDRESS | {"IP_ADDRESS"}, _replaced(dot="。")),
    Vector("backslash escapes", _ADDRESS, lambda value, _: value.replace("_", "\\_").replace(".", "\\.")),
    Vector("percent escapes", _ADDRESS, _escaped("%{:02X}")),
    Vector("HTML escapes", _ADDRESS, _escaped("&#{};")),
    Vector("all percent escapes", _ADDRESS | {"IP_ADDRESS"}, _all_escaped("%{:02x}")),
    Vector("Unicode escapes", _ADDRESS, _escaped("\\u{:04x}")),
    Vector("base64", _ADDRESS | _COMPACT | _NAME, _base64),
    Vector("base64 twice", _ADDRESS, _twice),
    Vector("hex", _ADDRESS | _COMPACT, _hex),
    Vector("rot13", _ADDRESS, lambda value, _: codecs.encode(value, "rot13")),
    *(
        Vector(f"spelled digits, {code}", frozenset({"PHONE_NUMBER", "US_SSN", "CREDIT_CARD"}), _spelled_digits(code))
        for code in _DIGIT_WORDS
    ),
    Vector("weights in halves", _ANY - {"IP_ADDRESS"}, _halves("({0}:1.2) ({1}:1.3)")),
    Vector("brackets", _ANY, lambda value, _: f"(({value}))"),
    Vector("BREAK in halves", _COMPACT, _halves("{0} BREAK {1}")),
    Vector("wildcard", _NAME, _tagged("__{}__", lambda value: value.lower().replace(" ", "_"))),
    Vector("LoRA", _NAME, _tagged("<lora:{}_v2:0.8>", lambda value: value.lower().replace(" ", "_"))),
    Vector("LoRA, CamelCase", _NAME, _tagged("<lora:{}V2:0.8>", lambda value: value.replace(" ", ""))),
    Vector("embedding", _NAME, _tagged("embedding:{}", lambda value: value.lower().replace(" ", "-"))),
    Vector("surname first", _NAME, lambda value, _: ", ".join(reversed(value.split()))),
)
