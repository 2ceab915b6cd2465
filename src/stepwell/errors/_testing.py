"""What can go wrong in the tests of a program that uses stepwell."""

from collections.abc import Mapping, Sequence

from stepwell.errors._roots import StepwellError, UsageError


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


class SimulationFailure(StepwellError, AssertionError):  # it is told to people who test
    """A simulated run did what it must not do.

    ``problem`` says what; ``seed`` makes it happen again, ``command`` too. ``scenario`` has the choices that were
    needed (0 is the plain way, and left out), ``story`` what then happened, fact by fact.
    """

    def __init__(
        self,
        *,
        workflow: str,
        seed: int,
        problem: str,
        scenario: Mapping[str, int],
        story: Sequence[str],
        command: str,
    ) -> None:
        self.workflow = workflow
        self.seed = seed
        self.problem = problem
        self.scenario = dict(scenario)
        self.story = tuple(story)
        self.command = command
        choices = [f"  {name}: {choice}" for name, choice in scenario.items()]
        super().__init__(
            "\n".join(
                [
                    f"workflow {workflow!r} failed under seed {seed}: {problem}",
                    "What it needs (everything else can be plain):",
                    *(choices or ["  nothing: it happens in the plain order, without faults"]),
                    "What happened then:",
                    *(f"  {line}" for line in story),
                    f"To repeat it: {command}",
                ]
            )
        )


class SimulatedFailure(StepwellError, RuntimeError):  # it stands for any failure of the outside
    """The failure that a simulated world lets a step have, as if a call to the outside had failed."""

    def __init__(self, *, place: str) -> None:
        self.place = place
        super().__init__(f"simulated: the outside failed at {place!r}; the workflow is to cope, or to fail with this.")


class SimulationTooLongError(StepwellError, RuntimeError):
    """A simulated run goes on and on: it was stopped after so many turns of its loop."""

    def __init__(self, *, turns: int, waiting: Sequence[str]) -> None:
        self.turns = turns
        self.waiting = tuple(waiting)
        super().__init__(
            f"the run has not ended after {turns:,} turns of the loop; at work are: {'; '.join(self.waiting)}. "
            f"Give the loop in it an end, or simulate a smaller input."
        )


class SimulationOptionError(UsageError, ValueError):
    """A simulation was asked for something that cannot be."""

    def __init__(self, *, option: str, value: object, accepted: str) -> None:
        self.option = option
        self.value = value
        self.accepted = accepted
        super().__init__(f"simulate({option}={value!r}) cannot work: it takes {accepted}.")


class SimulationInLoopError(UsageError, RuntimeError):
    """``simulate`` was called where an event loop runs; each of its runs needs a loop of its own."""

    def __init__(self) -> None:
        super().__init__(
            "simulate() makes an event loop for each run, and one is running here already: call it in an ordinary "
            "function (def test_…, not async def)."
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
