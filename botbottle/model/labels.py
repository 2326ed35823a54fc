"""Labels: the only state kept on the engine, and the proof of ownership."""

from __future__ import annotations

PREFIX = "dev.botbottle."
PROJECT = PREFIX + "project"
BOTTLE = PREFIX + "bottle"
KIND = PREFIX + "kind"  # agent | egress | ledger | internal | outer | image | snapshot | ...
SPEC_HASH = PREFIX + "spec-hash"
SPEC_HASH_VERSION = PREFIX + "spec-hash-version"
SPEC = PREFIX + "spec"
SOURCE = PREFIX + "source"
VERSION = PREFIX + "version"
HOME = PREFIX + "home"  # short hash of the bb home directory: two homes never meet
OP_ID = PREFIX + "op-id"
BUDGET = PREFIX + "budget"  # of a snapshot: where the bottle's budgets stood
ADOPTED = PREFIX + "adopted"  # of a volume: id of the container its files came from
