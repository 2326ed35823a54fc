"""What a denial of the outbound stage says: what was found, and how to go on."""

from __future__ import annotations

from botbottle.dlp import Finding
from botbottle.sidecar.egress.denial import Denial

_LESS = "send less at once; in a long conversation begin a new one"
_PLAIN = "send it as it is, not packed or encoded, or in several requests"
_ANEW = "remove it from the request; a conversation that holds it has to begin anew without it"

# rule of a bound that was reached: (what is said of the message, remedy)
_BOUNDS = {
    "limit.size": ("the body is larger than what is scanned, 16 MiB (1 MiB without hyperscan)",
                   _LESS + ", or ask the operator for stream_uploads on this route"),
    "limit.decoded": ("it decodes to more than is looked into", _PLAIN),
    "limit.time": ("looking into what is encoded in it takes too long", _PLAIN),
    "limit.runs": ("more in it is packed or encoded than is looked into", _PLAIN),
    "limit.depth": ("something in it is encoded more often than is undone", _PLAIN),
    "limit.events": ("more in it looks like a secret than is looked at", _LESS),
    "limit.findings": ("more was found in it than is listed", _LESS),
    "undecodable": ("a part of it cannot be decoded",
                    "send it whole, without a password, in a usual coding"),
}  # fmt: skip
_UNCUT = {
    "encoded": "its encoding cannot be told from what is around it",
    "structure": "it is in the name of a JSON member or reaches over several members",
    "authority": "it is in the host, the login or the name of a header",
    "path": "it is in the path",
    "headers": "it is in one of several headers of a name",
    "compressed": "the body cannot be decompressed",
    "signed": "the message is signed",
    "remains": "a held secret is in it as well",
    "too many": "there are more of its kind than are cut from a message of this size",
}


def found(finding: Finding) -> Denial:
    """For what may not leave, or for a bound that kept something from being looked at."""
    said = f"{finding.rule} found in {finding.location}"
    if finding.rule not in _BOUNDS:
        return Denial("dlp", said)
    why, remedy = _BOUNDS[finding.rule]
    return Denial("dlp", f"{said}: {why}", remedy=remedy)


def uncut(finding: Finding, reason: str) -> Denial:
    """For a token that no cut takes out; ``reason``: as the redaction gives it."""
    why = _UNCUT.get(reason) or f"without it, {_BOUNDS[reason][0]}"
    remedy = _LESS if reason == "too many" else _ANEW
    return Denial("dlp", f"{finding.rule} found and cannot be cut out: {why}", remedy=remedy)
