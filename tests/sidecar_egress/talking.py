"""What a socket's spending is given: frames of the agent's, and a place where they may wait."""

from __future__ import annotations

from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from botbottle.sidecar.egress.waiting import Places, WaitingFrames


def said(data: bytes) -> WebSocketMessage:
    """A text frame of the agent's."""
    return WebSocketMessage(Opcode.TEXT, True, data)


def waiting() -> WaitingFrames:
    """For a test in which nothing is tried again."""
    return WaitingFrames(Places(), lambda message: None)
