"""The demo's inputs are what they say they are, for the platform and for the filter alike."""

import io
from collections import Counter

import pytest
from PIL import Image

from filters.errors import ConfigurationError
from filters.policy_source import parse_policy
from filters.records import ContentKind, ImageContent
from filters.verdict import Action
from streams.demo import photos
from streams.demo.files import bomb
from streams.demo.images import image_cases
from streams.demo.leaks import metadata_of
from streams.demo.messages import TEXT_FIELDS, Wrapping, open_released
from streams.demo.policies import policy_documents
from streams.demo.prompts import prompt_cases
from streams.mapping import JsonPointers, MessageMapping
from streams.message import MessageReader, RawMessage

PROMPTS = prompt_cases()
IMAGES = image_cases()
CASES = [*PROMPTS, *IMAGES]
READABLE = [case for case in CASES if case.content is not None]
ENVELOPES = {wrapping.value for wrapping in Wrapping}
MAPPING = MessageMapping(json_pointers=JsonPointers(fields=TEXT_FIELDS))


def ids(cases):
    return [case.id for case in cases]


def test_there_are_enough_inputs_of_every_kind():
    """At least 40 prompts and 12 images; every action and every envelope for both."""
    assert len(PROMPTS) >= 40
    assert len(IMAGES) >= 12
    assert len(set(ids(CASES))) == len(CASES)
    assert {case.expected for case in PROMPTS} == set(Action)
    assert {case.expected for case in IMAGES} == set(Action) - {Action.FLAG}
    for cases in (PROMPTS, IMAGES):
        assert {case.envelope for case in cases} >= ENVELOPES


def test_plain_art_is_a_good_part_of_the_prompts():
    """A filter that redacts everything would fail the demo."""
    assert Counter(case.expected for case in PROMPTS)[Action.ALLOW] >= 15


def test_the_inputs_are_the_same_each_time():
    """Nothing in them is random or of today."""
    assert [case.message for case in image_cases()] == [case.message for case in IMAGES]
    assert [case.message for case in prompt_cases()] == [case.message for case in PROMPTS]


@pytest.mark.parametrize("case", [case for case in CASES if case.private], ids=lambda case: case.id)
def test_what_must_not_come_out_does_go_in(case):
    """A canary that is not planted can never be found."""
    if isinstance(case.content, ImageContent):
        heard = case.content.data + repr(metadata_of(case.content)).encode()
    else:
        content = case.content
        heard = "\n".join(content.fields.values()).encode() if content else case.message.value
    assert [text for text in case.private if text.encode() not in heard] == []


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.id)
def test_the_platform_reads_its_own_messages(case):
    """What is produced and what is taken apart behind the filter follow one layout."""
    assert open_released(case.kind, case.message.value, case.message.headers) == case.content


@pytest.mark.parametrize("case", READABLE, ids=lambda case: case.id)
def test_the_filter_reads_the_messages_alike(case):
    """Tenant, request and content are where the worker's mapping looks for them."""
    message = case.message
    raw = RawMessage("inputs", 0, 7, message.key, message.value, message.headers)
    record = MessageReader(case.kind, MAPPING, 10_000_000).read(raw).record
    assert (record.context.tenant, record.context.request_id) == (case.tenant, case.request_id)
    assert record.content == case.content


@pytest.mark.parametrize("case", [case for case in IMAGES if case.faces], ids=lambda case: case.id)
def test_faces_lie_within_their_frames(case):
    """Boxes are of the upright frame that a viewer sees."""
    with Image.open(io.BytesIO(case.content.data)) as image:
        turned = image.getexif().get(0x0112, 1) == 6
        size = image.size[::-1] if turned else image.size
        frames = getattr(image, "n_frames", 1)
    for face in case.faces:
        assert face.frame < frames
        assert face.box.clipped(*size) == face.box


def test_a_prompt_and_its_images_share_a_request():
    """Some requests have both, so that they can be joined."""
    prompts = {case.request_id for case in PROMPTS if case.request_id}
    assert len([case for case in IMAGES if case.request_id in prompts]) >= 3


def test_the_bomb_is_small_and_announces_100_megapixels():
    assert len(bomb(10_000).data) < 1_000
    assert bomb(10_000).data[16:24] == (10_000).to_bytes(4, "big") * 2


def test_every_photograph_is_in_the_package():
    """And nothing of the files but their pixels is used."""
    for photo in photos.CREDITS:
        assert photos.load_photo(photo).info == {}


def test_without_the_package_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setattr(photos, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"veilstream\[demo\]"):
        photos.load_photo(photos.ASTRONAUT)


def test_the_policies_are_valid_and_of_the_tenants_of_the_cases():
    """Only the strangers have none."""
    tenants = {parse_policy(text, name).tenant for name, text in policy_documents()}
    judged = {case.tenant for case in CASES if case.expected is not Action.REJECT}
    assert judged == tenants


def test_both_kinds_are_produced_to_their_own_stream():
    assert {case.kind for case in PROMPTS} == {ContentKind.PROMPT}
    assert {case.kind for case in IMAGES} == {ContentKind.IMAGE}
