"""What can be made to go wrong, by name, and the dice that decide when it does."""

from collections.abc import Mapping
from random import Random

# The command's help prints these sentences.
FAULTS: Mapping[str, str] = {
    "drop-submit": "The connection is cut before the job is accepted.",
    "lost-submit": "The job is accepted, then the connection is cut without an answer.",
    "server-error": "A submission is answered 500; nothing is accepted.",
    "busy": "A submission is answered 503 with Retry-After: 1; nothing is accepted.",
    "ambiguous": "The job is accepted, and the answer is 408, or the status in `ambiguous=STATUS[:PROBABILITY]`.",
    "garbled": "The job is accepted, and the answer 202 has a body that is not JSON.",
    "instant-complete": "A submission is answered 200 with the COMPLETED job.",
    "fail": "The job ends FAILED, and stays charged.",
    "error": "The job ends ERROR, and is not charged.",
    "stuck": "The job stays PROCESSING for ever.",
    "odd-status": "The job says WARMING_UP for the middle third of its time.",
    "two-files": "The result has two media URLs.",
    "bare-video": "A video's result has no sound, and is stored as it was, not turned as its source says.",
    "duplicate-webhook": "Every webhook is delivered twice.",
    "envelope": "A poll is answered 200 with a proxy's error, which names no job.",
    "slow-poll": "The answer to a poll comes at ten bytes a second.",
    "html": "A poll is answered 502 with an HTML page.",
    "drop-poll": "The connection is cut without an answer to a poll.",
    "cut-media": "The first download of a file ends half way; what is asked for after that comes whole.",
    "expired-url": "A download is answered 403, as that of a URL that has expired.",
    "moved-range": "A download that is resumed is answered 206 from the file's first byte.",
    "error-page": "A download is answered 200 with an HTML page.",
    "empty-media": "A download is answered 200 with no bytes.",
    "no-range": "Downloads ignore Range, and answer with the whole file.",
    "slow-media": "Downloads are limited to 64 KiB a second.",
}


class Faults:
    """One stream of dice: the same seed and the same order of questions give the same faults."""

    def __init__(self, probabilities: Mapping[str, float], random: Random) -> None:
        self._probabilities = probabilities
        self._random = random

    def strike(self, name: str) -> bool:
        """Whether the fault happens this time. A fault that is not switched on takes no dice."""
        probability = self._probabilities.get(name, 0.0)
        return probability > 0 and self._random.random() < probability
