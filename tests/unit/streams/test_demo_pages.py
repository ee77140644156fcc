"""The demo's gallery, sheets and printed report show what happened, and need nothing from outside."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from filters.records import ContentKind, ImageContent
from streams.demo.claims import Claim, check_claims
from streams.demo.evidence import Evidence
from streams.demo.files import bomb
from streams.demo.images import image_cases
from streams.demo.pages import write_pages
from streams.demo.pictures import data_url, thumbnail
from streams.demo.prompts import prompt_cases
from streams.demo.report import print_report
from tests.support.demo_run import judged

VOID = {"meta", "img", "br"}
IMAGES = {
    "photo-exif",
    "photo-held",
    "photo-turned",
    "hidden-alpha",
    "moving-png",
    "calm-cat",
    "broken-jpeg",
    "broken-bomb",
}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """All prompts and some images, judged without Kafka."""
    return judged([*prompt_cases(), *(case for case in image_cases() if case.id in IMAGES)])


@pytest.fixture(scope="module")
def folder(evidence, tmp_path_factory):
    """What the demo writes about them."""
    folder = tmp_path_factory.mktemp("demo")
    write_pages(folder, evidence, check_claims(evidence))
    return folder


class Outline(HTMLParser):
    """Checks that elements nest, and collects what they are and refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.references += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def outline(folder) -> Outline:
    outline = Outline()
    outline.feed((folder / "index.html").read_text())
    outline.close()
    return outline


def test_the_page_is_well_formed(outline):
    """Every element is closed where it was opened."""
    assert outline.open == []
    assert outline.tags.count("article") == len(prompt_cases()) + len(IMAGES)


def test_the_page_needs_nothing_from_outside(folder, outline):
    """Pictures stand in it, links lead to files beside it, no script runs."""
    assert "script" not in outline.tags
    inside, beside = [], []
    for reference in outline.references:
        (inside if reference.startswith("data:image/") else beside).append(reference)
    assert len(inside) > len(beside) > 0
    assert [name for name in beside if not (folder / name).is_file()] == []
    style = re.search(r"<style>(.*)</style>", (folder / "index.html").read_text(), re.DOTALL)[1]
    assert not re.search(r"url\(|@import|//", style)
    assert "prefers-color-scheme: dark" in style


def test_every_case_is_on_the_page_with_its_verdict(folder, evidence):
    page = (folder / "index.html").read_text()
    for outcome in evidence.outcomes:
        assert f'<article id="{outcome.case.id}">' in page
        assert outcome.verdict["verdict_id"] in page


def test_content_cannot_break_out_of_the_page(folder):
    """Prompts hold angle brackets, and are shown with them."""
    page = (folder / "index.html").read_text()
    assert "&lt;lora:detail_tweaker_v2:0.8&gt;" in page
    assert '<mark class="put">&lt;EMAIL_ADDRESS&gt;</mark>' in page
    assert "<lora:" not in page


def test_released_images_are_the_released_bytes(folder, evidence):
    """Beside the page, under the case's name and a suffix that fits."""
    results = {case["id"]: case for case in json.loads((folder / "results.json").read_bytes())["cases"]}
    for outcome in evidence.of_kind(ContentKind.IMAGE):
        path = results[outcome.case.id]["released_path"]
        if not isinstance(outcome.content, ImageContent):
            assert path is None
            continue
        assert (folder / path).read_bytes() == outcome.content.data
        with Image.open(folder / path) as image:
            assert Image.MIME[image.format] == outcome.content.media_type


def test_results_hold_claims_and_counts(folder, evidence):
    results = json.loads((folder / "results.json").read_bytes())
    assert all(claim["holds"] for claim in results["claims"])
    assert sum(results["counts"]["prompt"].values()) == len(prompt_cases())
    assert len(results["cases"]) == len(evidence.outcomes)


def test_the_sheet_shows_before_and_after(folder):
    """One sheet for up to twelve pictures; it is no blank page."""
    with Image.open(folder / "contact-sheet-1.png") as sheet:
        assert len(sheet.getcolors(maxcolors=1 << 24)) > 1_000
    assert not (folder / "contact-sheet-2.png").exists()


def test_writing_again_keeps_what_is_not_its_own(folder, evidence):
    """Only files of the demo's own names are replaced."""
    other = folder / "released" / "holiday.jpg"
    other.write_bytes(b"mine")
    write_pages(folder, evidence, check_claims(evidence))
    assert other.read_bytes() == b"mine"


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_names_every_case_and_claim(evidence, width):
    """Also where the terminal is narrow; what was found is shown before, its substitute after."""
    text = io.StringIO()
    claims = [*check_claims(evidence), Claim("cats are left alone", ("calm-cat",))]
    print_report(Console(file=text, width=width), evidence, claims, [Path("a[b]/index.html"), Path("sheet.png")])
    printed = text.getvalue()
    assert [one.case.id for one in evidence.outcomes if one.case.id not in printed] == []
    assert "<EMAIL_ADDRESS>" in printed
    assert 'veilstream_events_total{action="redact"' in printed
    assert "FAILS" in printed
    assert "Gallery: a[b]/index.html\n" in printed


def test_pictures_that_are_none_have_no_thumbnail():
    """A bomb is not unpacked, and a cut-off file is no picture."""
    for image in (bomb(10_000), ImageContent(b"noise", "image/png"), None):
        assert thumbnail(image, 100) is None
    assert data_url(bomb(10_000), 100) is None
