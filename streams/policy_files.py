"""Policies from a folder of YAML files, read again when they change."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filters.errors import ConfigurationError
from filters.policy_issues import IssueCode, Place, PolicyDocumentError, PolicyIssue
from filters.policy_source import PolicyDocument, decode_policy, read_policy
from streams.policies import PolicyBoard

POLL_SECONDS: Final = 1.0
"""File systems of containers announce no changes reliably, so that the folder is looked at."""
TEST_SUFFIX: Final = "_test"
"""`acme_test.yaml` holds cases for `acme.yaml`, not a policy."""

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file as it was last read. `tenant` is the one whose policy it provides, None where it provides none."""

    stamp: Stamp
    tenant: str | None


def read_policy_file(path: Path) -> PolicyDocument:
    """The policy in one file.

    Raises:
        PolicyDocumentError: the file cannot be read, or is no valid policy.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyDocumentError([_unreadable(str(path), error)]) from None
    return read_policy(decode_policy(data, str(path)), str(path))


def policy_files(folder: Path) -> list[Path]:
    """The policy files of a folder, by name: `*.yaml` and `*.yml`, without `*_test` and hidden files.

    Raises:
        OSError: the folder cannot be read.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".yaml", ".yml") and not path.stem.endswith(TEST_SUFFIX) and not path.name.startswith(".")
    )


class FolderPolicies:
    """Keeps a board in step with a folder, one policy a file.

    A file that breaks keeps its tenant's last good policy in force; a file that goes takes its policy along.

    Args:
        folder: holds the files, not in subfolders.
        board: takes the policies.
        max_stale_seconds: how long the folder may be unreadable before `fresh` turns False.
    """

    def __init__(self, folder: Path, board: PolicyBoard, *, max_stale_seconds: float = 60.0) -> None:
        self._folder = folder
        self._board = board
        self._max_stale = max_stale_seconds
        self._seen: dict[Path, _Seen] = {}
        self._read_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    @property
    def stale_seconds(self) -> float:
        """Seconds since the folder was last read through."""
        return time.monotonic() - self._read_at

    @property
    def fresh(self) -> bool:
        """Whether the policies in force are known to be those of the folder."""
        return self.stale_seconds <= self._max_stale

    @property
    def following(self) -> bool:
        """Whether changes are being looked for."""
        return self._task is not None and not self._task.done()

    async def start(self, within_seconds: float) -> None:
        """Read every file, then watch.

        Raises:
            ConfigurationError: the folder is unreadable or empty, or any file is refused (`PolicyDocumentError`, with
                the issues of all files), or it takes longer than `within_seconds`.
        """
        try:
            async with asyncio.timeout(within_seconds):
                issues = await asyncio.to_thread(self.poll)
        except TimeoutError:
            raise ConfigurationError(f"{self._folder} was not read within {within_seconds} s") from None
        if issues:
            raise PolicyDocumentError(issues)
        if not self._seen:
            raise ConfigurationError(f"{self._folder} holds no policy (*.yaml)", reason="policies_missing")
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching; what is in force stays."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await asyncio.to_thread(self.poll)

    def poll(self) -> list[PolicyIssue]:
        """Read what changed since the last time.

        Returns:
            Why files were refused; the board's listener was told the same.
        """
        try:
            stamps = {path: _stamp(path) for path in policy_files(self._folder)}
        except OSError as error:
            issue = _unreadable(str(self._folder), error)
            self._board.refuse(None, [issue])
            return [issue]
        before = self._tenants()
        changed = self._changed(stamps)
        self._seen = {path: seen for path, seen in self._seen.items() if path in stamps}
        issues = [issue for path in changed for issue in self._take(path, stamps[path])]
        for tenant in before - self._tenants():
            self._board.remove(tenant)
        self._read_at = time.monotonic()
        return issues

    def _tenants(self) -> set[str]:
        return {seen.tenant for seen in self._seen.values() if seen.tenant is not None}

    def _changed(self, stamps: Mapping[Path, Stamp]) -> list[Path]:
        """What to read: new and changed files, and refused ones once a file went that may have been in their way."""
        gone = not self._seen.keys() <= stamps.keys()
        fresh = {path for path, seen in self._seen.items() if seen.stamp == stamps.get(path)}
        refused = {path for path, seen in self._seen.items() if seen.tenant is None}
        return [path for path in stamps if path not in fresh or (gone and path in refused)]

    def _take(self, path: Path, stamp: Stamp) -> tuple[PolicyIssue, ...]:
        tenant = self._seen[path].tenant if path in self._seen else None
        self._seen[path] = _Seen(stamp, tenant)
        try:
            document = read_policy_file(path)
        except PolicyDocumentError as error:
            self._board.refuse(tenant, error.issues)
            return error.issues
        other = self._owner(document.policy.tenant, path)
        if other is not None:
            message = f"tenant {document.policy.tenant!r} has a policy in {other.name} already"
            issue = document.issue(IssueCode.TENANT_TWICE, ("metadata", "tenant"), message, "keep one of the two files")
            self._board.refuse(document.policy.tenant, [issue])
            return (issue,)
        issues = self._board.offer(document)
        if not issues:
            self._seen[path] = _Seen(stamp, document.policy.tenant)
        return issues

    def _owner(self, tenant: str, but: Path) -> Path | None:
        return next((path for path, seen in self._seen.items() if seen.tenant == tenant and path != but), None)


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _unreadable(source: str, error: OSError) -> PolicyIssue:
    return PolicyIssue.at(source, Place(), IssueCode.UNREADABLE, f"cannot be read: {error.strerror}")
