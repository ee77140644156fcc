"""Hits to changed frames: every area of a frame is covered, everything unseen is cleaned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from filters.decide import Hit
from filters.errors import RedactionError
from filters.findings import BoundingBox, EntityType, FindingSource, ImageFinding
from filters.image.container import DecodedImage, Frame
from filters.image.hidden import cleaned
from filters.image.operators import (
    blur_look,
    cosmetic_blur,
    cosmetic_mosaic,
    fill,
    label,
    mosaic_look,
    silhouette,
)
from filters.image.regions import Area, Mask, corners, covered_area, covered_text, union
from filters.policy_operators import (
    BlurLook,
    CosmeticBlur,
    CosmeticMosaic,
    CosmeticOperator,
    FillRegion,
    ImageOperator,
    MosaicLook,
    Silhouette,
)
from filters.protocols import Pixels

_LOOKS = {MosaicLook: mosaic_look, BlurLook: blur_look, Silhouette: silhouette}


@dataclass(frozen=True, slots=True)
class _Cover:
    """An area to be covered because of a finding with this box."""

    area: Area
    operator: ImageOperator
    box: BoundingBox
    entity_type: EntityType


def redacted(image: DecodedImage, hits: Sequence[Hit]) -> DecodedImage:
    """The image with every hit covered, alpha inside the areas opaque, and nothing left that is not seen.

    A hit for metadata covers nothing: the release is encoded from arrays in any case.

    Raises:
        RedactionError: a hit has no operator for images, no box, or a box outside its frame.
    """
    covers: dict[int, list[_Cover]] = {}
    for hit in hits:
        finding = hit.finding
        if not isinstance(finding, ImageFinding):
            raise RedactionError("a hit is not of an image", reason="wrong_kind")
        if finding.entity_type is EntityType.METADATA and finding.box is None:
            continue
        covers.setdefault(finding.frame, []).append(_cover(image, finding, hit.operator))
    frames = (_covered(frame, covers.get(index, [])) for index, frame in enumerate(image.frames))
    clean = tuple(cleaned(frame, image.metadata) for frame in frames)
    return replace(image, frames=clean, metadata=())


def _cover(image: DecodedImage, finding: ImageFinding, operator: object) -> _Cover:
    if not isinstance(operator, FillRegion | MosaicLook | BlurLook | Silhouette | CosmeticMosaic | CosmeticBlur):
        raise RedactionError("a hit has no operator for images", reason="no_operator")
    if finding.box is None or not 0 <= finding.frame < len(image.frames):
        raise RedactionError("a hit has no place in the image", reason="no_place")
    frame = image.frames[finding.frame]
    size = (frame.width, frame.height)
    block = image.hints.block
    if finding.source is FindingSource.TEXT_IN_IMAGE:
        area = covered_text(finding.outline or corners(finding.box), operator.margin, size, block)
    else:
        area = covered_area(finding.box, operator.margin, operator.shape, size, block)
    if area is None or finding.box.clipped(*size) is None:
        raise RedactionError("a hit lies outside its frame", reason="no_place")
    return _Cover(area, operator, finding.box, finding.entity_type)


def _covered(frame: Frame, covers: Sequence[_Cover]) -> Frame:
    """Safe operators go first and cosmetic ones leave their areas alone, so that none brings back what one removed."""
    if not covers:
        return frame
    everything = union([cover.area for cover in covers], frame.width, frame.height)
    pixels = frame.pixels.copy()
    safe = [cover for cover in covers if not isinstance(cover.operator, CosmeticOperator)]
    for cover in safe:
        _safe(pixels, frame.pixels, cover, everything)
    removed = union([cover.area for cover in safe], frame.width, frame.height)
    for cover in covers:
        _cosmetic(pixels, cover.area, cover.operator, cover.box, removed)
    alpha = frame.alpha
    if alpha is not None:
        alpha = alpha.copy()
        alpha[everything] = 255
    return Frame(pixels, alpha, frame.duration_ms)


def _safe(pixels: Pixels, original: Pixels, cover: _Cover, everything: Mask) -> None:
    if isinstance(cover.operator, FillRegion):
        fill(pixels, cover.area, cover.operator.color)
        if cover.operator.label:
            label(pixels, cover.area, cover.entity_type.value)
        return
    for kind, paint in _LOOKS.items():
        if isinstance(cover.operator, kind):
            paint(pixels, original, cover.area, everything)


def _cosmetic(pixels: Pixels, area: Area, operator: ImageOperator, box: BoundingBox, removed: Mask) -> None:
    where = area.mask & ~removed[area.box.y0 : area.box.y1, area.box.x0 : area.box.x1]
    if isinstance(operator, CosmeticMosaic):
        cosmetic_mosaic(pixels, area, operator.blocks, where)
    elif isinstance(operator, CosmeticBlur):
        cosmetic_blur(pixels, area, operator.sigma * max(box.width, box.height), where)
