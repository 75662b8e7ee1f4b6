"""The variables of the environment that the command reads, and what each is for: help and the schema show them."""

from collections.abc import Mapping

# Ours.
OWN_VARIABLES: Mapping[str, str] = {
    "SEEDVR_API_KEY": "The key.",
    "PIXAZO_API_KEY": "The key, where SEEDVR_API_KEY is not set.",
    "SEEDVR_BASE_URL": "Another gateway, as --base-url.",
    "SEEDVR_PROFILE": "A profile of the config file, as --profile.",
    "SEEDVR_LEDGER_URL": "The ledger that machines share: postgresql://..., s3://..., gs:// or az://.",
    "SEEDVR_HOME": "One folder for config, state and cache.",
    "SEEDVR_NO_PROJECT": "1: no project file (seedvr.toml) is read.",
}
# What other programs read as well.
COMMON_VARIABLES: Mapping[str, str] = {
    "NO_COLOR": "No colours.",
    "FORCE_COLOR": "Colours on any terminal; a pipe never has codes.",
    "CLICOLOR": "0: no colours.",
    "CLICOLOR_FORCE": "As FORCE_COLOR.",
    "TERM": "dumb: no colours, and no live display.",
    "COLUMNS": "How wide the terminal is.",
    "HTTPS_PROXY": "The proxy to the gateway: http://HOST:PORT or socks5://HOST:PORT; also in lower case.",
    "HTTP_PROXY": "The same for http:// URLs.",
    "ALL_PROXY": "The same for both.",
    "NO_PROXY": "What is reached without one: hosts and all below them, addresses, networks; `*` is all.",
    "SSL_CERT_FILE": "Whom to trust: a file of certificates.",
    "SSL_CERT_DIR": "The same as a folder.",
    "GITHUB_ACTIONS": "true: the log gets annotations and a group, where no terminal shows it.",
    "GITHUB_STEP_SUMMARY": "There: the page that gets a run's totals, and what failed.",
    "GITLAB_CI": "true: few lines, and a sign of life.",
}
# Where a cluster says which share of the work this process has (--shard auto).
CLUSTER_VARIABLES: Mapping[str, str] = {
    "JOB_COMPLETION_INDEX": "Kubernetes: which share, from 0.",
    "JOB_COMPLETIONS": "Kubernetes: how many; the job file sets it.",
    "SLURM_ARRAY_TASK_ID": "Slurm: which share.",
    "SLURM_ARRAY_TASK_MIN": "Slurm: the number of the first.",
    "SLURM_ARRAY_TASK_COUNT": "Slurm: how many.",
    "AWS_BATCH_JOB_ARRAY_INDEX": "AWS Batch: which share, from 0.",
    "AWS_BATCH_JOB_ARRAY_SIZE": "AWS Batch: how many.",
}
