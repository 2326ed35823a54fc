"""The same question to many sidecars, and one deadline for all their answers.

All are asked before the first answer is read, and answers are taken as they come: a sidecar that
hangs or drips costs nobody else's answer, and all that do so cost one time-out together.
"""

from __future__ import annotations

import itertools
import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from time import monotonic
from typing import Any

from botbottle.control.channel import Channel, SidecarUnreachable, opened, silent
from botbottle.errors import BBError

AT_ONCE = 128  # sidecars; a process has 1024 descriptors by default

type Reply = dict[str, Any] | BBError


def ask_all(
    directories: Sequence[str], socket: str, request: Mapping[str, Any], seconds: float
) -> Iterator[Reply]:
    """The reply, or the error, of each in order. ``seconds`` for each ``AT_ONCE`` of them."""
    for some in itertools.batched(directories, AT_ONCE):
        with ExitStack() as stack:
            asked = [_asked(stack, directory, socket, request, seconds) for directory in some]
            late = _collect([a for a in asked if isinstance(a, Channel)], monotonic() + seconds)
            yield from [late.get(a) or _reply(a) if isinstance(a, Channel) else a for a in asked]


def _asked(
    stack: ExitStack, directory: str, socket: str, request: Mapping[str, Any], seconds: float
) -> Channel | SidecarUnreachable:
    """Nothing waits here: a full queue refuses at once, and a fresh connection takes a line."""
    try:
        channel = stack.enter_context(closing(opened(directory, socket, seconds)))
        channel.send(request)
    except SidecarUnreachable as error:
        return error
    return channel


def _collect(channels: Sequence[Channel], deadline: float) -> dict[Channel, BBError]:
    """Wait for the answers; those without one by the ``deadline`` (monotonic), and why."""
    failed: dict[Channel, BBError] = {}
    waiting = {channel.fileno(): channel for channel in channels}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLIN)
    while waiting and (left := deadline - monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            try:
                done = waiting[number].receive(left)
            except SidecarUnreachable as error:
                failed[waiting[number]], done = error, True
            if done:
                poll.unregister(number)
                del waiting[number]
    return failed | {channel: silent(TimeoutError()) for channel in waiting.values()}


def _reply(channel: Channel) -> Reply:
    try:
        return channel.answer()
    except BBError as error:
        return error
