"""The README's picture is what it should be."""

import re

import pytest
from helpers.places import DATA
from pictures import as_svg, record

KEPT = (DATA / "terminal.svg").read_text(encoding="utf-8")


def test_the_recorded_picture_stands_alone():
    """The README's picture of the live display is small, shows a path among rows, and fetches nothing."""
    assert len(KEPT.encode()) < 60_000
    assert not re.search(r"url\((?!#)|href|@import|<script", KEPT)
    words = KEPT.replace("&#160;", " ")
    assert all(word in words for word in ("$ seedvr image", "big/counter-4x.png", "2 of 6 done", "QUEUED"))


@pytest.mark.slow
def test_the_picture_is_of_the_display_as_it_is(tmp_path):
    """`python tests/pictures.py` records what is kept, but for times and sizes."""

    def words(svg):
        return re.findall(r"[A-Za-z][\w./-]{2,}", " ".join(re.findall(r"<text[^>]*>([^<]*)<", svg)))

    assert words(as_svg(record(tmp_path))) == words(KEPT)
