"""The retry policy: what it asks its strategies, what it takes for one, and what it refuses."""

import math
import re
import subprocess
import sys
from collections.abc import Callable

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from stepwell import retry_policy as rp
from stepwell.errors import DefinitionError, RetryArgumentError, RetryDelayError, RetryNumberError

FAILURE = ValueError("too many requests")


def test_a_policy_by_default_tries_three_times_five_seconds_apart() -> None:
    policy = rp.retry_policy()

    assert [policy.next(0.0, n, FAILURE) for n in (1, 2, 3)] == [5, 5, None]


def test_a_policy_retries_only_what_its_condition_takes() -> None:
    policy = rp.retry_policy(retry=rp.retry_if_exception_type((OSError, TimeoutError)))

    assert policy.next(0.0, 1, FAILURE) is None
    assert policy.next(0.0, 1, OSError()) == 5


def test_a_stop_condition_knows_the_wait_to_come() -> None:
    policy = rp.retry_policy(wait=rp.wait_fixed(4), stop=rp.stop_before_delay(10))

    assert policy.next(5.9, 1, FAILURE) == 4
    assert policy.next(6.0, 1, FAILURE) is None


def test_a_policy_asked_about_no_failure_answers_as_for_the_first() -> None:
    policy = rp.retry_policy(wait=rp.wait_exponential())

    assert policy.next(0.0, 0, FAILURE) == policy.next(0.0, 1, FAILURE) == 1


def test_the_first_failure_waits_as_the_first_of_a_chain() -> None:
    policy = rp.retry_policy(wait=rp.wait_chain(rp.wait_fixed(1), rp.wait_fixed(2)), stop=rp.stop_never())

    assert [policy.next(0.0, n, FAILURE) for n in (1, 2, 3)] == [1, 2, 2]


@given(st.integers(), st.integers(1, 1000))
def test_a_seed_decides_the_delay_of_a_policy(seed: int, attempts: int) -> None:
    policy = rp.retry_policy(wait=rp.wait_random(1, 9), stop=rp.stop_never())

    assert policy.next(0.0, attempts, FAILURE, seed=seed) == policy.next(9.0, attempts, FAILURE, seed=seed)


def test_a_delay_is_never_longer_than_the_longest() -> None:
    assert rp.retry_policy(wait=lambda attempts, *, seed=None: 1e300).next(0.0, 1, FAILURE) == 1e9


def test_a_policy_is_a_retry_policy_and_so_is_anything_with_its_next() -> None:
    class Mine:
        def next(
            self, elapsed_time: float, attempts: int, error: Exception, *, seed: int | None = None
        ) -> float | None:
            return None

    assert isinstance(rp.retry_policy(), rp.RetryPolicy)
    assert isinstance(Mine(), rp.RetryPolicy)
    assert not isinstance(3, rp.RetryPolicy)


@pytest.mark.parametrize(
    ("condition", "taken", "refused"),
    [
        (rp.retry_if_exception(lambda error: "many" in str(error)), FAILURE, ValueError("few")),
        (rp.retry_if_exception_type(OSError), FileNotFoundError(), FAILURE),
        (rp.retry_if_not_exception_type(OSError), FAILURE, FileNotFoundError()),
        (rp.retry_unless_exception_type(OSError), FAILURE, FileNotFoundError()),
        (
            rp.retry_if_exception_message(message="a"),
            KeyError("x", "y") and ValueError("a"),
            ValueError("ab"),
        ),
        (rp.retry_if_exception_message(match="to+"), ValueError("not too"), ValueError("few")),
        (rp.retry_if_exception_message(match=re.compile("TO", re.I)), FAILURE, ValueError("a")),
        (rp.retry_if_not_exception_message(message="a"), FAILURE, ValueError("a")),
        (rp.retry_if_not_exception_message(match="to+"), ValueError("a"), ValueError("not too")),
        (rp.retry_always(), FAILURE, None),
        (rp.retry_never(), None, FAILURE),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_condition_takes_what_it_names(
    condition: rp.RetryCondition, taken: Exception | None, refused: Exception | None
) -> None:
    assert taken is None or condition(taken)
    assert refused is None or not condition(refused)


def test_a_cause_is_found_along_the_chain_even_when_it_is_a_ring() -> None:
    outer, middle, root = KeyError(), ValueError(), OSError()
    outer.__cause__, middle.__cause__, root.__cause__ = middle, root, outer

    assert rp.retry_if_exception_cause_type(OSError)(outer)
    assert not rp.retry_if_exception_cause_type(TimeoutError)(outer)


def test_tenacity_strategies_are_taken_as_they_are() -> None:
    policy = rp.retry_policy(
        retry=tenacity.retry_if_exception_type(ValueError),
        wait=tenacity.wait_exponential(multiplier=3),
        stop=tenacity.stop_after_attempt(3) | tenacity.stop_after_delay(60),
    )

    assert [policy.next(0.0, n, FAILURE) for n in (1, 2, 3)] == [3, 6, None]
    assert policy.next(61.0, 1, FAILURE) is None
    assert policy.next(0.0, 1, KeyError()) is None


def test_a_tenacity_wait_may_look_at_the_exception() -> None:
    policy = rp.retry_policy(wait=tenacity.wait_exception(lambda error: len(str(error))))

    assert policy.next(0.0, 1, FAILURE) == 17


def test_combinations_made_by_tenacity_keep_the_seed_of_ours() -> None:
    policy = rp.retry_policy(
        retry=tenacity.retry_if_exception_type(ValueError) & rp.retry_if_exception_message(match="too"),
        wait=tenacity.wait_fixed(1) + rp.wait_random(0, 9),
        stop=tenacity.stop_never | rp.stop_after_attempt(2),
    )

    assert policy.next(0.0, 1, FAILURE, seed=4) == 1 + rp.wait_random(0, 9)(0, seed=4)
    assert policy.next(0.0, 2, FAILURE, seed=4) is None
    assert policy.next(0.0, 1, ValueError("few")) is None


def test_combinations_made_by_us_take_tenacity_strategies() -> None:
    wait = rp.wait_fixed(1) + tenacity.wait_fixed(2) + tenacity.wait_chain(rp.wait_fixed(4))  # type: ignore[arg-type]

    assert rp.wait_combine(wait)(0) == 7
    assert (rp.retry_always() & tenacity.retry_never)(FAILURE) is False


def test_ours_serve_tenacity_too() -> None:
    slept: list[float] = []
    retrying = tenacity.Retrying(
        wait=rp.wait_fixed(3), stop=rp.stop_after_attempt(3), retry=rp.retry_always(), sleep=slept.append
    )

    with pytest.raises(tenacity.RetryError):
        retrying(lambda: 1 / 0)

    assert slept == [3, 3]


def test_plain_functions_are_strategies() -> None:
    seen: list[object] = []

    def wait(attempts: int, *, seed: int | None = None) -> float:
        seen.append((attempts, seed))
        return 2.0

    def stop(attempts: int, elapsed_time: float, *, upcoming_sleep: float = 0.0) -> bool:
        seen.append((attempts, elapsed_time, upcoming_sleep))
        return attempts > 1

    policy = rp.retry_policy(retry=lambda error: "many" in str(error), wait=wait, stop=stop)

    assert policy.next(3.0, 1, FAILURE, seed=8) == 2.0
    assert seen == [(0, 8), (1, 3.0, 2.0)]
    assert policy.next(3.0, 2, FAILURE) is None
    assert policy.next(3.0, 1, ValueError("few")) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rp.wait_fixed(-1),
        lambda: rp.wait_fixed(math.nan),
        lambda: rp.wait_fixed(math.inf),
        lambda: rp.wait_fixed(10**400),
        lambda: rp.wait_random(3, 1),
        lambda: rp.wait_random(-1, 1),
        lambda: rp.wait_exponential(multiplier=-1),
        lambda: rp.wait_exponential(exp_base=0),
        lambda: rp.wait_exponential(max=-1),
        lambda: rp.wait_exponential(min=9, max=1),
        lambda: rp.wait_exponential(max=math.nan),
        lambda: rp.wait_random_exponential(multiplier=math.inf),
        lambda: rp.wait_full_jitter(min=-1),
        lambda: rp.wait_exponential_jitter(jitter=-1),
        lambda: rp.wait_exponential_jitter(initial=math.nan),
        lambda: rp.wait_incrementing(start=-1),
        lambda: rp.wait_incrementing(increment=math.inf),
        lambda: rp.stop_after_attempt(0),
        lambda: rp.stop_after_delay(-1),
        lambda: rp.stop_before_delay(math.nan),
        lambda: rp.ConstantDelayRetryPolicy(maximum_attempts=0),
        lambda: rp.ExponentialBackoffRetryPolicy(initial_delay=-1),
    ],
)
def test_a_number_outside_its_range_is_refused_at_once(wrong: Callable[[], object]) -> None:
    with pytest.raises(RetryNumberError) as caught:
        wrong()

    assert isinstance(caught.value, (DefinitionError, ValueError))
    assert "must be" in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rp.retry_policy(stop=rp.stop_never),  # type: ignore[arg-type]
        lambda: rp.retry_policy(wait=5),  # type: ignore[arg-type]
        lambda: rp.retry_policy(retry=ValueError),  # type: ignore[arg-type]
        lambda: rp.retry_policy(wait=lambda: 3),  # type: ignore[arg-type]
        lambda: rp.retry_policy(stop=lambda attempts: True),  # type: ignore[arg-type]
        lambda: rp.wait_none() + 3,  # type: ignore[operator]
        lambda: 3 + rp.wait_none(),
        lambda: rp.retry_always() & "x",  # type: ignore[operator]
        lambda: rp.stop_never() | None,  # type: ignore[operator]
        lambda: rp.wait_chain(),
        lambda: rp.wait_fixed("5"),  # type: ignore[arg-type]
        lambda: rp.wait_fixed(True),
        lambda: rp.stop_after_attempt(2.5),  # type: ignore[arg-type]
        lambda: rp.stop_after_attempt(True),
        lambda: rp.retry_if_exception_type("ValueError"),  # type: ignore[arg-type]
        lambda: rp.retry_if_not_exception_type((ValueError, 3)),  # type: ignore[arg-type]
        lambda: rp.retry_if_exception(None),  # type: ignore[arg-type]
        lambda: rp.retry_if_exception_message(),
        lambda: rp.retry_if_exception_message("a", "b"),
        lambda: rp.retry_if_exception_message(message=3),  # type: ignore[arg-type]
        lambda: rp.retry_if_exception_message(match="("),
    ],
)
def test_a_thing_of_the_wrong_kind_is_refused_at_once(wrong: Callable[[], object]) -> None:
    with pytest.raises(RetryArgumentError) as caught:
        wrong()

    assert isinstance(caught.value, (DefinitionError, TypeError))
    assert "it takes" in str(caught.value)


@pytest.mark.parametrize("delay", [math.nan, math.inf, -1, None, "5", True])
def test_a_strategy_that_answers_no_delay_is_named(delay: float) -> None:
    policy = rp.retry_policy(wait=lambda attempts, *, seed=None: delay)

    with pytest.raises(RetryDelayError, match="after 1 failure") as caught:
        policy.next(0.0, 1, FAILURE)

    assert caught.value.delay is delay


def test_an_error_inside_a_strategy_stays_itself() -> None:
    policy = rp.retry_policy(retry=lambda error: bool(1 / 0))

    with pytest.raises(ZeroDivisionError):
        policy.next(0.0, 1, FAILURE)


def test_the_older_policies_keep_their_arithmetic() -> None:
    constant = rp.ConstantDelayRetryPolicy(maximum_attempts=2, delay=7)
    backoff = rp.ExponentialBackoffRetryPolicy(jitter=False, maximum_attempts=4, max_delay=3)
    jittered = rp.ExponentialBackoffRetryPolicy()

    assert [constant.next(0.0, n, FAILURE) for n in (1, 2)] == [7, None]
    assert [backoff.next(0.0, n, FAILURE) for n in (1, 2, 3, 4)] == [1, 2, 3, None]
    assert all(0 <= (jittered.next(0.0, n, FAILURE, seed=1) or 0) <= 2 ** (n - 1) for n in range(1, 5))


def test_a_policy_shows_what_it_is_made_of() -> None:
    policy = rp.retry_policy(retry=rp.retry_always(), wait=rp.wait_none(), stop=tenacity.stop_never)

    assert repr(policy).startswith("retry_policy(retry=retry_always(), wait=wait_none(wait=0.0), stop=<tenacity")


def test_importing_flow_does_not_load_tenacity() -> None:
    code = "import sys, stepwell.flow; print('tenacity' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == "False"
