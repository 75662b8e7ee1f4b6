"""Videos made with FFmpeg's own command, and looked at with it: nothing here trusts the library under test."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from seedvr_cli.tracks.carry import Carried, carry_tracks

# Pictures of which each half and each frame is another.
PICTURES = "testsrc=s=96x64:r=25:d=2"


@dataclass(frozen=True)
class Films:
    """A folder of films."""

    folder: Path
    ffmpeg: str
    ffprobe: str
    numbers: Iterator[int] = field(default_factory=count)

    def make(self, name: str, *words: object) -> Path:
        """A file of this name, of FFmpeg's words without it."""
        path = self.folder / name
        subprocess.run([self.ffmpeg, "-v", "error", "-y", *map(str, words), str(path)], check=True)
        return path

    def source(
        self, name: str, *words: object, inputs: Sequence[object] = (), sound: bool = True, pictures: str = PICTURES
    ) -> Path:
        """Two seconds of pictures (H.264 with B-frames) and of a tone; `words` say how all inputs are written."""
        tone = ("-f", "lavfi", "-i", "sine=d=2:r=48000") if sound else ()
        video = ("-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p")
        return self.make(name, "-f", "lavfi", "-i", pictures, *tone, *inputs, *video, *words)

    def result(
        self, name: str = "result.mp4", *words: object, inputs: Sequence[object] = (), size: str = "192x128"
    ) -> Path:
        """What a gateway sends that keeps the pictures alone."""
        pictures = ("-f", "lavfi", "-i", f"testsrc=s={size}:r=25:d=2", *inputs)
        how = ("-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", "-movflags", "+faststart")
        return self.make(name, *pictures, *how, *words)

    def carry(self, source: Path, result: Path, media_type: str = "video/mp4") -> tuple[Carried, Path]:
        """A copy of the result, and what happened to it."""
        made = self.folder / f"made{next(self.numbers)}{result.suffix}"
        shutil.copy(result, made)
        return asyncio.run(carry_tracks(str(source), str(made), media_type)), made

    def look(self, path: Path) -> Any:
        """What ffprobe says; `streams` are those of pictures, sound and subtitles."""
        words = ["-v", "error", "-of", "json", "-show_streams", "-show_format", "-show_chapters", str(path)]
        seen = json.loads(subprocess.run([self.ffprobe, *words], check=True, capture_output=True).stdout)
        seen["streams"] = [one for one in seen["streams"] if one["codec_type"] != "data"]
        return seen

    def packets(self, path: Path, streams: str) -> list[str]:
        """The SHA-256 of each packet as it is compressed, in the order of the file."""
        words = ["-v", "error", "-i", str(path), "-map", f"0:{streams}", "-c", "copy", "-f", "framehash", "-"]
        lines = subprocess.run([self.ffmpeg, *words], check=True, capture_output=True, text=True).stdout.splitlines()
        return [line.split(",")[5].strip() for line in lines if not line.startswith("#")]  # behind it, side data

    def samples(self, path: Path) -> bytes:
        """All of the first sound, of 16 bits a sample."""
        words = ["-v", "error", "-i", str(path), "-map", "0:a:0", "-f", "s16le", "-"]
        return subprocess.run([self.ffmpeg, *words], check=True, capture_output=True).stdout

    def times(self, path: Path, streams: str) -> list[tuple[float, float]]:
        """When each packet is shown, and for how long: seconds, in the order of display."""
        words = ["-v", "error", "-select_streams", streams, "-of", "json", "-show_packets", str(path)]
        found = json.loads(subprocess.run([self.ffprobe, *words], check=True, capture_output=True).stdout)["packets"]
        return sorted((float(one["pts_time"]), float(one.get("duration_time", 0))) for one in found)


@pytest.fixture
def films(tmp_path, requires):
    return Films(tmp_path, requires("ffmpeg"), requires("ffprobe"))
