"""The operators of policy documents: what stands in a private span's or region's place, and who can undo it."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from filters.policy_part import PolicyPart


class Reversible(StrEnum):
    """Who can get back from what an operator wrote to what stood there; in the JSON Schema as `x-reversible`.

    `by_guess_with_key`: whoever holds the master key can test a guess, and nothing more. `in_part`: the operator keeps
    a part of the span for everybody to read, and the rest is gone.
    """

    BY_NOBODY = "by_nobody"
    IN_PART = "in_part"
    BY_GUESS_WITH_KEY = "by_guess_with_key"
    WITH_KEY = "with_key"
    BY_ANYBODY = "by_anybody"


def _says(reversible: Reversible) -> ConfigDict:
    return ConfigDict(json_schema_extra={"x-reversible": reversible.value})


# ── text operators ────────────────────────────────────────────────────────────────────────────────────────────────


class ReplaceText(PolicyPart):
    """Put the entity's name in angle brackets, or a fixed text, in the span's place."""

    reversible: ClassVar[Reversible] = Reversible.BY_NOBODY
    model_config = _says(reversible)

    type: Literal["replace"] = "replace"
    text: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="The substitute; `<ENTITY_TYPE>` where absent."
    )


class MaskText(PolicyPart):
    """Cover the span sign by sign, but for spaces, hyphens and round brackets.

    The last `keep_last` letters and digits stay, at most half of all.
    """

    reversible: ClassVar[Reversible] = Reversible.IN_PART
    model_config = _says(reversible)

    type: Literal["mask"] = "mask"
    character: Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[^\w\s@.:/\\]$")] = Field(
        default="*", description="A sign, not a letter or digit: `X` and `0` would make new names and numbers."
    )
    keep_last: Annotated[int, Field(ge=0, le=4)] = 0


class RemoveText(PolicyPart):
    """Take the span out."""

    reversible: ClassVar[Reversible] = Reversible.BY_NOBODY
    model_config = _says(reversible)

    type: Literal["remove"] = "remove"


class HashText(PolicyPart):
    """A keyed hash of the span (HMAC-SHA256 under the tenant's key) in angle brackets.

    Written in letters, one for each hex digit: digits would look like numbers to detectors.
    """

    reversible: ClassVar[Reversible] = Reversible.BY_GUESS_WITH_KEY
    model_config = _says(reversible)

    type: Literal["hash"] = "hash"
    length: Annotated[int, Field(ge=8, le=64)] = 16


class EncryptText(PolicyPart):
    """The span encrypted under the tenant's key (AES-SIV, RFC 5297), as letters after the entity's name.

    `veilstream reveal` opens it for whoever holds the master key. The same text gives the same token.
    """

    reversible: ClassVar[Reversible] = Reversible.WITH_KEY
    model_config = _says(reversible)

    type: Literal["encrypt"] = "encrypt"


class PseudonymStyle(StrEnum):
    """How a pseudonym looks: a `token` in angle brackets, or for persons and terms an invented `name`."""

    TOKEN = "token"  # noqa: S105  a style, no secret
    NAME = "name"


class PseudonymText(PolicyPart):
    """A substitute of the same kind, always the same for the same text of the same tenant.

    With `style: name` each word of a name has its own substitute, wherever it stands: an invented name that tells
    neither gender nor origin. Types other than PERSON and TERM get a token in either style.
    """

    reversible: ClassVar[Reversible] = Reversible.BY_GUESS_WITH_KEY
    model_config = _says(reversible)

    type: Literal["pseudonym"] = "pseudonym"
    style: PseudonymStyle = PseudonymStyle.TOKEN


class GeneraliseText(PolicyPart):
    """Keep what many share: of an address the town, of a date the decade, a location as it is.

    Where no such part can be told for sure, and for every other type, it is `<ENTITY_TYPE>`.
    """

    reversible: ClassVar[Reversible] = Reversible.IN_PART
    model_config = _says(reversible)

    type: Literal["generalise"] = "generalise"


TextOperator = Annotated[
    ReplaceText | MaskText | RemoveText | HashText | EncryptText | PseudonymText | GeneraliseText,
    Field(discriminator="type"),
]

KEYED_OPERATORS = (HashText, EncryptText, PseudonymText)
"""Those that need the tenant's key."""

# ── image operators ───────────────────────────────────────────────────────────────────────────────────────────────


class Shape(StrEnum):
    """The covered area: the box, or the ellipse around it (never inside: its corners are private too)."""

    BOX = "box"
    ELLIPSE = "ellipse"


class _RegionOperator(PolicyPart):
    reversible: ClassVar[Reversible] = Reversible.BY_NOBODY
    model_config = _says(reversible)

    margin: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=0.15, description="Added on every side, as a share of the box's longer side."
    )
    shape: Shape = Shape.BOX


class FillRegion(_RegionOperator):
    """One opaque colour."""

    type: Literal["fill"] = "fill"
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#000000"
    label: bool = Field(default=False, description="Write the entity type into the area, where it has room for it.")


class MosaicLook(_RegionOperator):
    """Looks like a mosaic, computed from the surroundings only: independent of the private pixels."""

    type: Literal["mosaic_look"] = "mosaic_look"


class BlurLook(_RegionOperator):
    """Looks like a blur, computed from the surroundings only: independent of the private pixels."""

    type: Literal["blur_look"] = "blur_look"


class Silhouette(_RegionOperator):
    """An abstract head and shoulders of the area's size, in tones of the surroundings: nobody's, whoever was there."""

    type: Literal["silhouette"] = "silhouette"


class CosmeticOperator(_RegionOperator):
    """An operator whose result still depends on the private pixels."""

    reversible: ClassVar[Reversible] = Reversible.BY_ANYBODY
    model_config = _says(reversible)

    cosmetic: Literal[True] = Field(
        description="Must be `true`: this operator can be reversed, and the policy has to say that it knows."
    )


class CosmeticMosaic(CosmeticOperator):
    """A plain mosaic of the private pixels; `blocks` along the longer side. Reversible at any published strength."""

    type: Literal["mosaic"] = "mosaic"
    blocks: Annotated[int, Field(ge=2, le=32)] = 6


class CosmeticBlur(CosmeticOperator):
    """A plain Gaussian blur; `sigma` as a share of the box's longer side. Reversible at any published strength."""

    type: Literal["blur"] = "blur"
    sigma: Annotated[float, Field(ge=0.05, le=1.0)] = 0.25


ImageOperator = Annotated[
    FillRegion | MosaicLook | BlurLook | Silhouette | CosmeticMosaic | CosmeticBlur,
    Field(discriminator="type"),
]
