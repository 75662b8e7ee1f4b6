"""Names in a column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from seedvr_cli.render.names import Names, heads, tails


def fitted(names, cells):
    """What the column shows of them."""
    column = Names()
    column.see(names)
    return [column.fit(name, cells).rstrip() for name in names]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        (60, ["summer-in-the-hills-0001-edited.jpg", "summer-in-the-hills-0002-edited.jpg"]),
        (30, ["summer-in-the-…0001-edited.jpg", "summer-in-the-…0002-edited.jpg"]),
        (16, ["summe…0001…d.jpg", "summe…0002…d.jpg"]),
        (8, ["s…0001…g", "s…0002…g"]),
        (6, ["…0001", "…0002"]),
    ],
)
def test_what_differs_is_kept(cells, shown):
    """Names that differ in a number in their middle are cut at its sides, never in it."""
    assert fitted(["summer-in-the-hills-0001-edited.jpg", "summer-in-the-hills-0002-edited.jpg"], cells) == shown


def test_one_long_name_is_cut_in_its_middle():
    """A name that is alone keeps its beginning and its end."""
    assert fitted(["a-picture-with-a-long-name.jpg"], 15) == ["a-pictu…ame.jpg"]


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]), min_size=1), min_size=1),
    st.integers(6, 40),
)
def test_a_name_takes_its_cells(names, cells):
    """Whatever the names, each takes exactly the cells that there are."""
    column = Names()
    column.see(names)
    assert {cell_len(column.fit(name, cells)) for name in names} == {cells}


def test_each_name_has_its_own_likes():
    """Of each name that part is known that another one begins or ends with, and no number is cut in two."""
    names = ["IMG_0012-b.jpg", "IMG_0013-b.jpg", "cat.png", ""]
    assert heads(names) == {"IMG_0012-b.jpg": "IMG_", "IMG_0013-b.jpg": "IMG_", "cat.png": "", "": ""}
    assert tails(names) == {"IMG_0012-b.jpg": "-b.jpg", "IMG_0013-b.jpg": "-b.jpg", "cat.png": "g", "": ""}
    assert heads(["alone"]) == {"alone": ""}
