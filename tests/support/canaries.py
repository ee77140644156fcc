"""Records with canaries in every place that content can stand in, well formed and broken."""

import base64
import dataclasses
import io
from collections.abc import Iterator

from PIL import Image, PngImagePlugin

from filters.records import ContentKind
from tests.support.kafka_io import Headers, Outgoing
from tests.support.material import Case, encode_image, image_case, luhn_card, picture, prompt_case
from tests.support.tenants import HOLDS, REDACTS, REJECTS

WORD = "quokkazebra7731"
"""Stands in every prompt, header, body and piece of metadata below; in nothing else."""
MAIL = f"{WORD}.mail@example.com"
CARD = luhn_card(7731)
SPAN = 24
"""Bytes of a file that are looked for: no two files share so many, but for headers, which are left out."""


def canary_prompts() -> list[Case]:
    """Well-formed prompts: released, redacted, rejected, held, and refused."""
    texts = (f"a portrait of {WORD}", f"{WORD}: write to {MAIL}", f"{WORD} pays with card {CARD}")
    cases = [
        prompt_case({"prompt": text, "negative_prompt": WORD}, envelope, tenant, f"canary-{number}-{envelope}-{tenant}")
        for number, text in enumerate(texts)
        for envelope in ("binary", "structured", "json", "raw")
        for tenant in (REDACTS, REJECTS, HOLDS, "unknown")
    ]
    return [dataclasses.replace(case, headers=(*case.headers, ("note", WORD.encode()))) for case in cases]


def canary_messages() -> Iterator[tuple[ContentKind, bytes | None, Headers]]:
    """Broken messages: each takes another path on which an exception could speak."""
    names = (("tenant", REDACTS.encode()), ("request-id", b"broken"))
    word = WORD.encode()
    for kind in ContentKind:
        yield kind, b'{"tenant":"acme","prompt":"%s' % word, ()
        yield kind, b'{"tenant":"Not A Tenant %s","prompt":"x"}' % word, ()
        yield kind, b'{"tenant":"acme","request_id":"no id %s","prompt":"x"}' % word, ()
        yield kind, b'{"tenant":"acme","prompt":{"%s":1},"image":"%s"}' % (word, word), ()
        yield kind, b'{"tenant":"acme","%s":"x"}' % word, ()
        yield kind, b"\xff\xfe" + word, names
        yield kind, word, (("tenant", b"No Tenant " + word),)
        yield kind, word, (*names, ("content-type", b"%s/%s; charset=%s" % (word, word, word)))
        yield kind, word, (*names, ("content-type", b"application/x-" + word))
        yield kind, word, (("ce_specversion", word), ("ce_id", word), ("ce_tenant", word))
        yield kind, b'{"specversion":"1.0","id":"%s","tenant":"acme","data":%s' % (word, word), _STRUCTURED
        yield kind, b'{"specversion":"%s","id":"x","tenant":"acme","data":{}}' % word, _STRUCTURED
        yield kind, None, (*names, ("note", word))
        yield kind, b"\0" + word, names
    yield ContentKind.PROMPT, b'{"tenant":"acme","prompt":"%s \\ud800"}' % word, ()
    yield ContentKind.PROMPT, b'{"tenant":"acme","prompt":"%s \\u0000"}' % word, ()


_STRUCTURED = (("content-type", b"application/cloudevents+json"),)


def canary_images() -> list[Case]:
    """The astronaut in every format, with canaries in the metadata, whole and truncated, for every tenant."""
    files = (
        (_jpeg(), "image/jpeg"),
        (_png(), "image/png"),
        (encode_image(picture("astronaut").resize((320, 320)), "WEBP") + WORD.encode(), "image/webp"),
        (_jpeg()[:-4000], "image/jpeg"),
        (_png()[:-4000], "image/png"),
        (WORD.encode() + _jpeg(), "image/jpeg"),
    )
    return [
        image_case(data, media_type, envelope, tenant, f"canary-image-{number}-{envelope}-{tenant}")
        for number, (data, media_type) in enumerate(files)
        for envelope in ("raw", "json")
        for tenant in (REDACTS, REJECTS, HOLDS, "unknown")
    ]


def _jpeg() -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = WORD  # ImageDescription
    exif[0x013B] = MAIL  # Artist
    picture("astronaut").resize((320, 320)).save(buffer, "JPEG", quality=90, exif=exif, comment=WORD)
    return buffer.getvalue()


def _png() -> bytes:
    buffer = io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", f"portrait of {WORD}")
    text.add_itxt(WORD, WORD, zip=True)
    picture("astronaut").resize((256, 256)).save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def fingerprints(cases: list[Case]) -> set[bytes]:
    """Pieces of every picture: of its file and, at each of the three alignments, of its Base64."""
    pieces = set()
    for case in cases:
        value = case.value if case.envelope == "raw" else base64.b64decode(case.value.partition(b"base64,")[2][:-2])
        for place in range(1000, len(value) - SPAN, 3001):
            piece = value[place : place + SPAN]
            pieces.add(piece)
            pieces |= {base64.b64encode(piece[shift : shift + 18]) for shift in range(3)}
    return pieces


def canary_words() -> set[bytes]:
    """What must be found nowhere, as text and in Base64 at each of the three alignments."""
    words = {WORD.encode(), WORD.upper().encode(), CARD.encode(), CARD.replace(" ", "").encode()}
    encoded = {base64.b64encode(WORD[shift : shift + 9].encode()) for shift in range(3)}
    return words | encoded


def sent(kind_topics: dict[ContentKind, str]) -> list[Outgoing]:
    """The broken messages, for their streams' topics."""
    return [Outgoing(kind_topics[kind], value, b"k", headers) for kind, value, headers in canary_messages()]
