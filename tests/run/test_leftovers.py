"""Objects that nobody needs any more, though no job has ended."""

import asyncio
import json
from pathlib import Path

import pytest

from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.run import leftovers
from seedvr_cli.uploads.marks import Marks
from seedvr_cli.uploads.upload import Uploads
from seedvr_cli.values.target import Target

DAY = 86400


@pytest.mark.parametrize(("age", "is_let_go"), [(DAY - 60, False), (DAY + 60, True)])
def test_what_was_never_submitted_is_let_go_of_after_a_day(age, is_let_go, tmp_path, monkeypatch):
    """A run that was killed or refused before its job was there may have left a file of the user's in a bucket."""
    marks = Marks(leftovers.marks_folder(str(tmp_path)))
    mark = marks.make("key", "s3://bucket/in/x.png", Target(url="s3://bucket/in"))
    path = Path(mark.path)
    made_at, *rest = json.loads(path.read_text())
    path.write_text(json.dumps([made_at - age, *rest]))
    released = []

    async def release(self, found):
        released.extend(one.name for one in found)

    monkeypatch.setattr(Uploads, "release", release)

    async def work():
        async with Ledger(str(tmp_path)) as ledger:
            await leftovers.let_go_of_ended(ledger)

    asyncio.run(work())
    assert released == ([mark.name] if is_let_go else [])
