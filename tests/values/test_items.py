"""Items and outcomes: what each kind of ending says of the charge, and by which name the gateway knows it."""

import pytest
from helpers.outcomes import FILE, answer, attachment, job, purchase

from seedvr_cli.values.errors import BadLine, JobFailed, OutcomeUnknown
from seedvr_cli.values.items import Outcome
from seedvr_cli.values.request import Source

# What an item is called.


def test_a_purchase_speaks_for_its_request():
    """What is to be bought is shown by its source, its file name and our name of the endpoint."""
    item = purchase()
    assert (item.source, item.name, item.label) == ("https://example.com/photo.jpg", "photo.jpg", "photo.jpg")
    assert (item.endpoint, item.params) == ("7b-image", {"upscale_factor": 2})
    assert (item.key_name, item.line, item.raw) == (None, None, None)


def test_a_local_source_is_shown_as_it_was_written():
    """The user reads the path that he wrote, not the URL that the gateway is told."""
    request = purchase().request
    written = Source("./photos/a b.jpg", "https://upload.example/x", "sha256:ab", "a b.jpg", "/home/me/photos/a b.jpg")
    item = purchase(request=type(request)(request.endpoint, written, request.params))
    assert (item.source, item.label) == ("./photos/a b.jpg", "a b.jpg")


def test_a_job_of_the_ledger_keeps_its_names():
    """A job that is taken up again has source, file name, endpoint and the user's own name from the ledger."""
    known = job(key_name="cat")
    item = attachment(known)
    assert (item.key, item.key_name, item.source, item.name) == (known.key, "cat", known.source, "photo.jpg")
    assert (item.endpoint, item.params, item.label) == ("7b-image", {"upscale_factor": 2}, "photo.jpg")


def test_a_strangers_job_is_known_by_its_id_alone():
    """Of a job that another machine submitted there is the request id, and nothing is made up."""
    item = attachment(None)
    assert (item.name, item.label) == ("job_1", "job_1")
    assert (item.key, item.key_name, item.source, item.endpoint, item.params) == (None, None, None, None, {})


def test_a_job_without_a_source_is_headed_with_its_id():
    """What the ledger adopted without knowing its source is shown under its request id."""
    known = job(source=None, name="output.png")
    assert attachment(known).label == "job_1"
    assert attachment(known).name == "output.png"
    assert attachment(known, request_id=None).label == "output.png"


def test_a_job_without_any_name_crashes_nothing():
    """Neither a job nor an id is an empty name."""
    assert (attachment(None, request_id=None).name, attachment(None, request_id=None).label) == ("", "")


# What an outcome says.

CHARGES = {
    "completed": (job(), "listed"),
    "ERROR": (job("error", "ERROR"), "not_charged"),
    "FAILED": (job("failed", "FAILED"), "maybe"),
    "running": (job("running", "PROCESSING"), "maybe"),
    "a word that nobody knows": (job("running", "WARMING_UP"), "maybe"),
    "accepted without a word": (job("running", None), "maybe"),
    "claimed, not yet sent": (job("reserved", None, request_id=None), "none"),
    "in the air": (job("submitting", None, request_id=None), "unknown"),
    "the answer was lost": (job("unknown", None, request_id=None), "unknown"),
    "settled by hand": (job("forgotten", None, request_id=None), "unknown"),
}


@pytest.mark.parametrize(("known", "charge"), CHARGES.values(), ids=CHARGES)
def test_what_a_job_cost(known, charge):
    """The charge is what the ledger knows of the job, whether it was bought in this run or taken up."""
    for item in (purchase(), attachment(known)):
        assert Outcome(item=item, job=known).charge == charge


def test_what_was_never_submitted_cost_nothing():
    """A purchase without a job was not submitted, whatever went wrong."""
    outcome = Outcome(item=purchase(), error=BadLine("no source"))
    assert (outcome.charge, outcome.request_id, outcome.known) == ("none", None, None)


@pytest.mark.parametrize(
    ("said", "charge"),
    [
        (answer("COMPLETED"), "listed"),
        (answer("ERROR"), "not_charged"),
        (answer("FAILED"), "maybe"),
        (answer("QUEUED"), "maybe"),
        (None, "maybe"),
    ],
)
def test_what_a_strangers_job_cost(said, charge):
    """Of a job that the ledger does not have the gateway's word counts; without one it may be charged."""
    outcome = Outcome(item=attachment(None), answer=said)
    assert (outcome.charge, outcome.request_id, outcome.known) == (charge, "job_1", said)


def test_the_ledgers_id_counts():
    """A job's request id is the ledger's; one whose submission was never answered has none."""
    assert Outcome(item=purchase(), job=job()).request_id == "job_1"
    assert Outcome(item=purchase(), job=job("unknown", None, request_id=None)).request_id is None
    assert Outcome(item=attachment(None, request_id="job_2"), job=job()).request_id == "job_1"


def test_the_ledger_counts_before_the_gateway():
    """Where there are a record and an answer, the record is what is known."""
    known = job()
    assert Outcome(item=attachment(known), job=known, answer=answer("QUEUED")).known is known


def test_an_outcome_is_a_plain_success_unless_told():
    """Without more said there are no files, no error, and neither a resumed nor a skipped job."""
    outcome = Outcome(item=purchase(), job=job(), files=(FILE,))
    assert (outcome.files, outcome.error, outcome.resumed, outcome.skipped) == ((FILE,), None, False, False)
    assert Outcome(item=purchase()).files == ()


@pytest.mark.parametrize("error", [JobFailed("the gateway says FAILED"), OutcomeUnknown("lost")])
def test_an_error_changes_no_charge(error):
    """What is known of the charge comes from the record, not from what went wrong later."""
    assert Outcome(item=purchase(), job=job(), error=error).charge == "listed"
