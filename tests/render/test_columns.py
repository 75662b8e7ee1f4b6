"""Cells that fit, times for people, and tables."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from seedvr_cli.render.columns import Column, ago, alike, fit, paint, sheet

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FOLDER = "https://example.com/a/long/folder/"


@pytest.mark.parametrize(
    ("text", "cells", "same", "shown"),
    [
        ("short.jpg", 9, 0, "short.jpg"),
        ("photo-of-a-cat.jpg", 11, 0, "photo…t.jpg"),
        (f"{FOLDER}cat.jpg", 20, len(FOLDER), "https://e…er/cat.jpg"),
        (f"{FOLDER}cat.jpg", 8, len(FOLDER), "…cat.jpg"),
        (f"{FOLDER}photo-of-a-cat.jpg", 12, len(FOLDER), "…photo…t.jpg"),
        ("写真写真写真", 7, 0, "写 …真"),
        ("ab", 1, 0, "…"),
    ],
)
def test_a_name_is_cut_where_it_tells_nothing(text, cells, same, shown):
    """A name that is too long loses of its middle, and of what others have in common with it before that."""
    assert fit(text, cells, same) == shown
    assert cell_len(shown) <= cells


def test_what_names_have_in_common_ends_with_a_folder():
    """Each name's part in common with another is as long as folders are; of a name alone they all are."""
    names = ["https://a/x/1.png", "https://a/x/11.png", "https://a/y.png", "z.png"]
    assert alike(names) == dict(zip(names, (12, 12, 10, 0), strict=True))
    assert alike(["a/b", "a/b"]) == {"a/b": 2}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-60, "just now"), (4, "just now"), (59, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"),
        (86_400 * 30, "30 d ago"), (86_400 * 31, "2026-10-29"),
    ],
)  # fmt: skip
def test_a_time_is_told_as_people_do(seconds, shown):
    """How long ago, up to a month; then the date."""
    assert ago(NOW - timedelta(seconds=seconds), NOW) == shown


def test_paint_leaves_what_has_no_style():
    """Text without a style, and no text, stay as they are."""
    assert (paint("a", ""), paint("", "red"), paint("a", "red")) == ("a", "", "\x1b[31ma\x1b[0m")


def test_a_sheet_fits_or_is_stacked():
    """Columns that may go do where there is no room; where that does not help, each number has a line."""
    columns = [
        Column("name", ["a", "long-name"], "total"),
        Column("same", ["x", "x"], "", may_go=2),
        Column("usd", ["$1.00", "$10.5"], "$11.50", is_number=True),
    ]
    assert list(sheet(columns, 40, has_colour=False)) == [
        "NAME       SAME     USD",
        "a          x      $1.00",
        "long-name  x     $10.50",
        "total            $11.50",
    ]
    assert list(sheet(columns, 20, has_colour=True)) == [
        "\x1b[1mNAME          USD\x1b[0m",
        "a           $1.00",
        "long-name  $10.50",
        "\x1b[1mtotal      $11.50\x1b[0m",
    ]
    assert list(sheet(columns, 15, has_colour=False)) == [
        "a", "  USD     $1.00", "long-name", "  USD    $10.50", "total", "  USD    $11.50",
    ]  # fmt: skip
    assert next(sheet(columns, 15, has_colour=True)) == "\x1b[1ma\x1b[0m"
