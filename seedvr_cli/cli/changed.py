"""What has changed at its URL since it was paid for: looked for without a run, and without a key."""

import asyncio
from collections.abc import Mapping, Sequence

from seedvr_cli.cli.context import Common
from seedvr_cli.plan.planner import Prospect
from seedvr_cli.run.change import change_line, changed_sources, is_at_url, is_comparable
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.job import Job


def outdated(
    common: Common, prospects: Sequence[Prospect], jobs: Mapping[str, Job], policy: Policy, *, also_unseen: bool = False
) -> set[str]:
    """Of these prospects and the jobs that are paid for, by key: the keys of those to submit again (--if-changed).

    Without that the user is told of what has changed. `also_unseen`: those too that a run is to look at for later.
    """
    pairs = {}
    for one in prospects:
        request, job = one.item().request, jobs.get(one.key)
        if job is not None and is_at_url(request) and is_comparable(job, request):
            pairs[one.key] = request, job

    async def look() -> set[str]:
        async with common.asking() as gateway:
            return await changed_sources(pairs, gateway)

    unseen = {key for key, (_, job) in pairs.items() if job.seen is None}
    changed = asyncio.run(look()) if pairs.keys() - unseen else set()
    if policy.if_changed:
        return changed | unseen if also_unseen else changed
    for key in pairs:
        if key in changed:
            common.talk.say(f"seedvr: {change_line(pairs[key][0].source.text)}")
    return set()
