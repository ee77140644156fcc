"""Images by reference through a worker: by s3:// and file://, beside inline ones, on both brokers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from filters.keys import TenantKeys
from streams.original import open_original
from streams.seal import Sealer
from tests.integration.conftest import Figures, MakeHouse
from tests.support.claims import ResolvingTail, Shelf, claimed, encoded, only_claiming, send_all
from tests.support.house import House
from tests.support.kafka_io import unique
from tests.support.material import image_cases
from tests.support.objects import CREDENTIALS, S3Server
from tests.support.oracle import Oracle
from tests.support.tenants import HOLDS, POLICIES
from tests.support.worker import MASTER_KEY

TENANTS = tuple(POLICIES)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch) -> Iterator[Callable[..., Shelf]]:
    """Makes shelves, on an S3 of their own."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:

        def make(released: str | None = None) -> Shelf:
            bucket = unique("images")
            return Shelf(stack.enter_context(S3Server(bucket)), bucket, tmp_path / "objects", released)

        yield make


@pytest.mark.parametrize("released", ["s3", "file"])
def test_images_by_reference_are_judged_like_inline_ones_and_never_point_back(
    released: str, house: House, shelf, tmp_path: Path, face_detector, figures: Figures
):
    """One verdict each, no face in any released object, what is clean copied to the byte, no original named."""
    objects = shelf(f"file://{tmp_path}/released/" if released == "file" else None)
    cases = image_cases(48, tenants=TENANTS)
    claiming = only_claiming(cases)
    given = [
        claimed(objects, case, ("s3", "file")[number % 2]) if number % 3 else case
        for number, case in enumerate(claiming)
    ]
    house.worker("--streams", "images", settings=objects.settings()).wait_ready()
    with ResolvingTail(house.bootstrap, house.topics, objects) as tail:
        inputs = send_all(house, given)
        oracle = Oracle(tail, house.topics, face_detector)
        assert oracle.settled(inputs, timeout=90)
        report = oracle.report(inputs)
        figures(f"{len(inputs)} pictures, two in three by reference; {report.summary}")
        assert report.problems == {}
        assert min(report.released, report.rejected, report.held) > 0
        assert tail.names(lambda part: b"original-" in part) == []
        assert objects.releases() == set().union(*tail.pointed_at.values())
        assert all(len(urls) == 1 for urls in tail.pointed_at.values())
        by_source = {one.source.encode(): one.case for one in inputs}
        held = [record for record in tail.raw if record.topic == house.topics.held]
        sealer = Sealer(TenantKeys(MASTER_KEY))
        for record in held:
            case = by_source[record.header("veilstream-source-offset") or b""]
            verdict_id = (record.header("veilstream-verdict") or b"").decode()
            opened = open_original(sealer, HOLDS, record.value or b"", verdict_id)
            assert opened.value == case.value or opened.claimed == encoded(case)


def test_without_allowed_prefixes_references_are_refused_and_inline_images_pass(
    embedded_broker, houses: MakeHouse, shelf
):
    """The default: nothing is fetched for anybody."""
    house, objects = houses(embedded_broker), shelf()
    claiming = only_claiming(image_cases(12))[:4]
    given = [claimed(objects, claiming[0], "s3"), claimed(objects, claiming[1], "file"), *claiming[2:]]
    settings = {"IMAGES__MAPPING": objects.settings()["IMAGES__MAPPING"]}
    house.worker("--streams", "images", settings=settings).wait_ready()
    inputs = send_all(house, given)
    oracle = house.oracle()
    assert oracle.settled(inputs, timeout=60)
    errors = [oracle.verdict(one)["error"] for one in inputs]
    assert [error and error["reason"] for error in errors] == ["claim_check_unsupported"] * 2 + [None] * 2
