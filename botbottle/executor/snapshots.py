"""Taking a snapshot of an agent, and filling volumes from one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbottle.errors import Conflict, Refused
from botbottle.executor.api import Tools
from botbottle.executor.names import Names
from botbottle.executor.volumes import Pieces, Reading, Unfit, most, reading
from botbottle.model import canonical, labels, paths, plan
from botbottle.model.plan import Ref
from botbottle.planner.resume import volumes_tag
from botbottle.ui import events

if TYPE_CHECKING:
    from botbottle.dlp.archives import ArchiveScanner

SHOWN = 5  # places named in a warning


class Leaks(Unfit):
    """The volumes hold a credential."""

    code = "BB7307"


def save_volumes(op: plan.SaveVolumes, tools: Tools, names: Names) -> None:
    """Search the volumes for every credential at hand, copy them unless there is one, and list
    the snapshot that they are part of, if any. The container does not run, so both readings see
    the same."""
    marks = dict(op.labels)
    account = paths.account(marks.get(labels.PROJECT, ""), op.bottle)
    try:
        ref, limit = names.container(op.ref), most(tools.engine)
        copy(op, tools, reading(tools.engine, ref, op.paths, limit))
    except Unfit as error:
        why = reason(tools, error)
        if not op.snapshot:
            hint = "remove it there, then run the same command again"
            said = f"nothing was copied, as {why}"
            raise Refused(said, code=error.code, where=op.resource, hint=hint) from None
        leave_out(op, tools, account, error.code, why)
    if op.snapshot:
        digest = canonical.digest(marks.get(labels.SPEC, ""))
        tools.ledger.record_freeze(account, op.snapshot, digest, now=tools.clock.now())


def copy(op: plan.SaveVolumes, tools: Tools, read: Reading) -> None:
    """Make the image of the volumes. Raises Unfit, and then there is none."""
    if leaks := search(tools, read()):
        raise Leaks(f"its files hold a real credential: {shown(leaks)}")
    tools.engine.import_stream(read(), tag=op.tag, labels=op.labels)


def search(tools: Tools, archive: Pieces) -> tuple[str, ...]:
    """``PATH (CREDENTIAL)`` of each place that holds one, sorted."""
    look = looking(tools)
    return tuple(sorted({p.text for p in look.scan(archive) if p.leak})) if look else ()


def looking(tools: Tools) -> ArchiveScanner | None:
    """For every credential at hand; None where there is none."""
    secrets = {name: value.encode() for name, value in tools.vault.known().items()}
    if not secrets:
        return None
    from botbottle.dlp.archives import searching  # the engine behind it is dear to import

    return searching(secrets, tools.vault.key)


def reason(tools: Tools, error: Unfit) -> str:
    """Why volumes were not copied, with the file's name as far as it may be repeated."""
    if not error.name:
        return error.message
    look = looking(tools)
    name = look.shown(error.name) if look else error.name
    return f"{error.message}: {''.join(c if c.isprintable() else '?' for c in name)[-200:]}"


def leave_out(op: plan.SaveVolumes, tools: Tools, account: str, code: str, why: str) -> None:
    """The bottle is stopped and keeps its volumes; only the copy is not made, as an image may
    be kept for long and moved elsewhere."""
    tools.ledger.note_audit("snapshot-refused", account, by="bb", detail=why)
    message = (
        f"{code} {op.bottle}: the snapshot has no copy of its volumes, as {why}; "
        "bb resume works as long as the volumes are kept"
    )
    tools.emit(events.Note(ts=tools.clock.now(), level="warning", message=message))


def shown(leaks: tuple[str, ...]) -> str:
    """The first few places, and how many more there are."""
    return ", ".join(leaks[:SHOWN]) + (f" and {len(leaks) - SHOWN} more" if leaks[SHOWN:] else "")


def restore_volumes(op: plan.RestoreVolumes, tools: Tools) -> None:
    """The engine fills empty volumes from the image when a container that mounts them is made;
    what an interrupted attempt left of that container is removed first."""
    engine, name = tools.engine, op.spec.name
    left = engine.container(Ref(name))
    if left is not None:
        wanted = dict(op.labels)
        if any(left.labels.get(k) != wanted.get(k) for k in (labels.HOME, labels.KIND)):
            raise Conflict(f"the container name {name} is taken", where=op.resource)
        engine.remove_container(Ref(name, left.id), kill=True)
    made = engine.create_container(op.spec, name, op.labels)
    engine.remove_container(Ref(name, made), kill=True)


def remove_image(op: plan.RemoveImage, tools: Tools) -> None:
    """Remove an image; one of a snapshot stays when a container was made from it meanwhile, and
    so do the volumes of a snapshot that stayed. Its row stays too (``forget``)."""
    if not plan.is_retention(op.bottle):
        tools.engine.remove_image(op.tag)
        return
    base = op.tag.removesuffix(volumes_tag(""))
    if base != op.tag and tools.engine.image_id(base):
        return
    try:
        tools.engine.remove_image(op.tag)
    except Conflict:
        message = f"kept {op.tag}: a container was made from it"
        tools.emit(events.Note(ts=tools.clock.now(), level="info", message=message))


def forget(op: plan.ForgetSnapshot, tools: Tools) -> None:
    """Take a snapshot off the list, unless one of its images was kept."""
    if not any(tools.engine.image_id(tag) for tag in (op.image, volumes_tag(op.image))):
        tools.ledger.forget_freeze(op.account, op.image)
