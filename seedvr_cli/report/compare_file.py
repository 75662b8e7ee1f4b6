"""The picture of before and after on disk, beside the result: under which name, and whether it stands there already."""

import os
from dataclasses import dataclass
from io import BytesIO
from itertools import count

from seedvr_cli.report.pair import Pair
from seedvr_cli.values.comparison import comparison_name, is_untouched, marked, read_mark
from seedvr_cli.values.errors import DeliveryError
from seedvr_cli.values.job import File
from seedvr_cli.values.naming import numbered
from seedvr_cli.values.whole import write_whole

# A tenth of the bytes of a PNG, and nothing to be seen of it: colours keep all of their pixels.
QUALITY = 90
# Pixels between the two.
LINE = 4


@dataclass(frozen=True, slots=True)
class CompareFile:
    """Where a result's comparison goes. `is_done`: it stands there, and shows this result as it is."""

    result: File
    path: str
    is_done: bool

    @classmethod
    def of(cls, result: File) -> "CompareFile":
        """The first name that is free, or has a comparison of ours of a result of that name; others are not touched."""
        base, name = comparison_name(result.path), os.path.basename(result.path)
        for number in count(1):
            path = numbered(base, number)
            if not os.path.lexists(path):
                break
            mark = read_mark(path)
            if mark is not None and mark.result == name and is_untouched(path, mark):
                return cls(result, path, mark.sha256 == result.sha256)
        return cls(result, path, is_done=False)

    def write(self, pair: Pair) -> None:
        """Make it; DeliveryError where it cannot be written."""
        buffer = BytesIO()
        pair.picture(line=LINE).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
        try:
            write_whole(self.path, marked(buffer.getvalue(), self.result))
        except OSError as error:
            raise DeliveryError(f"cannot write {self.path}: {error.strerror}") from error
