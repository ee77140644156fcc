"""What the end-to-end tests send: prompts and pictures in every envelope, with what in them is private, and why."""

import base64
import io
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from PIL import Image
from skimage import data

from filters.records import ContentKind
from filters.verdict import Action
from tests.support.kafka_io import Headers, Incoming, Outgoing
from tests.support.tenants import HOLDS, REDACTS, REJECTS

ENVELOPES = ("binary", "structured", "json", "raw")
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Case:
    """One input and what is to become of it.

    `private` are strings that no released record may hold; `face` is the inner part of a face, in pixels of the
    picture; `actions` are the actions that may be taken.
    """

    kind: ContentKind
    envelope: str
    tenant: str
    request_id: str
    key: bytes
    value: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    actions: frozenset[Action]
    private: tuple[str, ...] = field(default=(), repr=False)
    face: Box | None = None

    def to(self, topic: str, partition: int | None = None) -> Outgoing:
        """The record to produce."""
        return Outgoing(topic, self.value, self.key, self.headers, partition)


# ── private spans ─────────────────────────────────────────────────────────────────────────────────────────────────


def luhn_card(number: int) -> str:
    """A valid card number, different for each `number` below 10^10."""
    body = f"41111{number:010d}"
    digits = [int(digit) for digit in body[::-1]]
    total = sum(sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    card = f"{body}{-total % 10}"
    return " ".join(card[start : start + 4] for start in range(0, 16, 4))


def german_iban(number: int) -> str:
    """A valid IBAN (ISO 13616), different for each `number` below 10^10."""
    account = f"37040044{number:010d}"
    check = 98 - int(f"{account}131400") % 97
    return f"DE{check:02d}{account}"


def _spans(number: int) -> tuple[tuple[str, str], ...]:
    """(kind, text) of every private thing that a prompt can hold, different for each `number` below 10,000."""
    return (
        ("mail", f"jane.doe{number}@example.com"),
        ("phone", f"+44 20 7946 {number % 1000:04d}"),
        ("ip", f"198.51.{number // 250}.{number % 250}"),
        ("card", luhn_card(number)),
        ("iban", german_iban(number)),
        ("ssn", f"{200 + number // 90}-{10 + number % 90:02d}-{1000 + number:04d}"),
        ("url", f"https://people.example.org/jane-{number}"),
    )


_LABELS = {"ssn": "social security number ", "phone": "call ", "card": "card ", "iban": "iban "}
_STRICT: Mapping[str, Mapping[str, Action]] = {
    REDACTS: {"card": Action.REJECT, "ssn": Action.REJECT},
    REJECTS: {"card": Action.REJECT, "ssn": Action.REJECT, "iban": Action.REJECT},
    HOLDS: {"card": Action.HOLD, "ssn": Action.HOLD, "iban": Action.HOLD},
}

# ── prompts ───────────────────────────────────────────────────────────────────────────────────────────────────────

_SUBJECTS = ("portrait of a sailor", "red brick house in Lisbon", "misty forest, dawn", "bowl of fruit", "雪山の夕暮れ")
_STYLES = ("oil on canvas, by Rembrandt", "35mm film, f/1.8, ISO 400", "trending on artstation", "--ar 16:9 --v 6.1")
_TECHNICAL = (
    "Steps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1234567890, Size: 512x768, Model hash: 6ce0161689",
    "<lora:add_detail:0.8>, (masterpiece:1.3), v1-5-pruned-emaonly.safetensors",
    "seed 4155552671 --no text",
)


def prompt_cases(count: int, seed: int = 1, tenants: tuple[str, ...] = (REDACTS,)) -> list[Case]:
    """`count` prompts, three in ten with something private, in all envelopes in turn."""
    rng = random.Random(seed)  # noqa: S311  material, not a secret
    return [_prompt_case(number, rng, tenants) for number in range(count)]


def _prompt_case(number: int, rng: random.Random, tenants: tuple[str, ...]) -> Case:
    tenant = tenants[number % len(tenants)]
    parts = [rng.choice(_SUBJECTS), rng.choice(_STYLES), rng.choice(_TECHNICAL)]
    kind, private = rng.choice(_spans(number)) if rng.random() < 0.3 else ("", "")
    if private:
        parts.insert(rng.randint(0, 2), _LABELS.get(kind, "") + private)
    mild = Action.REDACT if private else Action.ALLOW
    fields = {"prompt": ", ".join(parts), "negative_prompt": "blurry, extra fingers"}
    return prompt_case(
        fields,
        ENVELOPES[number // len(tenants) % len(ENVELOPES)],
        tenant,
        f"prompt-{number}",
        actions=frozenset({_STRICT[tenant].get(kind, mild)}),
        private=(private,) if private else (),
    )


def prompt_case(
    fields: Mapping[str, str],
    envelope: str,
    tenant: str,
    request_id: str,
    *,
    actions: frozenset[Action] = frozenset(Action),
    private: tuple[str, ...] = (),
) -> Case:
    """A prompt in an envelope; the raw one holds the field `prompt` only."""
    body: dict[str, object] = {**fields, "steps": 30, "style": {"name": "film"}}
    value, headers = {
        "binary": lambda: (_json(body), _binary_headers(tenant, request_id, "application/json")),
        "structured": lambda: (
            _json(_event(tenant, request_id, "application/json") | {"data": body}),
            _structured_headers(),
        ),
        "json": lambda: (_json({"tenant": tenant, "request_id": request_id} | body), (("trace", b"00-1f"),)),
        "raw": lambda: (fields["prompt"].encode(), _raw_headers(tenant, request_id, "text/plain; charset=utf-8")),
    }[envelope]()
    key = f"user-{request_id}".encode()
    return Case(ContentKind.PROMPT, envelope, tenant, request_id, key, value, headers, actions, private)


# ── pictures ──────────────────────────────────────────────────────────────────────────────────────────────────────

ASTRONAUT_FACE: Box = (195, 80, 255, 165)
"""Brows to chin on scikit-image's astronaut, in its 512 x 512 pixels."""
_FACE_WITH_HAIR: Box = (165, 40, 290, 200)
_FACELESS = ("coffee", "rocket", "brick", "gravel", "grass")
_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_FACE_ACTIONS = {REDACTS: Action.REDACT, REJECTS: Action.REJECT, HOLDS: Action.HOLD}


def image_cases(count: int, seed: int = 1, tenants: tuple[str, ...] = (REDACTS,)) -> list[Case]:
    """`count` pictures of 256 to 512 pixels a side, every second one with a face, in all formats and envelopes."""
    rng = random.Random(seed)  # noqa: S311  material, not a secret
    return [_image_case(number, rng, tenants[number % len(tenants)]) for number in range(count)]


def _image_case(number: int, rng: random.Random, tenant: str) -> Case:
    with_face = rng.random() < 0.5
    picture, face = _face_picture(rng) if with_face else (_faceless_picture(rng), None)
    name = rng.choice(tuple(_FORMATS))
    envelope = ENVELOPES[number % len(ENVELOPES)]
    # A texture may look like a face to a detector: over-redaction is measured elsewhere.
    actions = {_FACE_ACTIONS[tenant]} if with_face else {Action.ALLOW, _FACE_ACTIONS[tenant]}
    encoded = encode_image(picture, name, quality=rng.randint(85, 95))
    return image_case(encoded, _FORMATS[name], envelope, tenant, f"image-{number}", actions=actions, face=face)


def image_case(
    encoded: bytes,
    media_type: str,
    envelope: str,
    tenant: str,
    request_id: str,
    *,
    actions: set[Action] | None = None,
    face: Box | None = None,
) -> Case:
    """An encoded picture in an envelope."""
    text = base64.b64encode(encoded).decode()
    value, headers = {
        "binary": lambda: (encoded, _binary_headers(tenant, request_id, media_type)),
        "structured": lambda: (
            _json(_event(tenant, request_id, media_type) | {"data_base64": text}),
            _structured_headers(),
        ),
        "json": lambda: (
            _json({"tenant": tenant, "request_id": request_id, "image": f"data:{media_type};base64,{text}"}),
            (("trace", b"00-1f"),),
        ),
        "raw": lambda: (encoded, _raw_headers(tenant, request_id, media_type)),
    }[envelope]()
    key = f"user-{request_id}".encode()
    allowed = frozenset(actions or Action)
    return Case(ContentKind.IMAGE, envelope, tenant, request_id, key, value, headers, allowed, (), face)


def image_of(case: Case, record: Incoming) -> np.ndarray:
    """The RGB pixels of a record in the case's envelope."""
    value = record.value or b""
    encoded = {
        "binary": lambda: value,
        "raw": lambda: value,
        "structured": lambda: base64.b64decode(json.loads(value)["data_base64"]),
        "json": lambda: base64.b64decode(json.loads(value)["image"].partition(",")[2]),
    }[case.envelope]()
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def encode_image(picture: Image.Image, name: str, quality: int = 90) -> bytes:
    """An image file."""
    buffer = io.BytesIO()
    picture.save(buffer, name, **({} if name == "PNG" else {"quality": quality}))
    return buffer.getvalue()


@cache
def picture(name: str) -> Image.Image:
    """One of scikit-image's freely licensed photographs, as RGB."""
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def _face_picture(rng: random.Random) -> tuple[Image.Image, Box]:
    x0, y0, x1, y1 = _FACE_WITH_HAIR
    crop = (rng.randint(0, x0), rng.randint(0, y0), rng.randint(x1 + 60, 512), rng.randint(y1 + 60, 512))
    scale = rng.randint(256, 512) / max(crop[2] - crop[0], crop[3] - crop[1])
    size = (round((crop[2] - crop[0]) * scale), round((crop[3] - crop[1]) * scale))
    left, top, right, bottom = ASTRONAUT_FACE
    face = ((left - crop[0]), (top - crop[1]), (right - crop[0]), (bottom - crop[1]))
    scaled = tuple(round(side * scale) for side in face)
    return picture("astronaut").crop(crop).resize(size, Image.Resampling.LANCZOS), (*scaled,)  # type: ignore[return-value]


def _faceless_picture(rng: random.Random) -> Image.Image:
    source = picture(rng.choice(_FACELESS))
    side = rng.randint(256, 320)
    left, top = rng.randint(0, source.width - side), rng.randint(0, source.height - side)
    return source.crop((left, top, left + side, top + side))


# ── envelopes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _event(tenant: str, request_id: str, media_type: str) -> dict[str, object]:
    attributes = {"specversion": "1.0", "type": "com.example.generation", "source": "/apps/studio"}
    return {
        **attributes,
        "id": f"event-{request_id}",
        "tenant": tenant,
        "requestid": request_id,
        "datacontenttype": media_type,
    }


def _binary_headers(tenant: str, request_id: str, media_type: str) -> Headers:
    event = _event(tenant, request_id, media_type)
    attributes = tuple(
        (f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "datacontenttype"
    )
    return (("content-type", media_type.encode()), *attributes)


def _structured_headers() -> Headers:
    return (("content-type", b"application/cloudevents+json; charset=utf-8"),)


def _raw_headers(tenant: str, request_id: str, media_type: str) -> Headers:
    return (
        ("tenant", tenant.encode()),
        ("request-id", request_id.encode()),
        ("content-type", media_type.encode()),
        ("x-shard", b"\x00\xff"),
    )


def interleaved(*streams: list[Case]) -> Iterator[Case]:
    """The cases of several streams, in proportion to their lengths."""
    places = ((index / len(cases), case) for cases in streams for index, case in enumerate(cases, 1))
    yield from (case for _, case in sorted(places, key=lambda place: place[0]))
