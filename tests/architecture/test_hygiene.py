"""What stands in the repository's files, and what does not."""

import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, tracked_files

# Put together from halves, so that this file holds none of them.
HOSTS = [
    first + second
    for first, second in [
        ("pypi", r"\.org"),
        ("pythonhosted", r"\.org"),
        ("maven", r"\.org"),
        ("maven", r"\.apache\.org/maven2"),
        ("registry\\.", "npmjs"),
        ("crates", r"\.io"),
        ("proxy\\.", r"golang\.org"),
        ("deb\\.", r"debian\.org"),
    ]
]
ADDRESS = re.compile("|".join(HOSTS), re.IGNORECASE)
MACHINE_PATH = re.compile("(?<![\\w.])/(?:" + "wo" + "rk|ro" + "ot|home/[a-z]+)/")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
BINARY = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".onnx", ".ico", ".woff2", ".avif", ".bin"}

FILES = [path for path in tracked_files() if path.suffix.lower() not in BINARY]


def offenders(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """`file:line` of every match."""
    return [
        f"{path}:{number}"
        for path in paths
        for number, line in enumerate((ROOT / path).read_bytes().decode("utf-8", "replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_registry_address_stands_in_a_file():
    """Packages and jars are named by coordinates and hashes; where they come from is the machine's matter."""
    assert offenders(FILES, ADDRESS) == []


def test_no_path_of_one_machine_stands_in_a_file():
    """Whatever works only where it was written does not belong here."""
    assert offenders(FILES, MACHINE_PATH) == []


def test_nothing_is_left_for_later():
    """What is in the repository is finished."""
    assert offenders([path for path in FILES if path.suffix in {".py", ".yaml", ".toml"}], UNFINISHED) == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-gpu.lock"])
def test_every_locked_package_has_hashes(name):
    """A lock without hashes would install whatever a registry serves."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_weights_but_our_own_are_committed():
    """Third-party weights come through `veilstream models pull`, with their licence and digest."""
    weights = [path for path in tracked_files() if path.suffix in {".onnx", ".pt", ".safetensors"}]
    assert [str(path) for path in weights if path.parent != Path("models/weights_own")] == []
    assert sum((ROOT / path).stat().st_size for path in weights) <= 25_000_000
