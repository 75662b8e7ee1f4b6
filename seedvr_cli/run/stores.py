"""The object stores of a run: each opened once, and asked in threads of their own."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from seedvr_cli.objects.opening import split_url
from seedvr_cli.objects.store import ObjectFacts, ObjectStore
from seedvr_cli.objects.threads import Threads
from seedvr_cli.objects.trouble import StoreError
from seedvr_cli.values.errors import DeliveryError, NoPlace

# Requests at the same time.
AT_ONCE = 32
# What to do about a store that does not take a result; and about one that would take none, before there is one.
PAID = "the job is paid for: 'seedvr download' brings it elsewhere"
UNPAID = "name another place with -o: nothing was submitted"

T = TypeVar("T")


class Stores:
    """Raises NoPlace where a store will not take anything, DeliveryError where it does not now."""

    def __init__(self) -> None:
        self._stores: dict[str, ObjectStore] = {}
        self._threads = Threads(AT_ONCE, "objects")
        self._probes: dict[str, asyncio.Future[None]] = {}
        # By the name that was asked for, the last number that was taken for it.
        self.numbers: dict[str, int] = {}
        # By URL, which job's file this run has put or found there, or is about to put there: its number, and which of
        # its files. With --overwrite nothing else would keep two results of a run apart.
        self.taken: dict[str, tuple[int, int]] = {}
        # By URL, objects that were seen: each has a look once, however many results have names that are equal.
        self.seen: dict[str, ObjectFacts] = {}

    async def call(self, url: str, operation: Callable[[ObjectStore, str], T], *, hint: str = PAID) -> T:
        """The answer of an operation on the store and path that a URL names. Raises UsageError for one that is none."""
        root, path = split_url(url)
        if root not in self._stores:
            self._stores[root] = ObjectStore(root)
        store = self._stores[root]
        try:
            return await self._threads.call(operation, store, path)
        except StoreError as error:
            raise (NoPlace if error.is_lasting else DeliveryError)(str(error), hint=hint) from error

    async def prepare(self, folder: str) -> None:
        """NoPlace or DeliveryError where nothing can be made there; tried once, or until the store answers."""
        if folder not in self._probes:
            self._probes[folder] = asyncio.ensure_future(self.call(folder, ObjectStore.probe, hint=UNPAID))
        probe = self._probes[folder]
        try:
            await asyncio.shield(probe)
        except NoPlace:
            raise
        except DeliveryError:  # which may be over by the time that the next item asks
            if self._probes.get(folder) is probe:
                del self._probes[folder]
            raise
