"""The digest of a file that is still growing."""

import hashlib

from seedvr_cli.values.system import write_back

_BLOCK = 2 << 20


class Digest:
    """SHA-256 of a growing file, in another thread than the one that writes it."""

    def __init__(self) -> None:
        self.done = 0
        self._sha256 = hashlib.sha256()

    def update(self, content: bytearray) -> None:
        """Digest what is in memory still."""
        self._sha256.update(content)
        self.done += len(content)

    def follow(self, path: str, upto: int) -> None:
        """Digest what is new, up to that many bytes of the file."""
        with open(path, "rb", buffering=0) as file:
            file.seek(self.done)
            while self.done < upto and (block := file.read(min(_BLOCK, upto - self.done))):
                self._sha256.update(block)
                self.done += len(block)
            write_back(file.fileno(), upto)

    def hexdigest(self) -> str:
        """Of all that was followed."""
        return self._sha256.hexdigest()
