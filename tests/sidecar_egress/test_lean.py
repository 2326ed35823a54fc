"""What is left out of mitmproxy changes nothing but cost."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

from mitmproxy import http

LOADED = """
import sys
from botbottle.sidecar.egress import __main__
print([sys.modules[name].__spec__ for name in ("ruamel.yaml", "mitmproxy_rs")])
print("mitmproxy.optmanager" in sys.modules)
print([name for name in sys.modules if name.partition(".")[0] in ("aioquic", "pylsqpack")])
try: sys.modules["ruamel.yaml"].YAML
except AttributeError: print("raises")
"""


def test_what_only_other_uses_of_mitmproxy_need_is_not_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True
    )
    assert done.stdout.split("\n") == ["[None, None]", "True", "[]", "raises", ""]


QUIC = """
from botbottle.sidecar.egress import __main__
from mitmproxy.proxy.layers import http
print(isinstance(object(), http.QuicStreamEvent))
try: http.Http3Server(None)
except NotImplementedError as error: print(error)
"""


def test_nothing_speaks_http3_and_whoever_tries_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", QUIC], check=True, capture_output=True, text=True)
    assert done.stdout == "False\nHttp3Server is left out of the sidecar\n"


def test_the_check_that_is_left_out_only_looks_at_types() -> None:
    """If mitmproxy comes to do more there, this fails, and lean.py must be looked at again."""
    for kind in (http.MessageData, http.RequestData, http.ResponseData):
        assert ("__post_init__" in vars(kind)) is (kind is http.MessageData)
    source = ast.parse(inspect.getsource(http.MessageData))  # the file's: it may be replaced here
    functions = [n for n in ast.walk(source) if isinstance(n, ast.FunctionDef)]
    (made,) = [f for f in functions if f.name == "__post_init__"]
    called = {ast.unparse(n.func) for n in ast.walk(made) if isinstance(n, ast.Call)}
    assert called == {"fields", "getattr", "typecheck.check_option_type"}
    stored = [n for n in ast.walk(made) if isinstance(n, ast.Attribute | ast.Subscript)]
    assert not [n for n in stored if isinstance(n.ctx, ast.Store)]
