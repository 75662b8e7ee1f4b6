"""What is said to who asks to submit where machines share a ledger: what this one knows, and then the board."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from seedvr_cli.ledger.board import ANSWERS, Board, Record
from seedvr_cli.ledger.records import job_of_record
from seedvr_cli.ledger.verdicts import Failed, Free, Held, Paid, Terms, Unanswered, Verdict
from seedvr_cli.values.answer import Answer
from seedvr_cli.values.errors import LedgerError
from seedvr_cli.values.job import Draft

if TYPE_CHECKING:
    from seedvr_cli.ledger.shared import SharedLedger

# What a state that may have cost something says to who asks for the same.
_VERDICTS: Mapping[str, type[Unanswered | Paid | Failed]] = {
    "unknown": Unanswered,
    "running": Paid,
    "completed": Paid,
    "failed": Failed,
}
# What is said of a job whose machine was gone before an answer came.
_ENDED = "the run of another machine ended while the submission was under way"


class Judge:
    """Of one ledger and its board."""

    def __init__(self, ledger: "SharedLedger", board: Board) -> None:
        self._ledger = ledger
        self._board = board

    async def here(self, draft: Draft, terms: Terms) -> Verdict:
        """What this machine knows by itself; Free where the board, which is open then, is to be asked."""
        verdict = await self._ledger.ask_here(draft, terms)
        if isinstance(verdict, Unanswered | Failed):
            verdict = await self._reconsidered(verdict, draft, terms)
        if isinstance(verdict, Free):
            await self._ledger.prepare()
        elif isinstance(verdict, Paid | Failed):  # a run that was killed may have recorded its end here, and not there
            await self._ledger.tell_of(verdict.job)
        return verdict

    async def there(self, draft: Draft, terms: Terms) -> Verdict:
        """What other machines have of it."""
        known = (await self._board.look([draft.key])).get(draft.key)
        return Free() if known is None else await self.says(known, draft, terms)

    async def says(self, known: Record, draft: Draft, terms: Terms) -> Verdict:
        """What a record of the board says to `draft`; what a dead run left is settled."""
        if known.state == "submitting" and known.run != self._ledger.run and not await self._board.is_alive(known.run):
            settled = await self._board.post(replace(known, state="unknown", facts={**known.facts, "error": _ENDED}))
            if settled is None:
                return Held(job_of_record(known, draft))  # it moves: to be asked again
            known = settled
        if known.state == "submitting":
            return Held(job_of_record(known, draft))
        verdict = _VERDICTS.get(known.state)
        if verdict is None or terms.again or (verdict is Failed and terms.after_failure):
            return Free()
        if terms.instead_of is not None and known.request_id == terms.instead_of.request_id:
            return Free()
        return verdict(await self._ledger.bring_home(known, draft))

    async def _reconsidered(self, verdict: Unanswered | Failed, draft: Draft, terms: Terms) -> Verdict:
        """What the board knows by now of what came to nothing here; where it is away, that stands.

        An answer that was lost here may have reached another machine as a callback, and another job may be paid for.
        What was brought home from another machine is a copy, of which the board alone says what holds.
        """
        job = verdict.job
        with suppress(LedgerError):
            await self._ledger.prepare()
            known = (await self._board.look([job.key])).get(job.key)
            owner = await self._ledger.owner(job)
            if known is None:
                return verdict
            if owner is None and isinstance(verdict, Unanswered):
                there = await self.says(known, draft, terms)
                if isinstance(there, Free):
                    await self._ledger.forget_copies(job)
                return there
            is_ours = known.claim == job.claim if job.claim else known.run == owner
            if isinstance(verdict, Unanswered) and is_ours and known.state == "free":  # the user has settled it there
                await self._ledger.settle_here(job)
                return await self._ledger.ask_here(draft, terms)
            if isinstance(verdict, Unanswered) and is_ours and known.request_id and known.state in ANSWERS.values():
                await self._ledger.record_here(job, Answer(known.request_id, known.facts.get("status") or "PROCESSING"))
                return await self._ledger.ask_here(draft, terms)
            if known.state in {"running", "completed"} and known.request_id != job.request_id:
                there = await self.says(known, draft, terms)
                return there if isinstance(there, Paid) else verdict
        return verdict
