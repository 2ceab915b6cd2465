"""What can go wrong in the tests of a program that uses stepwell."""

from collections.abc import Sequence

from stepwell.errors._roots import UsageError


class VirtualDeadlockError(UsageError, RuntimeError):
    """In a loop with virtual time, everybody waits for somebody else.

    ``waiting`` says which tasks wait and where; ``seconds`` is how long, in real time, a thread was waited for.
    """

    def __init__(self, *, waiting: Sequence[str], seconds: float) -> None:
        self.waiting = tuple(waiting)
        self.seconds = seconds
        super().__init__(
            f"nothing can happen any more in this loop: no timer is set, no file is awaited, and no thread called "
            f"within {seconds:g} s; waiting are: {'; '.join(self.waiting) or 'no tasks'}. Send what they wait for, "
            f"give the wait a timeout, or surround a slow thread of your own with loop.hold()."
        )


class CassetteMissingError(UsageError, FileNotFoundError):
    """A test wants to replay a cassette that was never recorded."""

    def __init__(self, *, test: str, path: str) -> None:
        self.test = test
        self.path = path
        super().__init__(
            f"the test {test!r} has no cassette at {path}; record it once with the real service, with "
            f"OPENAI_API_KEY set: pytest --record-cassettes -k {test.partition('[')[0]}"
        )

    def __str__(self) -> str:
        return str(self.args[0])


class RecordingKeyError(UsageError, ValueError):
    """A cassette is to be recorded and there is no key for the service."""

    def __init__(self, *, variable: str) -> None:
        self.variable = variable
        super().__init__(
            f"cassettes are to be recorded, and {variable} is not set; set it to a key of the service, "
            f"or leave out --record-cassettes to replay what was recorded before."
        )
