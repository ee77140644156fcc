"""`veilstream worker`: run the filter on Kafka."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from filters.records import ContentKind
from models.session import Device
from streams.log import configure_logging
from streams.settings import Settings, load_settings


class Streams(StrEnum):
    """Which streams a worker runs."""

    PROMPTS = "prompts"
    IMAGES = "images"


_KINDS = {Streams.PROMPTS: ContentKind.PROMPT, Streams.IMAGES: ContentKind.IMAGE}


def worker(
    config: Annotated[Path | None, typer.Option(help="Settings file (YAML); VEILSTREAM_CONFIG where absent.")] = None,
    streams: Annotated[
        list[Streams] | None, typer.Option(help="Run only this stream; both where absent. May be repeated.")
    ] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka brokers, host:port, comma-separated.")] = None,
    policies: Annotated[Path | None, typer.Option(help="Folder of policies, instead of the policies topic.")] = None,
    device: Annotated[Device | None, typer.Option(help="Where models run.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of /metrics, /healthz and /readyz; 0 picks one.")] = None,
) -> None:
    """Judge prompts and images on their way through Kafka until SIGTERM."""
    settings = with_overrides(
        config,
        kafka={"bootstrap_servers": bootstrap_servers},
        policies={"folder": policies},
        models={"device": device},
        http={"port": port},
    )
    configure_logging(settings.log.level, json=settings.log.format == "json")
    kinds = [_KINDS[stream] for stream in streams or list(Streams)]
    from streams.worker import Worker  # noqa: PLC0415  Faust and the detectors take seconds to import

    asyncio.run(Worker(settings, kinds).run())


def with_overrides(config: Path | None, **groups: dict[str, Any]) -> Settings:
    """Settings with the options that were given on top; options that are None were not given."""
    given = {
        group: {name: value for name, value in options.items() if value is not None}
        for group, options in groups.items()
    }
    return load_settings(config, **{group: options for group, options in given.items() if options})
