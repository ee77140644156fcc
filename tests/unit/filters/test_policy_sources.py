"""A rule that could never fire is refused: it would promise what nobody does."""

import pytest

from filters.errors import PolicyError
from filters.findings import EntityType, FindingSource
from filters.policy import Capabilities, check_capabilities
from filters.records import ContentKind
from tests.fakes import policy

CAPABLE = Capabilities(
    {ContentKind.IMAGE: frozenset({EntityType.FACE, EntityType.METADATA, EntityType.PERSON})},
    {
        EntityType.FACE: frozenset({FindingSource.PIXELS}),
        EntityType.METADATA: frozenset({FindingSource.FILE}),
        EntityType.PERSON: frozenset({FindingSource.CODE, FindingSource.TEXT_IN_IMAGE}),
    },
    has_key=False,
)


@pytest.mark.parametrize(
    ("entity", "source"), [("FACE", "text_in_image"), ("FACE", "file"), ("METADATA", "pixels"), ("PERSON", "pixels")]
)
def test_a_source_by_which_nobody_finds_the_entity_is_refused(entity, source):
    rule = {"entities": [entity], "source": source, "action": "reject"}
    with pytest.raises(PolicyError) as caught:
        check_capabilities(policy(images={"rules": [rule]}), CAPABLE)
    assert caught.value.reason == "source_missing"


@pytest.mark.parametrize(
    ("entity", "source"),
    [("FACE", "pixels"), ("METADATA", "file"), ("FACE", None), ("PERSON", "code"), ("PERSON", "text_in_image")],
)
def test_the_source_by_which_it_is_found_is_accepted(entity, source):
    rule = {"entities": [entity], "source": source, "action": "reject"}
    check_capabilities(policy(images={"rules": [rule]}), CAPABLE)
