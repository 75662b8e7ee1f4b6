"""Where things of this repository are."""

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DATA = ROOT / "tests" / "data"
# Results of the sandbox with --instant.
TINY = ROOT / "seedvr_cli" / "sandbox" / "tiny"
