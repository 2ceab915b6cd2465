"""For the tests of programs that use stepwell: a runner that collects events, a loop whose time jumps, simulation.

pytest is not needed for these; its fixtures have a door of their own, ``stepwell.testing.fixtures``.
"""

from stepwell.testing._faults import Faults, Outside
from stepwell.testing._runner import WorkflowTestResult, WorkflowTestRunner
from stepwell.testing._simulation import SimulatedRun, SimulationReport, no_surprise, same_result, simulate
from stepwell.testing._virtual_loop import VirtualLoop, run_virtual, virtual_time

__all__ = [
    "Faults",
    "Outside",
    "SimulatedRun",
    "SimulationReport",
    "VirtualLoop",
    "WorkflowTestResult",
    "WorkflowTestRunner",
    "no_surprise",
    "run_virtual",
    "same_result",
    "simulate",
    "virtual_time",
]
