"""Images behind the first one of a file are never passed unseen."""

import pytest
from PIL import Image

from filters.decide import decide
from filters.findings import UNSEEN_DETECTOR
from filters.policy import FilterPolicy
from filters.records import ContentKind
from filters.verdict import Action
from tests.unit.filters.image.images import METADATA_HIT, decode, encoded, medium, photograph, release


def policy(metadata: str) -> FilterPolicy:
    head = {"apiVersion": "veilstream/v1", "kind": "FilterPolicy", "metadata": {"tenant": "acme", "version": 1}}
    return FilterPolicy.model_validate(head | {"spec": {"images": {"metadata": metadata}}})


@pytest.mark.parametrize("metadata", ["strip", "keep"])
def test_the_second_image_of_an_mpo_goes(metadata):
    """Whatever the policy keeps, a file with a further image is written anew, with the first alone."""
    first, second = Image.fromarray(photograph(64, 48)), Image.fromarray(photograph(32, 24))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert data.count(b"\xff\xd8\xff") == 2
    findings = medium().own_findings(decode(data))
    assert [finding.detector for finding in findings] == [UNSEEN_DETECTOR]
    assert decide(findings, policy(metadata), ContentKind.IMAGE).action is Action.REDACT
    assert release(data, METADATA_HIT).count(b"\xff\xd8\xff") == 1
