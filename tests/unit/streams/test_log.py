"""Logs hold no content, whoever writes them."""

import io
import json
import logging

import pytest
import structlog

from streams.log import configure_logging

CANARY = "jane.canary@example.com"


@pytest.fixture
def lines():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("debug", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_fields_that_are_not_on_the_list_are_dropped(lines):
    structlog.get_logger().info("judged", verdict_id="abc", prompt=CANARY, finding=CANARY)
    (line,) = lines()
    assert line["event"] == "judged"
    assert line["verdict_id"] == "abc"
    assert CANARY not in json.dumps(line)


def test_library_lines_lose_their_arguments(lines):
    logging.getLogger("other.library").warning("cannot handle %r", CANARY)
    (line,) = lines()
    assert line["event"] == "cannot handle %r"
    assert CANARY not in json.dumps(line)


def test_library_lines_without_arguments_may_be_formatted_already_and_are_withheld(lines):
    logging.getLogger("some.library").error(f"bad record {CANARY}")  # noqa: G004
    (line,) = lines()
    assert CANARY not in json.dumps(line)
    assert line["logger"] == "some.library"


def test_exceptions_are_named_not_quoted(lines):
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("third.library").exception("crashed: %s", "x")
    (line,) = lines()
    assert line["error_type"] == "ValueError"
    assert CANARY not in json.dumps(line)
