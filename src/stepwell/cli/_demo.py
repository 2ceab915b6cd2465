"""``stepwell demo``: the essay workflow against a model server, or offline against the stand-in; it says which."""

import contextlib
import os
import sys
from collections.abc import Iterator

from stepwell.cli._essay import Begin, EssayWorkflow
from stepwell.cli._exits import Exit
from stepwell.cli._running import run_to_end
from stepwell.drawing import draw_all_possible_flows
from stepwell.llms import StandIn

PAUSE_SECONDS = 0.02
DRAWING = "essay.html"


@contextlib.contextmanager
def model_server() -> Iterator[str]:
    """Provide a model server and a sentence about it: the one the environment names, else the stand-in.

    The stand-in is put into the environment, as a server of one's own would be.
    """
    named = os.environ.get("OPENAI_BASE_URL")
    if named or os.environ.get("OPENAI_API_KEY"):
        yield f"The model server is {named or 'that of OpenAI'} (OPENAI_API_KEY, OPENAI_BASE_URL)."
        return
    with StandIn(pause=PAUSE_SECONDS) as server:
        os.environ.update(OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url)
        try:
            yield f"{server.describe()} Set OPENAI_API_KEY to talk to a model."
        finally:
            del os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"]


def demonstrate(topic: str, model: str) -> Exit:
    """Run the essay workflow, and draw it into ``essay.html`` in the working folder."""
    with model_server() as about:
        sys.stdout.write(about + "\n")
        sys.stdout.flush()
        code = run_to_end(EssayWorkflow(timeout=120), Begin(topic=topic, model=model))
    if code is Exit.OK:
        draw_all_possible_flows(EssayWorkflow, filename=DRAWING)
        sys.stdout.write(f"All its possible flows are drawn in {DRAWING}.\n")
    return code
