"""How PyAV, whichever version there is, is asked not to mind what text a video has in it."""

from collections.abc import Mapping
from typing import Any


def tolerant(version: str) -> Mapping[str, Any]:
    """What `av.open` of that version takes for it: before 19 text that is no UTF-8 is an error, unless it is told."""
    return {"metadata_errors": "replace"} if int(version.partition(".")[0]) < 19 else {}
