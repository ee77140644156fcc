"""What must not come out, looked for where it could: topics, log, metrics; texts, faces, metadata."""

import contextlib
import io
from collections.abc import Iterator

from PIL import Image, ImageOps

from filters.records import ImageContent, PromptContent
from streams.demo.cases import Face
from streams.demo.evidence import Evidence
from streams.demo.faces import likeness
from streams.demo.outcomes import CaseOutcome
from streams.demo.texts import folded

_MOST_LIKENESS = 0.2
"""Measured on these pictures: an opaque fill 0, a mosaic of the surroundings up to 0.11; a heavy blur of the face
itself gives 0.24 and more, a mosaic of it with 8 blocks 0.8."""
_STRUCTURE = frozenset(
    {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "loop", "duration", "background", "timestamp"}
    | {"transparency", "gamma", "default_image", "blend", "disposal", "bbox", "progressive", "progression"}
)
"""Entries of Pillow's `info` that describe the pixels and could hold no words."""


def leaked_texts(evidence: Evidence) -> Iterator[str]:
    """Ids of cases of which a private text stands in an output, the log or the metrics."""
    everywhere = folded(evidence.log + evidence.metrics)
    for outcome in evidence.outcomes:
        written = everywhere + "\n" + "\n".join(map(folded, _texts(outcome)))
        binary = list(_bytes(outcome))
        for text in outcome.case.private:
            if folded(text) in written or any(spelling in data for data in binary for spelling in _spellings(text)):
                yield outcome.case.id
                break


def _texts(outcome: CaseOutcome) -> Iterator[str]:
    """What was written about a case, and what was released of it, as texts."""
    for message in (*outcome.released, *outcome.rejected, *outcome.held, *outcome.dead_letters):
        yield from ((value or b"").decode("utf-8", "ignore") for _, value in message.headers)
        if not isinstance(outcome.content, ImageContent):
            yield message.value.decode("utf-8", "ignore")
    yield str(outcome.verdict)
    if isinstance(outcome.content, PromptContent):
        yield from outcome.content.fields.values()
    if isinstance(outcome.content, ImageContent):
        yield from _inside(outcome.content)


def _inside(image: ImageContent) -> Iterator[str]:
    """Texts of an image file, out of compressed chunks, too."""
    with contextlib.suppress(OSError):
        yield from map(str, metadata_of(image).values())


def _bytes(outcome: CaseOutcome) -> Iterator[bytes]:
    """The same as bytes, with the inside of Base64."""
    yield from (message.value for message in (*outcome.released, *outcome.held))
    if isinstance(outcome.content, ImageContent):
        yield outcome.content.data


def _spellings(text: str) -> tuple[bytes, ...]:
    """UTF-8, and the UTF-16 that EXIF comments are written in."""
    return text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")


def metadata_of(image: ImageContent) -> dict[str, object]:
    """Whatever Pillow reads from a file beyond its pixels and their structure."""
    with Image.open(io.BytesIO(image.data)) as opened:
        opened.load()  # reads the text that stands behind the pixels, too
        exif = {f"exif {tag}": value for tag, value in opened.getexif().items()}
        return {str(name): value for name, value in opened.info.items() if name not in _STRUCTURE} | exif


def metadata_left(outcome: CaseOutcome) -> bool:
    """Whether a released image still has metadata; so says a file that cannot be read."""
    if not isinstance(outcome.content, ImageContent):
        return False
    try:
        return bool(metadata_of(outcome.content))
    except OSError:
        return True


def face_left(outcome: CaseOutcome) -> bool:
    """Whether a face of the case can still be made out in what was released; so says a file that cannot be read."""
    before, after = outcome.case.content, outcome.content
    if not (isinstance(before, ImageContent) and isinstance(after, ImageContent)):
        return False
    try:
        return any(_is_left(face, before, after) for face in outcome.case.faces)
    except (OSError, EOFError):  # EOFError: a frame is missing
        return True


def _is_left(face: Face, before: ImageContent, after: ImageContent) -> bool:
    one, other = (_frame(image, face.frame) for image in (before, after))
    return one.size != other.size or likeness(one, other, face.box) > _MOST_LIKENESS


def _frame(image: ImageContent, index: int) -> Image.Image:
    """One frame, upright, its transparent pixels shown as the file holds them."""
    with Image.open(io.BytesIO(image.data)) as opened:
        opened.seek(index)
        return ImageOps.exif_transpose(opened).convert("RGB")
