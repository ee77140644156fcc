"""Logs that cannot hold content: events are fixed phrases, and only allow-listed fields pass.

Lines of libraries are cut down to logger, level and the unformatted template: their arguments may hold a message.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

FIELDS = frozenset(
    {
        "action",
        "attempts",
        "bootstrap_servers",
        "code",
        "column",
        "detector",
        "device",
        "digest",
        "error_type",
        "exit_code",
        "generation",
        "group",
        "line",
        "mode",
        "model",
        "offset",
        "partition",
        "partitions",
        "port",
        "provider",
        "reason",
        "records",
        "seconds",
        "signal",
        "source",
        "stage",
        "stream",
        "tenant",
        "topic",
        "verdict_id",
        "version",
    }
)
"""Fields that a log line may carry; `tenant` only where a policy names it. Others are dropped."""

_STRUCTURE = frozenset({"event", "level", "timestamp", "logger"})


def _allowed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in FIELDS or name in _STRUCTURE}


class _TemplateHandler(logging.Handler):
    """Passes library lines on without their arguments and without exception texts."""

    def __init__(self, logger: Any) -> None:  # noqa: ANN401  structlog's loggers are untyped by design
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        template = str(record.msg) if record.args else "library message withheld"
        fields = {"error_type": error} if error else {}
        self._logger.log(record.levelno, template, logger=record.name, **fields)


def configure_logging(level: str = "info", *, json: bool = True, stream: TextIO = sys.stderr) -> None:
    """Set structlog and the standard library's logging up; to be called once a process.

    Args:
        level: debug, info, warning, error.
        json: one JSON object a line, or lines for a terminal.
        stream: where lines go.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _allowed,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_TemplateHandler(structlog.get_logger())]
    root.setLevel(max(number, logging.WARNING))
