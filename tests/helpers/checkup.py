"""What `doctor` is run with, and what it leaves behind."""

import os

# This machine's disks are no part of the tests.
CALM = """
import seedvr_cli.ledger.mounts as m
m.MOUNTS = "/none"
import seedvr_cli.ledger.checkup as l
import seedvr_cli.cli.surroundings as s
l.LEAST_SPACE = s.LEAST_SPACE = 0
"""
# Three seconds for each check as a whole, and half a second for what it waits for.
BRIEF = "import seedvr_cli.cli.checkup as c\nc.PROBE_SECONDS = 3.0\n"
IMPATIENT = "import seedvr_cli.cli.checkup as c\nc.COMMAND_SECONDS = c.NETWORK_SECONDS = 0.5\n"


def tree(folder):
    """All that there is below a folder."""
    return sorted(os.path.join(where, name) for where, folders, files in os.walk(folder) for name in folders + files)
