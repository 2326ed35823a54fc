"""Bounds on what the loader reads, so that hostile or broken files are refused at once."""

MAX_FILE_BYTES = 1024 * 1024
MAX_FRONT_CHARS = 256 * 1024
MAX_DEPTH = 24
MAX_NODES = 20_000
SNIPPET_CHARS = 160
