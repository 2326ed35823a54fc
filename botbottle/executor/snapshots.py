"""Taking a snapshot of an agent, and filling volumes from one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from botbottle.errors import Conflict, EngineError, Refused
from botbottle.executor.api import Tools
from botbottle.executor.names import Names
from botbottle.model import canonical, labels, paths, plan
from botbottle.model.plan import Ref
from botbottle.planner.resume import volumes_tag
from botbottle.ui import events

END = bytes(1024)  # of a tar: two empty blocks
SHOWN = 5  # places named in a warning
KEPT = 16 * 1024**2  # bytes of volumes that are not read twice

type Pieces = Iterable[bytes]


def save_volumes(op: plan.SaveVolumes, tools: Tools, names: Names) -> None:
    """Search the volumes for every credential at hand, copy them unless there is one, and list
    the snapshot that they are part of, if any. The container does not run, so both readings see
    the same."""
    read = reading(tools, names.container(op.ref), op.paths)
    marks = dict(op.labels)
    account = paths.account(marks.get(labels.PROJECT, ""), op.bottle)
    leaks = search(tools, read())
    if leaks and not op.snapshot:
        raise Refused(
            f"its files hold a real credential and were not copied: {shown(leaks)}",
            code="BB7307",
            where=op.resource,
            hint="remove it there, then run the same command again",
        )
    if leaks:
        refuse(op, tools, account, leaks)
    else:
        tools.engine.import_stream(joined(read()), tag=op.tag, labels=op.labels)
    if op.snapshot:
        digest = canonical.digest(marks.get(labels.SPEC, ""))
        tools.ledger.record_freeze(account, op.snapshot, digest, now=tools.clock.now())


def reading(tools: Tools, ref: Ref, places: Sequence[str]) -> Callable[[], Iterable[Pieces]]:
    """A function that reads the volumes from the start each time. Small ones are asked of the
    engine once and kept in memory meanwhile."""

    def fresh() -> Iterator[Pieces]:
        return (tools.engine.archive(ref, place) for place in places)

    kept: list[list[bytes]] = []
    left = KEPT
    for archive in fresh():
        kept.append([])
        for piece in archive:
            left -= len(piece)
            if left < 0:
                return fresh
            kept[-1].append(piece)
    return lambda: kept


def search(tools: Tools, archives: Iterable[Pieces]) -> tuple[str, ...]:
    """``PATH (CREDENTIAL)`` of each place that holds one, sorted."""
    secrets = {name: value.encode() for name, value in tools.vault.known().items()}
    if not secrets:
        return ()
    from botbottle.dlp.archives import searching  # the engine behind it is dear to import

    look = searching(secrets, tools.vault.key)
    return tuple(sorted({p.text for archive in archives for p in look.scan(archive) if p.leak}))


def refuse(op: plan.SaveVolumes, tools: Tools, account: str, leaks: tuple[str, ...]) -> None:
    """The bottle is stopped and keeps its volumes; only the copy is not made, as an image may
    be kept for long and moved elsewhere."""
    tools.ledger.note_audit("snapshot-refused", account, by="bb", detail=shown(leaks))
    message = (
        f"BB7307 {op.bottle}: its volumes hold a real credential and were not copied into the "
        f"snapshot: {shown(leaks)}; bb resume works as long as the volumes are kept"
    )
    tools.emit(events.Note(ts=tools.clock.now(), level="warning", message=message))


def shown(leaks: tuple[str, ...]) -> str:
    """The first few places, and how many more there are."""
    return ", ".join(leaks[:SHOWN]) + (f" and {len(leaks) - SHOWN} more" if leaks[SHOWN:] else "")


def joined(archives: Iterable[Pieces]) -> Iterator[bytes]:
    """Several tars as one. Raises EngineError for one that is damaged or cut off."""
    from botbottle.dlp.packed import Damaged

    for archive in archives:
        try:
            yield from body(archive)
        except Damaged as error:
            raise EngineError(f"the engine's copy of a volume is damaged: {error}") from error
    yield END


def body(archive: Pieces) -> Iterator[bytes]:
    """A tar without its end, which may be padded: what follows it would not be read."""
    from botbottle.dlp.packed import Source
    from botbottle.dlp.tarstream import members

    taken = bytearray()
    source = Source(iter(archive), taken.extend)
    for member in members(source):
        for _ in member.content.pieces() if member.content else ():
            yield bytes(taken)
            taken.clear()
    yield bytes(taken[: -len(END) // 2])  # the empty block that was the end


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
