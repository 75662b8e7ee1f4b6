import dask.bag
from dask.distributed import Client

import seedvr_cli


def upscale(urls):
    """A partition, in whatever worker has it; a dead worker's is run again by another."""
    results = seedvr_cli.upscale(urls, output="/data/big/", scale=2)
    return [(one.source, one.charge, one.files[0].path if one.files else one.error.message) for one in results]


if __name__ == "__main__":
    with Client(n_workers=2, threads_per_worker=1), open("/data/urls.txt") as urls:  # or a scheduler's address
        partitions = dask.bag.from_sequence(urls.read().split(), partition_size=16)
        for row in partitions.map_partitions(upscale).compute():
            print(*row)
