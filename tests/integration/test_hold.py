"""What is held is kept for a person, and for nobody else."""

import pytest

from filters.keys import TenantKeys
from streams.original import Original, open_original
from streams.seal import Sealer
from tests.integration.conftest import MakeHouse
from tests.support.house import House
from tests.support.material import encode_image, image_case, luhn_card, picture, prompt_case
from tests.support.oracle import Input, send
from tests.support.tenants import HOLDS, REDACTS
from tests.support.worker import MASTER_KEY, WorkerProcess


def held_load(house: House) -> list[Input]:
    """A prompt and a picture that the policy holds."""
    jpeg = encode_image(picture("astronaut").resize((320, 320)), "JPEG")
    cases = [
        prompt_case({"prompt": f"card {luhn_card(1)}"}, "structured", HOLDS, "held-prompt"),
        image_case(jpeg, "image/jpeg", "raw", HOLDS, "held-image"),
    ]
    return send(house.bootstrap, house.topics, cases)


def test_held_records_are_sealed_and_open_to_the_original_with_the_key_only(house: House):
    """AES-256-GCM under the tenant's key, bound to the verdict: another tenant, key or verdict does not open it."""
    house.worker().wait_ready()
    inputs = held_load(house)
    oracle = house.oracle()
    assert oracle.settled(inputs, timeout=60)
    assert oracle.report(inputs).held == 2
    tail = house.tail(house.topics.held)
    assert tail.read_until(lambda: len(tail.records) == 2, timeout=10)
    originals = {given.source.encode(): given.case for given in inputs}
    sealer, other = Sealer(TenantKeys(MASTER_KEY)), Sealer(TenantKeys(bytes(32)))
    for record in tail.records:
        case = originals[record.header("veilstream-source-offset") or b""]
        sealed, verdict = record.value or b"", record.header("veilstream-verdict") or b""
        assert case.value[:24] not in sealed
        original = Original(case.key, case.value, case.headers)
        assert open_original(sealer, HOLDS, sealed, verdict.decode()) == original, "it could be judged again"
        assert record.key == case.key
        for opener, tenant, bound_to in ((other, HOLDS, verdict), (sealer, REDACTS, verdict), (sealer, HOLDS, b"")):
            with pytest.raises(ValueError, match="differ"):
                opener.open(tenant, sealed, bound_to)


def keyless(house: House) -> WorkerProcess:
    return house.worker("--streams", "prompts", settings={"KEYS__MASTER": ""}).wait_ready()


def test_without_a_key_a_policy_that_holds_is_refused(embedded_house: House):
    """The worker says why and where; the tenant's records are rejected, other tenants' are judged."""
    house = embedded_house
    worker = keyless(house)
    (refusal,) = worker.log_lines("policy refused, the last good one stays")
    assert (refusal["tenant"], refusal["level"]) == (HOLDS, "error")
    assert refusal["source"].startswith(f"{house.topics.policies}:0@")
    assert refusal["line"] > 1
    assert "VEILSTREAM_KEYS__MASTER" in refusal["reason"]
    cases = [prompt_case({"prompt": "a red house"}, "json", tenant, "r") for tenant in (HOLDS, REDACTS)]
    inputs = send(house.bootstrap, house.topics, cases)
    oracle = house.oracle()
    assert oracle.settled(inputs, timeout=60)
    held, redacts = (oracle.verdict(given) for given in inputs)
    assert (held["action"], held["error"]) == (
        "reject",
        {"code": "unknown_tenant", "reason": "tenant_unknown", "stage": "resolve"},
    )
    assert redacts["action"] == "allow"


def test_without_a_key_a_hold_published_later_leaves_the_last_good_policy(embedded_broker, houses: MakeHouse):
    """The tenant goes on under the version that can be kept."""
    house = houses(embedded_broker, (REDACTS,))
    worker = keyless(house)
    text = (
        "apiVersion: veilstream/v1\nkind: FilterPolicy\nmetadata: {tenant: acme, version: 2}\n"
        "spec:\n  on_error: hold\n  prompts: {rules: []}\n"
    )
    house.publish(REDACTS, text.encode())
    refusal = worker.wait_for_line("policy refused, the last good one stays")
    assert (refusal["line"], refusal["column"]) == (5, 13)
    inputs = send(house.bootstrap, house.topics, [prompt_case({"prompt": "a red house"}, "json", REDACTS, "r")])
    oracle = house.oracle()
    assert oracle.settled(inputs, timeout=60)
    assert oracle.verdict(inputs[0])["policy"] == {"tenant": REDACTS, "version": 1, "mode": "enforce"}
