"""Policies from a folder: all or nothing at the start, the last good one afterwards."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from filters.errors import ConfigurationError
from filters.policy_issues import IssueCode, PolicyDocumentError
from streams.policies import PolicyBoard
from streams.policy_files import POLL_SECONDS, FolderPolicies, policy_files
from tests.unit.streams.policy_texts import Events, policy_text


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def board(events) -> PolicyBoard:
    return PolicyBoard(None, events)


@pytest.fixture
def folder(tmp_path, board) -> FolderPolicies:
    return FolderPolicies(tmp_path, board, max_stale_seconds=0.2)


def in_force(board: PolicyBoard) -> dict[str, int]:
    return {tenant: policy.metadata.version for tenant, policy in board.snapshot.items()}


def write(path, tenant="acme", version=1, **changes) -> None:
    path.write_text(policy_text(tenant, version, **changes), encoding="utf-8")
    # Within one tick of the clock of the file system, only the size would tell.
    os.utime(path, ns=(time.time_ns(), time.time_ns()))


async def test_every_policy_file_is_in_force_at_the_start(tmp_path, folder, board):
    write(tmp_path / "acme.yaml")
    write(tmp_path / "other.yml", "other", 3)
    for name in ("acme_test.yaml", ".hidden.yaml", "notes.txt", "schema.json"):
        (tmp_path / name).write_text("no policy", encoding="utf-8")
    await folder.start(5)
    assert in_force(board) == {"acme": 1, "other": 3}
    assert folder.fresh
    await folder.stop()


async def test_any_broken_file_refuses_the_start_with_all_places(tmp_path, folder):
    write(tmp_path / "acme.yaml")
    write(tmp_path / "bad.yaml", "other", action="rejct")
    (tmp_path / "worse.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff")
    with pytest.raises(PolicyDocumentError) as refused:
        await folder.start(5)
    places = {(Path(i.source).name, i.line, i.column, i.code.value) for i in refused.value.issues}
    assert places == {
        ("bad.yaml", 6, 55, "VS013"),
        ("worse.yaml", 1, 5, "VS001"),
        ("bytes.yaml", 1, 4, "VS001"),
    }


async def test_two_files_for_one_tenant_refuse_the_start(tmp_path, folder):
    write(tmp_path / "a.yaml", version=1)
    write(tmp_path / "b.yaml", version=2)
    with pytest.raises(PolicyDocumentError) as refused:
        await folder.start(5)
    (issue,) = refused.value.issues
    assert (issue.code, issue.line, issue.column) == (IssueCode.TENANT_TWICE, 3, 20)
    assert issue.source.endswith("b.yaml")


async def test_an_empty_folder_refuses_the_start(folder):
    with pytest.raises(ConfigurationError, match="holds no policy"):
        await folder.start(5)


async def test_a_folder_that_is_not_there_refuses_the_start(tmp_path, board):
    with pytest.raises(PolicyDocumentError, match="cannot be read"):
        await FolderPolicies(tmp_path / "none", board).start(5)


def test_changed_files_are_read_again_and_unchanged_ones_are_not(tmp_path, folder, board, events):
    write(tmp_path / "acme.yaml")
    write(tmp_path / "other.yaml", "other")
    folder.poll()
    folder.poll()
    write(tmp_path / "acme.yaml", version=2)
    assert folder.poll() == []
    assert in_force(board) == {"acme": 2, "other": 1}
    assert events.told == [("accepted", "acme", 1), ("accepted", "other", 1), ("accepted", "acme", 2)]


@pytest.mark.parametrize("change", [{"action": "rejct"}, {"version": 1, "action": "flag"}])
def test_a_file_that_breaks_keeps_its_last_good_policy_and_is_refused_once(tmp_path, folder, board, events, change):
    write(tmp_path / "acme.yaml", version=2)
    folder.poll()
    write(tmp_path / "acme.yaml", **change)
    assert folder.poll()
    assert folder.poll() == []
    assert in_force(board) == {"acme": 2}
    assert [event[:2] for event in events.told] == [("accepted", "acme"), ("refused", "acme")]
    write(tmp_path / "acme.yaml", version=3)
    folder.poll()
    assert in_force(board) == {"acme": 3}


def test_a_file_that_goes_takes_its_policy_along_and_a_renamed_one_does_not(tmp_path, folder, board, events):
    write(tmp_path / "acme.yaml")
    write(tmp_path / "other.yaml", "other")
    folder.poll()
    (tmp_path / "acme.yaml").rename(tmp_path / "renamed.yaml")
    (tmp_path / "other.yaml").unlink()
    folder.poll()
    assert in_force(board) == {"acme": 1}
    assert events.told[2:] == [("removed", "other")]


def test_a_file_that_changes_its_tenant_moves(tmp_path, folder, board):
    write(tmp_path / "acme.yaml")
    folder.poll()
    write(tmp_path / "acme.yaml", "other")
    folder.poll()
    assert in_force(board) == {"other": 1}


def test_the_second_file_of_a_tenant_takes_over_once_the_first_is_gone(tmp_path, folder, board):
    write(tmp_path / "a.yaml", version=1)
    folder.poll()
    write(tmp_path / "b.yaml", version=2)
    assert folder.poll()
    (tmp_path / "a.yaml").unlink()
    assert folder.poll() == []
    assert in_force(board) == {"acme": 2}


def test_a_folder_that_cannot_be_read_any_more_grows_stale_and_keeps_what_is_in_force(tmp_path, board, events):
    inner = tmp_path / "inner"
    inner.mkdir()
    write(inner / "acme.yaml")
    folder = FolderPolicies(inner, board, max_stale_seconds=0.05)
    folder.poll()
    assert folder.fresh
    inner.rename(tmp_path / "away")
    (issue,) = folder.poll()
    assert issue.code is IssueCode.UNREADABLE
    time.sleep(0.06)
    assert not folder.fresh
    assert in_force(board) == {"acme": 1}
    (tmp_path / "away").rename(inner)
    folder.poll()
    assert folder.fresh


async def test_a_change_takes_effect_within_two_seconds(tmp_path, folder, board):
    write(tmp_path / "acme.yaml")
    await folder.start(5)
    write(tmp_path / "acme.yaml", version=2)
    changed_at = time.monotonic()
    while in_force(board) != {"acme": 2}:
        assert time.monotonic() - changed_at < 2
        await asyncio.sleep(POLL_SECONDS / 20)
    await folder.stop()


def test_policy_files_are_listed_by_name(tmp_path):
    for name in ("b.yaml", "a.yml", "c_test.yaml", "d.json"):
        (tmp_path / name).touch()
    assert [path.name for path in policy_files(tmp_path)] == ["a.yml", "b.yaml"]
