"""What an attempt is made of, where that repeats exactly."""

import subprocess
import sys

PROGRAM = """
import asyncio, gc
from stepwell import StartEvent, StopEvent, Workflow, step

attempts = []

class Many(Workflow):
    @step
    async def only(self, ev: StartEvent) -> StopEvent:
        attempts.append(asyncio.current_task())
        await asyncio.sleep(0)
        return StopEvent()

async def main():
    await asyncio.gather(*(Many().run() for _ in range(40)))

asyncio.run(main())
print(len(attempts), sum(type(one) is dict for attempt in attempts for one in gc.get_referents(attempt)))
"""


def test_attempts_have_no_dictionaries_of_their_own_however_many_begin_before_the_first_ends() -> None:
    # A fresh process: Python learns the names of a class's attributes from its first few instances.
    counted = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout

    assert counted.split() == ["40", "0"]
