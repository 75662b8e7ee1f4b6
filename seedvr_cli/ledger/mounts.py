"""Whether a folder lies on another machine's disk: SQLite needs locks that hold, and there they often do not."""

import os
import re

MOUNTS = "/proc/mounts"
# Kinds of file systems that are served by another machine, as Linux names them.
NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs",
    "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb", "smb3", "smbfs",
})  # fmt: skip
# How blanks and backslashes are written there.
_ESCAPE = re.compile(r"\\([0-7]{3})")


def network_kind(path: str) -> str | None:
    """The kind of the network's file system that the path lies on; None where it is none, or nobody tells."""
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            kind = kind_of(file.read(), os.path.realpath(path))
    except OSError:
        return None
    return kind if kind in NETWORK else None


def kind_of(mounts: str, path: str) -> str | None:
    """The kind of the file system below an absolute path, from the text of /proc/mounts: the closest, and the last."""
    best, kind = "", None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[1])
        is_above = path == place or path.startswith(place.rstrip("/") + "/")
        if is_above and len(place) >= len(best):
            best, kind = place, fields[2]
    return kind
