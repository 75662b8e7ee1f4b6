import subprocess

from prefect import flow, task

SHARES = 8


@task(retries=3, retry_delay_seconds=60)
def upscale(number: int) -> None:
    """A share of the list; run again, it does the rest of it."""
    share = f"{number}/{SHARES}"
    command = ["seedvr", "image", "--from", "/data/urls.txt", "--shard", share, "-x", "2", "-o", "/data/big/"]
    subprocess.run(command, check=True)


@flow
def upscale_all() -> None:
    """All shares, each on whatever worker the task runner has."""
    upscale.map(range(1, SHARES + 1)).result()


if __name__ == "__main__":
    upscale_all()
