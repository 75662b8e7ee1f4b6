"""Which version of a file a server has, by what it says of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """What an answer says of the file behind a URL (RFC 9110, 8.6 and 8.8): None is what it does not say.

    `etag` as it came, weak ones too; `length` of the whole file in bytes; `modified` is the text of Last-Modified.
    """

    etag: str | None = None
    length: int | None = None
    modified: str | None = None

    def differs_from(self, earlier: "Version") -> bool:
        """Whether it is another file for sure enough to say so; where there is nothing to compare it is not.

        Machines behind one name may each have an ETag of their own for the same file: another one counts for nothing
        where length and time are the same. One that became weak on its way is the same one. A time alone says little,
        and counts where there is nothing else.
        """
        has_times = self.modified is not None and earlier.modified is not None
        has_lengths = self.length is not None and earlier.length is not None
        if self.etag is not None and self.etag == earlier.etag:
            return False
        if has_lengths and self.length != earlier.length:
            return True
        if self.etag is not None and earlier.etag is not None:
            is_weakly_the_same = self.etag.removeprefix("W/") == earlier.etag.removeprefix("W/")
            return not is_weakly_the_same and (not has_times or self.modified != earlier.modified)
        return has_times and not has_lengths and self.modified != earlier.modified
