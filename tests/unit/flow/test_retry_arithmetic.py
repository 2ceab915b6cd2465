"""The arithmetic of waits and stops: bounds, growth, seeds and the laws of their combinations."""

import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwell import retry_policy as rp

ATTEMPTS = st.integers(0, 5_000)
SEEDS = st.integers()
SECONDS = st.floats(0, 1e7)
BASES = st.floats(0.1, 50)
WAITS = st.one_of(
    st.builds(rp.wait_fixed, SECONDS),
    st.just(rp.wait_none()),
    st.builds(rp.wait_incrementing, SECONDS, st.floats(-1e6, 1e6)),
    st.builds(rp.wait_exponential, SECONDS, BASES, SECONDS),
    st.builds(rp.wait_random, st.floats(0, 10), st.floats(10, 1e7)),
    st.builds(rp.wait_random_exponential, SECONDS, BASES, SECONDS),
    st.builds(rp.wait_exponential_jitter, SECONDS, BASES, SECONDS, SECONDS),
)


@given(WAITS, ATTEMPTS, SEEDS)
def test_every_wait_is_zero_or_more_and_the_same_for_a_seed(wait: rp.WaitStrategy, attempts: int, seed: int) -> None:
    first, again = wait(attempts, seed=seed), wait(attempts, seed=seed)

    assert first == again
    assert 0 <= first <= 1e9


@given(st.floats(0, 100), st.floats(1, 50), st.floats(0, 1e6), ATTEMPTS)
def test_an_exponential_wait_never_shrinks_and_keeps_its_bounds(
    multiplier: float, base: float, most: float, attempts: int
) -> None:
    wait = rp.wait_exponential(multiplier, base, max=most, min=most / 2)

    assert most / 2 <= wait(attempts) <= wait(attempts + 1) <= most


def test_an_exponential_wait_counts_from_the_first_retry() -> None:
    wait = rp.wait_exponential(multiplier=2, max=10)

    assert [wait(n) for n in range(4)] == [2, 4, 8, 10]


def test_an_exponential_wait_without_a_bound_does_not_overflow() -> None:
    assert rp.wait_exponential(max=float("inf"))(100_000) == 1e9


def test_an_incrementing_wait_grows_by_its_increment_to_its_bound() -> None:
    assert [rp.wait_incrementing(1, 2, 6)(n) for n in range(4)] == [1, 3, 5, 6]


def test_an_incrementing_wait_that_shrinks_ends_at_zero() -> None:
    assert [rp.wait_incrementing(3, -2)(n) for n in range(3)] == [3, 1, 0]


@given(st.floats(0, 100), st.floats(0, 100), ATTEMPTS, SEEDS)
def test_a_random_wait_keeps_its_bounds(low: float, width: float, attempts: int, seed: int) -> None:
    assert low <= rp.wait_random(low, low + width)(attempts, seed=seed) <= low + width


@given(SEEDS)
def test_random_waits_of_one_seed_differ_between_attempts(seed: int) -> None:
    wait = rp.wait_random(0, 1)

    assert len({wait(n, seed=seed) for n in range(20)}) == 20


@given(SEEDS)
def test_two_random_waits_in_one_sum_draw_apart(seed: int) -> None:
    wait = rp.wait_random(0, 1)

    assert (wait + wait)(0, seed=seed) != 2 * wait(0, seed=seed)


def test_random_waits_without_a_seed_draw_anew() -> None:
    wait = rp.wait_random(0, 1)

    assert len({wait(0) for _ in range(20)}) > 1


@given(SEEDS, st.integers(0, 40))
def test_full_jitter_stays_under_the_exponential_wait(seed: int, attempts: int) -> None:
    assert (
        1
        <= rp.wait_full_jitter(2, max=100, min=1)(attempts, seed=seed)
        <= rp.wait_exponential(2, max=100, min=1)(attempts)
    )


@given(SEEDS, st.integers(0, 40))
def test_exponential_jitter_adds_at_most_its_jitter(seed: int, attempts: int) -> None:
    delay = rp.wait_exponential_jitter(initial=2, max=500, jitter=3)(attempts, seed=seed)
    base = min(2 * 2.0**attempts, 500)

    assert base <= delay <= min(base + 3, 500)


def test_a_seed_gives_the_same_wait_in_another_process() -> None:
    code = "from stepwell.retry_policy import *; print(wait_random(0, 1)(3, seed=7))"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert float(printed.stdout) == rp.wait_random(0, 1)(3, seed=7)


@given(WAITS, WAITS, WAITS, st.integers(0, 50), SEEDS)
def test_brackets_in_a_sum_of_waits_change_nothing(
    a: rp.WaitStrategy, b: rp.WaitStrategy, c: rp.WaitStrategy, attempts: int, seed: int
) -> None:
    combine = rp.wait_combine
    results = {
        combine(combine(a, b), c)(attempts, seed=seed),
        combine(a, combine(b, c))(attempts, seed=seed),
        combine(a, b, c)(attempts, seed=seed),
    }

    assert len(results) == 1


def test_waits_are_added_by_plus_and_by_sum() -> None:
    waits = [rp.wait_fixed(1), rp.wait_fixed(2), rp.wait_exponential(max=4)]

    assert sum(waits)(2) == (waits[0] + waits[1] + waits[2])(2) == 7  # type: ignore[operator]


def test_a_chain_uses_its_strategies_in_turn_and_then_the_last() -> None:
    chain = rp.wait_chain(rp.wait_fixed(1), rp.wait_fixed(2))

    assert [chain(n) for n in range(4)] == [1, 2, 2, 2]


def test_times_may_be_given_as_timedelta() -> None:
    assert rp.wait_fixed(timedelta(minutes=1))(0) == 60
    assert rp.stop_after_delay(timedelta(minutes=1))(1, 60.0)


@given(st.integers(1, 100), st.integers(1, 200))
def test_stop_after_attempt_holds_from_its_number_on(limit: int, attempts: int) -> None:
    assert rp.stop_after_attempt(limit)(attempts, 0.0) == (attempts >= limit)


@given(SECONDS, SECONDS)
def test_stop_after_delay_looks_at_the_time_that_passed(limit: float, elapsed: float) -> None:
    assert rp.stop_after_delay(limit)(1, elapsed, upcoming_sleep=1e9) == (elapsed >= limit)


@given(SECONDS, SECONDS, SECONDS)
def test_stop_before_delay_looks_at_the_wait_to_come_too(limit: float, elapsed: float, sleep: float) -> None:
    holds = rp.stop_before_delay(limit)(1, elapsed, upcoming_sleep=sleep)

    assert holds == (elapsed + sleep >= limit)


@given(st.lists(st.booleans(), max_size=4))
def test_any_and_all_follow_the_laws_of_logic(answers: list[bool]) -> None:
    stops = [rp.stop_after_attempt(1) if answer else rp.stop_never() for answer in answers]
    retries = [rp.retry_always() if answer else rp.retry_never() for answer in answers]

    assert rp.stop_any(*stops)(1, 0.0) == rp.retry_any(*retries)(ValueError()) == any(answers)
    assert rp.stop_all(*stops)(1, 0.0) == rp.retry_all(*retries)(ValueError()) == all(answers)


@given(st.booleans(), st.booleans())
def test_the_operators_join_conditions(left: bool, right: bool) -> None:
    a = rp.retry_always() if left else rp.retry_never()
    b = rp.stop_after_attempt(1) if left else rp.stop_never()

    assert (a & (lambda error: right))(KeyError()) == ((lambda error: right) & a)(KeyError()) == (left and right)
    assert (a | (lambda error: right))(KeyError()) == ((lambda error: right) | a)(KeyError()) == (left or right)
    other = rp.stop_after_attempt(1) if right else rp.stop_never()
    assert (b & other)(1, 0.0) == (left and right)
    assert (b | other)(1, 0.0) == (left or right)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_random_wait_of_zero_width_is_a_fixed_one(count: int) -> None:
    assert rp.wait_random(count, count)(0, seed=1) == count
