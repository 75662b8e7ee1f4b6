"""What `doctor` looks at, in the order of its lines; each room has its own checks."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from seedvr_cli.cli import surroundings
from seedvr_cli.cli.groups import CheckupOptions
from seedvr_cli.cli.probes import Findings, Probe
from seedvr_cli.render.talk import Talk
from seedvr_cli.settings.checkup import check_config, check_key_origin
from seedvr_cli.settings.file import find_base_url, load
from seedvr_cli.settings.folders import state_folder
from seedvr_cli.settings.ledger_url import find_ledger_url
from seedvr_cli.settings.profile import Settings
from seedvr_cli.settings.trust import find_trust
from seedvr_cli.values.checkup import Check
from seedvr_cli.values.errors import SeedvrError, UsageError
from seedvr_cli.values.trust import Trust
from seedvr_cli.values.urls import DEFAULT_BASE_URL, SANDBOX_NAME

# Seconds for a command that the config file names, for asking another machine, and for any one probe, which may do both
# of these; some are left for loading and ending.
COMMAND_SECONDS = 5.0
NETWORK_SECONDS = 8.0
PROBE_SECONDS = COMMAND_SECONDS + NETWORK_SECONDS + 2.0


@dataclass(frozen=True, slots=True)
class Checkup:
    """The options of `doctor`, resolved as far as they can be: what is wrong with them is a finding, and no end."""

    options: CheckupOptions
    settings: Settings
    talk: Talk
    json: bool
    key: "Future[str | None]"

    @classmethod
    def resolve(cls, options: CheckupOptions) -> "Checkup":
        """UsageError only for what was typed; where the config file is of no use, the defaults stand in for it."""
        if options.sandbox and options.base_url:
            raise UsageError("--sandbox and --base-url: one of the two")
        try:
            settings = load(options.profile)
        except SeedvrError:
            settings = Settings(options.profile or "default", "")
        choose = settings.choose
        talk = Talk(quiet=choose("quiet", options.quiet), verbose=choose("verbose", options.verbose))
        return cls(options, settings, talk, choose("json", options.json), Future())

    def probes(self) -> list[Probe]:
        """All of them."""
        network = "check the connection, the name server and the proxy"
        disk = "is its disk there?"
        return [
            Probe("version", surroundings.check_version),
            Probe("config", lambda: check_config(self.options.profile)),
            Probe("key", self._check_key),
            Probe("gateway", self._check_gateway, network),
            Probe("certificates", self._check_certificates),
            Probe("proxy", self._check_proxy),
            Probe("carrier", _check_carrier),
            Probe("ledger", self._check_ledger, disk),
            Probe("shared", self._check_shared, network),
            Probe("output", surroundings.check_output, disk),
            Probe("extras", surroundings.check_extras),
            Probe("terminal", surroundings.check_terminal),
        ]

    def _check_key(self) -> Findings:
        key = None
        try:
            if self.options.sandbox:
                return Check("key", "ok", "the sandbox needs none")
            check, key = check_key_origin(self.settings, self.options.api_key_file, seconds=COMMAND_SECONDS)
            return check
        finally:
            self.key.set_result(key)  # the gateway's check waits for it

    def _check_gateway(self) -> Findings:
        if self.options.sandbox:
            return Check("gateway", "ok", "the sandbox: a command that asks for it starts it on this machine")
        from seedvr_cli.gateway.checkup import check_gateway
        from seedvr_cli.gateway.client import carrier

        url = find_base_url(self.settings, self.options.base_url)
        try:
            key = self.key.result(COMMAND_SECONDS + 1)
        except TimeoutError:
            key = None
        try:
            trust = self._trust
        except UsageError as error:
            return Check("gateway", "problem", f"{url} cannot be asked: {error.message}", error.hint)
        return asyncio.run(
            check_gateway(url, key, seconds=NETWORK_SECONDS, observe=self._observe, connect=lambda: carrier(trust))
        )

    @property
    def _observe(self) -> Callable[[str], None] | None:
        return (lambda text: self.talk.say(f"seedvr: {text}")) if self.talk.verbose else None

    def _check_certificates(self) -> Findings:
        from seedvr_cli.gateway.checkup import check_certificates

        try:
            return check_certificates(self._trust)
        except UsageError as error:
            return Check("certificates", "problem", error.message, error.hint)

    @property
    def _trust(self) -> Trust:
        options = self.options
        given = {"ca-bundle": options.ca_bundle, "client-cert": options.client_cert, "client-key": options.client_key}
        return find_trust(self.settings, self._base_url, given)

    def _check_proxy(self) -> Findings:
        if self.options.sandbox:
            return Check("proxy", "ok", "none: the sandbox is on this machine")
        from seedvr_cli.gateway.checkup import check_proxy

        return check_proxy(self._base_url)

    def _check_ledger(self) -> Findings:
        from seedvr_cli.ledger.checkup import check_ledger

        return check_ledger(state_folder(), SANDBOX_NAME if self.options.sandbox else self._base_url)

    def _check_shared(self) -> Findings:
        if self.options.sandbox:
            return Check("shared", "ok", "the sandbox's jobs stand in this machine's ledger alone")
        url = find_ledger_url(self.settings, seconds=COMMAND_SECONDS)
        if url is None:
            return Check("shared", "ok", "none: what is paid for stands in this machine's ledger alone")
        from seedvr_cli.ledger.board_checkup import check_board

        return asyncio.run(check_board(url, state_folder(), seconds=NETWORK_SECONDS))

    @property
    def _base_url(self) -> str:
        """The gateway's address; the hosted one where what is set is none, which the gateway's own check says."""
        try:
            return find_base_url(self.settings, self.options.base_url)
        except SeedvrError:
            return DEFAULT_BASE_URL


def _check_carrier() -> Findings:
    from seedvr_cli.gateway.checkup import check_carrier

    return check_carrier()
