"""Where a user's things are kept."""

import os

from seedvr_cli.values.errors import UsageError

APP = "seedvr"


def config_file() -> str:
    """The path of the config file."""
    return os.path.join(_folder("config"), "config.toml")


def state_folder() -> str:
    """Where the ledger, the sandbox's jobs and the log of unforeseen errors are."""
    return _folder("state")


def _folder(kind: str) -> str:
    home = os.environ.get("SEEDVR_HOME")
    if home:
        return os.path.join(os.path.abspath(os.path.expanduser(home)), kind)
    import platformdirs

    folder = {"config": platformdirs.user_config_dir, "state": platformdirs.user_state_dir}[kind]
    try:
        return folder(APP, appauthor=False)
    except RuntimeError as error:
        raise UsageError("this user has no home folder: HOME is not set and the system knows none",
                         hint="set SEEDVR_HOME to a folder for the settings and the ledger") from error  # fmt: skip
