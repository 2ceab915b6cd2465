"""What can be wrong about a retry policy: a number, a strategy, or the delay that a strategy answers."""

from stepwell.errors._roots import DefinitionError
from stepwell.errors._shown import shown


class RetryNumberError(DefinitionError, ValueError):
    """A retry strategy was given a number outside its range."""

    def __init__(self, *, owner: str, argument: str, value: object, wanted: str) -> None:
        self.owner = owner
        self.argument = argument
        self.value = value
        self.wanted = wanted
        super().__init__(f"{owner}({argument}={shown(value)}) cannot work: {argument} must be {wanted}.")


class RetryArgumentError(DefinitionError, TypeError):
    """A retry strategy was given something of the wrong kind."""

    def __init__(self, *, owner: str, argument: str, value: object, wanted: str) -> None:
        self.owner = owner
        self.argument = argument
        self.value = value
        self.wanted = wanted
        super().__init__(f"{owner} cannot use {shown(value)} for {argument}: it takes {wanted}.")


class RetryDelayError(DefinitionError, ValueError):
    """A wait strategy answered something that is no delay."""

    def __init__(self, *, strategy: object, attempts: int, delay: object) -> None:
        self.strategy = strategy
        self.attempts = attempts
        self.delay = delay
        super().__init__(
            f"the wait strategy {shown(strategy)} answered {shown(delay)} after {attempts} failure(s); "
            f"a delay is a finite number of seconds, zero or more. Mend the strategy."
        )
