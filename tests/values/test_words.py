"""Words that were meant."""

from seedvr_cli.values.words import nearest


def test_the_nearest_word_is_near():
    """A slip of the finger gets a suggestion, and nonsense gets none."""
    assert nearest("scael", ["scale", "seed"]) == " (did you mean scale?)"
    assert nearest("xyzzy", ["scale", "seed"]) == ""
    assert nearest("bogus", ["verbose", "jobs"]) == ""
