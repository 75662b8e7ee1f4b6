"""What PyAV is told of text in videos."""

import pytest

from seedvr_cli.values.tolerance import tolerant


@pytest.mark.parametrize(("version", "words"), [("16.0.1", 1), ("18.1.0", 1), ("19.0.0", 0), ("20.1", 0)])
def test_a_version_is_told_what_it_takes(version, words):
    """PyAV before 19 is told to replace what is no UTF-8, and later versions, which do so by themselves, nothing."""
    assert len(tolerant(version)) == words
