"""The egress sidecar: the one way out of a bottle.

``python -m botbottle.sidecar.egress`` runs it. The stages of a request, each a module of its own::

    target ─► match ─► git ─► dlp ─► gate ─► auth ─► (upstream) ─► tee: meter, scrub

Stages are pure where they can be and return data: a :class:`~.denial.Denial`, or what the next
stage needs. ``driver``, ``layers``, ``tls`` and ``pipeline`` bind them to mitmproxy's protocol
core; nothing else in bb imports mitmproxy.
"""
