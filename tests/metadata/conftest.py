"""Fixtures for tests of metadata: what an independent reader says of a file, and a picture given metadata."""

import json
import subprocess

import pytest
from helpers.portraits import TYPES, put

from seedvr_cli.metadata.carry import write_metadata


@pytest.fixture
def exiftool(requires):
    """What exiftool says of a file's metadata, by its group and name, without what is of the file and of its pixels."""
    command = requires("exiftool")
    ours = ("EXIF", "MakerNotes", "XMP", "IPTC", "ICC_Profile", "Photoshop", "JFIF", "PNG-pHYs", "ExifTool")

    def look(path):
        done = subprocess.run(
            [command, "-json", "-G0:1", "-a", "-n", "-u", "-charset", "iptc=UTF8", path],
            capture_output=True,
            check=True,
        )
        said = json.loads(done.stdout)[0]
        return {name: value for name, value in said.items() if name.startswith(ours) and "ExifToolVersion" not in name}

    return look


@pytest.fixture
def given(tmp_path):
    """Gives a picture's bytes metadata: the bytes of the new file, and what could not be carried."""

    def give(content, form, metadata):
        out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        troubles = write_metadata(put(tmp_path, "result", content), TYPES[form], metadata, str(out))
        return out.read_bytes(), troubles

    return give
