"""What every command needs first: the settings, the gateway's address, the way of talking."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedvr_cli.render.talk import Display, Talk
from seedvr_cli.settings.file import find_base_url, load
from seedvr_cli.settings.key import seen_keys
from seedvr_cli.settings.profile import Settings
from seedvr_cli.settings.trust import find_trust
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.trust import Trust
from seedvr_cli.values.urls import SANDBOX_NAME, is_local_gateway

if TYPE_CHECKING:
    from seedvr_cli.gateway.client import Gateway
    from seedvr_cli.render.results import Picked


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
    display: Display
    certificates: Mapping[str, str | None]
    # What is printed of each object, where that is not all of it; then `json` is true.
    pick: "Picked" = None

    @classmethod
    def resolve(
        cls,
        *,
        json: bool | None = None,
        quiet: bool | None = None,
        verbose: bool | None = None,
        progress: str | None = None,
        base_url: str | None = None,
        sandbox: bool = False,
        profile: str | None = None,
        api_key_file: str | None = None,
        ca_bundle: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        rows: int | None = None,
        bell: bool | None = None,
        title: bool | None = None,
        fields: str | None = None,
        template: str | None = None,
    ) -> "Common":
        """Check them together; UsageError says what is wrong. A command gives those that it has."""
        if sandbox and base_url:
            raise UsageError("--sandbox and --base-url: one of the two")
        pick = _read_pick(fields, template, json=json)
        settings = load(profile)
        choose = settings.choose
        talk = Talk(quiet=choose("quiet", quiet), verbose=choose("verbose", verbose), secrets=seen_keys)
        url = find_base_url(settings, base_url)
        if (project := settings.project) and project.distrust:
            talk.say(f"seedvr: project file {project.path} is not read: {project.distrust}")
        display = Display(choose("rows", rows), choose("bell", bell), choose("title", title))
        certificates = {"ca-bundle": ca_bundle, "client-cert": client_cert, "client-key": client_key}
        return cls(
            settings, talk, pick is not None or choose("json", json), choose("progress", progress), url, sandbox,
            api_key_file, display, certificates, pick,
        )  # fmt: skip

    @property
    def gateway_name(self) -> str:
        """The gateway's identity in the ledger."""
        return SANDBOX_NAME if self.sandbox else self.base_url

    @property
    def trust(self) -> Trust:
        """Whom connections trust, and what the gateway is shown; UsageError for a key without its certificate."""
        return find_trust(self.settings, self.base_url, self.certificates)

    def asking(self, base_url: str | None = None) -> "Gateway":
        """A client without a key, for what is asked of others than the gateway; None: at the gateway's address."""
        from seedvr_cli.gateway.client import Gateway, carrier

        trust = self.trust
        return Gateway(base_url or self.base_url, "", connect=lambda: carrier(trust))

    @property
    def is_local(self) -> bool:
        """Whether the gateway is on this machine, and so can read its files."""
        return is_local_gateway(None if self.sandbox else self.base_url)

    @property
    def is_live(self) -> bool:
        """Whether rows are drawn on standard error."""
        if self.talk.quiet or self.progress not in {"auto", "live"}:
            return False
        return sys.stderr.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}

    def choose(self, name: str, value: Any, *circumstances: str) -> Any:
        """The flag's value, else the profile's, else the default in these circumstances."""
        return self.settings.choose(name, value, *circumstances, *(["sandbox"] if self.sandbox else []))


def _read_pick(fields: str | None, template: str | None, *, json: bool | None) -> "Picked":
    if fields is not None and template is not None:
        raise UsageError("--fields and --print: one of the two")
    if fields is not None:
        if json is False:
            raise UsageError("--fields and --no-json: one of the two")
        from seedvr_cli.render.fields import Fields

        return Fields.read(fields)
    if template is not None:
        if json:
            raise UsageError("--print and --json: one of the two")
        from seedvr_cli.render.fields import Template

        return Template.read(template)
    return None
