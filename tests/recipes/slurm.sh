#!/bin/sh
#SBATCH --array=0-7
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
# a minute before the end nothing more is submitted; the key and SEEDVR_LEDGER_URL come along from where sbatch is called
export SEEDVR_HOME="/data/home-$SLURM_ARRAY_TASK_ID"
exec seedvr image --from /data/urls.txt --shard auto -x 2 -o /data/big/
