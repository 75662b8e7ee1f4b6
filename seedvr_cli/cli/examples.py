"""Examples for each command, shown by its help and its manual; the tests run them all."""

from collections.abc import Mapping
from typing import NamedTuple


class Example(NamedTuple):
    """A command line for a shell, and what it is for."""

    line: str
    meaning: str


EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "": (
        Example("seedvr image photo.jpg --sandbox", "try it: no key, no charge, and no SeedVR2"),
        Example("seedvr config set api-key", "store your key; it is asked for without echo"),
        Example("seedvr image https://example.com/photo.jpg -x 4", "upscale a picture"),
    ),
    "image": (
        Example("seedvr image https://example.com/photo.jpg -x 4 -o big/", "a picture, four times as wide and high"),
        Example("seedvr image --from urls.txt -o big/ --max-cost 20", "a list, for twenty dollars at the most"),
        Example("seedvr image photo.jpg -x 4 --dry-run", "what would be sent, and its price"),
    ),
    "video": (
        Example("seedvr video https://example.com/clip.mp4 --target 1080p", "a video; its price goes by its size"),
        Example("seedvr video https://example.com/clip.mp4 --no-wait", "submit now, print the request id"),
        Example("seedvr video https://example.com/clip.mp4 --target 1080p --dry-run", "what it would cost"),
    ),
    "apply": (Example("seedvr apply plan.jsonl --max-cost 20", "what --plan wrote down, and nothing else"),),
    "status": (
        Example("seedvr status", "your own jobs"),
        Example("seedvr status --json | jq -r .request_id", "their request ids, for a script"),
        Example("seedvr status --unknown", "what was never answered"),
    ),
    "download": (
        Example("seedvr download", "everything that is paid for and not on disk yet"),
        Example("seedvr download -o big/", "the same, into a folder"),
    ),
    "report": (
        Example("seedvr report --since 7d", "the jobs of a week"),
        Example("seedvr report big/ -o report.html", "those whose results lie in a folder"),
    ),
    "spend": (
        Example("seedvr spend --since 7d", "a week"),
        Example("seedvr spend --json | jq -s 'map(.listed_usd) | add'", "the sum, for a script"),
    ),
    "reconcile": (
        Example("seedvr reconcile statement.csv", "what the vendor charged, beside the ledger"),
        Example("seedvr reconcile --before 12.50 --after 12.499 --since 1d", "the same, by two balances of the wallet"),
    ),
    "listen": (Example("seedvr listen --download -o big/", "deliver what the gateway says is done"),),
    "forget": (Example("seedvr forget --all", "after a look at the gateway's pages: all may be sent again"),),
    "ledger": (Example("seedvr ledger status", "which ledger is in use"),),
    "ledger init": (Example("seedvr ledger init", "once, by somebody who may make tables"),),
    "ledger push": (Example("seedvr ledger push", "before this machine's first run with it"),),
    "ledger status": (Example("seedvr ledger status --json", "as an object"),),
    "ledger export": (Example("seedvr ledger export > backup.jsonl", "a backup"),),
    "config": (Example("seedvr config list", "what is stored, and where the key comes from"),),
    "config get": (Example("seedvr config get scale", "one value"),),
    "config set": (
        Example("seedvr config set api-key", "asks without echo, or reads a pipe"),
        Example("seedvr config set max-cost-per-day 50", "a limit that all runs share"),
    ),
    "config unset": (Example("seedvr config unset scale", "back to the default"),),
    "config list": (
        Example("seedvr config list --json", "as an object"),
        Example("seedvr config list --all", "every setting, and who says so"),
    ),
    "config profiles": (Example("seedvr config profiles", "a name a line"),),
    "config edit": (Example("seedvr config edit", "in your editor"),),
    "config path": (Example('cat "$(seedvr config path)"', "the file itself"),),
    "doctor": (Example("seedvr doctor", "a line a check; the exit code is 1 where there is a problem"),),
    "sandbox": (
        Example("seedvr sandbox --port 8787 --latency 3s", "point --base-url of the others at it"),
        Example("seedvr sandbox --fault lost-submit=0.1 --balance 0.05", "rehearse what goes wrong"),
    ),
    "completion": (
        Example("seedvr completion bash --install", "write the script where bash looks for it"),
        Example("seedvr completion zsh > _seedvr", "the script itself"),
    ),
    "help": (
        Example("seedvr help image", "the same as seedvr image --help"),
        Example("seedvr help exit-codes", "a topic"),
    ),
    "schema": (Example("seedvr schema | jq -r '.commands[].name'", "the commands"),),
    "version": (Example("seedvr version -v", "with Python, the platform and the extras, for a report"),),
}  # fmt: skip
