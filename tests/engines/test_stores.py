"""Object stores of another make: Azure's own emulator, and one more that ignores conditions."""

import uuid

import obstore
import pytest
from helpers.bucket import BUCKET, s3rver
from helpers.command import Bench
from helpers.recipes import installed
from helpers.sources import urls
from obstore.store import from_url

pytestmark = pytest.mark.slow


@pytest.fixture
def azure(azure_store, monkeypatch):
    """A folder of the container, and the container as the library has it."""
    for name, value in azure_store.items():
        monkeypatch.setenv(name, value)
    return f"az://{BUCKET}/{uuid.uuid4().hex}", from_url(f"az://{BUCKET}")


def test_azure_has_the_list_the_ledger_and_the_results(tmp_path, azure, azure_store, sandbox):
    """What one machine has paid for and put there another one neither pays for nor fetches."""
    place, container = azure
    folder, sources = place.rpartition("/")[2], urls(3)
    obstore.put(container, f"{folder}/urls.txt", "\n".join(sources).encode())
    environment = {**azure_store, "SEEDVR_LEDGER_URL": f"{place}/ledger"}
    printed = []
    for machine in ("a", "b"):
        (tmp_path / machine).mkdir()
        bench = Bench(tmp_path / machine)
        words = ("image", "--from", f"{place}/urls.txt", "-x", 2, "-o", place + "/big/{index}{ext}")
        done = bench.run(*words, to=sandbox, env=environment)
        assert done.rc == 0, done.stderr
        assert not list(bench.work.iterdir())
        printed.append(sorted(done.lines))
        bench.close()
    assert printed == [[f"{place}/big/{number}.png" for number in (1, 2, 3)]] * 2
    assert {sandbox.accepted(source) for source in sources} == {1}
    found = [one for page in obstore.list(container, f"{folder}/big") for one in page]
    assert sorted(one["path"] for one in found) == [f"{folder}/big/{number}.png" for number in (1, 2, 3)]


def test_s3rver_is_refused(tmp_path, run, sandbox, url):
    """As a ledger, since two machines would both pay, and for results, which would go over what is there."""
    with s3rver(installed("s3rver"), tmp_path) as environment:
        ledger = run("image", url, to=sandbox, env={**environment, "SEEDVR_LEDGER_URL": f"s3://{BUCKET}/ledger"})
        results = run("image", url, "-o", f"s3://{BUCKET}/out/", to=sandbox, env=environment)
    assert (ledger.rc, results.rc, sandbox.accepted(url)) == (1, 2, 0), ledger.stderr
    assert "two machines would both pay" in ledger.stderr
    assert "results would go over what is there" in results.stderr
