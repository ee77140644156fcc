"""The project's own files, read as text and as syntax trees."""

import ast
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("filters", "models", "streams")


def modules(*folders: str) -> list[Path]:
    """Every Python file under the folders, relative to the root."""
    return sorted(path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse((ROOT / path).read_text(), filename=str(path))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, by its dotted name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def tracked_files() -> list[Path]:
    """What git tracks or would track; without git, everything outside of ignored folders."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(command, capture_output=True, check=False)
    if answer.returncode == 0:
        names = [os.fsdecode(name) for name in answer.stdout.split(b"\0") if name]
        return [Path(name) for name in names if (ROOT / name).is_file()]
    hidden = {".git", ".venv", ".cache", "out", "build", "dist", "__pycache__"}
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return [path for path in files if not hidden.intersection(path.parts)]
