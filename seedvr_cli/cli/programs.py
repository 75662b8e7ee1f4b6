"""--exec: a program of the user's for each job that has ended, some at once, each told the job on standard input."""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from seedvr_cli.render import machine
from seedvr_cli.render.talk import Talk, clean
from seedvr_cli.run.listen import Listener
from seedvr_cli.run.skim import Work
from seedvr_cli.values.errors import LedgerError, UsageError
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.system import end_group

# Seconds until a ledger that fails is told once more what was passed on.
LEDGER_SECONDS = 1.0
# Seconds that programs under way get where `listen` is ended.
GRACE = 10.0


class Programs:
    """`command` is split into words, and gets no shell; None runs nothing. UsageError where there is no such program.

    A job counts as passed on when its program has ended, whichever way.
    """

    def __init__(self, command: str | None, at_once: int, talk: Talk) -> None:
        self._words = _words(command) if command is not None else []
        self._room = asyncio.Semaphore(at_once)
        self._talk = talk
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: set[asyncio.subprocess.Process] = set()
        self.failed = 0

    def begin(self, listener: Listener) -> None:
        """Serve this listener."""
        self._listener = listener

    def take(self, outcome: Outcome) -> None:
        """A job has ended."""
        task = asyncio.create_task(self._pass_on(outcome))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def around(self, work: AsyncGenerator[Sequence[Work], None]) -> AsyncGenerator[Sequence[Work], None]:
        """The work; at its end, programs under way get their time."""
        try:
            async with aclosing(work):
                async for chunk in work:
                    yield chunk
        finally:
            await self._close()

    def end(self) -> None:
        """Programs under way are asked to end."""
        for process in self._running:
            end_group(process.pid)

    async def _pass_on(self, outcome: Outcome) -> None:
        async with self._room:
            if self._words and not await self._run(outcome):
                self._listener.put_off()
                return
            while True:
                try:
                    await self._listener.passed_on(outcome)
                except LedgerError as error:
                    self._talk.error(f"seedvr: {error.message}; trying again")
                    await asyncio.sleep(LEDGER_SECONDS)
                else:
                    return

    async def _run(self, outcome: Outcome) -> bool:
        """The program, its output beside our talk: standard output carries results. False where it never began.

        It has a session of its own, so that Ctrl-C is for us: what we are ended with is not what it is ended with.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, stdin=asyncio.subprocess.PIPE, stdout=_talk_stream(), start_new_session=True
            )
        except OSError as error:
            self._tell(outcome, error.strerror or str(error))
            return False
        self._running.add(process)
        try:
            await process.communicate(machine.line(machine.outcome_object(outcome)).encode() + b"\n")
        finally:
            self._running.discard(process)
        if process.returncode:
            code = process.returncode
            self._tell(outcome, f"it ended with {code}" if code > 0 else f"it was ended by signal {-code}")
        return True

    def _tell(self, outcome: Outcome, why: str) -> None:
        self.failed += 1
        self._talk.error(clean(f"seedvr: --exec {self._words[0]}, for {outcome.request_id}: {why}"))

    async def _close(self) -> None:
        if not self._tasks:
            return
        await asyncio.wait(self._tasks, timeout=GRACE)
        for task in list(self._tasks):
            task.cancel()
        self.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--exec: {command}: {error}") from error
    if not words or shutil.which(words[0]) is None:
        name = words[0] if words else command
        hint = "it gets no shell: for one, write --exec 'sh -c \"...\"'"
        raise UsageError(f"--exec: there is no program {name!r}", hint=hint)
    return words


def _talk_stream() -> int:
    try:
        os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return asyncio.subprocess.DEVNULL
    return sys.stderr.fileno()
