"""Which file system a folder lies on."""

import pytest

from seedvr_cli.ledger import mounts
from seedvr_cli.ledger.mounts import kind_of, network_kind

TEXT = """\
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/export /home nfs4 rw,vers=4.2 0 0
/dev/vdb /home/me/local ext4 rw 0 0
//nas/My\\040Files /mnt/My\\040Files cifs rw 0 0
me@host:/ /mnt/far fuse.sshfs rw 0 0
/dev/vdc /over xfs rw 0 0
tmpfs /over tmpfs rw 0 0
odd line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/lib", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/.local/state", "nfs4"),
        ("/home/me/local/state", "ext4"),
        ("/homes/me", "ext4"),
        ("/mnt/My Files/seedvr", "cifs"),
        ("/mnt/far/a", "fuse.sshfs"),
        ("/over/a", "tmpfs"),
    ],
)
def test_the_closest_mount_counts(path, kind):
    """A path lies on what is mounted closest above it, the last where several are, whatever its name is like."""
    assert kind_of(TEXT, path) == kind


def test_nothing_is_known_without_mounts():
    """Where nothing is said of any mount, no kind is guessed."""
    assert kind_of("", "/home") is None


def test_only_the_networks_kinds_are_told(tmp_path, monkeypatch):
    """A local file system is none of the network's, through a link as well; without the list nobody knows."""
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    real = tmp_path.resolve()
    (tmp_path / "mounts").write_text(f"a / ext4 rw 0 0\nb {real}/far nfs rw 0 0\n")
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "mounts"))
    assert [network_kind(str(tmp_path / name)) for name in ("far/a", "near/a", "other")] == ["nfs", "nfs", None]
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "none"))
    assert network_kind(str(tmp_path / "far")) is None
