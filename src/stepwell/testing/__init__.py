"""For the tests of programs that use stepwell: a runner that collects events, and a loop whose time jumps.

pytest is not needed for these; its fixtures have a door of their own, ``stepwell.testing.fixtures``.
"""

from stepwell.testing._runner import WorkflowTestResult, WorkflowTestRunner
from stepwell.testing._virtual_loop import VirtualLoop, run_virtual, virtual_time

__all__ = [
    "VirtualLoop",
    "WorkflowTestResult",
    "WorkflowTestRunner",
    "run_virtual",
    "virtual_time",
]
