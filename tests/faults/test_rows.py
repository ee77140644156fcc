"""The table of figures, and its place on the page."""

import pytest

from tests.faults.rows import BEGIN, END, Row, put_between_markers, table

ROW = Row("broker killed", "one", 900, 900, 12, 0, 0, 3.4, (70, -9), 5)


def test_a_row_shows_all_figures():
    """Exit codes in order; none is a dash."""
    quiet = Row("network cut", "one", 900, 900, 0, 0, 0, 3.0, (), 5)
    assert table([ROW, quiet]).splitlines()[2:] == [
        "| broker killed | one | 900 | 900 | 12 | 0 | 0 | 3.4 | 70 -9 | 5 |",
        "| network cut | one | 900 | 900 | 0 | 0 | 0 | 3.0 | – | 5 |",
    ]


def test_only_what_stands_between_the_markers_is_replaced():
    """Twice the same table is the same page."""
    page = f"# Delivery\n\n{BEGIN}\nold\n{END}\n\nmore\n"
    renewed = put_between_markers(page, table([ROW]))
    assert renewed == f"# Delivery\n\n{BEGIN}\n\n{table([ROW])}\n{END}\n\nmore\n"
    assert put_between_markers(renewed, table([ROW])) == renewed


@pytest.mark.parametrize("page", ["no marker", f"{END} before {BEGIN}"])
def test_a_page_without_markers_is_left_alone(page):
    """The command says what is missing."""
    with pytest.raises(ValueError, match="begin"):
        put_between_markers(page, "")
