"""What the simulation found once, each as a small workflow of its own, under enough seeds to find it again."""

from stepwell import StartEvent, StopEvent, Workflow, step
from stepwell.errors import StepTimeoutError
from stepwell.testing import Faults, SimulatedRun, simulate


class SlowThread(Workflow):
    @step(timeout=1.0)
    def only(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result="in time")


def in_time_or_timed_out(run: SimulatedRun) -> None:
    assert run.result == "in time" or isinstance(run.exception, StepTimeoutError)


def test_a_thread_that_ends_while_its_time_is_up_is_timed_out_once() -> None:
    faults = Faults(slow_step=0.9, slow_seconds=4.0)

    simulate(SlowThread, seeds=range(50, 120), faults=faults, check=in_time_or_timed_out)
