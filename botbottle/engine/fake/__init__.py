"""An engine in memory with fault injection, for tests and dry runs."""

from botbottle.engine.fake.engine import FakeEngine
from botbottle.engine.fake.faults import Crash, Faults
from botbottle.engine.fake.world import Container, Network, World
from botbottle.engine.fake.writer import Call

__all__ = ["Call", "Container", "Crash", "FakeEngine", "Faults", "Network", "World"]
