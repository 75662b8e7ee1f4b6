"""A page that shows before and after: previews of files, and cards to HTML. Pillow and PyAV are loaded late."""
