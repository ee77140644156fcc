"""Contact sheets: every image before | after, on PNGs to look at without a browser."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from filters.records import Content, ImageContent
from filters.verdict import Action
from streams.demo.outcomes import CaseOutcome
from streams.demo.pictures import thumbnail

_COLUMNS, _ROWS = 3, 4
_TILE, _GAP, _CAPTION = 280, 14, 62
_WIDTH, _HEIGHT = 2 * _TILE + 3 * _GAP, _TILE + _CAPTION + _GAP
_PAPER, _INK, _FAINT = "#f4f4f1", "#1f2429", "#6b7278"
_COLOURS = {
    Action.ALLOW: "#2e7d4f",
    Action.FLAG: "#8a6d00",
    Action.REDACT: "#1f5fa8",
    Action.HOLD: "#7a3fa0",
    Action.REJECT: "#b3261e",
}


def write_sheets(outcomes: Sequence[CaseOutcome], folder: Path) -> list[Path]:
    """`contact-sheet-1.png` and so on in `folder`, 12 images each; without inputs that are no picture."""
    per_sheet = _COLUMNS * _ROWS
    shown = [outcome for outcome in outcomes if thumbnail(_image(outcome.case.content), _TILE)]
    paths = []
    for number, start in enumerate(range(0, len(shown), per_sheet), 1):
        path = folder / f"contact-sheet-{number}.png"
        _sheet(shown[start : start + per_sheet]).save(path)
        paths.append(path)
    return paths


def _sheet(outcomes: Sequence[CaseOutcome]) -> Image.Image:
    rows = -(-len(outcomes) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _WIDTH + _GAP, rows * _HEIGHT + _GAP), _PAPER)
    for index, outcome in enumerate(outcomes):
        row, column = divmod(index, _COLUMNS)
        _pair(sheet, _GAP + column * _WIDTH, _GAP + row * _HEIGHT, outcome)
    return sheet


def _pair(sheet: Image.Image, x: int, y: int, outcome: CaseOutcome) -> None:
    draw = ImageDraw.Draw(sheet)
    action = outcome.action
    draw.text((x, y), outcome.case.id, fill=_INK, font=ImageFont.load_default(20))
    label = action.value if action else "no verdict"
    colour = _COLOURS[action] if action else _INK
    draw.text((x + 2 * _TILE + _GAP, y), label, fill=colour, font=ImageFont.load_default(20), anchor="ra")
    why = outcome.error or ", ".join(outcome.verdict.get("rules", ())) or "nothing found"
    draw.text((x, y + 28), f"{outcome.case.tenant or 'no tenant'}: {why}", fill=_FAINT, font=ImageFont.load_default(15))
    for offset, content in ((0, outcome.case.content), (_TILE + _GAP, outcome.content)):
        _tile(sheet, (x + offset, y + _CAPTION), _image(content), f"{label}: nothing is released")


def _image(content: Content | None) -> ImageContent | None:
    return content if isinstance(content, ImageContent) else None


def _tile(sheet: Image.Image, place: tuple[int, int], image: ImageContent | None, instead: str) -> None:
    x, y = place
    draw = ImageDraw.Draw(sheet)
    shown = thumbnail(image, _TILE)
    draw.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill="#e7e7e2")
    if shown is None:
        middle = (x + _TILE // 2, y + _TILE // 2)
        draw.text(middle, instead, fill=_FAINT, font=ImageFont.load_default(16), anchor="mm")
        return
    sheet.paste(shown, (x + (_TILE - shown.width) // 2, y + (_TILE - shown.height) // 2))
