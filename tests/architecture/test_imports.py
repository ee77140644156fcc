"""Who may import whom, and what has to be declared for it."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.architecture.sources import PACKAGES, ROOT, imported, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def normalized(requirement: str) -> str:
    """The distribution's name out of a requirement, as PEP 503 spells it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement).group()).lower()


BENCHMARK_PEERS = Path("tests/benchmarks/peers.py")
"""Imports what the benchmarks compare with, and fetches that itself."""


TRAINING = Path("models/training")
"""Runs where weights are made, never in the product."""


def top_level(module: str) -> str:
    """`a` of `a.b.c`."""
    return module.partition(".")[0]


RUNTIME = {normalized(requirement) for requirement in PROJECT["project"]["dependencies"]}
EXTRAS = {
    extra: {normalized(requirement) for requirement in requirements}
    for extra, requirements in PROJECT["project"]["optional-dependencies"].items()
}


def test_the_import_contracts_hold(monkeypatch, capsys):
    """`streams → models → filters`, and no Kafka, onnxruntime or Prometheus where they do not belong."""
    monkeypatch.chdir(ROOT)
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_onnxruntime_is_imported_in_one_place():
    """models/session.py owns providers and warm-up."""
    importers = {path for path in modules(*PACKAGES) if "onnxruntime" in {top_level(name) for name in imported(path)}}
    assert importers <= {Path("models/session.py")}


def test_package_roots_export_nothing():
    """Names are imported from the module that defines them."""
    roots = [path for path in modules(*PACKAGES) if path.name == "__init__.py"]
    assert roots
    assert [str(path) for path in roots if (ROOT / path).read_text().strip()] == []


def undeclared(paths: list[Path], declared: set[str]) -> dict[str, list[str]]:
    """Imports by file that no declared distribution brings."""
    owners = packages_distributions()
    known = {name for name, brought_by in owners.items() if declared & set(map(normalized, brought_by))}
    known |= {*PACKAGES, "tests", *sys.stdlib_module_names}
    missing = {str(path): sorted({top_level(name) for name in imported(path)} - known) for path in paths}
    return {path: names for path, names in missing.items() if names}


def test_the_product_declares_what_it_imports():
    """Nothing is used that only comes along with something else."""
    paths = [path for path in modules(*PACKAGES) if path.parent != TRAINING]
    assert undeclared(paths, RUNTIME | EXTRAS["cpu"]) == {}


def test_the_training_declares_what_it_imports():
    """The `training` extra names what is installed for it alone, and nothing that runs imports the training."""
    extra = {name for name in EXTRAS["training"] if name not in RUNTIME}
    missing = undeclared([path for path in modules("models") if path.parent == TRAINING], RUNTIME)
    assert {normalized(name) for names in missing.values() for name in names} <= extra
    importers = [
        path for path in modules(*PACKAGES) if any(name.startswith("models.training") for name in imported(path))
    ]
    assert [str(path) for path in importers if path.parent != TRAINING] == []


def test_the_tests_declare_what_they_import():
    """The `dev` extra holds the rest."""
    paths = [path for path in modules("tests") if path != BENCHMARK_PEERS]
    assert undeclared(paths, RUNTIME | EXTRAS["cpu"] | EXTRAS["dev"]) == {}


def test_every_package_on_disk_is_installed():
    """A folder that setuptools is not told of works in the checkout only."""
    found = {".".join(path.parent.parts) for path in modules(*PACKAGES)}
    assert sorted(found) == sorted(PROJECT["tool"]["setuptools"]["packages"])


def test_every_data_file_is_installed():
    """Files beside the modules belong to `package-data`."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    left_out = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file()
        and path.suffix not in {".py", ".pyc"}
        and not any(path.relative_to(ROOT / package).match(pattern) for pattern in patterns.get(package, []))
    ]
    assert left_out == []


@pytest.mark.parametrize(("lock", "runtime"), [("requirements.lock", "cpu"), ("requirements-gpu.lock", "gpu")])
def test_the_locks_hold_every_declared_dependency(lock, runtime):
    """Whoever adds a dependency runs `make lock`."""
    locked = {normalized(line) for line in (ROOT / lock).read_text().splitlines() if line[:1].isalnum()}
    assert sorted((RUNTIME | EXTRAS[runtime] | EXTRAS["dev"]) - locked) == []


def test_the_two_onnxruntimes_are_never_locked_together():
    """They overwrite each other's files."""
    locks = [(ROOT / lock).read_text() for lock in ("requirements.lock", "requirements-gpu.lock")]
    assert [("\nonnxruntime==" in lock, "\nonnxruntime-gpu==" in lock) for lock in locks] == [
        (True, False),
        (False, True),
    ]
