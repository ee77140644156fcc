"""What the benchmarks judge: prompts as platforms get them, and photographs with and without faces."""

import io
import random

import numpy as np
from PIL import Image
from skimage import data

_SUBJECTS = ("portrait of a sailor", "a red brick house", "misty forest at dawn", "cyberpunk street", "bowl of fruit")
_STYLES = ("oil on canvas, by Rembrandt", "35mm film, f/1.8", "trending on artstation", "--ar 16:9 --seed 1234567890")
_PRIVATE = (
    "mail jane.doe@example.com",
    "call +1 212 555 0147",
    "card 4111 1111 1111 1111",
    "iban DE89 3704 0044 0532 0130 00",
    "host 192.0.2.17",
)


def prompts(count: int, seed: int = 1) -> list[str]:
    """`count` prompts, three in ten with something private."""
    rng = random.Random(seed)  # noqa: S311  a benchmark, not a secret
    return [_prompt(rng) for _ in range(count)]


def _prompt(rng: random.Random) -> str:
    parts = [rng.choice(_SUBJECTS), rng.choice(_STYLES), f"Steps: {rng.randint(20, 50)}, CFG scale: 7"]
    if rng.random() < 0.3:
        parts.insert(rng.randint(0, 2), rng.choice(_PRIVATE))
    return ", ".join(parts)


def images(count: int, side: int = 512) -> list[bytes]:
    """`count` JPEG files of `side` x `side` pixels; every second one shows a face."""
    face, no_face = (Image.fromarray(picture()).resize((side, side)) for picture in (data.astronaut, data.coffee))
    return [_jpeg(face if index % 2 == 0 else no_face, index) for index in range(count)]


def _jpeg(picture: Image.Image, index: int) -> bytes:
    pixels = np.asarray(picture).copy()
    pixels[:4, :4] = index % 256  # no two alike, as no cache may help
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
