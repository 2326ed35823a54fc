"""The ledger service: one small process that owns usage and admission.

Each bottle's sidecars reach it over a unix socket of their own, and the socket is the identity:
through it they can book their own usage, ask their own gate and report themselves, and nothing
else. Run it with ``python -m botbottle.sidecar.ledger --db FILE --sockets DIR``.
"""
