"""A file of which only some parts are here."""

import os

from seedvr_cli.values.excerpt import Excerpt


def test_parts_are_read_where_they_stand():
    """What is there is read as of a file, also from one part on into the next."""
    file = Excerpt(100, {0: b"abc", 3: b"def", 90: b"0123456789"})
    assert file.read(5) == b"abcde"
    assert file.seek(92) == 92
    assert (file.read(3), file.read()) == (b"234", b"56789")
    assert (file.seek(-2, os.SEEK_END), file.seek(1, os.SEEK_CUR), file.read(9)) == (98, 99, b"9")
    assert file.lacks is None


def test_it_ends_where_a_part_is_missing():
    """The first byte that was missed is known, and the whole file's end is no such byte."""
    file = Excerpt(100, {0: b"abc", 90: b"0123456789"})
    assert (file.read(5), file.lacks) == (b"abc", 3)
    file.seek(50)
    assert (file.read(5), file.lacks) == (b"", 3)
    end = Excerpt(3, {0: b"abc"})
    assert (end.read(9), end.read(9), end.lacks) == (b"abc", b"", None)
