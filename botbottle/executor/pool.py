"""Where ops run: in threads, or one after the other in the caller's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future


class _Inline(Executor):
    """Runs each op at once, in the caller's thread: for one op at a time, no thread is needed."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - what a thread pool does; the loop re-raises
            future.set_exception(error)
        return future


class _Threads(Executor):
    """One thread an op (the caller limits how many). They are daemons, so a process that is told
    to stop now does not wait for an image build."""

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - what a thread pool does, as above
                future.set_exception(error)

        threading.Thread(target=work, name="bb-op", daemon=True).start()
        return future


def pool(parallel: int) -> Executor:
    """For ``parallel`` ops at a time."""
    return _Inline() if parallel <= 1 else _Threads()
