"""What a result lost of its source's video: sound, subtitles, chapters, rotation, time of creation. The room's front.

FFmpeg reads the files in a process of its own (`tracks/process.py`): a file that crashes or hangs it costs the sound,
and never the run or the result. Only a whole new file takes the place of the result, whose pictures are in it as they
came.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO

from seedvr_cli.tracks.boxes import stamp

# Results that tracks are carried into, and FFmpeg's names for these containers.
FORMATS = {"video/mp4": "mp4", "video/quicktime": "mov"}
# Where the package stands, and what the process runs: this very package, and nothing from the user's folder.
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CODE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import seedvr_cli; sys.path.append(sys.path.pop(0)); "
    "from seedvr_cli.tracks.process import main; main()"
)
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Carried:
    """Whether the result is another file now, and what could not be carried, a sentence each."""

    is_changed: bool
    troubles: tuple[str, ...]


def can_carry() -> bool:
    """Whether PyAV is installed (the extra `video`)."""
    return find_spec("av") is not None


async def carry_tracks(source: str, result: str, media_type: str) -> Carried:
    """Give `result`, a file of one of FORMATS, what it lost of `source`; it stays as it is where that cannot be done.

    Raises OSError where the result was being written anew and could not be: then it is no file of anything.
    """
    with tempfile.TemporaryFile(dir=os.path.dirname(result)) as made:  # it has no name that could be left behind
        try:
            found = await _ask(source, result, FORMATS[media_type], made)
        except (OSError, ValueError) as error:
            return Carried(is_changed=False, troubles=(f"what it lost of its source is left out: {error}",))
        troubles = tuple(found["troubles"])
        matrix, created, is_made = found["matrix"], found["created"], found["is_made"]
        if not is_made and matrix is None and created is None:
            return Carried(is_changed=False, troubles=troubles)
        return await asyncio.to_thread(_write, made if is_made else None, result, matrix, created, troubles)


async def _ask(source: str, result: str, form: str, made: BinaryIO) -> Any:
    """What the process found, once it has written the new file into `made`; OSError or ValueError say why it has not.

    It is in a session of its own: Ctrl-C is for this one. That one ends with this one, however this one does: what it
    reads its standard input for is that input's end.
    """
    descriptor = made.fileno()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", _CODE, _ROOT, os.path.abspath(source), os.path.abspath(result), form,
        str(descriptor), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, pass_fds=(descriptor,), start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        printed = await process.stdout.read()
        await process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise ValueError(f"FFmpeg came to grief over it ({process.returncode})")
    found = json.loads(printed)
    if "error" in found:
        raise ValueError(found["error"])
    return found


def _write(
    made: BinaryIO | None, result: str, matrix: list[int] | None, created: int | None, troubles: tuple[str, ...]
) -> Carried:  # fmt: skip
    with open(result, "r+b") as file:
        stamp(made or file, matrix, created)
        if made is not None:
            try:
                _extend(made, file)
            except OSError as error:  # a disk that is full
                return Carried(is_changed=False, troubles=(*troubles, f"its tracks are left out: {error.strerror}"))
            made.seek(0)
            file.seek(0)
            shutil.copyfileobj(made, file, _BLOCK)
            file.truncate()
    return Carried(is_changed=True, troubles=troubles)


def _extend(made: BinaryIO, file: BinaryIO) -> None:
    """Write what goes beyond the file's end first: after that there is room, and before it nothing is lost."""
    end = file.seek(0, os.SEEK_END)
    made.seek(end)
    try:
        shutil.copyfileobj(made, file, _BLOCK)
        file.flush()
    except OSError:
        file.truncate(end)
        raise
