"""Frozen types that every layer shares. Nothing here does I/O."""
