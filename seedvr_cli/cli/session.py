"""The composition root: a run's gateway and ledger, as a command opens and closes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from seedvr_cli.cli.context import Common
from seedvr_cli.run import session as run
from seedvr_cli.run.policy import Policy
from seedvr_cli.run.session import Session, find_access
from seedvr_cli.values.errors import LedgerAway, UsageError


@asynccontextmanager
async def open_session(common: Common) -> AsyncIterator[Session]:
    """The ledger and the gateway that the options name; KeyMissing where there is no key for it."""
    talk = common.talk
    access, origin = find_access(
        common.settings, base_url=common.base_url, sandbox=common.sandbox, key_file=common.key_file,
        certificates=common.certificates,
    )  # fmt: skip
    observe = (lambda text: talk.say(f"seedvr: {text}")) if talk.verbose else None
    async with run.open_session(access, observe=observe) as session:
        if talk.verbose:
            talk.say(f"seedvr: gateway {access.name}; key from {origin}; ledger {session.ledger.path}")
        yield session


async def prepare_claims(common: Common, session: Session, policy: Policy) -> None:
    """For who submits: the ledger that machines share, if there is one, is told of and has to be there.

    UsageError where the rate is to be shared, and no ledger is.
    """
    if policy.shared_rate and session.ledger.shared_name is None:
        raise UsageError("--shared-rate: no ledger is shared", hint="set SEEDVR_LEDGER_URL, or leave it out")
    if policy.shared_rate and policy.rate is None:
        raise UsageError("--shared-rate: which rate?", hint="--rate 50/s")
    if session.ledger.shared_name is not None:
        common.talk.say(f"seedvr: claims stand in {session.ledger.shared_name}")
    with suppress(LedgerAway):  # what is paid for is delivered all the same, and the others say why they are not sent
        await session.ledger.prepare()
