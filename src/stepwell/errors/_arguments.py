"""What can be wrong about an argument of a call, wherever the call is made."""

from stepwell.errors._roots import UsageError
from stepwell.errors._shown import shown


class CallArgumentError(UsageError, TypeError, ValueError):
    """An argument of a call has a type or value that it cannot have."""

    def __init__(self, *, call: str, argument: str, value: object, accepted: str) -> None:
        self.call = call
        self.argument = argument
        self.value = value
        self.accepted = accepted
        super().__init__(
            f"{call} cannot use {shown(value)} as {argument}; {accepted} would have been fine. Pass that instead."
        )
