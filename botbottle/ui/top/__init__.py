"""``bb top``: the fleet at a glance, and the keys to steer it.

``model`` (what is shown), ``build`` and ``activity`` (how it follows from plan, observation and
ledger), ``arrange`` (sort, filter, columns), ``text`` (bars and words), ``pace`` (when to look
again) and ``orders`` (keys as ``bb`` commands) are pure; ``live`` reads the world in threads of
its own. ``app``, ``table``, ``pane`` and ``screens`` are the only textual imports of bb.
"""
