"""The operators of policy documents: how a private span or region is covered, and whether that can be undone."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

# ── text operators ────────────────────────────────────────────────────────────────────────────────────────────────


class ReplaceText(_Document):
    """Put the entity's name in angle brackets, or a fixed text, in the span's place."""

    type: Literal["replace"] = "replace"
    text: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="The substitute; `<ENTITY_TYPE>` where absent."
    )


class MaskText(_Document):
    """Cover the span sign by sign, but for spaces, hyphens and round brackets.

    The last `keep_last` letters and digits stay, at most half of all.
    """

    type: Literal["mask"] = "mask"
    character: Annotated[str, Field(min_length=1, max_length=1, pattern=r"^[^\w\s@.:/\\]$")] = Field(
        default="*", description="A sign, not a letter or digit: `X` and `0` would make new names and numbers."
    )
    keep_last: Annotated[int, Field(ge=0, le=4)] = 0


class RemoveText(_Document):
    """Take the span out."""

    type: Literal["remove"] = "remove"


class HashText(_Document):
    """A keyed hash of the span (HMAC-SHA256 under the tenant's key) in angle brackets.

    Written in letters, one for each hex digit: digits would look like numbers to detectors.
    """

    type: Literal["hash"] = "hash"
    length: Annotated[int, Field(ge=8, le=64)] = 16


class PseudonymText(_Document):
    """A substitute of the same kind, always the same for the same text of the same tenant."""

    type: Literal["pseudonym"] = "pseudonym"


TextOperator = Annotated[
    ReplaceText | MaskText | RemoveText | HashText | PseudonymText,
    Field(discriminator="type"),
]

# ── image operators ───────────────────────────────────────────────────────────────────────────────────────────────


class Shape(StrEnum):
    """The covered area: the box, or the ellipse around it (never inside: its corners are private too)."""

    BOX = "box"
    ELLIPSE = "ellipse"


class _RegionOperator(_Document):
    margin: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=0.15, description="Added on every side, as a share of the box's longer side."
    )
    shape: Shape = Shape.BOX


class FillRegion(_RegionOperator):
    """One opaque colour."""

    type: Literal["fill"] = "fill"
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#000000"


class MosaicLook(_RegionOperator):
    """Looks like a mosaic, computed from the surroundings only: independent of the private pixels."""

    type: Literal["mosaic_look"] = "mosaic_look"


class CosmeticOperator(_RegionOperator):
    """An operator whose result still depends on the private pixels."""

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
    FillRegion | MosaicLook | CosmeticMosaic | CosmeticBlur,
    Field(discriminator="type"),
]

