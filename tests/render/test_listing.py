"""The table of `status`, row by row."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from seedvr_cli.plan.attach import attach, attach_stranger
from seedvr_cli.render.listing import Entry, Screen
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import File, Job

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
STRANGER = "seedvr2-7b-upscale_e4ae6d5d-d83e-4554-b9f2-7e048bfc9540"


def entry(source="https://example.com/a.jpg", *paths, is_old=False):
    """A job of an hour ago that became these files."""
    job = Job(
        id=1, key="k", gateway="g", endpoint="7b-image", source=source, name="a.jpg", params={}, output=None, price=1,
        profile="default", state="completed", status="COMPLETED", request_id="id_12345678",
        submitted_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    files = tuple(File(path, 1, "x", "image/png") for path in paths)
    return Entry(Outcome(item=attach(1, job, None), job=job, files=files), "12345678", is_old)


def lines(screen, *entries):
    return list(screen.lines(entries))


def test_a_strangers_id_leaves_room_for_what_is_said_of_it():
    """An id of another machine is whole where there is room, and is cut in its middle where there is not."""
    told = Outcome(item=attach_stranger(1, STRANGER, None), answer=Answer(STRANGER, "PROCESSING"))
    for width in (40, 80, 200):
        shown = lines(Screen(width, NOW, has_colour=False, ids=[STRANGER]), Entry(told, STRANGER))
        assert all(cell_len(line) <= width for line in shown)
        assert "PROCESSING" in shown[1]
        assert (STRANGER in shown[1]) is (width == 200)


def test_rows_that_come_one_by_one_stand_below_each_other():
    """Where ids are known and jobs come later, the first row makes room for a file, which a later one has."""
    screen = Screen(120, NOW, has_colour=False, ids=["12345678"])
    first = lines(screen, entry())
    second = lines(screen, entry("https://example.com/b.jpg", f"{os.getcwd()}/out/b.png"))
    assert [line.split() for line in (*first, *second)] == [
        ["ID", "STATUS", "ENDPOINT", "WHEN", "SOURCE", "FILE"],
        ["12345678", "COMPLETED", "7b-image", "1", "h", "ago", "https://example.com/a.jpg"],
        ["12345678", "COMPLETED", "7b-image", "1", "h", "ago", "https://example.com/b.jpg", "out/b.png"],
    ]
    assert first[0].index("FILE") == second[0].index("out/b.png")


def test_paths_are_as_short_as_they_lead_there(monkeypatch):
    """A file below the home folder begins with a tilde, another is whole, and more than one are counted."""
    monkeypatch.setenv("HOME", "/home/me")
    screen = Screen(200, NOW, has_colour=False)
    shown = lines(screen, entry("/home/me/a.jpg", "/home/me/big/a.png", "/home/me/big/b.png"), entry("/x/a", "/y/a"))
    assert shown[1].endswith("~/a.jpg  ~/big/a.png +1")
    assert shown[2].endswith("/x/a     /y/a")


def test_what_differs_is_kept_where_there_is_little_room():
    """Of names that are alike, and others among them, each shows on a narrow screen what makes it another one."""
    names = [f"holiday/IMG_2024-{number:04}-september.jpg" for number in range(60)] + ["other/portrait-of-a-cat.jpg"]
    shown = lines(Screen(40, NOW, has_colour=False), *map(entry, names))
    assert all(cell_len(line) <= 40 for line in shown)
    assert [line.split()[-1] for line in shown[13:15]] == ["…IMG_2…0012…r.jpg", "…IMG_2…0013…r.jpg"]
    assert len({line.split()[-1] for line in shown}) == 1 + len(names)


@pytest.mark.parametrize("is_old", [True, False])
def test_old_knowledge_is_dim_and_marked(is_old):
    """What nobody has asked lately has a question mark, and the colour of what is less sure."""
    shown = lines(Screen(80, NOW, has_colour=True), entry(is_old=is_old))
    assert ("\x1b[2mCOMPLETED?\x1b[0m" if is_old else "\x1b[32mCOMPLETED\x1b[0m") in shown[1]


def test_nothing_has_no_header():
    """Without a job there is no line."""
    assert lines(Screen(80, NOW, has_colour=False)) == []
