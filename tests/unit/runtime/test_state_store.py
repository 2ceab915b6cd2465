"""The state store: whole states, edits, the pen, and writes that a gate lets through or not."""

import asyncio
import copy
import dataclasses
import threading
from collections import OrderedDict, defaultdict
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, Field, PrivateAttr

from stepwell.errors import StateCopyError, StateDefaultsError, StateEditError, StateTypeError
from stepwell.runtime import DictState, StateStore


class Base(BaseModel):
    a: int = 0
    items: list[int] = Field(default_factory=list)


class Derived(Base):
    z: int = 9


class Unmade(BaseModel):
    x: int


class Client:
    def __init__(self) -> None:
        self.lock = threading.Lock()


@dataclasses.dataclass
class Holder:
    lock: Any
    items: list[int]


class Named(NamedTuple):
    lock: Any
    items: list[int]


class Private(BaseModel):
    _lock: Any = PrivateAttr(default=None)
    items: list[int] = [1]

    def __init__(self, lock: Any) -> None:
        super().__init__()
        self._lock = lock


def dict_store(**values: Any) -> StateStore[DictState]:
    return StateStore(DictState(**values))


async def test_a_state_that_is_set_replaces_the_state() -> None:
    store = StateStore(Base())
    given = Base(a=5)

    await store.set_state(given)
    given.a = 6

    assert await store.get("a") == 5


async def test_a_derived_state_may_take_the_place_of_its_parent() -> None:
    store = StateStore(Base())

    await store.set_state(Derived(z=1))

    assert await store.get_state() == Derived(z=1)


async def test_a_parents_state_is_merged() -> None:
    store = StateStore(Derived(a=1, items=[1], z=5))

    await store.set_state(Base(a=4))

    assert await store.get_state() == Derived(a=4, items=[], z=5)


@pytest.mark.parametrize("wrong", [DictState(), {"a": 1}, None, Unmade(x=1)])
async def test_a_state_of_another_type_is_refused(wrong: Any) -> None:
    store = StateStore(Derived())

    with pytest.raises(StateTypeError, match="State must be of type Derived or a parent type, got "):
        await store.set_state(wrong)

    assert await store.get_state() == Derived()


async def test_a_cleared_state_has_its_defaults() -> None:
    typed, free = StateStore(Derived(a=3)), dict_store(a=3)

    await typed.clear()
    await free.clear()

    assert await typed.get_state() == Derived()
    assert await free.get_state() == DictState()


async def test_a_state_without_defaults_cannot_be_cleared() -> None:
    store = StateStore(Unmade(x=1))

    with pytest.raises(StateDefaultsError, match="State must have defaults for all fields: x of Unmade"):
        await store.clear()


async def test_a_snapshot_is_taken_up_again() -> None:
    store = StateStore.of(Derived)
    await store.set("a", 7)

    again = StateStore(store.snapshot(), state_type=Derived)
    await store.set("a", 8)

    assert await again.get("a") == 7
    await again.clear()
    assert again.snapshot() == Derived()


async def test_an_edit_becomes_the_state_at_its_end() -> None:
    store = dict_store(log=[1])

    async with store.edit_state() as state:
        state.log.append(2)
        assert await store.get("log") == [1]

    assert await store.get("log") == [1, 2]


async def test_writes_go_on_after_a_state_was_replaced() -> None:
    store = dict_store(n={"a": 0})

    await store.set("n.a", 1)
    async with store.edit_state() as state:
        state.n["b"] = 2
    await store.set("n.c", 3)
    assert await store.get("n") == {"a": 1, "b": 2, "c": 3}

    await store.set_state(DictState(m={"a": 4}))
    await store.set("m.b", 5)
    assert await store.get_state() == DictState(m={"a": 4, "b": 5})


async def test_who_keeps_the_edited_state_changes_nothing_by_it_after_the_edit() -> None:
    store = StateStore(Base())
    async with store.edit_state() as state:
        state.a = 1

    state.a = 2

    assert await store.get("a") == 1


async def test_who_keeps_a_state_that_was_set_changes_nothing_by_it_later() -> None:
    store = dict_store()
    state = DictState(a=1)
    await store.set_state(state)

    state["a"] = 2

    assert await store.get("a") == 1


async def test_an_edit_that_raises_changes_nothing() -> None:
    store = dict_store(log=[1], deep={"a": {"b": [1]}})

    async def fail() -> None:
        async with store.edit_state() as state:
            state.log.append(2)
            state.deep["a"]["b"].clear()
            raise KeyError

    with pytest.raises(KeyError):
        await fail()

    assert await store.get_state() == DictState(log=[1], deep={"a": {"b": [1]}})
    await store.set("n", 1)


async def test_a_cancelled_edit_changes_nothing_and_gives_the_pen_back() -> None:
    store, inside = dict_store(n=0), asyncio.Event()

    async def edit() -> None:
        async with store.edit_state() as state:
            state.n = 5
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(edit())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await store.set("m", 1)
    assert await store.get_state() == DictState(n=0, m=1)


async def test_concurrent_edits_lose_no_update() -> None:
    store = dict_store(n=0)

    async def increment() -> None:
        async with store.edit_state() as state:
            seen = state.n
            await asyncio.sleep(0)
            state.n = seen + 1

    await asyncio.gather(*(increment() for _ in range(50)))

    assert await store.get("n") == 50


async def test_writes_wait_for_the_edit_and_come_in_order() -> None:
    store, inside, leave = dict_store(log=[]), asyncio.Event(), asyncio.Event()

    async def edit() -> None:
        async with store.edit_state() as state:
            inside.set()
            await leave.wait()
            state.first = 1

    editing = asyncio.create_task(edit())
    await inside.wait()
    writes = [asyncio.create_task(store.set("n", n)) for n in range(3)]
    writes.append(asyncio.create_task(store.set_state(DictState(n=2, last=True))))
    await asyncio.sleep(0)

    assert not any(write.done() for write in writes)
    assert await store.get("n", default="not yet") == "not yet"
    leave.set()
    await asyncio.gather(editing, *writes)
    assert await store.get_state() == DictState(n=2, last=True)


async def test_a_write_that_is_cancelled_while_it_waits_leaves_the_pen_to_others() -> None:
    store, inside, leave = dict_store(), asyncio.Event(), asyncio.Event()

    async def edit() -> None:
        async with store.edit_state():
            inside.set()
            await leave.wait()

    editing = asyncio.create_task(edit())
    await inside.wait()
    waiting = asyncio.create_task(store.set("n", 1))
    await asyncio.sleep(0)
    waiting.cancel()
    leave.set()
    await editing

    assert store._pen.is_free
    await store.set("m", 1)
    assert await store.get_state() == DictState(m=1)


@pytest.mark.parametrize("writer", ["set", "set_state", "clear", "edit_state"])
async def test_a_writer_inside_an_edit_is_told_instead_of_waiting_for_itself(writer: str) -> None:
    store = dict_store(n=0)
    view = store.bound(lambda: True)

    async def write() -> None:
        if writer == "edit_state":
            async with view.edit_state():
                raise AssertionError
        arguments: dict[str, tuple[Any, ...]] = {"set": ("n", 1), "set_state": (DictState(),)}
        await getattr(view, writer)(*arguments.get(writer, ()))

    async with store.edit_state() as state:
        with pytest.raises(StateEditError, match="writer called inside edit_state: mutate the yielded state"):
            await write()
        with pytest.raises(StateEditError):
            await asyncio.gather(write())
        state.n = 5

    assert await store.get("n") == 5
    await store.set("n", 6)


async def test_a_task_started_inside_an_edit_may_write_after_it() -> None:
    store, ended = dict_store(), asyncio.Event()

    async def write_later() -> None:
        await ended.wait()
        await store.set("late", True)
        async with store.edit_state() as state:
            state.later = True

    async with store.edit_state():
        task = asyncio.create_task(write_later())
    ended.set()
    await task

    assert await store.get_state() == DictState(late=True, later=True)


async def test_two_stores_may_be_edited_at_once() -> None:
    outer, inner = dict_store(), dict_store()

    async with outer.edit_state() as first:
        async with inner.edit_state() as second:
            second.n = 1
        await inner.set("m", 2)
        first.n = 3

    assert (await outer.get_state(), await inner.get_state()) == (DictState(n=3), DictState(n=1, m=2))


async def test_what_cannot_be_copied_is_shared_alone() -> None:
    lock, client = threading.Lock(), Client()
    store = dict_store(
        client=client,
        modules=[pytest, [1]],
        holder=Holder(lock, [1]),
        named=Named(lock, [1]),
        counts=defaultdict(list, lock=lock, items=[1]),
        ordered=OrderedDict(lock=lock, items=[1]),
        pair=(lock, [1]),
        model=Private(lock),
    )

    async with store.bound(lambda: False).edit_state() as state:
        assert state.client is client
        assert state.model._lock is state.pair[0] is lock
        for copied in (
            state.modules[1],
            state.holder.items,
            state.named.items,
            state.counts["items"],
            state.ordered["items"],
            state.pair[1],
            state.model.items,
        ):
            copied.append(2)

    state = await store.get_state()
    assert state.modules[1] == state.holder.items == state.named.items == state.pair[1] == [1]
    assert state.counts["items"] == state.ordered["items"] == state.model.items == [1]


async def test_an_isolated_copy_keeps_what_is_shared_and_circular() -> None:
    shared: list[Any] = [1]
    shared.append(shared)
    pair, names = ([1],), {2}
    store = dict_store(a=shared, b={"again": shared}, pairs=[pair, pair], names=[names, names])

    async with store.edit_state() as state:
        assert state.a is state.b["again"]
        assert state.a[1] is state.a
        assert state.a is not shared
        assert state.pairs[0] is state.pairs[1] is not pair
        assert state.names[0] is state.names[1] is not names


async def test_a_class_that_says_how_it_is_copied_is_asked() -> None:
    class Counted(BaseModel):
        copies: int = 0

    class Special:
        copies = 0

        def __deepcopy__(self, memo: Any) -> "Special":
            clone = Special()
            clone.copies = self.copies + 1
            return clone

    store = dict_store(special=Special(), model=Counted())

    async with store.edit_state() as state:
        assert state.special.copies == 1
        assert state.model == Counted()


async def test_a_state_nested_too_deeply_to_be_copied_is_an_error_that_frees_the_pen() -> None:
    store = dict_store()
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    await store.set("deep", deep)

    with pytest.raises(StateCopyError, match="too deeply"):
        async with store.edit_state():
            raise AssertionError

    await store.set("deep", None)
    while deep:  # an interpreter that frees it in one go may overflow its stack
        deep = deep.pop()


async def test_a_gate_lets_a_write_through_or_skips_it() -> None:
    store, answers = dict_store(n=0), iter([False, True, False, False, True])
    view = store.bound(lambda: next(answers))

    await view.set("n", 1)
    assert await store.get("n") == 0
    await view.set("n", 2)
    assert await view.get("n") == await store.get("n") == 2
    await view.set_state(DictState())
    await view.clear()
    assert await store.get("n") == 2
    await view.clear()
    assert await store.get_state() == DictState()


async def test_a_gate_is_asked_about_an_edit_at_its_end_only_when_it_ends_well() -> None:
    store = dict_store(n=0)
    asked: list[str] = []

    def refuse() -> bool:
        asked.append("closed")
        return False

    closed = store.bound(refuse)

    async with closed.edit_state() as state:
        assert asked == []
        state.n = 1
    with suppress(KeyError):
        async with closed.edit_state():
            raise KeyError

    assert asked == ["closed"]
    assert await store.get("n") == 0


async def test_a_view_shares_the_pen_with_its_store() -> None:
    store = dict_store(n=0)
    view = store.bound(lambda: True)

    async def increment(each: StateStore[DictState]) -> None:
        async with each.edit_state() as state:
            seen = state.n
            await asyncio.sleep(0)
            state.n = seen + 1

    await asyncio.gather(*(increment(each) for each in (store, view) * 10))

    assert await store.get("n") == 20


def test_a_store_may_be_used_from_one_event_loop_after_another() -> None:
    store = dict_store(n=0)

    async def contend() -> None:
        async def increment() -> None:
            async with store.edit_state() as state:
                await asyncio.sleep(0)
                state.n += 1

        await asyncio.gather(increment(), increment())

    asyncio.run(contend())
    asyncio.run(contend())

    assert store.snapshot().n == 4


def test_a_state_deep_copies_like_any_model() -> None:
    state = DictState(a=[1])

    clone = copy.deepcopy(state)
    clone.a.append(2)

    assert state == DictState(a=[1])
