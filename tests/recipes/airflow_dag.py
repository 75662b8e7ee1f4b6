from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

SHARES = 8

with DAG("upscale", schedule=None):
    BashOperator.partial(
        task_id="upscale",
        bash_command="exec seedvr image --from /data/urls.txt --shard $SHARE -x 2 -o /data/big/",
        append_env=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    ).expand(env=[{"SHARE": f"{number}/{SHARES}"} for number in range(1, SHARES + 1)])
