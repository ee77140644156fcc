"""What a release may carry is written afresh, after the prompt rules have judged it, and nothing else comes along."""

import io
import json
import struct
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from filters.carried import Carried, CarriedText
from filters.errors import DetectionError, RedactionError
from filters.image.carried_read import exif_carried, png_carried
from filters.image.carried_write import carrying
from filters.image.decode_child import Order
from filters.image.exif_file import USER_COMMENT, may_hold_image, read_exif, write_exif
from filters.image.formats import ImageFormat
from filters.image.isolation import IsolatedReader
from filters.image.limits import ImageLimits
from filters.image.medium import ImageMedium
from filters.image.metadata import with_embedded
from filters.image.read_back import check_release
from filters.keys import TenantKeys
from filters.pipeline import FilterPipeline
from filters.records import ImageContent, Record, RecordContext, SourcePosition
from filters.text.medium import PromptMedium, TextLimits
from filters.verdict import Action, Outcome
from tests.evals.images_metadata import exiftool, exiftool_survivors
from tests.fakes import CollectingDecodeObserver, CollectingObserver, StaticPolicies, WordDetector, policy
from tests.support.prompts import detector as patterns
from tests.unit.filters.image.images import (
    FORMATS,
    animated,
    decode,
    encoded,
    extended_webp,
    jpeg_segment,
    photograph,
    png_chunk,
    riff_chunk,
    with_chunks,
    with_segments,
)

JANE = "jane.doe@example.com"
MARK = "Marker-7f3a"
PIXELS = photograph(64, 48)
GENERATION = ["generation"]
BOTH = ["generation", "digital_source_type"]
TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
XMP = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:creator="{MARK}" '
    f'Iptc4xmpExt:DigitalSourceType="{TYPE}"/></x:xmpmeta>'
).encode()
A1111 = f"a cat, mail {JANE}\nNegative prompt: dog\nSteps: 20, Seed: 1234567890"
COMFY = json.dumps({"6": {"class_type": "CLIPTextEncode", "inputs": {"text": f'a "cat" \u2603 for {JANE}'}}})


def judged(
    data: bytes, keep=(), *, words=(JANE,), rules=None, prompts=True, faults=None, reader=None, **spec
) -> Outcome:
    """The outcome of the real pipeline, whose text detector knows `words`."""
    rules = rules or [{"entities": ["EMAIL_ADDRESS"], "action": "redact"}]
    text = PromptMedium([faults or WordDetector(words)], TenantKeys(None), TextLimits())
    document = policy(prompts={"rules": rules}, images={"rules": [], "keep_metadata": list(keep)}, **spec)
    media = [ImageMedium([], reader=reader), *([text] if prompts else [])]
    pipeline = FilterPipeline(media, StaticPolicies(document), CollectingObserver())
    context = RecordContext(SourcePosition("images", 0, 0), "acme", "1")
    (outcome,) = pipeline.process_batch([Record(context, ImageContent(data))])
    return outcome


def png(*texts: tuple[str, str], **options: object) -> bytes:
    info = PngInfo()
    for key, text in texts:
        info.add_text(key, text, **options)
    return encoded(PIXELS, "PNG", pnginfo=info)


def commented(form: str, text: str, charset: bytes = b"UNICODE\0", encoding: str = "utf-16-be") -> bytes:
    exif = Image.Exif()
    exif[0x010E] = MARK
    exif.get_ifd(0x8769).update({USER_COMMENT: charset + text.encode(encoding), 0xA431: MARK})
    return encoded(PIXELS, form, exif=exif)


def comment_of(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        return image.getexif().get_ifd(0x8769)[USER_COMMENT][8:].decode("utf-16-be")


def texts_of(data: bytes) -> dict[str, str]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return dict(image.text)


def with_xmp(form: str, packet: bytes = XMP) -> bytes:
    data = encoded(PIXELS, form)
    match form:
        case "JPEG":
            return with_segments(data, jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
        case "PNG":
            return with_chunks(data, png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet))
    return extended_webp(data, riff_chunk(b"XMP ", packet), width=64, height=48)


@pytest.mark.parametrize("options", [{}, {"zip": True}])
def test_parameters_go_through_the_prompt_rules(options):
    """A1111's parameters come out with the address replaced and all else as it was; the pixels do not change."""
    outcome = judged(png(("parameters", A1111), ("Author", MARK), **options), GENERATION)
    assert outcome.verdict.action is Action.REDACT
    assert outcome.verdict.failure is None
    assert texts_of(outcome.content.data) == {"parameters": A1111.replace(JANE, "<EMAIL_ADDRESS>")}
    assert np.array_equal(decode(outcome.content.data).frames[0].pixels, PIXELS)


@pytest.mark.parametrize(
    "key", ["prompt", "workflow", "invokeai_metadata", "sd-metadata", "sui_image_params", "Comment"]
)
def test_workflows_stay_json(key):
    """JSON comes out as JSON of the same shape, beyond Latin-1 too, without the address."""
    released = texts_of(judged(png((key, COMFY)), GENERATION).content.data)
    assert list(released) == [key]
    assert json.loads(released[key])["6"]["inputs"]["text"] == 'a "cat" \u2603 for <EMAIL_ADDRESS>'


def test_every_chunk_is_judged():
    """Duplicates of a keyword, and chunks behind the pixels, of all three kinds."""
    body = f"hello {JANE}".encode()
    chunks = [
        png_chunk(b"tEXt", b"parameters\0" + body),
        png_chunk(b"tEXt", b"parameters\0clean"),
        png_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(body)),
        png_chunk(b"iTXt", b"parameters\0\1\0de\0Titel\0" + zlib.compress(body)),
    ]
    for after in (False, True):
        outcome = judged(with_chunks(encoded(PIXELS, "PNG"), *chunks, after_pixels=after), GENERATION)
        kept = [each.text for each in outcome.content.carried.texts]
        assert kept == ["hello <EMAIL_ADDRESS>", "clean", "hello <EMAIL_ADDRESS>", "hello <EMAIL_ADDRESS>"]
        assert JANE.encode() not in outcome.content.data
        assert b"Titel" not in outcome.content.data


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        (b"UNICODE\0", "utf-16-be"),
        (b"UNICODE\0", "utf-16-le"),
        (b"ASCII\0\0\0", "ascii"),
        (bytes(8), "utf-8"),
    ],
)
def test_a_user_comment_is_kept_alone(form, charset, encoding):
    """EXIF comes out with the judged comment and without any other tag."""
    outcome = judged(commented(form, A1111, charset, encoding), GENERATION)
    assert outcome.verdict.failure is None
    assert comment_of(outcome.content.data) == A1111.replace(JANE, "<EMAIL_ADDRESS>")
    assert MARK.encode() not in outcome.content.data


def test_what_another_process_reads_is_kept_alike():
    """Decoded in a process of its own, the same bytes come out."""
    order = Order(ImageLimits(), ImageFormat.JPEG, 256 << 20, 20.0)
    with IsolatedReader(order, 1, CollectingDecodeObserver()) as reader:
        for data in (png(("parameters", A1111), ("prompt", COMFY)), commented("JPEG", A1111), with_xmp("WEBP")):
            isolated, inline = judged(data, BOTH, reader=reader), judged(data, BOTH)
            assert isolated.content.data == inline.content.data
            assert isolated.content.carried == inline.content.carried
            assert isolated.content.carried


def test_comfy_webp_is_kept():
    """ComfyUI's EXIF texts in WebP: `prompt:` and `workflow:` before JSON."""
    exif = Image.Exif()
    exif[0x0110], exif[0x010F], exif[0x010E] = f"prompt:{COMFY}", f"workflow:{COMFY}", MARK
    for options in ({}, {"lossless": True}):
        outcome = judged(encoded(PIXELS, "WEBP", exif=exif, **options), GENERATION)
        kept = {each.key: each.text for each in outcome.content.carried.texts}
        assert sorted(kept) == ["exif:010f", "exif:0110"]
        assert "<EMAIL_ADDRESS>" in json.loads(kept["exif:0110"].removeprefix("prompt:"))["6"]["inputs"]["text"]
        assert MARK.encode() not in outcome.content.data
        with Image.open(io.BytesIO(outcome.content.data)) as image:
            assert sorted(image.getexif()) == [0x010F, 0x0110]


def test_without_the_word_nothing_is_kept():
    """Stripping is the default: parameters, comments and source types go."""
    for data in (png(("parameters", A1111)), commented("JPEG", A1111), with_xmp("PNG")):
        outcome = judged(data)
        assert outcome.verdict.action is Action.REDACT
        assert decode(outcome.content.data).metadata == ()
        assert not outcome.content.carried


@pytest.mark.parametrize(("action", "released"), [("reject", False), ("flag", True)])
def test_a_prompt_rule_decides_about_the_image(action, released):
    """What the policy rejects in a prompt rejects the image that carries it; the verdict has its rule and no text."""
    outcome = judged(
        png(("parameters", A1111)),
        GENERATION,
        rules=[{"id": "mail", "entities": ["EMAIL_ADDRESS"], "action": action}],
    )
    assert (outcome.content is not None) is released
    assert "mail" in outcome.verdict.rules
    (found,) = [one for one in outcome.verdict.findings if one.entity_type == "EMAIL_ADDRESS"]
    assert (found.box, found.source) == (None, "file")
    assert JANE not in repr(outcome.verdict)


def test_the_patterns_that_judge_prompts_judge_parameters():
    """The product's own detector: the address goes, and seeds, hashes and sizes stay."""
    text = f"(portrait:1.2), write to {JANE}\nSteps: 20, Seed: 4155552671, Model hash: 6ce0161689, Size: 512x768"
    released = judged(png(("parameters", text)), GENERATION, faults=patterns()).content
    assert texts_of(released.data) == {"parameters": text.replace(JANE, "<EMAIL_ADDRESS>")}


@pytest.mark.skipif(exiftool() is None, reason="exiftool (libimage-exiftool-perl) is not installed")
@pytest.mark.parametrize(
    ("data", "tags"),
    [
        (png(("parameters", A1111), ("Author", MARK)), ["PNG:Parameters"]),
        (commented("JPEG", A1111), ["ExifIFD:UserComment"]),
        (commented("WEBP", A1111), ["ExifIFD:UserComment"]),
        (with_xmp("JPEG"), ["XMP-iptcExt:DigitalSourceType"]),
        (with_xmp("PNG"), ["XMP-iptcExt:DigitalSourceType"]),
        (with_xmp("WEBP"), ["XMP-iptcExt:DigitalSourceType"]),
    ],
)
def test_exiftool_reads_what_is_kept_and_nothing_else(data, tags):
    """To another reader a release carries just these tags."""
    out = judged(data, BOTH).content.data
    assert exiftool_survivors({"release": out}) == {"release": tags}


@pytest.mark.parametrize(
    "spec", [{"mode": "shadow"}, {"mode": "enforce", "on_error": "reject"}], ids=["shadow", "enforce"]
)
def test_a_shadow_says_what_would_be(spec):
    """In shadow the bytes go out as they came, and the verdict says what the text would have led to."""
    data = png(("parameters", A1111))
    outcome = judged(data, GENERATION, rules=[{"entities": ["EMAIL_ADDRESS"], "action": "reject"}], **spec)
    assert outcome.verdict.intended is Action.REJECT
    assert (outcome.content is not None and outcome.content.data is data) is (spec["mode"] == "shadow")


class Broken(WordDetector):
    """Cannot judge anything."""

    def detect(self, batch):
        return [DetectionError("it failed") for _ in batch]


def test_text_that_nobody_judged_fails_closed():
    """A text detector that fails is an error of the image; without prompt judging in the process nothing is kept."""
    failed = judged(png(("parameters", A1111)), GENERATION, faults=Broken([JANE]))
    assert (failed.content, failed.verdict.action) == (None, Action.REJECT)
    assert failed.verdict.failure is not None
    alone = judged(png(("parameters", A1111)), GENERATION, prompts=False)
    assert decode(alone.content.data).metadata == ()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(("prompt", '{"a": ' + JANE)), id="no JSON"),
        pytest.param(png(("parameters", "x" * 70_000)), id="too long a prompt"),
        pytest.param(with_chunks(png(), png_chunk(b"tEXt", b"parameters\0a\0b")), id="NUL"),
        pytest.param(with_chunks(png(), png_chunk(b"iTXt", b"parameters\0\0\0\0\0\xff\xfe")), id="no UTF-8"),
        pytest.param(
            with_chunks(png(), png_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(1 << 22)))), id="bomb"
        ),
        pytest.param(with_chunks(png(), *[png_chunk(b"tEXt", b"parameters\0a")] * 40), id="too many"),
        pytest.param(with_chunks(png(), png_chunk(b"tEXt", b"parameter\xe4\0" + JANE.encode())), id="other keyword"),
    ],
)
def test_what_cannot_be_read_stays_behind(data):
    """The picture is released without it."""
    outcome = judged(data, GENERATION)
    assert outcome.verdict.failure is None
    assert decode(outcome.content.data).metadata == ()


@pytest.mark.parametrize("form", FORMATS)
def test_the_source_type_is_written_afresh(form):
    """Only the word of the vocabulary comes out, in a packet of its own."""
    outcome = judged(with_xmp(form), ["digital_source_type"])
    assert outcome.verdict.failure is None
    assert outcome.content.carried == Carried((), "trainedAlgorithmicMedia")
    assert outcome.content.data.count(TYPE.encode()) == 1
    assert MARK.encode() not in outcome.content.data
    with Image.open(io.BytesIO(outcome.content.data)) as image:
        assert f'DigitalSourceType="{TYPE}"'.encode() in image.info["xmp"]


@pytest.mark.parametrize(
    "packet",
    [
        XMP.replace(b"trainedAlgorithmicMedia", b"JaneDoe"),
        XMP.replace(b"cv.iptc.org", b"jane.example"),
        XMP + XMP.replace(b"trained", b""),
    ],
)
def test_only_the_vocabulary_is_a_source_type(packet):
    """Other words, other vocabularies, and several words are none."""
    outcome = judged(with_xmp("JPEG", packet), ["digital_source_type"])
    assert not outcome.content.carried
    assert decode(outcome.content.data).metadata == ()


def test_both_in_animations():
    """APNG and animated WebP carry them too, with every frame."""
    info = PngInfo()
    info.add_text("parameters", A1111)
    exif = Image.Exif()
    exif[0x0110] = f"prompt:{COMFY}"
    frames = [PIXELS, PIXELS[::-1].copy()]
    for data in (
        animated(frames, "PNG", duration=100, pnginfo=info),
        animated(frames, "WEBP", duration=100, exif=exif, xmp=XMP),
    ):
        outcome = judged(data, BOTH)
        assert outcome.verdict.failure is None
        assert len(outcome.content.carried.texts) == 1
        assert JANE.encode() not in outcome.content.data
        with Image.open(io.BytesIO(outcome.content.data)) as image:
            assert image.n_frames == 2


KEYS = {ImageFormat.PNG: "parameters", ImageFormat.JPEG: "exif:9286", ImageFormat.WEBP: "exif:9286"}


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200),
    form=st.sampled_from(sorted(KEYS)),
    word=st.sampled_from(["digitalCapture", None]),
)
def test_what_is_written_is_read_back(text, form, word):
    """Any text, in any format: the file has it, the independent reader reads just that, and misses it when changed."""
    carried = Carried((CarriedText(KEYS[form], text),), word)
    file = FILES[form]
    data, written = carrying(file, form, carried)
    assert written == carried
    check_release(data, carried)
    assert decode(data).carried.digital_source_type == word
    for other in (Carried(), Carried((), word), Carried((CarriedText(KEYS[form], text + "x"),), word)):
        with pytest.raises(RedactionError):
            check_release(data, other)
    with pytest.raises(RedactionError):
        check_release(file, carried)


FILES = {form: encoded(PIXELS, form.name) for form in KEYS}


@pytest.mark.parametrize("form", sorted(KEYS))
def test_the_reader_sees_every_other_part(form):
    """Whatever part is added to a release, the reader refuses it."""
    match form:
        case ImageFormat.PNG:
            names = (b"tEXt", b"zTXt", b"eXIf", b"iCCP", b"caBX", b"prVt", b"tIME")
            files = [with_chunks(FILES[form], png_chunk(name, b"parameters\0x")) for name in names]
        case ImageFormat.JPEG:
            markers = (*range(0xE1, 0xEE), 0xEF, 0xFE)
            files = [with_segments(FILES[form], jpeg_segment(marker, b"Exif\0\0 x")) for marker in markers]
        case _:
            names = (b"EXIF", b"XMP ", b"ICCP", b"C2PA", b"prvt")
            files = [extended_webp(FILES[form], riff_chunk(name, b"xx"), width=64, height=48) for name in names]
    for data in (*files, FILES[form] + b"x"):
        with pytest.raises(RedactionError):
            check_release(data, Carried())
    check_release(FILES[form], Carried())


class Leaking(ImageMedium):
    """Adds a comment to what it releases."""

    def redact(self, decoded, hits, tenant):
        content = super().redact(decoded, hits, tenant)
        return ImageContent(with_segments(content.data, jpeg_segment(0xFE, b"Jane")), content.media_type)


def test_a_release_with_other_metadata_is_an_error():
    """The pipeline reads back the very bytes that go out: a writer that leaks releases nothing."""
    document = policy(images={"rules": []})
    pipeline = FilterPipeline([Leaking([])], StaticPolicies(document), CollectingObserver())
    context = RecordContext(SourcePosition("images", 0, 0), "acme", "1")
    (outcome,) = pipeline.process_batch([Record(context, ImageContent(commented("JPEG", "x")))])
    assert outcome.content is None
    assert outcome.verdict.failure.code == "redaction"


def test_exif_blocks_are_read_as_written():
    """Short values lie in their entries, long ones behind; Pillow reads the same."""
    texts = {0x010F: b"abc", 0x0110: b"prompt:" + b"x" * 99, USER_COMMENT: b"UNICODE\0" + "ä☃".encode("utf-16-be")}
    block = write_exif(texts)
    first, exif = read_exif(block)
    assert {tag: value.rstrip(b"\0") for tag, value in first.values.items() if tag != 0x8769} == {
        0x010F: b"abc",
        0x0110: texts[0x0110],
    }
    assert exif.values == {USER_COMMENT: texts[USER_COMMENT]}
    seen = Image.Exif()
    seen.load(b"Exif\0\0" + block)
    assert (seen[0x010F], seen.get_ifd(0x8769)[USER_COMMENT]) == ("abc", texts[USER_COMMENT])


@given(st.binary(max_size=200))
def test_readers_take_any_bytes(data):
    """Malformed metadata is no error: nothing of it is carried."""
    for block in (data, b"II*\0" + data, b"MM\0*" + struct.pack(">I", 8) + data):
        read_exif(block)
        exif_carried(block, [data])
    for name in (b"tEXt", b"zTXt", b"iTXt"):
        png_carried([(name, data), (name, b"parameters\0" + data)])


def test_values_that_overlap_are_not_read():
    """A directory whose entries all name the same megabyte costs no more than the file."""
    count = 1000
    entries = b"".join(struct.pack("<HHII", 0x0100 + tag, 2, 1 << 20, 20) for tag in range(count))
    assert read_exif(b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4) + bytes(1 << 21)) is None


def test_runs_that_are_just_too_short_cost_no_square_time():
    """Base64 of 1,023 characters a line, four megabytes of it, is looked through in a moment."""
    payload = (b"A" * 1023 + b"\n") * 4096
    started = time.perf_counter()
    assert with_embedded("COM", payload) == ["COM"]
    assert time.perf_counter() - started < 1.0
    assert with_embedded("COM", payload + b"A" * 1024) == ["COM", "embedded_image"]


def test_a_block_with_a_picture_is_known():
    """A following directory (the thumbnail's), maker notes, the start of a JPEG, and whatever cannot be read."""
    plain = write_exif({0x0110: b"prompt:x"})
    assert not may_hold_image(plain)
    following = plain[:22] + struct.pack("<I", 8) + plain[26:]
    maker = Image.Exif()
    maker.get_ifd(0x8769)[0x927C] = b"Canon..."
    for block in (following, maker.tobytes().removeprefix(b"Exif\0\0"), plain + b"\xff\xd8\xff", b"", plain[:20]):
        assert may_hold_image(block)
