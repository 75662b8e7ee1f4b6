"""Rows: as wide and as many as the screen takes."""

import pytest
from helpers.rows import row
from rich.cells import cell_len

from seedvr_cli.render.overall import Overall
from seedvr_cli.render.rows import Row, Rows, show_bytes
from seedvr_cli.render.tally import Tally

NAMES = ["a.jpg", "名前の長い写真" * 6 + ".jpg", "x" * 150]


def make(count, *, most=10, names=NAMES):
    """Rows of that many jobs in three states, with nothing ended."""
    rows = Rows(Overall(Tally(), total=count, max_cost=None, began=0.0), most=most, is_plain=False)
    for index in range(count):
        state = ["QUEUED", "downloading", "AN_UNKNOWN_STATE_OF_" * 9][index % 3]
        item = row(index, names[index % len(names)])
        rows.by_index[index] = Row(item, 0.0, 30.0, state, 1_200_000, 3_400_000)
    return rows


@pytest.mark.parametrize("columns", [20, 34, 40, 52, 60, 80, 200])
@pytest.mark.parametrize("height", [1, 4, 5, 10])
def test_rows_fit_any_screen(columns, height):
    """On a screen of any size no line is wider than it, and the lines are no more than its height."""
    lines = make(7).lines(125.0, width=columns, height=height)
    assert len(lines) <= max(height, 2)
    assert all(cell_len(line.plain) <= columns for line in lines)
    assert "0 of 7" in lines[0].plain
    if columns > 80 and height > 4:
        assert [line.plain[2:5] for line in lines[1:3]] == ["a.j", "名前の"]


@pytest.mark.parametrize("most", [0, 1, 10, 40])
def test_no_more_rows_than_are_wished_for(most):
    """Of thirty jobs so many have a row, and the rest is counted by its states."""
    lines = make(30, most=most).lines(125.0, width=120, height=100)
    shown = min(most, 30)
    assert len(lines) == 1 + shown + (shown < 30)
    if shown < 30:
        assert lines[-1].plain.startswith(f"  … and {30 - shown} more: " if shown else "  30 under way: ")


def test_columns_stay_where_they_are():
    """A job that is gone, a download that begins and a time that grows move no column of the rows that stay."""
    rows = make(9, names=["first.jpg", "a-much-longer-name-than-that.jpg", "third.jpg"])
    before = rows.lines(5.0, width=100, height=30)[1].plain.index("QUEUED")
    del rows.by_index[1], rows.by_index[4], rows.by_index[7]
    assert rows.lines(500.0, width=100, height=30)[1].plain.index("QUEUED") == before


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [
        (200, 300, "200 of 300 B"),
        (0, 0, "0 B"),
        (400, 3_400, "0.4 of 3.4 kB"),
        (18_000, 400_000, "18 of 400 kB"),
        (1_200_000, 3_400_000, "1.2 of 3.4 MB"),
        (1_200_000, 3_400_000_000, "0.0 of 3.4 GB"),
        (5_000_000, None, "5.0 MB"),
    ],
)
def test_bytes_in_a_unit_of_which_there_is_one(done, total, text):
    """Bytes stand in the largest unit of which the whole has at least one."""
    assert show_bytes(done, total) == text
