"""From an accepted job to its result: fetch the source, upscale it, store what came of it."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seedvr_cli.sandbox.http.outbound import Outbound
from seedvr_cli.sandbox.job import Job
from seedvr_cli.sandbox.sources import SourceError, fetch
from seedvr_cli.sandbox.store import JobStore
from seedvr_cli.sandbox.upscale.rendering import Rendered, UpscaleError
from seedvr_cli.sandbox.upscale.upscale import upscale
from seedvr_cli.sandbox.world import World
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.system import is_windows, lock_folder

# At once: fetching waits for the network, and upscaling fills a core. What does not fit into memory beside another
# upscale waits for that one's end (upscale/memory.py).
FETCHES = 8
UPSCALES = 2
# Seconds between looks at a job that another process works on.
LOOK_AGAIN = 0.1


class Workshop:
    """Works on the jobs that it was given, one task each. `on_done` hears of every job that it has finished."""

    def __init__(self, world: World, store: JobStore, outbound: Outbound, on_done: Callable[[Job], None]) -> None:
        self._world = world
        self._store = store
        self._outbound = outbound
        self._on_done = on_done
        self._fetching = asyncio.Semaphore(FETCHES)
        self._upscaling = asyncio.Semaphore(UPSCALES)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, job: Job) -> None:
        """Work on a job, unless it has its result or that is under way here already."""
        if job.wants_result and job.request_id not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._work(job.request_id))
            self._tasks[job.request_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(job.request_id, None))

    async def change(self, request_id: str) -> Job:
        """The job again, when its status may have changed. Raises KeyError where it is no longer in the folder."""
        job = self._store[request_id]
        pause = self._world.until_change(job)
        if pause is not None:
            await asyncio.sleep(pause)
        elif request_id in self._tasks:
            await asyncio.wait([self._tasks[request_id]])
        else:
            await asyncio.sleep(LOOK_AGAIN)
            # Should the other process have gone, its work is done here.
            self.start(self._store[request_id])
        return self._store[request_id]

    async def close(self) -> None:
        """Drop all work. Whoever asks for one of these jobs later makes its result."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, request_id: str) -> None:
        folder = Path(self._store.media_folder(request_id))
        async with self._fetching:
            # KeyError: somebody has emptied the folder.
            with suppress(KeyError), _claim(folder) as claimed:
                # Another process may have been faster, or be at it now.
                job = self._store[request_id]
                if claimed and job.wants_result:
                    self._on_done(await self._make(job, folder))

    async def _make(self, job: Job, folder: Path) -> Job:
        source = folder / "source"
        try:
            await fetch(self._source_of(job), ENDPOINTS[job.endpoint].kind, source, self._outbound)
            async with self._upscaling:
                done = await _in_thread(
                    lambda: upscale(job.endpoint, source, folder, job.params, seed=job.seed, bare=job.bare)
                )
        except (SourceError, UpscaleError) as error:
            return self._world.finish(job.request_id, error=str(error))
        except Exception as error:  # noqa: BLE001 - a fault of the sandbox ends one job, not the sandbox
            return self._world.finish(job.request_id, error=f"the sandbox failed: {type(error).__name__}: {error}")
        finally:
            source.unlink(missing_ok=True)
        return self._world.finish(job.request_id, file=done.path.name, media_type=done.media_type)

    def _source_of(self, job: Job) -> str:
        kept = self._store.source_file(job.source)
        return job.source if kept is None else Path(kept).read_text(encoding="utf-8")


@contextmanager
def _claim(folder: Path) -> Iterator[bool]:
    """Whether this process has the job to itself; ends with the block, or with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    if is_windows():  # which opens no folders: two processes may do the same work, with the same result
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield lock_folder(descriptor)
    finally:
        os.close(descriptor)


async def _in_thread(work: Callable[[], Rendered]) -> Rendered:
    """As asyncio.to_thread, but the end of the program does not wait for it: a video may take minutes."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Rendered] = loop.create_future()

    def settle(result: Rendered | BaseException) -> None:
        if future.done():
            return
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)

    def run() -> None:
        result: Rendered | BaseException
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
            result = error
        # The loop may be closed by now, and nobody waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=run, name="seedvr-sandbox-upscale", daemon=True).start()
    return await future
