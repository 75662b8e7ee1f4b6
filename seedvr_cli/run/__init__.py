"""A run: many jobs at once, each submitted, watched and delivered. Asynchronous and silent."""
