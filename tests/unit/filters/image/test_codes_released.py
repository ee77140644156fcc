"""A picture with a code in it, through the pipeline: what a policy names is gone, what it allows can still be read."""

import io

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from zxingcpp import BarcodeFormat

from filters.findings import EntityType, FindingSource
from filters.image.barcodes import BarcodeDetector
from filters.image.medium import ImageMedium
from filters.pipeline import FilterPipeline
from filters.records import ImageContent, Record, RecordContext, SourcePosition
from filters.verdict import Action
from tests.fakes import CollectingObserver, StaticPolicies, policy
from tests.support.prompts import detector as patterns

PAYLOADS = {
    "address": "mailto:jane.doe@example.com",
    "contact": "BEGIN:VCARD\nVERSION:3.0\nN:Doe;Jane\nTEL:+1 415 555 2671\nEND:VCARD",
    "wi-fi": "WIFI:T:WPA;S:Cafe;P:secret;;",
    "link": "https://example.com/menu",
}
FORMS = {"JPEG": {"quality": 85}, "PNG": {}, "WEBP": {"lossless": True}}


def picture(payload: str, form: str) -> bytes:
    """A code on a coloured ground, encoded."""
    code = np.array(zxingcpp.create_barcode(payload, BarcodeFormat.QRCode).to_image(scale=4))
    frame = np.full((400, 480, 3), (180, 200, 215), np.uint8)
    frame[40 : 40 + code.shape[0], 60 : 60 + code.shape[1]] = code[..., None]
    out = io.BytesIO()
    Image.fromarray(frame).save(out, form, **FORMS[form])
    return out.getvalue()


def read(data: bytes) -> list[str]:
    """What a reader of codes makes of a file."""
    with Image.open(io.BytesIO(data)) as image:
        return [code.text for code in zxingcpp.read_barcodes(image.convert("RGB")) if code.valid]


def outcome(data: bytes, form: str, rules: list[dict[str, object]]):
    """Of one image."""
    medium = ImageMedium([BarcodeDetector([patterns()])])
    pipeline = FilterPipeline([medium], StaticPolicies(policy(images={"rules": rules})), CollectingObserver())
    context = RecordContext(SourcePosition("images", 0, 0), "acme", "1")
    (found,) = pipeline.process_batch([Record(context, ImageContent(data, f"image/{form.lower()}"))])
    return found


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operator", ["fill", "mosaic_look", "blur_look"])
def test_a_code_that_the_policy_names_cannot_be_read_any_more(form, operator):
    data = picture(PAYLOADS["link"], form)
    assert read(data) == [PAYLOADS["link"]]
    rules = [{"entities": ["QR_CODE"], "action": "redact", "operator": {"type": operator}}]
    found = outcome(data, form, rules)
    assert found.verdict.action is Action.REDACT
    assert read(found.content.data) == []


@pytest.mark.parametrize(("name", "gone"), [("address", True), ("contact", True), ("wi-fi", False), ("link", False)])
def test_a_policy_on_contacts_covers_the_codes_that_hold_some(name, gone):
    rules = [{"entities": ["EMAIL_ADDRESS", "PHONE_NUMBER"], "action": "redact"}]
    found = outcome(picture(PAYLOADS[name], "PNG"), "PNG", rules)
    assert found.changed is gone
    assert (read(found.content.data) == []) is gone


def test_findings_say_that_they_come_from_a_code_and_rules_can_ask_for_it():
    rules = [{"entities": ["EMAIL_ADDRESS"], "source": "code", "action": "flag"}]
    found = outcome(picture(PAYLOADS["address"], "PNG"), "PNG", rules)
    assert found.verdict.action is Action.FLAG
    sources = {finding.source for finding in found.verdict.findings}
    assert sources == {FindingSource.CODE}
    assert {finding.entity_type for finding in found.verdict.findings} >= {EntityType.EMAIL_ADDRESS}
    other = [{"entities": ["EMAIL_ADDRESS"], "source": "text_in_image", "action": "reject"}]
    assert outcome(picture(PAYLOADS["address"], "PNG"), "PNG", other).verdict.action is Action.ALLOW


def test_no_verdict_holds_what_a_code_says():
    rules = [{"entities": ["QR_CODE", "EMAIL_ADDRESS"], "action": "redact"}]
    assert "jane" not in repr(outcome(picture(PAYLOADS["address"], "PNG"), "PNG", rules).verdict)
