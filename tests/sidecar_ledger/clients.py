"""A client of the service in a loop of its own."""

import asyncio

from botbottle.sidecar.ledger.client import LedgerClient


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 240))


async def connected(world, **options):
    client = LedgerClient(str(world.path("web")), **{"timeout": 60.0, **options})
    await client.start()
    return client


async def until(condition):
    """Wait for as long as ``run`` lets us."""
    while not condition():
        await asyncio.sleep(0.02)
