"""The package's surface."""

from __future__ import annotations

import subprocess
import sys

import pytest

import botbottle.meter


def test_every_public_name_can_be_had_and_nothing_else() -> None:
    for name in botbottle.meter.__all__:
        assert getattr(botbottle.meter, name) is not None
    assert set(botbottle.meter.__all__) == set(botbottle.meter._HOME)
    with pytest.raises(AttributeError):
        _ = botbottle.meter.nonsense


def test_the_host_lists_load_without_the_rest_and_nothing_loads_io_or_decoders() -> None:
    code = (
        "import sys; from botbottle.meter import unmetered_llm_host;"
        "assert 'botbottle.meter.meter' not in sys.modules;"
        "import botbottle.meter.websocket, botbottle.meter.counting, botbottle.meter.recognise;"
        "banned = {'brotli', 'zstandard', 'mitmproxy', 'sqlite3', 'docker', 'socket', 'asyncio'};"
        "assert not banned & set(sys.modules), banned & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_public_name_is_hidden_by_a_module_of_the_same_name() -> None:
    modules = {
        name.rpartition(".")[2] for name in sys.modules if name.startswith("botbottle.meter.")
    }
    assert modules
    assert not modules & set(botbottle.meter.__all__)
