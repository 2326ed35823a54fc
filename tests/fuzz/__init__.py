"""Arbitrary bytes on every parser that reads what an agent or an upstream sent."""
