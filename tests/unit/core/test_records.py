"""Records do what dataclasses with slots do, as far as this house uses them."""

import copy
import pickle
from dataclasses import FrozenInstanceError, field

import pytest

from stepwell.core import changed, record


@record()
class Open:
    name: str
    number: int = 1
    items: list[int] = field(default_factory=list)


@record(frozen=True)
class Closed:
    name: str
    number: int = field(default=2)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a name is needed")


@record(eq=False)
class Same:
    name: str


@record()
class Own:
    """Keeps the constructor and the text it has."""

    total: int

    def __init__(self, *parts: int) -> None:
        self.total = sum(parts)

    def __repr__(self) -> str:
        return f"{self.total} in all"


def test_fields_come_in_their_order_with_their_defaults() -> None:
    assert Open("a") == Open(name="a", number=1, items=[])
    assert Open("a", 2, [3]) != Open("a", 2, [4])


def test_a_class_that_has_made_no_record_refuses_wrong_arguments_like_one_that_has() -> None:
    @record()
    class Fresh:
        name: str

    messages = []
    for _ in range(2):
        with pytest.raises(TypeError) as refused:
            Fresh()  # type: ignore[call-arg]
        messages.append(str(refused.value))

    assert messages[0] == messages[1] == "__init__() missing 1 required positional argument: 'name'"


def test_each_record_has_a_default_of_its_own_where_a_factory_makes_it() -> None:
    first, second = Open("a"), Open("a")

    first.items.append(1)

    assert second.items == []


def test_a_record_shows_its_fields() -> None:
    assert repr(Open("a")) == "Open(name='a', number=1, items=[])"


def test_a_record_takes_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Open("a").other = 1  # type: ignore[attr-defined]


def test_records_of_different_classes_are_never_equal() -> None:
    one: object = Closed("a")

    assert Open("a") != one


def test_what_may_change_has_no_hash_and_what_may_not_has_one_by_value() -> None:
    with pytest.raises(TypeError):
        hash(Open("a"))
    assert {Closed("a"), Closed("a", 2)} == {Closed("a")}


def test_a_frozen_record_refuses_to_be_changed() -> None:
    one = Closed("a")

    with pytest.raises(FrozenInstanceError, match="'name'"):
        one.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="'name'"):
        del one.name

    assert one.name == "a"


def test_what_is_checked_after_the_fields_are_set_may_refuse() -> None:
    with pytest.raises(ValueError, match="a name is needed"):
        Closed("")


def test_records_without_equality_are_themselves_only() -> None:
    assert Same("a") != Same("a")


def test_a_constructor_and_a_text_of_its_own_are_kept() -> None:
    assert (Own(1, 2).total, repr(Own(1, 2))) == (3, "3 in all")


@pytest.mark.parametrize("one", [Open("a", 2, [3]), Closed("a", 3)])
def test_records_are_copied_and_pickled(one: object) -> None:
    assert copy.deepcopy(one) == one
    assert pickle.loads(pickle.dumps(one)) == one


def test_records_are_matched_by_position() -> None:
    match Open("a", 2):
        case Open(name, number):
            assert (name, number) == ("a", 2)


def test_a_changed_record_is_another_one() -> None:
    one = Closed("a")

    assert (changed(one, number=5), one) == (Closed("a", 5), Closed("a", 2))
