"""What is written out instead of down: `at`, `dot`, digits as words, and characters set apart."""

import re
from collections.abc import Iterator, Mapping

from filters.text.normalize import View, ViewWriter

# English, Spanish, French, German, Italian, Portuguese, Dutch.
DIGIT_WORDS: Mapping[str, str] = {
    word: digit
    for digit, words in {
        "0": "zero oh null nul cero zéro zerò",
        "1": "one uno un une eins ein um een één",
        "2": "two dos deux zwei zwo due dois duas twee",
        "3": "three tres trois drei tre três drie",
        "4": "four cuatro quatre vier quattro quatro",
        "5": "five cinco cinq fünf fuenf cinque vijf",
        "6": "six seis sechs sei zes",
        "7": "seven siete sept sieben sette sete zeven",
        "8": "eight ocho huit acht otto oito",
        "9": "nine nueve neuf neun nove negen",
    }.items()
    for word in words.split()
}
_TIMES: Mapping[str, int] = {"double": 2, "triple": 3, "doppel": 2, "doble": 2, "doppio": 2, "duplo": 2}
_WORD = "|".join(sorted(DIGIT_WORDS, key=len, reverse=True))
_ITEM = rf"(?:(?:(?:{'|'.join(_TIMES)})[ -])?(?:{_WORD})|\d{{1,4}})"
_NUMBER = re.compile(
    rf"(?<!\w)(?:plus[ ,-]{{1,3}})?{_ITEM}(?:[ \t]{{0,3}}[-,./\n ][ \t]{{0,3}}{_ITEM}){{6,40}}(?!\w)", re.IGNORECASE
)
_PART = re.compile(rf"plus|(?P<times>{'|'.join(_TIMES)})|(?P<word>{_WORD})|(?P<digits>\d+)", re.IGNORECASE)
_FEWEST_WORDS = 4
_FEWEST_DIGITS = 7

_OPEN, _CLOSE = r"[ \t]{0,3}[\[({<*_-]{0,2}[ \t]{0,2}", r"[ \t]{0,2}[\])}>*_-]{0,2}[ \t]{0,3}"
_AT_WORD, _DOT_WORD = (
    "at|arroba|chez|bei|klammeraffe|apenstaartje|chiocciola",
    "dot|period|punkt|punto|point|ponto|punt",
)
_AT = re.compile(rf"{_OPEN}(?<!\w)(?:{_AT_WORD}|@)(?!\w){_CLOSE}|{_OPEN}@{_CLOSE}", re.IGNORECASE)
_DOT = re.compile(
    rf"{_OPEN}(?<!\w)(?:{_DOT_WORD})(?!\w){_CLOSE}|[ \t]{{0,3}}[\[({{<]\.[\])}}>][ \t]{{0,3}}"
    r"|[ \t]{0,2}\.[ \t]{0,2}",
    re.IGNORECASE,
)
_LABEL = r"[\w+-]{1,63}"
_ADDRESS = re.compile(
    rf"(?<![\w@])(?P<local>{_LABEL}(?:(?:{_DOT.pattern}){_LABEL}){{0,3}})(?P<at>{_AT.pattern})"
    rf"(?P<domain>{_LABEL}(?:(?:{_DOT.pattern}){_LABEL}){{0,3}})(?P<dot>{_DOT.pattern})(?P<tld>[a-z]{{2,12}})(?!\w)",
    re.IGNORECASE,
)
_NO_DOMAIN = frozenset({"a", "an", "her", "his", "its", "my", "our", "that", "the", "their", "this", "your"})
"""Words behind "at" in "look at the dot com bubble"."""
_BRACKETS = frozenset("[](){}<>*")

_APART = re.compile(
    r"(?<![\w@])[\w@+(](?:(?P<by>[ .\-_*|~/,])[\w@.+()-])(?:(?P=by)[\w@.+()-]){2,120}"
    r"(?:[ \t]{1,4}[\w@+(](?:(?P=by)[\w@.+()-]){1,60}){0,4}(?![\w@])"
)
_BROKEN = re.compile(
    r"(?<=[\d)])[ \t]{0,3}-?[ \t]{0,3}\r?\n[ \t]{0,3}(?=[\d(])"
    r"|(?<=[\d)])(?:[_*|~]|[ \t]{2,4}|[ \t][-.][ \t])(?=\d)"
    r"|(?<=[\w.-])[ \t]{0,2}\r?\n[ \t]{0,2}(?=@[\w-]{1,63}\.)"
    r"|(?<=@)[ \t]{0,2}\r?\n[ \t]{0,2}(?=[\w-]{1,63}\.)"
)
_BROKEN_DOMAIN = re.compile(r"@[\w.-]{1,80}(?P<gap>[ \t]{0,2}\r?\n[ \t]{0,2})(?=[\w-]{0,63}\.?[a-z]{2,12}\b)")
_GROUP_GAP = re.compile(r"[_*|~]|[ \t]{2,4}|[ \t]?\r?\n[ \t]?")
_GROUPS = re.compile(rf"(?<![^\W_])[A-Za-z]{{2}}\d{{2}}(?:(?:{_GROUP_GAP.pattern})[A-Za-z\d]{{1,4}}){{3,9}}(?![^\W_])")
"""An IBAN in groups."""
_LIKE_DIGIT: Mapping[str, str] = dict(zip("OoQDIli|ZSB", "00001111258", strict=True))
_LEET = re.compile(r"(?<![\w|])[\dOoQDIliZSB|](?:[- .()]{0,2}[\dOoQDIliZSB|]){8,18}(?![\w|])")
_LEET_DIGITS = 6
_LIKE_LETTER: Mapping[str, str] = dict(zip("013457@$", "oieastas", strict=True))
_LEET_WORD = re.compile(r"(?<![\w@./:\\-])[A-Za-z]{1,20}(?:[013457@$][A-Za-z]{1,20}){1,6}[01357]?(?![\w@/:]|\.\w)")


def spelled_view(text: str) -> View | None:
    """The text with spelled addresses and numbers written down; None where there are none.

    A bare "at" counts only where a dot is spelled too: "look at example.com" is no address.
    """
    found = sorted([*_spelled_addresses(text), *_spelled_numbers(text)], key=lambda piece: piece[0])
    return _written(text, found, "spelled")


def compact_view(text: str) -> View | None:
    """The text without what sets single characters apart (`j a n e`, `4_1_1_1`) or breaks a number at a line's end."""
    found = sorted([*_set_apart(text), *_breaks(text)], key=lambda piece: piece[0])
    return _written(text, found, "compact")


def leet_view(text: str) -> View | None:
    """The text with digits for the letters that stand for them inside of what is otherwise a number."""
    found = []
    for match in _LEET.finditer(text):
        digits = sum(map(str.isdigit, match[0]))
        if _LEET_DIGITS <= digits < sum(map(str.isalnum, match[0])) + match[0].count("|"):
            places = enumerate(match[0], match.start())
            found += [(at, at + 1, _LIKE_DIGIT[sign]) for at, sign in places if sign in _LIKE_DIGIT]
    return _written(text, found, "leet")


def lettered_view(text: str) -> View | None:
    """The text with letters for the digits and signs inside of words that stand for them: `j4ne d0e`."""
    found = []
    for match in _LEET_WORD.finditer(text):
        places = enumerate(match[0], match.start())
        found += [(at, at + 1, _LIKE_LETTER[sign]) for at, sign in places if sign in _LIKE_LETTER]
    return _written(text, found, "lettered")


def _written(text: str, pieces: list[tuple[int, int, str]], name: str) -> View | None:
    if not pieces:
        return None
    writer = ViewWriter(text, name)
    end = 0
    for start, stop, plain in pieces:
        if start >= end:
            writer.put(plain, start, stop)
            end = stop
    return writer.view()


def _spelled_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _ADDRESS.finditer(text):
        at, dot = match["at"], match["dot"]
        if match["domain"].lower() in _NO_DOMAIN:
            continue
        is_set_off = "@" in at or not _BRACKETS.isdisjoint(at)
        if is_set_off or dot.strip() != ".":
            yield match.start("at"), match.end("at"), "@"
            yield match.start("dot"), match.end("dot"), "."
            for group in ("local", "domain"):
                for inner in _DOT.finditer(text, *match.span(group)):
                    yield inner.start(), inner.end(), "."


def _spelled_numbers(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _NUMBER.finditer(text):
        parts = list(_PART.finditer(text, match.start(), match.end()))
        words = sum(part["word"] is not None for part in parts)
        digits = "".join(_digits(parts))
        if words >= _FEWEST_WORDS and len(digits) >= _FEWEST_DIGITS:
            sign = "+" if match[0][:4].lower() == "plus" else ""
            yield match.start(), match.end(), sign + digits


def _digits(parts: list[re.Match[str]]) -> Iterator[str]:
    times = 1
    for part in parts:
        if part["times"]:
            times = _TIMES[part["times"].lower()]
        elif part["word"]:
            yield DIGIT_WORDS[part["word"].lower()] * times
            times = 1
        elif part["digits"]:
            yield part["digits"]


def _set_apart(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _APART.finditer(text):
        separator = match["by"]
        for at in range(match.start() + 1, match.end() - 1):
            beside = text[at - 1] + text[at + 1]
            if text[at] == separator and separator not in beside and not any(map(str.isspace, beside)):
                yield at, at + 1, ""


def _breaks(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _GROUPS.finditer(text):
        yield from ((gap.start(), gap.end(), " ") for gap in _GROUP_GAP.finditer(text, *match.span()))
    for match in _BROKEN.finditer(text):
        yield match.start(), match.end(), "-" if text[match.start() - 1] in ")0123456789" else ""
    for match in _BROKEN_DOMAIN.finditer(text) if "@" in text else ():
        yield match.start("gap"), match.end("gap"), ""
