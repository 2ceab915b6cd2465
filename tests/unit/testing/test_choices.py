"""Choices: the same for a seed and a name, taken back one by one, and shrunk to those that matter."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from stepwell.testing._choices import Choices, shrink

NAMES = st.text("abcdef #123", min_size=1, max_size=8)
SCENARIOS = st.dictionaries(NAMES, st.integers(1, 9), max_size=12)


def drawn(choices: Choices, names: list[str]) -> dict[str, int]:
    return {name: choices.draw(name, 9, 0.5) for name in names}


@given(seed=st.integers(-5, 2**40), names=st.lists(NAMES, unique=True), other=NAMES)
def test_a_choice_depends_on_the_seed_and_its_name_alone(seed: int, names: list[str], other: str) -> None:
    alone = drawn(Choices(seed), names)

    after_another = Choices(seed)
    after_another.draw(other, 9, 0.5)

    assert drawn(after_another, list(reversed(names))) == alone


@given(seed=st.integers(0, 2**40), names=st.lists(NAMES, unique=True))
def test_a_scenario_played_again_makes_the_same_choices(seed: int, names: list[str]) -> None:
    first = Choices(seed)
    lived = drawn(first, names)

    again = Choices(seed, first.scenario)

    assert drawn(again, names) == lived
    assert again.scenario == first.scenario == {name: choice for name, choice in lived.items() if choice}


def test_what_is_not_in_a_scenario_is_plain() -> None:
    choices = Choices(7, {"a": 3})

    assert [choices.draw(name, 9, 1.0) for name in ("a", "b")] == [3, 0]


def test_a_choice_that_is_certain_is_never_plain_and_one_without_a_chance_always() -> None:
    choices = Choices(7)

    assert all(1 <= choices.draw(f"certain {number}", 3, 1.0) <= 3 for number in range(50))
    assert not any(choices.draw(f"impossible {number}", 3, 0.0) for number in range(50))


def test_names_of_what_happens_several_times_are_counted() -> None:
    choices = Choices(0)

    assert [choices.name(what) for what in ("read", "read", "write")] == ["read #1", "read #2", "write #1"]


@given(scenario=SCENARIOS, data=st.data())
def test_a_scenario_shrinks_to_what_is_needed(scenario: dict[str, int], data: st.DataObject) -> None:
    needed = data.draw(st.sets(st.sampled_from(sorted(scenario)))) if scenario else set()

    def fails(candidate: Mapping[str, int]) -> bool:
        return needed <= set(candidate)

    assert shrink(scenario, fails, attempts=1_000) == dict.fromkeys(sorted(needed, key=list(scenario).index), 1)


def test_choices_shrink_as_far_as_they_can() -> None:
    smallest = shrink({"late": 9, "other": 4}, lambda one: one.get("late", 0) >= 4, attempts=100)

    assert smallest == {"late": 4}


def test_shrinking_ends_after_so_many_attempts() -> None:
    asked: list[Mapping[str, int]] = []

    def fails(candidate: Mapping[str, int]) -> bool:
        asked.append(candidate)
        return False

    kept = shrink({f"choice {number}": 5 for number in range(40)}, fails, attempts=7)

    assert (len(asked), len(kept)) == (7, 40)


def test_when_a_life_is_over_there_is_nothing_to_choose() -> None:
    choices = Choices(7)
    choices.draw("first", 3, 1.0)
    choices.name("fetch")
    before = dict(choices.scenario)

    choices.is_over = True
    drawn = choices.draw("second", 3, 1.0), choices.name("fetch")
    choices.is_over = False

    assert drawn == (0, "fetch")
    assert choices.scenario == before
    assert choices.name("fetch") == "fetch #2"
