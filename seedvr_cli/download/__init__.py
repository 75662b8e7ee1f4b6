"""A media URL becomes a file: streamed, checked, flushed, and only then given its name."""
