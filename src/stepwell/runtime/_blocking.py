"""Running a coroutine to its end where one cannot await: with or without a running event loop."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

ValueT = TypeVar("ValueT")

BLOCKED: set[asyncio.AbstractEventLoop] = set()
"""Loops that stand still while a run goes on in a thread beside them: nobody there may wait for one of these."""


def blocking(main: Callable[[], Coroutine[Any, Any, ValueT]]) -> ValueT:
    """Run ``main`` in a loop of its own and return its result.

    Inside a running loop (a notebook) that loop is in a thread, and this call blocks.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    result: list[ValueT] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            result.append(asyncio.run(main()))
        except BaseException as error:  # noqa: BLE001  # carried over to the caller
            failure.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="stepwell-run-sync")
    BLOCKED.add(loop)
    try:
        thread.start()
        thread.join()
    finally:
        BLOCKED.discard(loop)
    if failure:
        raise failure[0]
    return result[0]
