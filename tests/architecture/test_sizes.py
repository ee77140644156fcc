"""Files and functions stay small enough to be read in one go: the house style is 300 and 35 lines, these are walls."""

import ast

from tests.architecture.sources import PACKAGES, ROOT, modules, tree

FILE_LINES = 400
FUNCTION_LINES = 45
"""Without the docstring."""

OWN = modules(*PACKAGES, "tests/support")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def length(function: Function) -> int:
    """Lines from `def` to the end, its docstring not counted."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(function.body) > 1
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_no_file_has_two_purposes():
    """A file over the wall is a room with two purposes: split it."""
    lines = {str(path): (ROOT / path).read_text().count("\n") for path in OWN}
    assert {path: count for path, count in lines.items() if count > FILE_LINES} == {}


def test_no_function_has_two_purposes():
    """A function over the wall does two things: split it."""
    lengths = {
        f"{path}:{node.name}": length(node)
        for path in OWN
        for node in ast.walk(tree(path))
        if isinstance(node, Function)
    }
    assert len(lengths) > len(OWN)
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}
