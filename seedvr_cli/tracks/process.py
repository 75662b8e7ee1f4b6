"""The process that reads videos (see `tracks/carry.py`): SOURCE RESULT FORMAT DESCRIPTOR in, one JSON object out."""

import json
import os
import sys
from threading import Thread

import av

from seedvr_cli.tracks.boxes import is_indexed_first
from seedvr_cli.tracks.lost import find_lost
from seedvr_cli.tracks.reading import open_video
from seedvr_cli.tracks.remux import remux
from seedvr_cli.tracks.turn import lost_turn
from seedvr_cli.values.media import sniff_file
from seedvr_cli.values.structure import is_whole


def main() -> None:
    """Print what was found; the new file, where there has to be one, is written into the open file DESCRIPTOR."""
    Thread(target=_end_with_starter, daemon=True).start()
    source, result, form, descriptor = sys.argv[1:]
    try:
        found = _compared(source, result, form, int(descriptor))
    except (av.FFmpegError, OSError, ValueError) as error:
        found = {"error": getattr(error, "strerror", None) or str(error)}
    print(json.dumps(found))


def _end_with_starter() -> None:
    """Whoever started this process holds the other end of its standard input, and is gone where that is closed."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def _compared(source: str, result: str, form: str, descriptor: int) -> dict[str, object]:
    if not is_whole(source, sniff_file(source) or ""):
        raise ValueError("that is cut, and ends before its own structure does")
    with open(result, "rb") as file:
        index_first = is_indexed_first(file)
    with open_video(source) as before, open_video(result) as after:
        lost = find_lost(before, after)
        is_made, troubles = False, tuple[str, ...]()
        if lost.streams or lost.chapters:
            is_made, troubles = remux(before, after, lost, descriptor, form=form, index_first=index_first)
    return {
        "is_made": is_made,
        "troubles": troubles,
        "created": lost.created,
        "matrix": lost_turn(source, result),
    }
