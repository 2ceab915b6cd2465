"""The real llama-index-core, once on its own base of callbacks and once on ours: its handlers must see the same.

It needs llama-index-core in an environment of its own, which is made once and takes a minute; STEPWELL_PEERS=0 leaves
these tests out. What differs on purpose is told apart below: maps are complete, and exception events end.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).with_name("peer_program.py")
VERSION = "0.14.25"

pytestmark = pytest.mark.timeout(900)

SCENARIOS = [
    "build_and_query",
    "query_as_a_stream",
    "query_asynchronously",
    "summarize_as_a_tree",
    "refine_an_answer",
    "chat",
    "chat_about_documents",
    "call_the_model_alone",
    "fail_in_a_query",
    "embed",
]


def run(*python: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([*python, str(PROGRAM)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def own(llama_index: str) -> Any:
    return run(llama_index)


@pytest.fixture(scope="module")
def ours(llama_index: str) -> Any:
    return run(llama_index, "-m", "stepwell.compat", "--only", "callbacks")


def without_maps(seen: list[Any]) -> list[Any]:
    return [call[:2] if call[0] == "end_trace" else call for call in seen]


def without_ends_of_exceptions(seen: list[Any]) -> list[Any]:
    return [call for call in seen if call[:2] != ["end", "exception"]]


def is_part_of(few: list[int], many: list[int]) -> bool:
    rest = iter(many)
    return all(item in rest for item in few)


def test_the_programs_ran_on_different_bases(own: Any, ours: Any) -> None:
    assert own["version"] == ours["version"] == VERSION
    assert own["base"].startswith("llama_index.")
    assert ours["base"].startswith("stepwell.")
    assert sorted(own["results"]) == sorted(ours["results"]) == sorted(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_handlers_see_the_same_events_with_the_same_parents_and_payloads(own: Any, ours: Any, scenario: str) -> None:
    theirs, house = own["results"][scenario]["seen"], ours["results"][scenario]["seen"]

    assert without_ends_of_exceptions(without_maps(house)) == without_maps(theirs)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_peers_own_handlers_come_to_the_same_pairs_and_tokens(own: Any, ours: Any, scenario: str) -> None:
    theirs, house = own["results"][scenario], ours["results"][scenario]

    assert house["tokens"] == theirs["tokens"]
    assert house["llm_pairs"] == theirs["llm_pairs"]
    starts = [[pair[0], *(kind for kind in pair[1:] if kind != "exception")] for pair in house["debug"]]
    assert starts == theirs["debug"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_our_maps_hold_all_that_theirs_hold_and_every_event_of_the_trace(own: Any, ours: Any, scenario: str) -> None:
    def maps(seen: list[Any]) -> list[Any]:
        return [call[2] for call in seen if call[0] == "end_trace"]

    house = ours["results"][scenario]["seen"]
    for few, many in zip(maps(own["results"][scenario]["seen"]), maps(house), strict=True):
        assert all(is_part_of(children, many[parent]) for parent, children in few.items())
    parents = {str(call[2]): str(call[3]) for call in house if call[0] == "start"}
    for whole in maps(house):
        assert all(parents[str(child)] == parent for parent, children in whole.items() for child in children)
    listed = {child for whole in maps(house) for children in whole.values() for child in children}
    begun_in_traces: set[int] = set()
    is_inside = False
    for call in house:
        is_inside = call[0] == "start_trace" or (is_inside and call[0] != "end_trace")
        if call[0] == "start" and is_inside:
            begun_in_traces.add(call[2])
    assert begun_in_traces <= listed
