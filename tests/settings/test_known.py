"""What may be stored: good values in their stored form, and values that are refused."""

import pytest

from seedvr_cli.settings.file import load, store
from seedvr_cli.settings.known import SETTINGS, setting_name
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.options import as_stored

# What may be stored: good values in their stored form, and values that are refused.
VALUES = {
    "api-key": ([("abcdefgh12345678", "abcdefgh12345678"), (" abc \n", "abc")], ["", "a b", "ä", "a\x1bb", "\n"]),
    "api-key-command": ([("pass show seedvr", "pass show seedvr")], ["", 3]),
    "ledger-url": ([("postgresql://me@db.example/x", "postgresql://me@db.example/x")], ["", 3]),
    "ledger-url-command": ([("pass show ledger", "pass show ledger")], ["", 3]),
    "model": ([("7b", "7b"), ("3b", "3b")], ["5b", "", 7]),
    "scale": ([("2", 2), ("2.5", 2.5), (8, 8), ("2.0", "2.0")], ["9", "0.5", "x", "", True]),
    "width": ([("800", 800), (256, 256)], ["100", "5000", "800.5"]),
    "height": ([("800", 800), (4096, 4096)], ["255", "4097"]),
    "target": ([("720p", "720p"), ("2160p", "2160p")], ["480p", "", 720]),
    "format": ([("jpg", "jpg"), ("png", "png"), ("h265", "h265")], ["gif", "", 1]),
    "noise": ([("0.5", 0.5), ("0", 0)], ["1.1", "-0.1"]),
    "seed": ([("7", 7), ("2147483647", 2147483647)], ["-1", "2147483648", "1.5"]),
    "sync": ([("true", True), ("off", False), (False, False)], ["maybe", ""]),
    "quality": ([("high", "high")], ["best"]),
    "write-mode": ([("fast", "fast")], ["slow"]),
    "body-webhook": ([("https://example.com/h", "https://example.com/h")], ["http://example.com", "x"]),
    "body-webhook-events": ([("completed", "completed"), (["*"], ["*"])], ["", "none", []]),
    "webhook": ([("https://example.com/h", "https://example.com/h")], ["http://example.com", "x", 3]),
    "webhook-mode": ([("terminal", "terminal"), ("sync", "sync")], ["often", ""]),
    "output": ([("out/", "out/"), ("{stem}{ext}", "{stem}{ext}")], ["", 3]),
    "overwrite": ([("yes", True), (True, True)], ["perhaps", 2]),
    "max-filesize": ([("8G", "8G"), ("500 MiB", "500 MiB"), (1000, 1000)], ["0", "-1", "much", "1e9", "5P"]),
    "recursive": ([("no", False)], ["perhaps"]),
    "jobs": ([("4", 4), (16, 16)], ["0", "-1", "1.5", "x", True]),
    "poll-interval": ([("10", "10"), (2.5, 2.5)], ["0", "-1", "soon"]),
    "timeout": ([("90s", "90s"), ("0", "0"), (60, 60)], ["-1", "soon", ""]),
    "max-cost": ([("0.05", "0.05"), ("$1", "$1"), (2, 2)], ["-1", "much", "nan", "1e999999"]),
    "max-cost-per-day": ([("5", "5")], ["-1", "much"]),
    "max-cost-per-month": ([("5", "5")], ["-1", "much"]),
    "max-cost-per-tag": ([("a=5,b=1", "a=5,b=1"), ({"a": 5}, {"a": 5})], ["5", "a=much", "a=1,a=2", {"": 1}]),
    "rate": ([("5", "5"), ("30/m", "30/m")], ["0", "fast", "-1"]),
    "rows": ([("0", 0), (5, 5), ("1000", 1000)], ["-1", "1001", "many"]),
    "title": ([("true", True)], ["2"]),
    "bell": ([("false", False)], ["2"]),
    "json": ([("true", True)], ["2"]),
    "quiet": ([("1", True)], ["2"]),
    "verbose": ([("0", False)], ["2"]),
    "progress": ([("live", "live"), ("none", "none")], ["bar", True]),
    "upload": ([("s3://bucket/in", "s3://bucket/in"), ("az://b", "az://b")], ["https://a.example", "s3://", "x"]),
    "upload-endpoint": ([("https://s3.example.com", "https://s3.example.com")], ["http://a.example.com", "x"]),
    "upload-region": ([("eu-central-1", "eu-central-1")], [""]),
    "upload-command": ([("send {path}", "send {path}")], ["", " ", "send '{path}"]),
    "keep-metadata": ([("true", True), ("false", False)], ["maybe"]),
    "keep-sound": ([("true", True), ("false", False)], ["maybe"]),
    "keep-upload": ([("true", True), ("false", False)], ["maybe"]),
    "ca-bundle": ([("system", "system"), ("/etc/ca.pem", "/etc/ca.pem")], ["", 3]),
    "client-cert": ([("/etc/me.pem", "/etc/me.pem")], [""]),
    "client-key": ([("/etc/me.key", "/etc/me.key")], [True]),
    "public-url": ([("https://seedvr.example.com/in", "https://seedvr.example.com/in")], ["http://a.example.com", "x"]),
    "base-url": ([("https://example.com/", "https://example.com"), ("http://127.0.0.1:1", "http://127.0.0.1:1")],
                 ["http://example.com", "https://a@b", "", 3]),
}  # fmt: skip


def test_the_values_below_are_of_every_setting():
    """There are examples of every setting that may be stored."""
    assert SETTINGS.keys() == VALUES.keys()


@pytest.mark.parametrize("name", VALUES)
def test_a_good_value_is_stored_and_read_back(name):
    """What a setting takes is read back as the value it was, and shown as it was written."""
    for given_, stored in VALUES[name][0]:
        value = SETTINGS[name].read(given_, "config set")
        kept = as_stored(value, given_)
        assert (kept, type(kept)) == (stored, type(stored))
        store("default", name, kept)
        assert (load().values, load().written) == ({name: value}, {name: stored})


@pytest.mark.parametrize("name", VALUES)
def test_a_bad_value_is_refused(name):
    """What a setting does not take is a usage error that says where it stood."""
    for value in VALUES[name][1]:
        with pytest.raises(UsageError, match=f"^config set {name}: "):
            SETTINGS[name].read(value, f"config set {name}")


def test_names_are_forgiving_but_known():
    """A setting's name may be written in several ways, and an unknown one names the nearest."""
    for written in ("write-mode", "write_mode", " Write-Mode ", "--write-mode"):
        assert setting_name(written, "config get") == "write-mode"
    with pytest.raises(UsageError, match=r"config get: there is no setting 'wirte-mode' \(did you mean write-mode\?\)"):
        setting_name("wirte-mode", "config get")
    with pytest.raises(UsageError, match=r"there is no setting 'job-id'"):
        setting_name("job-id", "config get")
