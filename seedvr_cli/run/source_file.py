"""The file of this machine that a job was made of: found where it may be, and known by its content."""

import os
from collections.abc import Sequence

from seedvr_cli.ledger.rows import digest
from seedvr_cli.values.catalog import ENDPOINTS
from seedvr_cli.values.job import Job
from seedvr_cli.values.request import identifying_params, job_key

# Folders above a result in which a source that was named by a relative path is looked for.
PARENTS = 4


def find_source(job: Job) -> str | None:
    """The file, by an absolute path, where one that has its content can be read; None without it.

    A job that has the user's own name says nothing of its source's content: then no file is known to be it.
    """
    if not job.source or "://" in job.source or job.key_name is not None:
        return None
    places = source_places(job, [])
    return next((path for path in places if os.path.isfile(path) and is_source(path, job)), None)


def source_places(job: Job, folders: Sequence[str]) -> list[str]:
    """Where the file may be: a relative path is one from the folder that the job's command ran in.

    Where the ledger does not know that, it is this one, most likely, or one of the results' `folders`, or one above.
    """
    source = job.source or ""
    places = [os.path.join(job.folder or os.curdir, source), source]
    if not os.path.isabs(source):
        for folder in folders:
            above = folder
            for _ in range(PARENTS):
                places.append(os.path.join(above, source))
                above = os.path.dirname(above)
    return list(dict.fromkeys(map(os.path.abspath, places)))


def is_source(path: str, job: Job) -> bool:
    """Whether the file is what the job was made of: its content is part of the job's key, where that has no name."""
    endpoint, identity = ENDPOINTS.get(job.endpoint or ""), identity_of(path)
    if endpoint is None or identity is None:
        return False
    return job_key(job.gateway, endpoint.name, identifying_params(endpoint, job.params), identity) == job.key


def identity_of(path: str) -> str | None:
    """What the ledger knows a file by; None where it cannot be read."""
    try:
        return f"sha256:{digest(path)}"
    except OSError:
        return None
