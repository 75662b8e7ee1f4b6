"""Rows: as wide and as many as the screen takes."""

import pytest
from helpers.rows import row
from rich.cells import cell_len

from seedvr_cli.render.rows import Row, Rows
from seedvr_cli.render.tally import Tally


@pytest.mark.parametrize("columns", [20, 34, 40, 52, 60, 80, 200])
@pytest.mark.parametrize("height", [1, 4, 5, 10])
def test_rows_fit_any_screen(columns, height):
    """On a screen of any size no line is wider than it, and the lines are no more than its height."""
    names = ["a.jpg", "名前の長い写真" * 6 + ".jpg", "x" * 150]
    rows = Rows(Tally(), total=7, is_plain=False)
    for index in range(7):
        item = row(index, names[index % 3])
        state = ["QUEUED", "downloading", "AN_UNKNOWN_STATE_OF_" * 9][index % 3]
        rows.by_index[index] = Row(item, 0.0, 30.0, state, 1_200_000, 3_400_000)
    lines = rows.lines(125.0, width=columns, height=height)
    assert len(lines) <= max(height, 2)
    assert all(cell_len(line.plain) <= columns for line in lines)
    assert lines[-1].plain.startswith("  0 of 7 done")
    if columns > 80 and height > 4:
        assert [line.plain[2:5] for line in lines[:2]] == ["a.j", "名前の"]
