"""What ``--json`` prints: one record a verb, from which ``bb schema`` makes the published schema.

Every document also has ``format_version``. Fields may be added to it; readers ignore what they do
not know. Times are seconds since the epoch, amounts are tokens as budgets count them.
"""
