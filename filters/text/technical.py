"""Technical tokens of image-generation prompts: typed spans that are not private.

A token speaks for the findings that lie wholly inside of it, and only for the entity types that its kind can be
mistaken for. Types whose checksum or form proves them (cards, IBANs, e-mail, crypto and MAC addresses) are on no list,
so that `seed` in front of a card number is no way out. The price: a seed that happens to be a card number, digit for
digit and with a brand's own prefix and length, is treated as one (see `filters.text.plausibility.is_branded_card`).
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from filters.findings import EntityType
from filters.text.gate import PHONE_PUNCTUATION


class TokenKind(StrEnum):
    """What a technical token is."""

    SEED = "seed"
    PARAMETER = "parameter"
    FLAG = "flag"
    SIZE = "size"
    OPTICS = "optics"
    HASH = "hash"
    COLOUR = "colour"
    HEX = "hex"
    MODEL = "model"
    TAG = "tag"
    VERSION = "version"
    WEIGHT = "weight"
    CAMERA = "camera"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class TechnicalToken:
    """A span `[start, end)` of one text."""

    start: int
    end: int
    kind: TokenKind


_NUMBER = r"[-+]?\d{1,6}(?:\.\d{1,6})?"
_IS = r"[\"']?\s{0,3}(?:[:=]\s{0,3}[\"']?)?"
_END = r"(?![\w/])"
_SITES = (
    "artstation|behance|cgsociety|deviantart|dribbble|flickr|pexels|pinterest|pixiv|polycount|shutterstock|unsplash|"
    "500px"
)
_LABELS = (
    "steps|cfg(?:[ _]scale)?|guidance(?:[ _]scale)?|clip[ _]skip|denoising(?:[ _]strength)?|hires[ _](?:steps|upscale)|"
    "ensd|eta|strength|width|height|size|steps?_count|num_inference_steps|batch[ _](?:size|count|pos)|sigma|shift|token"
)
_FLAGS = (
    "ar|aspect|s|stylize|c|chaos|q|quality|v|version|iw|w|weird|stop|niji|cw|sw|sv|no|r|repeat|steps|cfg|width|height|"
    "hd|uplight|n|d|l|u|b"
)
_CAMERAS = (
    "canon|nikon|sony|fuji(?:film)?|leica|hasselblad|pentax|olympus|panasonic|lumix|kodak|ricoh|sigma|minolta|contax|"
    "mamiya|eos|dji|gopro|zeiss|rolleiflex|polaroid|ilford|portra|arri"
)

# Order matters: at one place in the text the first that matches is taken.
_PATTERNS: Mapping[TokenKind, str] = {
    TokenKind.TAG: r"<(?:lora|lyco|locon|hypernet|embedding|ti):[^<>:\n]{1,100}(?::[-\d.]{1,8}){0,3}>",
    TokenKind.MODEL: (  # a weight file, or a name such as v1-5-pruned
        r"(?<![\w@/.+-])[\w+-](?:[\w.+-]{0,100}[\w+-])?\.(?:safetensors|ckpt|pth|onnx|gguf|bin|vae)(?!\w|[.@]\w)"
        r"|(?<![\w@/.+-])v\d(?:[._-][a-z\d]{1,20}){1,8}(?![\w@/])"
    ),
    TokenKind.SEED: (
        r"(?<!\w)(?:(?:noise|variation|same|sub|random|rng)[ _-]?)?seed(?:[ _](?:number|id))?[\"']?\s{0,3}"
        rf"(?:[:=#]|is\b)?\s{{0,3}}[\"']?-?\d{{1,20}}{_END}"
    ),
    TokenKind.PARAMETER: rf"(?<!\w)(?:{_LABELS}){_IS}{_NUMBER}(?:\s?x\s?\d{{2,5}})?{_END}",
    TokenKind.HASH: (  # `Model hash: …`, and the lists `Lora hashes: "name: …"`
        rf"(?<!\w)(?:\w{{1,20}}[ _])?(?:hash(?:es)?|sha256|sha1|md5|autov[123]){_IS}"
        r"(?:[\w .+-]{1,60}:\s{0,3})?[0-9a-f]{6,64}(?!\w)"
    ),
    TokenKind.FLAG: rf"(?<![\w-])--?(?:{_FLAGS})[ =]{{1,3}}{_NUMBER}(?:[:/x]\d{{1,5}}(?:\.\d{{1,3}})?)?{_END}",
    TokenKind.SIZE: (
        r"(?<![\w.])\d{2,5}\s?[x×*]\s?\d{2,5}(?:\s?(?:px|pixels?))?(?![\w.])"
        r"|(?<![\w.])\d{1,5}(?:k|p|px|dpi|mp|bit)(?!\w)"
    ),
    TokenKind.OPTICS: (
        r"(?<!\w)(?:f/?\s?\d{1,2}(?:\.\d)?|\d{1,4}(?:\.\d)?(?:-\d{1,4})?\s?mm|iso\s?\d{2,6}|1/\d{1,5}\s?s(?:ec)?)(?!\w)"
    ),
    TokenKind.COLOUR: r"(?<![\w#&])#(?:[0-9a-f]{6}|[0-9a-f]{3}|(?=\d*[a-f])[0-9a-f]{8})(?!\w)",
    TokenKind.HEX: (  # a UUID; or at least three letters and a digit, at the lengths of the usual digests
        r"(?<![\w-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![\w-])|"
        r"(?<![\w-])(?=(?:\d*[a-f]){3})(?=[a-f]*\d)"
        r"(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}|[0-9a-f]{12}|[0-9a-f]{10}|[0-9a-f]{8})(?![\w-])"
    ),
    TokenKind.VERSION: r"(?<![^\W_])v(?:er(?:sion)?)?[\"']?[.: ]{0,3}[\"']?\d(?:\.\d{1,2}){1,3}(?!\w|\.\d)",
    TokenKind.WEIGHT: r"(?<![\w:])[a-z]*::-?\d{0,2}(?:\.\d{1,3})?(?![\w:.]|-\d)",
    TokenKind.CAMERA: (
        rf"(?<!\w)(?:{_CAMERAS})\s(?:[a-z]{{1,8}}\s){{0,2}}[a-z]{{0,4}}-?[a-z]?\d{{1,4}}[a-z]{{0,3}}(?![\w-])"
    ),
    TokenKind.SITE: rf"(?<![\w.@/:-])(?:www\.)?(?:{_SITES})\.(?:com|net|org)(?![\w/@]|[.:-]\w)",
}

_NAME_LIKE = frozenset(
    {
        EntityType.URL,
        EntityType.US_DRIVER_LICENSE,
        EntityType.IN_PAN,
        EntityType.IN_VEHICLE_REGISTRATION,
        EntityType.IT_IDENTITY_CARD,
        EntityType.DE_ID_CARD,
        EntityType.DE_PASSPORT,
        EntityType.DATE_TIME,
    }
)
NEVER_TECHNICAL = frozenset(
    {
        EntityType.CREDIT_CARD,
        EntityType.CRYPTO,
        EntityType.EMAIL_ADDRESS,
        EntityType.IBAN_CODE,
        EntityType.MAC_ADDRESS,
    }
)
"""Types that no token speaks for. A card is looked at more closely: `filters.text.plausibility`."""
_ADDRESSES = frozenset({EntityType.IP_ADDRESS, EntityType.URL})
_NUMBER_LIKE = frozenset(EntityType) - NEVER_TECHNICAL - _ADDRESSES
_SPEAKS_FOR: Mapping[TokenKind, frozenset[EntityType]] = {
    TokenKind.TAG: _NAME_LIKE,
    TokenKind.MODEL: _NAME_LIKE,
    TokenKind.CAMERA: _NAME_LIKE,
    TokenKind.SITE: frozenset({EntityType.URL}),
    TokenKind.VERSION: _NAME_LIKE | {EntityType.IP_ADDRESS},
    TokenKind.WEIGHT: frozenset({EntityType.IP_ADDRESS}),
}
# These have no label of their own: "passport a12345678" is a passport, though it looks like a hash.
_YIELDS_TO_CONTEXT = frozenset({TokenKind.HEX, TokenKind.COLOUR, TokenKind.CAMERA})
_GRAMMAR = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()), re.IGNORECASE)
_CONTINUES_AFTER = re.compile(rf"\D?\d|{PHONE_PUNCTUATION}{{1,4}}\d")
_CONTINUES_BEFORE = re.compile(rf"\d(?:\D|{PHONE_PUNCTUATION}{{1,4}})?\Z")
_NEIGHBOURHOOD = 5

GRAMMAR = _GRAMMAR.pattern
"""The whole grammar, for the detector's digest."""


def technical_tokens(text: str) -> list[TechnicalToken]:
    """Every technical token of a text, in order, without overlaps."""
    return [
        TechnicalToken(match.start(), match.end(), TokenKind(match.lastgroup))
        for match in _GRAMMAR.finditer(text)
        if match.lastgroup
    ]


def speaks_for(token: TechnicalToken, entity_type: EntityType, *, supported: bool) -> bool:
    """Whether a finding of this type inside the token is only the token; `supported`: by a context word."""
    if supported and token.kind in _YIELDS_TO_CONTEXT:
        return False
    return entity_type in _SPEAKS_FOR.get(token.kind, _NUMBER_LIKE)


def is_number_like(entity_type: EntityType) -> bool:
    """Whether every labelled number (a seed, a step count, a hash) speaks for this type."""
    return entity_type in _NUMBER_LIKE


def without_labelled_numbers(text: str, tokens: list[TechnicalToken]) -> str:
    """The text with spaces in place of the tokens that speak for every number-like type whatever stands around.

    Tokens beside further digits stay: a match could reach from them into those. For the gate only.
    """
    pieces, end = [], 0
    for token in tokens:
        if token.kind not in _SPEAKS_FOR and token.kind not in _YIELDS_TO_CONTEXT and _stands_alone(text, token):
            pieces += [text[end : token.start], " " * (token.end - token.start)]
            end = token.end
    return "".join([*pieces, text[end:]]) if pieces else text


def _stands_alone(text: str, token: TechnicalToken) -> bool:
    after = _CONTINUES_AFTER.match(text, token.end)
    before = _CONTINUES_BEFORE.search(text, max(0, token.start - _NEIGHBOURHOOD), token.start)
    return after is None and before is None


def covering(tokens: Sequence[TechnicalToken], start: int, end: int) -> TechnicalToken | None:
    """The token that holds all of `[start, end)`; `tokens` are sorted and do not overlap, so there is one at most."""
    index = bisect_right(tokens, start, key=lambda token: token.start) - 1
    return tokens[index] if index >= 0 and end <= tokens[index].end else None
