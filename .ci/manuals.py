"""Hatchling's hook that puts manual pages into the wheel, where `man` looks below its prefix. No page is kept."""

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Manuals(BuildHookInterface):
    """Makes the pages of the command line that the wheel is built of."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the pages beside the build, and name the place of each; an editable wheel has none."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from seedvr_cli.cli.manual import pages  # noqa: PLC0415 - it is only there from here on
        finally:
            sys.path.remove(self.root)
        date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
        self.folder = tempfile.TemporaryDirectory()
        for name, text in pages(date):
            path = Path(self.folder.name, name)
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = f"share/man/man1/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Take the pages away."""
        if version != "editable":
            self.folder.cleanup()
