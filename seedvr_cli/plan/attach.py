"""Items for jobs that there are already. Apart from the planner, as who lists jobs has nothing to plan."""

from seedvr_cli.values.items import Attachment
from seedvr_cli.values.job import Job
from seedvr_cli.values.naming import parse_output


def attach(index: int, job: Job, output: str | None) -> Attachment:
    """An item for a job of the ledger: it goes where -o says, else where the command that paid for it meant it to."""
    is_tree = "/" in job.name
    chosen = parse_output(output if output is not None else job.output, job.params, is_tree=is_tree)
    return Attachment(index=index, request_id=job.request_id, output=chosen, job=job)


def attach_stranger(index: int, request_id: str, output: str | None) -> Attachment:
    """An item for a job that another machine or program submitted: all we have is its id."""
    return Attachment(index=index, request_id=request_id, output=parse_output(output, {}))
