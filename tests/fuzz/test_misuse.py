"""Every public call, with every kind of nonsense for each of its arguments, at every stage: an error that explains."""

import contextvars
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fuzz.misuses import TABLE, Misuse
from tests.fuzz.nonsense import NONSENSE, close, explains

CASES = [
    pytest.param(misuse, parameter, id=f"{misuse.name}-{parameter}") for misuse in TABLE for parameter in misuse.fine
]


THREADS_OF_OTHERS: set[threading.Thread] = set()


@pytest.fixture(scope="module", autouse=True)
def _threads_before() -> None:
    THREADS_OF_OTHERS.update(threading.enumerate())


@pytest.fixture(autouse=True)
def _nothing_left_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Fail when a coroutine was never awaited or a destructor failed. Odd files go to a folder of its own."""
    monkeypatch.chdir(tmp_path)
    left: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: left.append(repr(unraisable.exc_value)))
    yield
    assert left == []


@pytest.mark.filterwarnings("ignore:.*pickle:DeprecationWarning")
@pytest.mark.parametrize(("misuse", "parameter"), CASES)
def test_nonsense_is_used_or_refused_in_words(misuse: Misuse, parameter: str) -> None:
    unexplained: dict[str, BaseException] = {}

    for name, make in NONSENSE.items():
        arguments: dict[str, Any] = {one: value() for one, value in misuse.fine.items() if one != parameter}
        arguments[parameter] = make()
        try:
            # In a context of its own: what a call leaves open there (a trace, an event) is nobody else's.
            contextvars.copy_context().run(misuse.stage, misuse.call, arguments)
        except Exception as error:  # noqa: BLE001  # looked at below
            if not (explains(error) or isinstance(error, misuse.own)):
                unexplained[name] = error
        for value in arguments.values():
            close(value)

    assert unexplained == {}


def test_after_all_of_it_no_thread_is_left_but_the_pool() -> None:
    gc.collect()

    names = {thread.name for thread in threading.enumerate() if thread not in THREADS_OF_OTHERS}

    assert names <= {"stepwell-watchdog", "stepwell-step"}
