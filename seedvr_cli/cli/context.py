"""What every command needs first: the settings, the gateway's address, the way of talking."""

import os
import sys
from dataclasses import dataclass
from typing import Any

from seedvr_cli.render.reporter import Talk
from seedvr_cli.settings.file import load
from seedvr_cli.settings.known import PROGRESS
from seedvr_cli.settings.profile import Settings
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.urls import DEFAULT_BASE_URL, is_loopback

# The sandbox's identity in the ledger: its port changes with every command.
SANDBOX_NAME = "sandbox"


@dataclass(frozen=True, slots=True)
class Common:
    """The options of every command, resolved: flag, environment, profile, default."""

    settings: Settings
    talk: Talk
    json: bool
    progress: str
    base_url: str
    sandbox: bool
    key_file: str | None

    @classmethod
    def resolve(
        cls, *, json: bool, quiet: bool, verbose: bool, progress: str | None, base_url: str | None, sandbox: bool,
        profile: str | None, api_key_file: str | None,
    ) -> "Common":  # fmt: skip
        """Check them; UsageError says which is wrong."""
        from seedvr_cli.values.urls import check_base_url

        if sandbox and base_url:
            raise UsageError("--sandbox and --base-url: one of the two")
        settings = load(profile)
        values = settings.values
        form = progress or values.get("progress", "auto")
        if form not in PROGRESS:
            raise UsageError(f"--progress: {form!r} is not one of {', '.join(PROGRESS)}")
        if base_url:
            url = check_base_url(base_url, "--base-url")
        elif os.environ.get("SEEDVR_BASE_URL"):
            url = check_base_url(os.environ["SEEDVR_BASE_URL"], "SEEDVR_BASE_URL")
        else:
            url = values.get("base-url", DEFAULT_BASE_URL)
        talk = Talk(quiet=quiet or bool(values.get("quiet")), verbose=verbose or bool(values.get("verbose")))
        return cls(settings, talk, json or bool(values.get("json")), form, url, sandbox, api_key_file)

    @property
    def gateway_name(self) -> str:
        """The gateway's identity in the ledger."""
        return SANDBOX_NAME if self.sandbox else self.base_url

    @property
    def is_local(self) -> bool:
        """Whether the gateway is on this machine, and so can read its files."""
        from urllib.parse import urlsplit

        return self.sandbox or is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def is_live(self) -> bool:
        """Whether rows are drawn on standard error."""
        if self.talk.quiet or self.progress not in {"auto", "live"}:
            return False
        return sys.stderr.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}

    def choose(self, flag: str, value: Any, default: Any = None) -> Any:
        """The flag's value, else the profile's, else the default."""
        if value is None or value is False:
            return self.settings.values.get(flag, value if default is None else default)
        return value
