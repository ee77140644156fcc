"""Errors are handled in two places, content is never shown, and nothing is left for later."""

import ast
from collections.abc import Callable
from pathlib import Path

from tests.architecture.sources import PACKAGES, modules, tree

BROAD = {"Exception", "BaseException"}
MAY_CATCH_ALL = {"filters/pipeline.py", "streams/bounded_judging.py"}


def is_broad(node: ast.expr | None) -> bool:
    """A bare `except`, or one whose classes include the root of all."""
    if node is None:
        return True
    classes = node.elts if isinstance(node, ast.Tuple) else [node]
    return any(isinstance(item, ast.Name) and item.id in BROAD for item in classes)


def passes_on(handler: ast.ExceptHandler) -> bool:
    """The handler cleans up and ends with a plain `raise`: nothing is swallowed."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def broad_handlers(path: Path) -> list[int]:
    """Lines that catch, or suppress, everything."""
    lines = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler) and is_broad(node.type) and not passes_on(node):
            lines.append(node.lineno)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            lines += [node.lineno for argument in node.args if is_broad(argument)]
    return lines


def calls(path: Path, name: str) -> list[int]:
    """Lines that call a plain name."""
    nodes = (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
    return [node.lineno for node in nodes if isinstance(node.func, ast.Name) and node.func.id == name]


def uses(path: Path, name: str) -> list[int]:
    """Lines that mention a plain name."""
    return [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Name) and node.id == name]


def offenders(lines: Callable[[Path], list[int]]) -> dict[str, list[int]]:
    """Files with offending lines."""
    found = {path: lines(path) for path in modules(*PACKAGES)}
    return {str(path): numbers for path, numbers in found.items() if numbers}


def test_everything_is_caught_in_two_places_only():
    """The pipeline turns errors into outcomes, the gate handles delivery; a broad `except` elsewhere hides a defect."""
    assert offenders(broad_handlers).keys() <= MAY_CATCH_ALL


def test_nothing_is_printed():
    """Data go to stdout by one function, logs through the allow-list: a `print` knows neither."""
    assert offenders(lambda path: calls(path, "print")) == {}


def test_no_body_is_a_stub():
    """What is declared is written."""
    assert offenders(lambda path: uses(path, "NotImplementedError")) == {}


def test_the_search_finds_what_it_looks_for():
    """Every broad form is recognised, narrow ones are not."""
    broad = ["except:", "except Exception:", "except BaseException as error:", "except (ValueError, Exception):"]
    narrow = ["except ValueError:", "except (OSError, KeyError) as error:"]
    for handler, expected in [*((form, True) for form in broad), *((form, False) for form in narrow)]:
        statement = ast.parse(f"try:\n    pass\n{handler}\n    pass").body[0]
        assert is_broad(statement.handlers[0].type) is expected
