"""Scenes that the demo makes of its photographs: collages, cards, animations. Each tells where its faces are."""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from filters.findings import BoundingBox
from streams.demo.cases import Face
from streams.demo.photos import ASTRONAUT, ASTRONAUT_FACE, CAT, COFFEE, ROCKET, load_photo

_PORTRAIT = (92, 0, 352, 260)
"""Head and shoulders, a square of the photograph."""
_INK, _PAPER, _BLUE, _GOLD = "#1d2733", "#f6f3ec", "#2b4c7e", "#c9a227"


@dataclass(frozen=True, slots=True)
class Scene:
    """Frames (one, or an animation's) of one size, and the faces in them."""

    frames: tuple[Image.Image, ...]
    faces: tuple[Face, ...] = ()


def plain(image: Image.Image) -> Scene:
    """A picture without a face."""
    return Scene((image,))


def astronaut() -> Scene:
    """The photograph as it is."""
    return Scene((load_photo(ASTRONAUT),), (Face(0, ASTRONAUT_FACE),))


def two_people() -> Scene:
    """Two faces, one of them mirrored, on one sheet with a cat between them."""
    sheet = Image.new("RGB", (980, 520), _PAPER)
    sheet.paste(load_photo(CAT).crop((60, 0, 320, 300)), (360, 110))
    boxes = [_paste_portrait(sheet, 30, 60, 300), _paste_portrait(sheet, 650, 160, 300, mirrored=True)]
    return Scene((sheet,), tuple(Face(0, box) for box in boxes))


def spectator() -> Scene:
    """A small face in a wide night view."""
    view = load_photo(ROCKET).resize((1280, 854), Image.Resampling.LANCZOS)
    return Scene((view,), (Face(0, _paste_portrait(view, 860, 640, 110)),))


def closeup() -> Scene:
    """A face that fills the frame."""
    sheet = Image.new("RGB", (640, 640))
    return Scene((sheet,), (Face(0, _paste_portrait(sheet, 0, 0, 640)),))


def badge() -> Scene:
    """A conference badge with a portrait."""
    card = Image.new("RGB", (620, 860), _PAPER)
    draw = ImageDraw.Draw(card)
    draw.rectangle((0, 0, 620, 150), fill=_BLUE)
    draw.rounded_rectangle((250, 22, 370, 48), 13, fill=_PAPER)
    _text(draw, (310, 100), "ORBIT SUMMIT", 44, "white")
    box = _paste_portrait(card, 150, 190, 320)
    _text(draw, (310, 570), "JANE ROE", 58, _INK)
    _text(draw, (310, 635), "mission specialist", 32, _BLUE)
    draw.line((90, 690, 530, 690), fill=_GOLD, width=4)
    _text(draw, (310, 735), "jane.roe@example.com", 28, _INK)
    _text(draw, (310, 785), "no. 000 417", 28, _INK)
    return Scene((card,), (Face(0, box),))


def identity_card() -> Scene:
    """A card with a portrait and, as real ones have it, a small ghost of it in the corner."""
    card = Image.new("RGB", (1000, 630), "#dfe8e4")
    draw = ImageDraw.Draw(card)
    for step in range(0, 1000, 14):
        draw.line((step, 0, step - 240, 630), fill="#d2ded8", width=3)
    draw.rectangle((0, 0, 1000, 92), fill="#35655a")
    _text(draw, (500, 46), "SPECIMEN  ·  IDENTITY CARD  ·  UTOPIA", 36, "white")
    boxes = [_paste_portrait(card, 48, 140, 330), _paste_portrait(card, 840, 480, 120)]
    lines = ("ROE", "JANE", "12 MAR 1989", "UTO 417 000 21", "ELM STREET 12, UTOPIA")
    for row, line in enumerate(lines):
        _text(draw, (430, 175 + 62 * row), line, 34, _INK, anchor="lm")
    _text(draw, (48, 560), "IDUTO41700021<<<<<<<<<<<<<<<", 30, _INK, anchor="lm")
    return Scene((card,), tuple(Face(0, box) for box in boxes))


def bank_card() -> Scene:
    """A bank card: words and digits, and no face."""
    card = Image.new("RGB", (860, 540), "#22313f")
    draw = ImageDraw.Draw(card)
    draw.ellipse((520, -180, 1080, 380), fill="#2c4258")
    draw.rounded_rectangle((70, 180, 170, 255), 12, fill=_GOLD)
    _text(draw, (70, 90), "FIRST BANK OF UTOPIA", 38, "white", anchor="lm")
    _text(draw, (70, 345), "4111 1111 1111 1111", 58, "white", anchor="lm")
    _text(draw, (70, 450), "JANE ROE", 36, "#d8dee5", anchor="lm")
    _text(draw, (640, 450), "12/29", 36, "#d8dee5", anchor="lm")
    return plain(card)


def under_transparency() -> Scene:
    """A coffee table with a hole in it: fully transparent pixels, under which a face still stands in the file."""
    table = load_photo(COFFEE)
    box = _paste_portrait(table, 40, 40, 280)
    clear = table.convert("RGBA")
    clear.putalpha(_hole_in(table.size, (40, 40, 320, 320)))
    return Scene((clear,), (Face(0, box),))


def _hole_in(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    alpha = Image.new("L", size, 255)
    alpha.paste(0, box)
    return alpha


def fly_past(frames: int, width: int = 420) -> Scene:
    """An animation in which somebody comes into the picture; the first frame is empty."""
    height = width * 2 // 3
    drawn = list(_fly_past(frames, width, height))
    faces = tuple(Face(index, box) for index, (_, box) in enumerate(drawn) if box)
    return Scene(tuple(frame for frame, _ in drawn), faces)


def _fly_past(frames: int, width: int, height: int) -> Iterator[tuple[Image.Image, BoundingBox | None]]:
    night = load_photo(ROCKET).resize((width, height), Image.Resampling.LANCZOS)
    side = height * 2 // 3
    yield night.copy(), None
    for index in range(1, frames):
        frame = night.copy()
        left = (width - side) * index // frames
        yield frame, _paste_portrait(frame, left, height - side, side)


def _paste_portrait(sheet: Image.Image, x: int, y: int, side: int, *, mirrored: bool = False) -> BoundingBox:
    """Paste the portrait as a square; returns its face's box on the sheet."""
    left, top, right, _ = _PORTRAIT
    portrait = load_photo(ASTRONAUT).crop(_PORTRAIT).resize((side, side), Image.Resampling.LANCZOS)
    scale = side / (right - left)
    face = ASTRONAUT_FACE
    x0, x1 = (face.x0 - left) * scale, (face.x1 - left) * scale
    if mirrored:
        portrait = portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        x0, x1 = side - x1, side - x0
    sheet.paste(portrait, (x, y))
    y0, y1 = (face.y0 - top) * scale, (face.y1 - top) * scale
    return BoundingBox(x + round(x0), y + round(y0), x + round(x1), y + round(y1))


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, colour: str, anchor: str = "mm"
) -> None:
    draw.text(place, text, fill=colour, font=ImageFont.load_default(size), anchor=anchor)
