"""What a run stands on, opened and closed in order: the one way in, for the command line and for Python."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from seedvr_cli.gateway.client import Gateway, carrier
from seedvr_cli.ledger.jobs import Ledger
from seedvr_cli.run.engine import Engine
from seedvr_cli.run.policy import Clock, Policy
from seedvr_cli.settings.file import find_base_url
from seedvr_cli.settings.folders import state_folder
from seedvr_cli.settings.key import find_key
from seedvr_cli.settings.ledger_url import find_ledger_url
from seedvr_cli.settings.profile import Settings
from seedvr_cli.settings.trust import find_trust
from seedvr_cli.values.trust import USUAL, Trust
from seedvr_cli.values.urls import SANDBOX_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Which gateway (`base_url` None: the sandbox), with which key, the folder of the ledger, and the shared one."""

    base_url: str | None
    key: str
    folder: str
    ledger_url: str | None = None
    trust: Trust = USUAL

    @property
    def name(self) -> str:
        """The gateway's identity in the ledger."""
        return SANDBOX_NAME if self.base_url is None else self.base_url


def find_access(
    settings: Settings, *, base_url: str | None = None, sandbox: bool = False, key_file: str | None = None,
    certificates: Mapping[str, str | None] | None = None,
) -> tuple[Access, str]:  # fmt: skip
    """The gateway, key and ledger of a profile, and where the key comes from; KeyMissing where there is none."""
    folder = state_folder()
    url = find_base_url(settings, base_url)
    trust = find_trust(settings, url, certificates)
    if sandbox:
        return Access(base_url=None, key="sandbox", folder=folder, trust=trust), "the sandbox, which needs none"
    key, origin = find_key(settings, key_file)
    shared = find_ledger_url(settings)
    return Access(base_url=url, key=key, folder=folder, ledger_url=shared, trust=trust), origin


@dataclass(frozen=True, slots=True)
class Session:
    """An open gateway and ledger."""

    access: Access
    gateway: Gateway
    ledger: Ledger

    def engine(self, policy: Policy, clock: Clock | None = None) -> Engine:
        """What does a run's work."""
        spool = os.path.join(self.access.folder, "spool")
        return Engine(self.gateway, self.ledger, policy, name=self.access.name, spool=spool, clock=clock)


@asynccontextmanager
async def open_session(
    access: Access, *, observe: Callable[[str], None] | None = None
) -> AsyncIterator[Session]:  # fmt: skip
    """The ledger and the gateway; the sandbox is started where it is asked for.

    `observe` is told of every exchange. Raises LedgerError, and UsageError where the environment names a proxy or
    certificates that cannot be used.
    """
    async with AsyncExitStack() as stack:
        url = access.base_url
        if url is None:
            url = await stack.enter_async_context(_sandbox(access.folder))
        ledger = await stack.enter_async_context(_ledger(access))
        gateway = await stack.enter_async_context(
            Gateway(url, access.key, observe=observe, connect=lambda: carrier(access.trust))
        )
        gateway.prepare()  # nothing is claimed before it can be sent
        yield Session(access, gateway, ledger)


def _ledger(access: Access) -> Ledger:
    """This machine's; with a board in front of it where machines share one. The sandbox costs nothing."""
    if access.ledger_url is None or access.base_url is None:
        return Ledger(access.folder)
    from seedvr_cli.ledger.boards import find_board
    from seedvr_cli.ledger.shared import SharedLedger

    return SharedLedger(access.folder, find_board(access.ledger_url))


@asynccontextmanager
async def _sandbox(folder: str) -> AsyncIterator[str]:
    from seedvr_cli.sandbox.server import Sandbox
    from seedvr_cli.sandbox.settings import SandboxSettings

    async with Sandbox(Path(folder) / "sandbox", SandboxSettings()) as sandbox:
        yield sandbox.url
