"""Benchmarks of the ledger: ``python -m benchmarks.ledger`` writes results/ledger.json."""
