"""On which line a setting stands."""

import pytest

from seedvr_cli.settings.text import find_line

TEXT = """\
seed = 1  # of no table

[default]
scale = 2
"jobs" = 3

[ "my own" ]  # with a name in quotes
scale = 4
  noise=0.5
"""


@pytest.mark.parametrize(
    ("table", "name", "line"),
    [(None, "seed", 1), ("default", "scale", 4), ("default", "jobs", 5), ("my own", "scale", 8), ("my own", "noise", 9),
     ("default", None, 3), ("my own", None, 7), ("default", "noise", None), (None, "scale", None),
     ("other", None, None)],
)  # fmt: skip
def test_a_setting_is_found_in_its_own_table(table, name, line):
    """A line is found by table and name, or by table alone; what is not there has none."""
    assert find_line(TEXT, table, name) == line
