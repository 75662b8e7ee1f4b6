"""What an outcome leaves on the screen."""

import pytest
from helpers.rows import row

from seedvr_cli.render.endings import Endings
from seedvr_cli.values.errors import BalanceError, DeliveryError, NotSubmitted
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.job import File


def done(name, *, size=(960, 640), **more):
    """An outcome with one file."""
    file = File(path=name.replace(".", "-2x."), bytes=1_200_000, sha256="0" * 64, media_type="image/png",
                width=size[0], height=size[1])  # fmt: skip
    return Outcome(item=row(0, name), files=(file,), **more)


def test_columns_only_grow():
    """Sizes stand under each other, also where one is wider than those before."""
    endings = Endings(free=True)
    lines = [endings.line(done("photo.jpg", size=size), 120).plain for size in ((96, 64), (4096, 4096), (96, 64))]
    assert lines == [
        "✓ photo.jpg  96x64  1.2 MB  ",
        "✓ photo.jpg  4096x4096  1.2 MB  ",
        "✓ photo.jpg      96x64  1.2 MB  ",
    ]


def test_a_reason_is_told_once():
    """Where another line says why, the name and that it was not submitted are enough."""
    outcome = Outcome(item=row(0, "a.png"), error=NotSubmitted(BalanceError("the wallet is empty")))
    lines = [Endings(free=True).line(outcome, 120, is_told=is_told).plain for is_told in (False, True)]
    assert lines[0].startswith("✗ a.png: not submitted: the wallet is empty; ")
    assert lines[1] == "✗ a.png: not submitted"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (120, "✓ a-very-long-name-of-a-photo.jpg  960x640  1.2 MB  delivered before  "),
        (100, "✓ a-very-long-name-of-a-photo.jpg  960x640  delivered before  "),
        (90, "✓ a-very-long-name-of-a-photo.jpg  delivered before  "),
        (60, "✓ delivered before  "),
        (40, "✓ "),
    ],
)
def test_the_path_has_room_before_anything_else(width, line):
    """What the path leaves no room for gives way: price and bytes first, then the size, the name and the time."""
    text = Endings(free=False).line(done("a-very-long-name-of-a-photo.jpg", skipped=True), width).plain
    assert text == line


def test_a_line_that_does_not_fit_has_no_gaps():
    """Where the path leaves no room for columns, what is left stands side by side, and more of it is shown."""
    endings = Endings(free=True)
    endings.line(done("photo.jpg", size=(10_000, 10_000), skipped=True), 120)
    text = endings.line(done("a-longer-name-of-a-photo.jpg", size=(96, 64), resumed=True), 88).plain
    assert text == "✓ a-longer-name-of-a-photo.jpg  96x64  paid for before  "


def test_what_went_wrong_is_said_whole():
    """A job that failed leaves its error, and no columns."""
    outcome = done("photo.jpg", error=DeliveryError("the disk is full", hint="make room"))
    text = Endings(free=False).line(outcome, 20).plain
    assert text.startswith("✗ ")
    assert text.endswith(": the disk is full; make room")
