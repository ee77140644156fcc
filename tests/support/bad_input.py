"""Records that cannot be judged, and the code that each must be refused with."""

import dataclasses
import io
import json
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from filters.records import ContentKind
from tests.support.kafka_io import Headers, Outgoing
from tests.support.material import Case, encode_image, image_case, picture, prompt_case
from tests.support.tenants import REDACTS

BOMB_SIDE = 10_000
TEN_MEGABYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BadInput:
    """`name` for people, `code` of the error, `kind` of the stream it is sent to."""

    name: str
    code: str
    kind: ContentKind
    value: bytes | None
    headers: Headers

    def to(self, topic: str) -> Outgoing:
        return Outgoing(topic, self.value, self.name.encode(), self.headers)


def png_bomb(side: int = BOMB_SIDE) -> bytes:
    """A valid greyscale PNG of `side` x `side` black pixels in about a thousandth of the bytes."""
    row = b"\0" * (side + 1)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b""))
    framed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def bad_inputs(oversize: int = TEN_MEGABYTES) -> list[BadInput]:
    """One of each; `oversize` is the length of the prompt that is too large to be read, above 1 MiB."""
    return [*_bad_prompts(oversize), *_bad_images()]


def _bad_prompts(oversize: int) -> list[BadInput]:
    plain = prompt_case({"prompt": "a red house"}, "json", REDACTS, "bad")
    raw = prompt_case({"prompt": "a red house"}, "raw", REDACTS, "bad")
    large = {"prompt": "a red house, " * (oversize // 13)}
    nobody = json.dumps({"prompt": "a red house", "request_id": "bad"}).encode()
    return [
        _bad("null value", "message", raw, value=None),
        _bad("empty value", "message", raw, value=b""),
        _bad("garbage bytes", "message", raw, value=bytes(range(128, 256)) * 8),
        _bad("broken JSON", "message", plain, value=plain.value[:-7]),
        _bad("form instead of JSON", "unsupported_media", raw, headers=_with_type(raw, "text/html")),
        _bad("unknown tenant", "unknown_tenant", prompt_case({"prompt": "x"}, "json", "nobody", "bad")),
        _bad("no tenant", "message", plain, value=nobody),
        _bad("oversize", "payload_too_large", prompt_case(large, "json", REDACTS, "bad")),
        _bad("long text", "payload_too_large", prompt_case({"prompt": "house " * 20_000}, "json", REDACTS, "bad")),
    ]


def _bad_images() -> list[BadInput]:
    jpeg = encode_image(picture("coffee"), "JPEG")
    good = image_case(jpeg, "image/jpeg", "raw", REDACTS, "bad")
    gif = io.BytesIO()
    Image.new("RGB", (64, 64)).save(gif, "GIF")
    return [
        _bad("null image", "message", good, value=None),
        _bad("empty image", "message", good, value=b""),
        _bad("garbage image", "unsupported_media", good, value=bytes(range(256)) * 64),
        _bad("truncated JPEG", "unsupported_media", good, value=jpeg[: len(jpeg) // 2]),
        _bad("PNG bomb", "payload_too_large", good, value=png_bomb(), headers=_with_type(good, "image/png")),
        _bad("GIF called JPEG", "unsupported_media", good, value=gif.getvalue()),
        _bad("PDF type", "unsupported_media", good, headers=_with_type(good, "application/pdf")),
        _bad("unknown tenant's image", "unknown_tenant", image_case(jpeg, "image/jpeg", "raw", "nobody", "bad")),
        _bad("bad Base64", "message", good, value=b'{"tenant":"acme","image":"@@@"}', headers=()),
    ]


def _with_type(case: Case, media_type: str) -> Headers:
    return tuple((name, media_type.encode() if name == "content-type" else value) for name, value in case.headers)


def _bad(name: str, code: str, case: Case, **changes: object) -> BadInput:
    made = BadInput(name, code, case.kind, case.value, case.headers)
    return dataclasses.replace(made, **changes)
