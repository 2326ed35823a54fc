"""Budgets as pure arithmetic: windows, counting, precedence, admission, projection.

No clock, no I/O: time comes in as data. The ledger stores, this decides.
"""
