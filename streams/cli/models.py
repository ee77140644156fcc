"""`veilstream models`: fetch, list and check the weights."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from filters.errors import ConfigurationError
from models.manifest import ModelEntry, load_manifest
from models.sources import SourceUnreachable
from models.weights import WeightState, WeightStore
from streams.cli.output import ExitCode, fail, note, print_json
from streams.cli.worker import with_overrides

app = typer.Typer(help="Model weights: fetch, list and check them.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Models of the manifest; all if absent.")]
Config = Annotated[Path | None, typer.Option(help="Settings file (YAML); VEILSTREAM_CONFIG where absent.")]
CacheDir = Annotated[Path | None, typer.Option(help="Where weights are kept; VEILSTREAM_MODELS__CACHE_DIR if absent.")]
ManifestFile = Annotated[
    Path | None, typer.Option("--manifest", help="Adds models; VEILSTREAM_MODELS__MANIFEST where absent.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command("pull")
def pull(names: Names = None, config: Config = None, cache_dir: CacheDir = None, manifest: ManifestFile = None) -> None:
    """Fetch weights into the cache; those that are there and sound are left alone. Prints a path a line."""
    try:
        store, entries = _selected(names, config, cache_dir, manifest)
        for entry in entries:
            if store.state(entry) is not WeightState.READY:
                note(f"fetching {entry.name} ({_megabytes(entry)}) from {entry.source}")
            typer.echo(store.pull(entry))
    except SourceUnreachable as error:
        fail(str(error), ExitCode.DEPENDENCY)
    except ConfigurationError as error:
        fail(str(error), ExitCode.CONFIGURATION)


@app.command("list")
def list_models(
    config: Config = None,
    cache_dir: CacheDir = None,
    manifest: ManifestFile = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Show the models of the manifest, and whether their weights are in the cache."""
    _report(_states(None, config, cache_dir, manifest), as_json=as_json)


@app.command("verify")
def verify(
    names: Names = None,
    config: Config = None,
    cache_dir: CacheDir = None,
    manifest: ManifestFile = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Check cached weights against the manifest; ends with 1 where any are missing or altered."""
    states = _states(names, config, cache_dir, manifest)
    _report(states, as_json=as_json)
    bad = [row["name"] for row in states if row["state"] is not WeightState.READY]
    if bad:
        fail(f"not ready: {', '.join(bad)}; run `veilstream models pull {' '.join(bad)}`", ExitCode.FINDINGS)


def _selected(
    names: Sequence[str] | None, config: Path | None, cache_dir: Path | None, manifest_file: Path | None
) -> tuple[WeightStore, list[ModelEntry]]:
    settings = with_overrides(config, models={"cache_dir": cache_dir, "manifest": manifest_file}).models
    manifest = load_manifest(settings.manifest)
    return WeightStore(settings.cache_dir), [manifest.entry(name) for name in names or manifest.names]


def _states(
    names: Sequence[str] | None, config: Path | None, cache_dir: Path | None, manifest_file: Path | None
) -> list[dict[str, Any]]:
    try:
        store, entries = _selected(names, config, cache_dir, manifest_file)
        return [_row(entry, store) for entry in entries]
    except ConfigurationError as error:
        fail(str(error), ExitCode.CONFIGURATION)


def _row(entry: ModelEntry, store: WeightStore) -> dict[str, Any]:
    return {
        "name": entry.name,
        "task": entry.task,
        "family": entry.family,
        "state": store.state(entry),
        "licence": entry.licence,
        "size": entry.size,
        "sha256": entry.sha256,
        "source": str(entry.source),
        "path": str(store.location(entry)),
    }


def _report(rows: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"models": list(rows)}, indent=True)
        return
    table = Table("name", "task", "state", "licence", "bytes", "source")
    for row in rows:
        table.add_row(row["name"], row["task"], row["state"], row["licence"], f"{row['size']:,}", row["source"])
    Console(highlight=False).print(table)


def _megabytes(entry: ModelEntry) -> str:
    return f"{entry.size / 1e6:.1f} MB"
