"""What stands in a private span's place, operator by operator.

Substitutes in angle brackets are made so that no recognizer finds anything in them: names of types, and letters instead
of hex digits, because digits would look like numbers.
"""

import hmac
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from filters.findings import EntityType
from filters.keys import KeyPurpose, TenantKeys
from filters.policy_operators import (
    EncryptText,
    GeneraliseText,
    HashText,
    MaskText,
    PseudonymStyle,
    PseudonymText,
    RemoveText,
    ReplaceText,
    TextOperator,
)
from filters.text.cipher import TokenCipher
from filters.text.generalise import generalised
from filters.text.normalize import view_of
from filters.text.substitute_names import substitute_name
from filters.written import ANY_TYPE

PSEUDONYM_LETTERS = 10
"""Forty bits: two of a tenant's values share a pseudonym once there are about a million of them."""

# One for each half-byte, without those that Italian fiscal codes read as digits (l m n p-v).
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijkowxyz")
_KEPT_BY_MASK = frozenset(" \t\n\r-+()")
_NAMED = frozenset({EntityType.PERSON, EntityType.TERM})
_NOTHING: frozenset[EntityType] = frozenset()


@dataclass(frozen=True, slots=True)
class Substitute:
    """The text, and the types that a detector may take it for although it reveals nothing of them."""

    text: str = field(repr=False)
    passes_for: frozenset[EntityType] = _NOTHING


class Substitutes:
    """Writes a tenant's substitutes. Same span, type and operator: same substitute.

    Args:
        keys: asked only by the operators that need one.
        tenant: whose keys.
    """

    def __init__(self, keys: TenantKeys, tenant: str) -> None:
        self._keys = keys
        self._tenant = tenant

    def of(self, private: str, entity: EntityType, operator: TextOperator) -> Substitute:
        """The substitute for `private`.

        Raises:
            ConfigurationError: the operator needs a key and there is none.
        """
        match operator:
            case MaskText() as mask:
                substitute = Substitute(_masked(private, mask))
            case RemoveText():
                substitute = Substitute("")
            case HashText(length=length):
                substitute = Substitute(f"<{self._letters('hash', private, length)}>", ANY_TYPE)
            case EncryptText():
                substitute = Substitute(self._cipher.token(private, entity), ANY_TYPE)
            case PseudonymText(style=style):
                substitute = self._pseudonym(private, entity, style)
            case GeneraliseText():
                kept = generalised(private, entity)
                substitute = Substitute(kept.text, kept.types) if kept else _named_type(entity)
            case ReplaceText(text=fixed):
                substitute = _named_type(entity) if fixed is None else Substitute(fixed)
        return substitute

    @cached_property
    def _key(self) -> bytes:
        return self._keys.derive(self._tenant, KeyPurpose.PSEUDONYM)

    @cached_property
    def _cipher(self) -> TokenCipher:
        return TokenCipher(self._keys, self._tenant)

    def _pseudonym(self, private: str, entity: EntityType, style: PseudonymStyle) -> Substitute:
        if style is PseudonymStyle.NAME and entity in _NAMED:
            name = substitute_name(private, self._key)
            if name:
                return Substitute(name, ANY_TYPE - {EntityType.TERM})
        letters = self._letters(entity, _canonical(private), PSEUDONYM_LETTERS)
        return Substitute(f"<{entity}-{letters}>", ANY_TYPE)

    def _letters(self, purpose: str, text: str, length: int) -> str:
        digest = hmac.new(self._key, f"{purpose}\0{text}".encode(), sha256).hexdigest()
        return digest[:length].translate(_LETTERS)


def _named_type(entity: EntityType) -> Substitute:
    return Substitute(f"<{entity}>", ANY_TYPE)


def _masked(private: str, mask: MaskText) -> str:
    """All but spaces, hyphens and round brackets covered, at most half of the letters and digits kept."""
    places = [index for index, character in enumerate(private) if character.isalnum()]
    kept = set(places[len(places) - min(mask.keep_last, len(places) // 2) :])
    return "".join(
        character if index in kept or character in _KEPT_BY_MASK else mask.character
        for index, character in enumerate(private)
    )


def _canonical(private: str) -> str:
    """The same for two ways to write one thing: `JANE@example.com`, `415 555-2671`."""
    view = view_of(private)
    plain = view.text if view else private
    return "".join(filter(str.isalnum, plain.casefold()))
