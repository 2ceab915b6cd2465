"""Turns: what runs do in their loop's next turn, with one callback for all."""

import asyncio
from typing import Any

import pytest

from stepwell.runtime._turns import Turns


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts the callbacks that it is given."""

    callbacks = 0

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        self.callbacks += 1
        return super().call_soon(callback, *args, context=context)


def test_calls_are_made_in_their_order_with_one_callback() -> None:
    made: list[int] = []
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, CountingLoop)
        turns = Turns(loop)
        before = loop.callbacks

        for number in range(100):
            turns.soon(lambda number=number: made.append(number))  # type: ignore[misc]
        asked = loop.callbacks - before
        runner.run(asyncio.sleep(0))

    assert made == list(range(100))
    assert asked == 1


async def test_what_a_call_asks_for_is_made_in_the_turn_after_it() -> None:
    made: list[str] = []
    turns = Turns(asyncio.get_running_loop())

    def first() -> None:
        made.append("first")
        turns.soon(lambda: made.append("of the first"))

    turns.soon(first)
    turns.soon(lambda: made.append("second"))
    await asyncio.sleep(0)
    in_one_turn = list(made)
    await asyncio.sleep(0)

    assert in_one_turn == ["first", "second"]
    assert made == ["first", "second", "of the first"]


def test_a_call_that_ends_the_program_leaves_the_others_to_the_loop() -> None:
    made: list[str] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    with asyncio.Runner() as runner:
        turns = Turns(runner.get_loop())
        turns.soon(interrupt)
        turns.soon(lambda: made.append("after it"))
        with pytest.raises(KeyboardInterrupt):
            runner.get_loop().run_until_complete(asyncio.sleep(0))
        interrupted = list(made)
        runner.run(asyncio.sleep(0))

    assert interrupted == []
    assert made == ["after it"]
