"""Paths into a state: what each segment finds, what each write changes, and who sees it."""

import asyncio
import copy
import dataclasses
import gc
import weakref
from collections import defaultdict
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from stepwell.errors import StatePathError, StatePathLengthError, StateWriteError
from stepwell.runtime import DictState, StateStore
from stepwell.runtime._state_tree import StateTree

SEGMENT = st.text(st.characters(exclude_characters="."), min_size=1).filter(lambda text: text[:2] != "__")
PATHS = st.lists(SEGMENT, min_size=1, max_size=6).map(".".join)


class Limits(BaseModel):
    most: int = 3
    names: list[str] = ["a", "b"]

    def method(self) -> int:
        return self.most

    @property
    def twice(self) -> int:
        return 2 * self.most


class Settings(BaseModel):
    limits: Limits = Limits()
    free: dict[str, Any] = {}
    count: int = 0


@dataclasses.dataclass
class Point:
    x: int
    inside: dict[str, int]


class Pair(NamedTuple):
    left: int
    right: dict[str, int]


class Client:
    """Something with an identity."""

    def __init__(self) -> None:
        self.config = {"retries": 1}


def dict_store(**values: Any) -> StateStore[DictState]:
    return StateStore(DictState(**values))


@given(PATHS, st.integers())
async def test_what_was_set_is_read_back(path: str, value: int) -> None:
    store = dict_store()

    await store.set(path, value)

    assert await store.get(path) == value


@given(st.lists(st.tuples(PATHS, st.integers()), max_size=8))
async def test_paths_mean_the_same_as_nested_dicts(writes: list[tuple[str, int]]) -> None:
    store = dict_store()
    plain: dict[str, Any] = {}
    for path, value in writes:
        *way, last = path.split(".")
        place: Any = plain
        for segment in way:
            place = place.setdefault(segment, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = value
            await store.set(path, value)
        else:
            with pytest.raises(StateWriteError):
                await store.set(path, value)

    assert (await store.get_state()).to_dict() == plain


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "set dict", "set list", "get", "get_state", "edit"]),
        st.lists(st.sampled_from(["a", "b", "0", "-1"]), min_size=1, max_size=4).map(".".join),
        st.integers(),
    ),
    max_size=30,
)


@given(STEPS)
async def test_no_write_changes_what_was_handed_out(steps: list[tuple[str, str, int]]) -> None:
    store = dict_store(a={"a": [{"b": 1}, {"b": 2}]}, b=[[1, {"a": {}}]])
    handed_out: list[tuple[Any, Any]] = []
    given_in: dict[str, Any] = {"set dict": {"a": {"b": 1}}, "set list": [{"a": 1}, [2]]}
    handed_out.extend((value, copy.deepcopy(value)) for value in given_in.values())

    for action, path, number in steps:
        try:
            if action == "get":
                value: Any = await store.get(path, default=None)
            elif action == "get_state":
                value = await store.get_state()
            elif action == "edit":
                async with store.edit_state() as value:
                    value["edited"] = number
            else:
                await store.set(path, given_in.get(action, number))
                continue
        except StateWriteError:
            continue
        handed_out.append((value, copy.deepcopy(value)))

    assert all(value == before for value, before in handed_out)


@given(STEPS)
async def test_a_tree_that_owns_its_containers_reads_as_one_that_copies_always(
    steps: list[tuple[str, str, int]],
) -> None:
    start = DictState(a={"a": [{"b": 1}, {"b": 2}]}, b=[[1, {"a": {}}]])
    tree, plain = StateTree(copy.deepcopy(start)), copy.deepcopy(start)

    for _, path, number in steps:
        outcomes = []
        fresh = StateTree(copy.deepcopy(plain))
        for each in (tree, fresh):
            try:
                each.write(path, number)
                outcomes.append("written")
            except StateWriteError:
                outcomes.append("refused")
        plain = fresh.state
        assert outcomes[0] == outcomes[1]
        assert tree.state == plain


async def test_each_kind_of_holder_is_read_by_its_own_names() -> None:
    store = dict_store(
        rows=[{"name": "ann"}, {"name": "bob"}],
        codes={7: "seven", "8": "eight", 8: "number"},
        limits=Limits(),
        point=Point(1, {"k": 2}),
        pair=Pair(3, {"k": 4}),
        client=Client(),
    )

    assert await store.get("rows.1.name") == "bob"
    assert await store.get("rows.-2.name") == "ann"
    assert await store.get("codes.7") == "seven"
    assert await store.get("codes.8") == "eight"
    assert await store.get("limits.names.0") == "a"
    assert await store.get("limits.twice") == 6
    assert await store.get("point.inside.k") == 2
    assert await store.get("pair.right.k") == await store.get("pair.1.k") == 4
    assert await store.get("client.config.retries") == 1


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "rows.2",
        "rows.x",
        "rows.-3",
        "rows. 1",
        "rows.01",
        "limits.method",
        "limits.model_copy",
        "rows.append",
        "text.0",
        "text.upper",
        "limits.__class__",
        "codes.x",
        "items",
        "a..b",
        "none.x",
        "n.m",
    ],
)
async def test_what_is_no_data_is_not_found(path: str) -> None:
    store = dict_store(rows=[1, 2], limits=Limits(), text="abc", codes={}, none=None, n=5)

    with pytest.raises(ValueError, match=f"Path '{path}' not found in state"):
        await store.get(path)
    assert await store.get(path, default=None) is None


async def test_a_missing_path_is_told_with_what_is_there() -> None:
    store = dict_store(users={"annabel": 1, "bob": 2})

    with pytest.raises(StatePathError) as caught:
        await store.get("users.anabel.age")

    assert caught.value.reached == "users"
    assert caught.value.names[0] == "annabel"
    assert "a dict with annabel, bob" in str(caught.value)


async def test_a_missing_path_in_a_big_state_is_told_briefly() -> None:
    store = dict_store(users={f"user{n}": n for n in range(10_000)})

    with pytest.raises(StatePathError, match="9992 more"):
        await store.get("users.nobody")


async def test_the_empty_path_is_the_whole_state_and_cannot_be_set() -> None:
    store = dict_store(a=1)

    assert await store.get("") == DictState(a=1)
    with pytest.raises(StateWriteError, match="cannot be empty"):
        await store.set("", 1)


async def test_a_path_has_a_longest_length() -> None:
    store, longest = dict_store(), ".".join("a" * 1000)

    await store.set(longest, 1)

    assert await store.get(longest) == 1
    with pytest.raises(StatePathLengthError, match="exceeds 1000 segments"):
        await store.set(longest + ".a", 1)
    with pytest.raises(StatePathLengthError):
        await store.get(longest + ".a", default=None)


async def test_writes_reach_into_each_kind_of_holder() -> None:
    store = dict_store(rows=[{"name": "ann"}], codes={7: "seven"}, limits=Limits(), point=Point(1, {}), client=Client())

    for path in ("rows.0.name", "rows.-1.age", "codes.7", "codes.8", "limits.names.1", "limits.most"):
        await store.set(path, "new")
    for path in ("point.inside.k", "point.x", "client.config.retries", "client.label", "made.on.the.way"):
        await store.set(path, "new")

    state = await store.get_state()
    assert state.rows == [{"name": "new", "age": "new"}]
    assert state.codes == {7: "new", "8": "new"}
    assert state.limits.names == ["a", "new"]
    assert state.point == Point("new", {"k": "new"})  # type: ignore[arg-type, dict-item]
    assert state.client.config == {"retries": "new"}
    assert state.client.label == "new"
    assert state.made == {"on": {"the": {"way": "new"}}}


@pytest.mark.parametrize(
    "path", ["rows.1", "rows.x", "rows.5.x", "pair.0", "pair.left", "n.m", "n.m.o", "none.x", "text.0"]
)
async def test_a_write_that_cannot_be_made_says_why(path: str) -> None:
    store = dict_store(rows=[1], pair=Pair(1, {}), n=5, none=None, text="abc")
    before = await store.get_state()

    with pytest.raises(StateWriteError, match=path) as caught:
        await store.set(path, 1)

    assert isinstance(caught.value, (ValueError, AttributeError))
    assert await store.get_state() == before


async def test_an_object_of_a_users_class_keeps_its_identity() -> None:
    client = Client()
    store = dict_store(client=client, pair=Pair(1, {"k": 1}))
    inside = (await store.get("pair")).right

    await store.set("client.config.retries", 5)
    await store.set("pair.right.k", 5)

    assert await store.get("client") is client
    assert client.config == {"retries": 5}
    assert inside == {"k": 5}


async def test_a_copied_container_keeps_its_kind() -> None:
    counts = defaultdict(list, a=[1])
    store = dict_store(counts=counts)

    await store.set("counts.a.0", 2)

    stored = await store.get("counts")
    assert type(stored) is defaultdict
    assert stored["new"] == []
    assert counts == {"a": [1]}


async def test_a_typed_state_takes_its_fields_and_no_others() -> None:
    store = StateStore(Settings())

    await store.set("limits.most", 9)
    await store.set("free.any.name", 1)

    assert await store.get_state() == Settings(limits=Limits(most=9), free={"any": {"name": 1}})
    with pytest.raises(StateWriteError, match=r'"Settings" object has no field "counts".*did you mean'):
        await store.set("counts", 1)
    with pytest.raises(StateWriteError, match="no field"):
        await store.set("nothing.at.all", 1)


async def test_the_defaults_of_a_typed_state_are_never_written() -> None:
    store = StateStore(Settings())

    await store.set("limits.names.0", "changed")

    assert Settings().limits.names == ["a", "b"]


async def test_a_model_that_validates_its_assignments_still_does() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(validate_assignment=True)
        count: int = 0

    store = StateStore(Strict())

    await store.set("count", "7")

    assert await store.get("count") == 7
    with pytest.raises(ValidationError):
        await store.set("count", "many")
    assert await store.get("count") == 7


async def test_what_a_validator_of_the_whole_model_refuses_is_not_written() -> None:
    class Range(BaseModel):
        model_config = ConfigDict(validate_assignment=True)
        low: int = 0
        high: int = 10

        @model_validator(mode="after")
        def is_in_order(self) -> "Range":
            if self.low > self.high:
                raise ValueError("low is above high")
            return self

    store = StateStore(Range())

    with pytest.raises(ValidationError, match="low is above high"):
        await store.set("low", 11)

    assert await store.get_state() == Range()
    await store.set("high", 20)
    assert await store.get_state() == Range(high=20)


async def test_a_reader_does_not_see_later_writes() -> None:
    store = dict_store(a={"b": {"c": 1}}, n=1)
    state, inner = await store.get_state(), await store.get("a")

    await store.set("a.b.c", 2)
    await store.set("n", 2)

    assert state == DictState(a={"b": {"c": 1}}, n=1)
    assert inner == {"b": {"c": 1}}
    assert await store.get("a.b.c") == 2


async def test_the_names_of_a_state_that_was_read_are_the_readers_own() -> None:
    store = dict_store(n=1)

    (await store.get_state()).n = 2

    assert await store.get("n") == 1


async def test_a_container_is_copied_once_however_often_it_is_written() -> None:
    copies = 0

    class Counting(dict[str, int]):
        def __copy__(self) -> "Counting":
            nonlocal copies
            copies += 1
            return Counting(self)

    store = dict_store(big=Counting({f"k{n}": n for n in range(100)}))

    for n in range(50):
        await store.set(f"big.k{n}", 0)
        assert await store.get(f"big.k{n}") == 0
    assert copies == 1

    await store.get("big")
    await store.set("big.k0", 1)
    await store.set("big.k1", 1)
    assert copies == 2


async def test_concurrent_writes_by_path_all_arrive() -> None:
    store = dict_store()

    await asyncio.gather(*(store.set(f"n{n}.x", n) for n in range(100)))

    assert (await store.get_state()).to_dict() == {f"n{n}": {"x": n} for n in range(100)}


async def test_two_names_of_one_place_are_one_place() -> None:
    store = dict_store(rows=[{}, {}])

    await store.set("rows.-1.k", 1)
    seen = await store.get("rows.1")
    await store.set("rows.-1.k", 2)

    assert seen == {"k": 1}
    assert await store.get("rows.1.k") == 2


async def test_what_a_models_own_validator_put_in_place_is_written() -> None:
    class Rebuilding(BaseModel):
        model_config = ConfigDict(validate_assignment=True)
        names: dict[str, int] = {}
        count: int = 0

        @model_validator(mode="after")
        def rebuild(self) -> "Rebuilding":
            self.__dict__["names"] = dict(self.names)
            return self

    store = StateStore(Rebuilding())

    await store.set("names.a", 1)
    await store.set("count", 2)
    await store.set("names.b", 3)

    assert await store.get_state() == Rebuilding.model_construct(names={"a": 1, "b": 3}, count=2)


async def test_what_was_overwritten_is_not_kept() -> None:
    class Big(dict[str, int]):
        pass

    store = dict_store(big=Big(a=1))
    await store.set("big.a", 2)
    kept = weakref.ref(await store.get("big"))
    await store.set("big.a", 3)
    copy_kept = weakref.ref(store._tree.state.big)

    await store.set("big", None)
    gc.collect()

    assert kept() is None
    assert copy_kept() is None
