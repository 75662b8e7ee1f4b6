"""Shares of a list: each item in one of them, wherever the machines learn which is theirs."""

import itertools
import subprocess

import pytest
from helpers.sources import urls, write
from helpers.waiting import PATIENCE

pytestmark = pytest.mark.slow


def test_shards_share_a_list(run, start, work, sandbox):
    """Four shares as four processes find every item once."""
    sources = urls(60)
    batch = write(work / "list.txt", sources)
    processes = [
        start("image", "--from", batch, "--shard", f"{number}/4", "-q", to=sandbox, stdout=subprocess.PIPE)
        for number in range(1, 5)
    ]
    shares = [process.communicate(timeout=PATIENCE)[0].decode().split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(itertools.chain(*shares)) == sorted(f"picture-{number}-upscaled.png" for number in range(60))
    assert all(shares)
    assert [sandbox.accepted(source) for source in sources] == [1] * 60


@pytest.mark.parametrize(
    "environment",
    [
        {"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "3"},
        {"SLURM_ARRAY_TASK_ID": "6", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "5"},
        {"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "3"},
    ],
    ids=["kubernetes", "slurm", "aws"],
)
def test_the_cluster_says_which_share_this_is(run, work, environment):
    """`--shard auto` takes the share that the cluster's environment names."""
    batch = write(work / "list.txt", urls(40))
    by_hand = run("image", "--from", batch, "--shard", "2/3", "--dry-run", key=None)
    assert 0 < len(by_hand.lines) < 40
    assert (
        run("image", "--from", batch, "--shard", "auto", "--dry-run", key=None, env=environment).lines == by_hand.lines
    )


def test_shards_that_make_no_sense_are_refused(run, work):
    """A share outside 1 to N, and `auto` where no cluster says anything, are usage errors."""
    batch = write(work / "list.txt", urls(1))
    for shard in ("0/4", "5/4", "x", "1/0"):
        assert run("image", "--from", batch, "--shard", shard, "--dry-run").rc == 2
    assert "I/N" in run("image", "--from", batch, "--shard", "auto", "--dry-run").stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "3"},
        {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_STEP": "2"},
        {"SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "first"},
        {"SLURM_ARRAY_TASK_COUNT": ""},
    ],
)
def test_a_part_of_an_array_is_no_array(run, work, environment):
    """One task of it would be the whole list, and every other one would leave out shares: the number is asked for."""
    (work / "urls.txt").write_text("https://example.com/a.png\n")
    environment = {"SLURM_ARRAY_TASK_ID": "3", **environment}
    done = run("image", "--from", "urls.txt", "--shard", "auto", "--dry-run", env=environment)
    assert (done.rc, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "--shard" in done.stderr


def test_a_changed_list_moves_no_other_items(run, work):
    """Each item stays in its share when other lines come and go."""
    sources = urls(30)

    def share(lines: list[str]) -> set[str]:
        batch = write(work / "list.txt", lines)
        done = run("image", "--from", batch, "--shard", "1/3", "--dry-run", "--json", key=None)
        return {value["source"] for value in done.objects}

    whole = share(sources)
    assert share(sources[7:]) == whole - set(sources[:7])
