"""The README's picture is what it should be."""

import re

from helpers.places import DATA


def test_the_recorded_picture_stands_alone():
    """The README's picture of the live display is small, shows a path among rows, and fetches nothing."""
    picture = (DATA / "terminal.svg").read_text(encoding="utf-8")
    assert len(picture.encode()) < 60_000
    assert not re.search(r"url\((?!#)|href|@import|<script", picture)
    words = picture.replace("&#160;", " ")
    assert all(word in words for word in ("$ seedvr image", ">counter-4x.png<", "PROCESSING", "QUEUED"))
