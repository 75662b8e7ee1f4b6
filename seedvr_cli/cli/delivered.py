"""Sources whose results stand already: said without a run, so that a loop over many costs little."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seedvr_cli.cli.context import Common
    from seedvr_cli.plan.planner import Prospect
    from seedvr_cli.run.policy import Policy

# Sources that one look at the ledger answers for, and that are told of by themselves.
MOST_SOURCES = 20


def tell_delivered(common: "Common", prospects: "Sequence[Prospect]", policy: "Policy") -> bool:
    """Whether all of them are delivered, and their files stand as they were; then their paths are printed.

    No key is needed for it, and no network and no event loop, but where URLs are looked at. Where one is not, or is to
    be submitted again, nothing is printed.
    """
    from seedvr_cli.ledger.place import is_there
    from seedvr_cli.settings.folders import state_folder

    folder = state_folder()
    if len(prospects) > MOST_SOURCES or not is_there(folder):
        return False
    from seedvr_cli.ledger.glance import delivered_files
    from seedvr_cli.render.human import name_of
    from seedvr_cli.render.results import shown, write_line
    from seedvr_cli.render.talk import clean
    from seedvr_cli.run.leftovers import has_marks
    from seedvr_cli.run.skim import tell_apart

    if any(has_marks(folder, one.key) for one in prospects):  # a run that was killed has left something to do
        return False
    known = delivered_files(folder, [one.key for one in prospects])
    left, paths = tell_apart(prospects, known)
    if left:
        return False
    if policy.looks_again:
        from seedvr_cli.cli.changed import outdated
        from seedvr_cli.ledger.glance import counting_jobs

        with counting_jobs(folder) as look:
            jobs = look([one.key for one in prospects])
        if outdated(common, prospects, jobs, policy, also_unseen=True):
            return False
    for prospect, path in zip(prospects, paths, strict=True):
        common.talk.say(clean(f"seedvr: {name_of(prospect.item())}: delivered before, nothing to do"))
        write_line(shown(path))
    return True
