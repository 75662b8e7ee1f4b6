"""Recipes for clusters: the command that the job file holds is run as each share, as the cluster would."""

import json
import re

import pytest
import yaml
from helpers.command import KEY

from seedvr_cli.values.errors import PRECEDENCE

pytestmark = pytest.mark.slow

SHARES = 8


@pytest.fixture
def run_shares(place):
    """Runs all shares, which find each source once, and then one of them again, which submits nothing."""

    def run(command, environments):
        lines = [place.run(command, **environment) for environment in environments]
        assert len(environments) == SHARES
        assert sorted(line for share in lines for line in share) == sorted(
            f"{place.data}/big/picture-{number}-2x.png" for number in range(len(place.sources))
        )
        assert place.accepted() == place.once()
        again = place.run(command, **environments[3])
        assert (sorted(again), place.accepted()) == (sorted(lines[3]), place.once())

    return run


def test_kubernetes(place, run_shares):
    """The container's command, with the index that an indexed job has, and the secrets that it names."""
    job = yaml.safe_load(place.text("kubernetes.yaml"))["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    secrets = {"api-key": KEY, "ledger-url": place.environment["SEEDVR_LEDGER_URL"]}
    given = {
        one["name"]: one["value"] if "value" in one else secrets[one["valueFrom"]["secretKeyRef"]["key"]]
        for one in container["env"]
    }
    assert job["completionMode"] == "Indexed"
    assert given["JOB_COMPLETIONS"] == str(job["completions"])
    for name in given:
        place.environment.pop(name, None)
    run_shares(
        container["command"] + container["args"],
        [{**given, "JOB_COMPLETION_INDEX": str(index)} for index in range(job["completions"])],
    )


def test_kubernetes_takes_what_the_recipe_says(place):
    """What the API asks of such a job holds: pods that are not restarted in place, codes that are sorted and known."""
    job = yaml.safe_load(place.text("kubernetes.yaml"))["spec"]
    (codes,) = [rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["backoffLimitPerIndex"] > 0
    assert codes["values"] == sorted(set(codes["values"]) & set(PRECEDENCE))


def test_slurm(place, run_shares):
    """The script as each task of its array, with Slurm's variables."""
    text = place.text("slurm.sh")
    first, last = map(int, re.search(r"#SBATCH --array=(\d+)-(\d+)", text).groups())
    common = {"SLURM_ARRAY_TASK_MIN": str(first), "SLURM_ARRAY_TASK_COUNT": str(last - first + 1)}
    run_shares(["sh", "-c", text], [{**common, "SLURM_ARRAY_TASK_ID": str(task)} for task in range(first, last + 1)])


def test_aws_batch(place, run_shares):
    """The command of the request, with the variables that AWS Batch sets: a request may set none of that prefix."""
    job = json.loads(place.text("aws_batch.json"))
    size, overrides = job["arrayProperties"]["size"], job["containerOverrides"]
    assert not [one for one in overrides.get("environment", []) if one["name"].startswith("AWS_BATCH")]
    run_shares(
        overrides["command"],
        [
            {"AWS_BATCH_JOB_ARRAY_INDEX": str(index), "AWS_BATCH_JOB_ARRAY_SIZE": str(size)}
            for index in range(size)
        ],
    )  # fmt: skip
