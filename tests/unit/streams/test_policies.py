"""The board: whole snapshots, growing versions, the last good policy kept."""

import threading

import pytest

from filters.errors import UnknownTenant
from filters.findings import EntityType, FindingSource
from filters.policy import Capabilities
from filters.policy_issues import IssueCode
from filters.policy_source import PolicyDocument, read_policy
from filters.records import ContentKind
from streams.policies import PolicyBoard, PolicySnapshot
from tests.unit.streams.policy_texts import Events

CAPABLE = Capabilities(
    {ContentKind.PROMPT: frozenset({EntityType.URL}), ContentKind.IMAGE: frozenset({EntityType.FACE})},
    {EntityType.FACE: frozenset({FindingSource.PIXELS})},
    has_key=False,
)
POLICY = """\
apiVersion: veilstream/v1
kind: FilterPolicy
metadata: {{tenant: {tenant}, version: {version}}}
spec:
  mode: {mode}
  prompts:
    rules:
      - {{entities: [{entity}], action: {action}, operator: {operator}}}
  images:
    rules:
      - {{entities: [FACE], action: redact}}
"""


def document(tenant="acme", version=1, mode="enforce", entity="URL", action="redact", operator="{type: replace}"):
    fields = {"tenant": tenant, "version": version, "mode": mode}
    text = POLICY.format(**fields, entity=entity, action=action, operator=operator)
    return read_policy(text, "p.yaml")


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def board(events) -> PolicyBoard:
    return PolicyBoard(CAPABLE, events)


def in_force(board: PolicyBoard) -> dict[str, int]:
    return {tenant: policy.metadata.version for tenant, policy in board.snapshot.items()}


def test_a_policy_is_in_force_once_offered(board, events):
    assert board.offer(document()) == ()
    assert board.resolve("acme").metadata.version == 1
    assert events.told == [("accepted", "acme", 1)]


def test_a_greater_version_replaces_and_other_tenants_stay(board):
    for it in (document(), document("other", 5), document(version=3)):
        board.offer(it)
    assert in_force(board) == {"acme": 3, "other": 5}


@pytest.mark.parametrize("version", [1, 2])
def test_other_content_under_a_version_that_did_not_grow_is_refused(board, events, version):
    board.offer(document(version=2))
    (issue,) = board.offer(document(version=version, mode="shadow"))
    assert issue.code is IssueCode.VERSION_NOT_GROWN
    assert issue.hint == "write `version: 3`"
    assert board.resolve("acme").spec.mode == "enforce"
    assert events.told[1:] == [("refused", "acme", (IssueCode.VERSION_NOT_GROWN, 3, 35))]


def test_the_same_version_with_the_same_content_changes_nothing(board, events):
    board.offer(document())
    before = board.snapshot
    assert board.offer(document()) == ()
    assert board.snapshot is before
    assert events.told == [("accepted", "acme", 1)]


REFUSED = [
    ({"entity": "NRP"}, (IssueCode.NOT_CAPABLE, 8, 21)),
    ({"entity": "URL, NRP"}, (IssueCode.NOT_CAPABLE, 8, 26)),
    ({"action": "hold", "operator": "null"}, (IssueCode.NOT_CAPABLE, 8, 35)),
    ({"operator": "{type: pseudonym}"}, (IssueCode.NOT_CAPABLE, 8, 53)),
]


@pytest.mark.parametrize(("change", "issue"), REFUSED)
def test_what_the_installation_cannot_keep_is_refused_at_its_place_and_the_last_good_stays(
    board, events, change, issue
):
    board.offer(document())
    assert board.offer(document(version=2, **change))
    assert in_force(board) == {"acme": 1}
    assert events.told[1:] == [("refused", "acme", issue)]


def test_on_error_hold_without_a_key_is_refused(board, events):
    text = POLICY.format(
        tenant="acme", version=1, mode="enforce\n  on_error: hold", entity="URL", action="flag", operator="null"
    )
    assert board.offer(read_policy(text, "p.yaml"))
    assert events.told == [("refused", "acme", (IssueCode.NOT_CAPABLE, 6, 13))]


def test_sealed_dead_letters_without_a_key_are_refused_at_their_word(board, events):
    text = POLICY.format(tenant="acme", version=1, mode="enforce", entity="URL", action="flag", operator="null")
    board.offer(read_policy(text + "  dead_letters: sealed\n", "p.yaml"))
    assert events.told == [("refused", "acme", (IssueCode.NOT_CAPABLE, text.count("\n") + 1, 17))]


def test_a_rule_whose_source_nothing_reads_is_refused_at_the_source(board, events):
    text = POLICY.format(tenant="acme", version=1, mode="enforce", entity="URL", action="flag", operator="null")
    rule = "      - {entities: [FACE], source: code, action: redact}\n"
    (issue,) = board.offer(read_policy(text + rule, "p.yaml"))
    assert (issue.code, text.count("\n") + 1) == (IssueCode.NOT_CAPABLE, issue.line)
    assert rule[issue.column - 1 :].startswith("code")


def test_without_capabilities_anything_well_formed_is_taken(events):
    board = PolicyBoard(None, events)
    assert board.offer(document(entity="PERSON", action="hold", operator="null")) == ()


def test_checking_changes_nothing(board, events):
    assert board.check(document()) == ()
    assert board.check(document(entity="NRP")) != ()
    assert (in_force(board), events.told) == ({}, [])


def test_a_removed_tenant_is_unknown_and_may_start_over(board, events):
    board.offer(document(version=9))
    board.remove("acme")
    with pytest.raises(UnknownTenant):
        board.resolve("acme")
    board.remove("acme")
    assert board.offer(document(version=1)) == ()
    assert events.told == [("accepted", "acme", 9), ("removed", "acme"), ("accepted", "acme", 1)]


def test_a_snapshot_does_not_change_under_its_reader(board):
    board.offer(document())
    before = board.snapshot
    board.offer(document(version=2))
    board.offer(document("other"))
    assert before.resolve("acme").metadata.version == 1
    assert list(before) == ["acme"]
    with pytest.raises(TypeError):
        before["acme"] = document().policy  # type: ignore[index]


def test_an_unknown_tenant_is_named_only_where_its_name_is_one():
    snapshot = PolicySnapshot({})
    with pytest.raises(UnknownTenant, match="'nobody'") as known_form:
        snapshot.resolve("nobody")
    assert known_form.value.reason == "tenant_unknown"
    with pytest.raises(UnknownTenant) as other:
        snapshot.resolve("Jane Roe, 12 Elm Street")
    assert other.value.reason == "tenant_invalid"
    assert "Jane" not in str(other.value)


def test_offers_from_several_threads_leave_the_greatest_version_of_each_tenant(board):
    documents = {tenant: [document(tenant, version) for version in range(1, 9)] for tenant in ("a", "b", "c", "d")}

    def offer_all(mine: list[PolicyDocument]) -> None:
        for it in mine:
            board.offer(it)

    threads = [threading.Thread(target=offer_all, args=(mine,)) for mine in documents.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert in_force(board) == dict.fromkeys(documents, 8)
