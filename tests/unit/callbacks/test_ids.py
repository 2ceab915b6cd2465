"""Ids are unique over threads, blocks and forks, and fit for the wire."""

import multiprocessing
import re
import threading

from stepwell.callbacks import _ids


def test_ids_are_32_hexadecimal_digits_and_never_repeat() -> None:
    ids = [_ids.new_event_id() for _ in range(10_000)]

    assert all(re.fullmatch("[0-9a-f]{32}", event_id) for event_id in ids)
    assert len(set(ids)) == len(ids)


def test_threads_never_get_the_same_id() -> None:
    made: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: made.append([_ids.new_event_id() for _ in range(10_000)])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({event_id for ids in made for event_id in ids}) == 80_000


def _make(answers: "multiprocessing.Queue[str]") -> None:
    answers.put(_ids.new_event_id()[:16])


def test_a_forked_child_has_ids_of_its_own() -> None:
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[str] = context.Queue()
    child = context.Process(target=_make, args=(answers,))
    child.start()
    prefix = answers.get(timeout=30)
    child.join(30)

    assert prefix != _ids.new_event_id()[:16]


def test_trace_ids_are_random_to_the_last_digit() -> None:
    ids = {_ids.new_trace_id() for _ in range(1_000)}

    assert len(ids) == 1_000
    assert len({trace_id[-2:] for trace_id in ids}) > 100


def test_the_wire_id_of_an_event_is_half_of_its_own_or_derived_from_it() -> None:
    event_id = _ids.new_event_id()

    assert _ids.span_digits(event_id) == event_id[16:]
    assert _ids.trace_digits(event_id) == event_id
    assert re.fullmatch("[0-9a-f]{16}", _ids.span_digits("mine"))
    assert re.fullmatch("[0-9a-f]{32}", _ids.trace_digits("mine"))
    assert _ids.span_digits("mine") != _ids.span_digits("yours")


def test_zeros_are_no_id_on_the_wire() -> None:
    assert _ids.span_digits("f" * 16 + "0" * 16) != "0" * 16
    assert _ids.trace_digits("0" * 32) != "0" * 32
