"""Images as a medium of the pipeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from filters.carried import Carried, CarriedText
from filters.decide import Hit
from filters.errors import InferenceError, RecordError, RedactionError
from filters.findings import Detection, EntityType, Finding, FindingSource, ImageFinding
from filters.image.carried_write import CARRYING, carrying
from filters.image.codecs import build_codecs
from filters.image.container import DecodedImage, Frame, Reader
from filters.image.credentials import SIGNED, ReleaseSigner, signed
from filters.image.decode import ImageReader
from filters.image.formats import ImageFormat
from filters.image.limits import BYTES_PER_PIXEL, ImageLimits
from filters.image.metadata import metadata_findings
from filters.image.read_back import check_release
from filters.image.redact import redacted
from filters.image.views import merged, same_frame, views
from filters.policy import FilterPolicy, Keepable
from filters.protocols import BriefImageDetector, ImageDetector, Pixels
from filters.records import ContentKind, ImageContent, PromptContent

DEFAULT_BATCH_WEIGHT = 256 * 1024 * 1024
MANY_FRAMES = 8
"""Beyond, a file's frames are shown briefly: what a detector takes all its time for would keep others waiting."""
_WRITTEN = frozenset({"tEXt", "iTXt", "EXIF", "XMP"})
"""What `decode` calls the metadata that releases carry."""


class ImageMedium:
    """Still, animated and multi-page images in every format of `ImageFormat`. Implements `filters.medium.Medium`.

    Args:
        detectors: asked in order.
        limits: what an image may cost.
        batch_weight: bytes of decoded pixels to hold at a time; detection views, and the release, come on top.
        heic_release: what HEIC and AVIF are released as: JPEG, PNG or WebP.
        reader: opens files; where absent, one that does so in this process, within `limits`.
        signer: signs releases; where absent, policies that ask for that are refused.
    """

    def __init__(
        self,
        detectors: Sequence[ImageDetector],
        limits: ImageLimits | None = None,
        batch_weight: int = DEFAULT_BATCH_WEIGHT,
        heic_release: ImageFormat = ImageFormat.JPEG,
        reader: Reader | None = None,
        signer: ReleaseSigner | None = None,
    ) -> None:
        self._detectors = tuple(detectors)
        self._batch_weight = batch_weight
        self._codecs = build_codecs(heic_release)
        self._signer = signer
        self._reader = reader or ImageReader(self._codecs, limits or ImageLimits())

    @property
    def kind(self) -> ContentKind:
        return ContentKind.IMAGE

    @property
    def detectors(self) -> Sequence[ImageDetector]:
        return self._detectors

    @property
    def own_entities(self) -> frozenset[EntityType]:
        return frozenset({EntityType.METADATA})

    @property
    def batch_weight(self) -> int:
        return self._batch_weight

    @property
    def sources(self) -> Mapping[EntityType, frozenset[FindingSource]]:
        """By the detectors; metadata are found in the file."""
        found = {EntityType.METADATA: frozenset({FindingSource.FILE})}
        for detector in self._detectors:
            found |= {entity: found.get(entity, frozenset()) | detector.sources for entity in detector.entities}
        return found

    def concerns(self, detector: ImageDetector, policy: FilterPolicy) -> bool:
        """Whether a rule names one of the detector's entities, and no other way to find it."""
        rules = policy.spec.images.rules if policy.spec.images else ()
        return any(
            not detector.entities.isdisjoint(rule.entities) and (rule.source is None or rule.source in detector.sources)
            for rule in rules
        )

    def weight(self, content: ImageContent) -> int:
        """Bytes of pixels with alpha over all frames, by the headers; 0 where `decode` will refuse the file."""
        try:
            return self._reader.pixels(content) * BYTES_PER_PIXEL
        except (RecordError, InferenceError):
            return 0

    def decode(self, content: ImageContent) -> DecodedImage:
        """See `Reader.decode`, also for the errors."""
        return self._reader.decode(content)

    def reopen(self, content: ImageContent) -> DecodedImage:
        """As `decode`, with the metadata read back: a release carries what was written into it and nothing else.

        Raises:
            RedactionError: `metadata_left`; besides, what `decode` raises.
        """
        check_release(content.data, content.carried)
        image = self._reader.decode(content)
        written = _WRITTEN if content.carried else frozenset()
        left = tuple(name for name in image.metadata if name not in written)
        return replace(image, metadata=left, kept=content.carried, reopened=True)

    def language(self, decoded: DecodedImage) -> None:
        """None: text in images is read by detectors."""

    def own_findings(self, decoded: DecodedImage) -> Sequence[Finding]:
        """One METADATA finding of the file where it holds anything beyond pixels and structure."""
        return metadata_findings(decoded.metadata)

    def carried_text(self, decoded: DecodedImage, policy: FilterPolicy) -> PromptContent | None:
        """Generation parameters, a field each, where the policy keeps them."""
        texts = decoded.carried.texts if decoded.format in CARRYING and Keepable.GENERATION in _kept(policy) else ()
        return PromptContent({f"{number}": each.text for number, each in enumerate(texts)}) if texts else None

    def keeping(self, decoded: DecodedImage, policy: FilterPolicy, text: PromptContent | None) -> DecodedImage:
        """The image, with the judged parameters and the digital source type to be written as the policy says."""
        fields = text.fields if text else {}
        texts = [
            CarriedText(each.key, fields[f"{number}"])
            for number, each in enumerate(decoded.carried.texts)
            if f"{number}" in fields
        ]
        word = decoded.carried.digital_source_type if Keepable.DIGITAL_SOURCE_TYPE in _kept(policy) else None
        return replace(decoded, kept=Carried(tuple(texts), word))

    def detect(
        self,
        detector: ImageDetector,
        batch: Sequence[DecodedImage],
        policies: Sequence[FilterPolicy] = (),  # noqa: ARG002  the protocol's
    ) -> Sequence[Sequence[Finding]]:
        """Every frame of every image; a frame like the one before it is not shown again. Files of more than
        `MANY_FRAMES` frames, and releases, are shown briefly to detectors that can do so.

        Raises:
            InferenceError: `wrong_count` or `invalid_box`; besides, whatever the detector raises.
        """
        if not isinstance(detector, BriefImageDetector):
            return _found(detector.name, detector.detect, batch)
        briefly = [image.reopened or len(image.frames) > MANY_FRAMES for image in batch]
        found = {
            way: iter(
                _found(detector.name, detect, [image for image, one in zip(batch, briefly, strict=True) if one is way])
            )
            for way, detect in ((True, detector.detect_briefly), (False, detector.detect))
        }
        return [next(found[one]) for one in briefly]

    @property
    def signs(self) -> bool:
        return self._signer is not None

    def signed(self, content: ImageContent, policy: FilterPolicy) -> ImageContent:
        """With Content Credentials, where the policy asks for them and the format has a place for them.

        Raises:
            RedactionError: it cannot be signed.
        """
        form = ImageFormat(content.media_type) if content.media_type else None
        if form is None or form not in SIGNED or not policy.signs_images:
            return content
        if self._signer is None:
            raise RedactionError("no certificate is set to sign releases with", reason="unsigned")
        return replace(content, data=signed(content.data, form, content.carried, self._signer))

    def redact(self, decoded: DecodedImage, hits: Sequence[Hit], tenant: str) -> ImageContent:  # noqa: ARG002
        """The image in its own format with every hit covered, encoded from arrays, with `decoded.kept` written into it.

        `tenant` changes nothing.

        Raises:
            RedactionError: a hit cannot be placed, or the encoder failed.
        """
        clean = redacted(decoded, hits)
        encoded = self._codecs[clean.format].encode(clean)
        data, carried = carrying(encoded, clean.format, decoded.kept)
        covered = decoded.kept.covered or any(hit.finding.entity_type is not EntityType.METADATA for hit in hits)
        return ImageContent(data, clean.format.value, replace(carried, covered=covered))


def _kept(policy: FilterPolicy) -> Sequence[Keepable]:
    return policy.spec.images.keep_metadata if policy.spec.images else ()


def _show(frames: Sequence[Frame], index: int, shown: list[Pixels]) -> range:
    """Add a frame's views to `shown`; the places of its views, empty where it is like the frame before."""
    start = len(shown)
    if index == 0 or not same_frame(frames[index - 1], frames[index]):
        shown.extend(views(frames[index]))
    return range(start, len(shown))


def _found(
    detector: str,
    detect: Callable[[Sequence[Pixels]], Sequence[Sequence[Detection]]],
    batch: Sequence[DecodedImage],
) -> Sequence[Sequence[Finding]]:
    shown: list[Pixels] = []
    places = [[_show(image.frames, index, shown) for index in range(len(image.frames))] for image in batch]
    answers = list(detect(shown)) if shown else []
    if len(answers) != len(shown):
        raise InferenceError(
            f"detector {detector} gave {len(answers)} answers for {len(shown)} frames", reason="wrong_count"
        )
    return [_findings(image, seen, answers, detector) for image, seen in zip(batch, places, strict=True)]


def _findings(
    image: DecodedImage, seen: Sequence[range], answers: Sequence[Sequence[Detection]], detector: str
) -> list[Finding]:
    findings: list[Finding] = []
    current: list[Detection] = []
    for index, (frame, places) in enumerate(zip(image.frames, seen, strict=True)):
        if places:
            current = merged([answers[place] for place in places], frame.width, frame.height)
        findings += [
            ImageFinding(index, one.box, one.entity_type, one.score, detector, one.source, one.outline)
            for one in current
        ]
    return findings
