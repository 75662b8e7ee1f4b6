import ray

from seedvr_cli.ray import Upscale

ROWS = 16  # of a batch: a worker has them in flight together, and a dead one's are looked up again

pictures = ray.data.read_csv("/data/pictures.csv")  # a column `source`, and others, which stay as they are
upscaled = pictures.repartition(target_num_rows_per_block=ROWS).map_batches(
    Upscale,
    fn_constructor_kwargs={"output": "/data/big/", "scale": 2, "jobs": ROWS},
    compute=ray.data.ActorPoolStrategy(size=2),
    num_cpus=0.5,
    batch_size=ROWS,
    batch_format="pyarrow",  # columns have types, also where a batch has no error: the files fit together
)
upscaled.write_parquet("/data/rows")  # with `files`, `charge`, `error_code` and so on, row by row
