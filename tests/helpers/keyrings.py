"""Keyrings: one in memory for this process, and a real Secret Service (GNOME Keyring) for commands."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from helpers.waiting import PATIENCE, wait_for


class Keeper(KeyringBackend):
    """Keeps secrets in `kept`, by service and user; `locked` refuses everything."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        del self.kept[service, username]

    def _open(self) -> None:
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!\nAsk again.")


class PlainText(Keeper):
    """What keyrings.alt would write into a file as it is."""

    priority = 0.5


@contextmanager
def secret_service(dbus: str, daemon: str, folder: Path) -> Iterator[dict[str, str | None]]:
    """A session's bus with GNOME Keyring on it, unlocked with an empty password; the environment that leads there."""
    bus = subprocess.Popen(
        [dbus, "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    keeper = None
    try:
        environment = {"DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip()}
        homes = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "data"), "XDG_RUNTIME_DIR": str(folder)}
        keeper = subprocess.Popen(
            [daemon, "--foreground", "--unlock", "--components=secrets"],
            env={"PATH": "/usr/bin:/bin", **homes, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        keeper.stdin.write(b"\n")
        keeper.stdin.close()
        _wait_for_service(environment["DBUS_SESSION_BUS_ADDRESS"])
        yield {**environment, "PYTHON_KEYRING_BACKEND": None}
    finally:
        for process in filter(None, (keeper, bus)):
            process.terminate()
            process.wait(PATIENCE)
            process.stdout.close()


def _wait_for_service(address: str) -> None:
    from jeepney import DBusAddress, message_bus, new_method_call
    from jeepney.io.blocking import Proxy, open_dbus_connection

    name = "org.freedesktop.secrets"
    with open_dbus_connection(address) as connection:
        wait_for(lambda: Proxy(message_bus, connection).NameHasOwner(name)[0], name)
        path = "/org/freedesktop/secrets/aliases/default"
        look = DBusAddress(path, bus_name=name, interface="org.freedesktop.DBus.Properties")
        arguments = ("org.freedesktop.Secret.Collection", "Locked")
        wait_for(
            lambda: (
                connection.send_and_get_reply(new_method_call(look, "Get", "ss", arguments)).body[0] == ("b", False)
            ),
            "an unlocked keyring",
        )
