"""What a result has beyond what the gateway sent: metadata and sound of its source, and properties of ours."""

from seedvr_cli.ledger.rows import Delivery
from seedvr_cli.run.policy import Policy
from seedvr_cli.values.items import Item


def wanted_additions(item: Item, policy: Policy) -> frozenset[str]:
    """What a file may get."""
    is_of_file = item.source is not None and "://" not in item.source
    kept = {"metadata": policy.keep_metadata, "sound": policy.keep_sound}
    found = {what for what, keep in kept.items() if keep == "all" or (keep == "files" and is_of_file)}
    return frozenset(found | ({"properties"} if policy.embed else set()))


def possible_additions(media_type: str) -> frozenset[str]:
    """What a file of that type can get."""
    return frozenset({"sound"} if media_type.startswith("video/") else {"metadata", "properties"})


def flaw_of(entry: Delivery, policy: Policy) -> str | None:
    """What of a delivered file is not as it was asked for in so many words."""
    made, file = entry.made, entry.file
    if made is None or file is None:
        return None
    is_video = file.media_type.startswith("video/")
    what, keep = ("sound", policy.keep_sound) if is_video else ("metadata", policy.keep_metadata)
    if keep == "none" and what in made:
        return f"has its source's {what}"
    if keep == "all" and what not in made and (policy.overwrite or not is_video):  # a video may have it of its own
        return f"has nothing of its source's {what}"
    if policy.embed and not is_video and "properties" not in made:
        return "is without what --embed writes"
    return None
