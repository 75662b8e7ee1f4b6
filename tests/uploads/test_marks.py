"""The small files that say which objects jobs need."""

import os

from seedvr_cli.uploads.marks import Marks
from seedvr_cli.values.target import Target

TARGET = Target(url="s3://bucket/in", endpoint="https://store.example", region="eu-west-1")


def test_a_mark_is_read_as_it_was_made(tmp_path):
    """What was written is read by another run: the object, where its store is, and since when."""
    mark = Marks(str(tmp_path)).make("key", "s3://bucket/in/x.png", TARGET)
    again = Marks(str(tmp_path))
    assert again.of("key") == [mark]
    assert (again.jobs(), again.of("other")) == (["key"], [])
    assert (mark.target.url, mark.target.endpoint) == ("s3://bucket/in/x.png", "https://store.example")


def test_each_has_its_own(tmp_path):
    """Two marks of one job are two, and taking one away leaves the other."""
    marks = Marks(str(tmp_path))
    first, second = (marks.make("key", "s3://bucket/in/x.png", TARGET) for _ in range(2))
    marks.remove(first)
    marks.remove(first)  # whoever was faster
    assert marks.of("key") == [second]
    marks.remove(second)
    assert (marks.jobs(), os.listdir(tmp_path)) == ([], [])


def test_what_is_no_mark_is_passed_over(tmp_path):
    """A file that was being written when its run was killed, and one of somebody else's, are no marks."""
    marks = Marks(str(tmp_path))
    made = marks.make("key", "s3://bucket/in/x.png", TARGET)
    for name, text in (("half", "[17"), ("other", '{"a": 1}'), ("list", "[1]")):
        (tmp_path / "key" / name).write_text(text)
    (tmp_path / "file").write_text("")
    assert marks.of("key") == [made]
    assert marks.of("file") == []
    assert Marks(str(tmp_path / "none")).jobs() == []
