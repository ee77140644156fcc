"""Tokens that hold an encrypted span, `<EMAIL_ADDRESS=…>`, and the way back for whoever has the key.

AES-SIV (RFC 5297) is deterministic and authenticated: the same text of the same tenant and type gives the same token,
which tells that two texts are equal and nothing else; a token that was altered, or is of another tenant, does not open.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import regex
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from filters.keys import KeyPurpose, TenantKeys

KEY_BYTES = 64
"""AES-256-SIV: two keys of 256 bits."""

# Five bits a letter. In both cases the letters of which no recognizer makes numbers or codes (see substitutes.py).
_ALPHABET = "abcdefghijkowxyzABCDEFGHIJKOWXYZ"
_BITS = 5
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_SHORTEST = 28
"""Letters of one encrypted byte: seventeen bytes with the synthetic IV."""
_TOKEN = regex.compile(rf"(<)?(?<![A-Z_])([A-Z][A-Z_]{{1,39}})=([a-kowxyzA-KOWXYZ]{{{_SHORTEST},}})(?(1)>)")
"""Without the brackets where it stands in a tag of the prompt's own, `<lora:…:0.8>`."""


@dataclass(frozen=True, slots=True)
class Revealed:
    """A text with its tokens opened; how many were, and how many looked like tokens and did not open."""

    text: str = field(repr=False)
    opened: int
    closed: int


class TokenCipher:
    """Writes and opens one tenant's tokens.

    Args:
        keys: hold the master key.
        tenant: whose tokens.

    Raises:
        ConfigurationError: there is no master key.
    """

    def __init__(self, keys: TenantKeys, tenant: str) -> None:
        self._siv = AESSIV(keys.derive(tenant, KeyPurpose.ENCRYPT, KEY_BYTES))
        self._tenant = tenant

    def token(self, private: str, entity: str) -> str:
        """The token of a text that is not empty."""
        sealed = self._siv.encrypt(private.encode(), self._bound_to(entity))
        return f"<{entity}={_letters(sealed)}>"

    def reveal(self, text: str) -> Revealed:
        """Open every token in a text; what does not open stays as it is. Takes time linear in the text."""
        pieces: list[str] = []
        end = opened = closed = 0
        for match in _TOKEN.finditer(text):
            private = self._opened(match[2], match[3])
            if private is None:
                closed += 1
                continue
            opened += 1
            pieces += [text[end : match.start()], private]
            end = match.end()
        return Revealed("".join([*pieces, text[end:]]), opened, closed)

    def _opened(self, entity: str, letters: str) -> str | None:
        sealed = _bytes(letters)
        if sealed is None:
            return None
        try:
            return self._siv.decrypt(sealed, self._bound_to(entity)).decode()
        except (InvalidTag, UnicodeDecodeError):
            return None

    def _bound_to(self, entity: str) -> Sequence[bytes]:
        return [b"veilstream/v1/token", self._tenant.encode(), entity.encode()]


def _letters(data: bytes) -> str:
    length = -(-len(data) * 8 // _BITS)
    number = int.from_bytes(data) << (length * _BITS - len(data) * 8)
    bits = f"{number:0{length * _BITS}b}"
    return "".join(_ALPHABET[int(bits[place : place + _BITS], 2)] for place in range(0, len(bits), _BITS))


def _bytes(letters: str) -> bytes | None:
    """What the letters hold; None where they are not the one way to write it."""
    bits = "".join(f"{_VALUES[letter]:05b}" for letter in letters)
    whole = len(bits) // 8 * 8
    if len(bits) - whole >= _BITS or "1" in bits[whole:]:
        return None
    return int(bits[:whole], 2).to_bytes(whole // 8)
