"""Codes are found at any angle, covered so that none can be read any more, and their payloads are judged as text."""

import cv2
import numpy as np
import pytest
import zxingcpp
from zxingcpp import BarcodeFormat

from filters.errors import DetectorTimeout
from filters.findings import EntityType
from filters.image.barcodes import BarcodeDetector
from filters.image.payload import structured_types
from tests.fakes import WordDetector

MAIL = "mailto:jane@example.com"
CODES = {
    BarcodeFormat.QRCode: MAIL,
    BarcodeFormat.DataMatrix: MAIL,
    BarcodeFormat.PDF417: MAIL,
    BarcodeFormat.Aztec: MAIL,
    BarcodeFormat.Code128: "4111111111111111",
    BarcodeFormat.EAN13: "4006381333931",
    BarcodeFormat.Code39: "JANEDOE",
}


def scene(form, payload, angle=0.0, scale=3, *, light_on_dark=False):
    """A code on grey, turned about its centre."""
    code = np.array(zxingcpp.create_barcode(payload, form).to_image(scale=scale))
    side = int(1.5 * max(code.shape)) + 40
    frame = np.full((side, side), 230, np.uint8)
    y, x = (side - code.shape[0]) // 2, (side - code.shape[1]) // 2
    frame[y : y + code.shape[0], x : x + code.shape[1]] = code
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1.0)
    frame = cv2.warpAffine(frame, turn, (side, side), borderValue=230)
    return np.ascontiguousarray(np.repeat((255 - frame if light_on_dark else frame)[..., None], 3, axis=2))


def types(detections):
    return [detection.entity_type for detection in detections]


def covered(frame, detections):
    """As the default operator covers: 15% of the longer side around each box."""
    clean = frame.copy()
    for box in (detection.box for detection in detections):
        margin = round(0.15 * max(box.width, box.height))
        clean[max(0, box.y0 - margin) : box.y1 + margin, max(0, box.x0 - margin) : box.x1 + margin] = 0
    return clean


@pytest.mark.parametrize("angle", [0, 17, 45, 62, 90, 133])
@pytest.mark.parametrize("form", CODES, ids=str)
def test_a_code_is_found_at_any_angle_and_gone_when_it_is_covered(form, angle):
    detector = BarcodeDetector()
    frame = scene(form, CODES[form], angle)
    (found,) = detector.detect([frame])
    assert EntityType.QR_CODE in types(found)
    assert detector.detect([covered(frame, found)]) == [[]]


@pytest.mark.parametrize("form", [BarcodeFormat.QRCode, BarcodeFormat.DataMatrix], ids=str)
def test_light_codes_on_dark_are_found(form):
    assert types(BarcodeDetector().detect([scene(form, MAIL, light_on_dark=True)])[0])


def test_what_the_text_detectors_find_in_a_payload_is_found_at_the_codes_place():
    detector = BarcodeDetector([WordDetector(["veilstone"], EntityType.PERSON)])
    frame = scene(BarcodeFormat.QRCode, "meet veilstone at noon")
    (found,) = detector.detect([frame])
    assert types(found) == [EntityType.QR_CODE, EntityType.PERSON]
    assert len({detection.box for detection in found}) == 1


def test_several_codes_in_several_frames_keep_their_payloads_apart():
    one = scene(BarcodeFormat.QRCode, "tel:+14155552671")
    two = scene(BarcodeFormat.QRCode, "nothing to see")
    both = np.concatenate(
        [one, np.resize(two, one.shape) if two.shape[0] < one.shape[0] else two[: one.shape[0]]], axis=1
    )
    answers = BarcodeDetector().detect([two, one, both])
    assert EntityType.PHONE_NUMBER not in types(answers[0])
    assert EntityType.PHONE_NUMBER in types(answers[1])
    assert types(answers[2]).count(EntityType.PHONE_NUMBER) == 1


def test_a_payload_that_cannot_be_judged_is_an_error_of_the_frame():
    class Slow(WordDetector):
        def detect(self, batch):
            return [DetectorTimeout("of the test") for _ in batch]

    with pytest.raises(DetectorTimeout):
        BarcodeDetector([Slow(["x"])]).detect([scene(BarcodeFormat.QRCode, "x")])


def test_a_damaged_code_counts_as_one():
    frame = scene(BarcodeFormat.QRCode, "a payload that is long enough to be damaged for good", scale=6)
    side = frame.shape[0]
    frame[int(0.5 * side) : int(0.62 * side), int(0.35 * side) : int(0.62 * side)] = 0
    (found,) = BarcodeDetector().detect([frame])
    assert types(found) == [EntityType.QR_CODE]


def test_frames_without_codes_and_tiny_frames_have_none():
    noise = np.random.default_rng(3).integers(0, 256, (200, 300, 3), np.uint8)
    assert BarcodeDetector().detect([noise, np.zeros((1, 500, 3), np.uint8), np.zeros((5, 5, 3), np.uint8)]) == [
        [],
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("mailto:a@b.example", {EntityType.EMAIL_ADDRESS}),
        ("TEL:+1 415 555 2671", {EntityType.PHONE_NUMBER}),
        ("SMSTO:5552671:hi", {EntityType.PHONE_NUMBER}),
        ("geo:48.85,2.29", {EntityType.LOCATION}),
        (
            "BEGIN:VCARD\nVERSION:3.0\nN:Doe;Jane\nTEL;TYPE=CELL:5552671\nEND:VCARD",
            {EntityType.PERSON, EntityType.PHONE_NUMBER},
        ),
        (
            "BEGIN:VCARD\r\nitem1.ADR;type=HOME:;;1 Main St;Ely\r\nBDAY:1980-01-01\r\nEND:VCARD",
            {EntityType.ADDRESS, EntityType.DATE_OF_BIRTH},
        ),
        ("MECARD:N:Doe,Jane;EMAIL:a@b.example;;", {EntityType.PERSON, EntityType.EMAIL_ADDRESS}),
        ("MATMSG:TO:a@b.example;SUB:x;BODY:y;;", {EntityType.EMAIL_ADDRESS}),
        ("BEGIN:VCARD\nN:;\nTEL:\nEND:VCARD", set()),
        ("https://shop.example/p/1", set()),
        ("WIFI:T:WPA;S:home;P:secret;;", set()),
        ("tel:", set()),
        ("N:Doe", set()),
    ],
)
def test_forms_of_payloads_tell_types(payload, expected):
    assert set(structured_types(payload)) == expected
