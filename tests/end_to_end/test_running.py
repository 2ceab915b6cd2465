"""``stepwell run`` as a process: what it writes, how it ends, and what its exit code says."""

import json
import signal
import subprocess
from pathlib import Path

from tests.end_to_end.conftest import Finish, Start


def test_a_piped_run_writes_plain_lines_and_its_result(finish: Finish) -> None:
    code, out, err = finish("run", "flows.py:Talk")

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Talk started: only"
    assert "Step name='one' number=1" in lines
    assert "two words" in lines
    assert lines[-1] == "{'said': 2}"


def test_json_writes_one_object_a_line_and_nothing_else(finish: Finish) -> None:
    code, out, err = finish("run", "flows.py:Talk", "--json")

    objects = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["kind"] for one in objects] == ["run", "step", "event", "event", "event", "step", "end"]
    assert objects[2] == {"kind": "event", "event": "Step", "fields": {"name": "one", "number": 1}}
    assert objects[-1]["result"] == {"said": 2}
    assert err == "printed by the step\n"


def test_a_field_called_json_wins_behind_the_file(finish: Finish) -> None:
    code, out, _ = finish("run", "flows.py:Aliased", "--json", "text")

    assert code == 0
    assert out.splitlines()[-1] == "text"


def test_a_step_s_exception_is_one_sentence_with_step_and_line(finish: Finish) -> None:
    code, _, err = finish("run", "flows.py:Fail")

    assert code == 1
    assert err.count("\n") == 1
    assert "Fail failed in step 'only': ValueError: boom (" in err
    assert "flows.py:25)" in err


def test_a_traceback_is_shown_when_asked_for(finish: Finish) -> None:
    code, _, err = finish("run", "flows.py:Fail", "--traceback")

    assert code == 1
    assert 'raise ValueError("boom")' in err


def test_a_failed_run_says_so_in_its_last_object(finish: Finish) -> None:
    code, out, _ = finish("run", "--json", "flows.py:Fail")

    last = json.loads(out.splitlines()[-1])
    assert code == 1
    assert (last["kind"], last["status"]) == ("end", "failed")
    assert last["error"] == {"type": "ValueError", "message": "boom", "step": "only"}


def read_until(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    while (came := process.stdout.readline()).rstrip("\n") != line:
        assert came, f"the process ended before it wrote {line!r}"


def test_ctrl_c_cancels_the_run_and_its_steps_finally_runs(start: Start) -> None:
    process = start("run", "flows.py:Sleep")
    read_until(process, "asleep")

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "finally ran" in out.splitlines()
    assert err == "stepwell: Sleep was cancelled.\n"


def test_a_polite_kill_cancels_the_run_as_well(start: Start) -> None:
    process = start("run", "flows.py:Sleep")
    read_until(process, "asleep")

    process.terminate()

    out, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "finally ran" in out.splitlines()


def test_a_question_is_answered_by_a_line_of_standard_input(finish: Finish) -> None:
    code, out, _ = finish("run", "flows.py:Ask", answers="Ada\n")

    assert code == 0
    assert "Your name: Ada" in out.splitlines()
    assert out.splitlines()[-1] == "hello Ada"


def test_waits_are_answered_too_also_without_a_question_and_by_the_type_of_the_field(finish: Finish) -> None:
    code, out, _ = finish("run", "flows.py:Wait", answers="Ada\nmany\n36\n")

    assert code == 0
    assert "Wait waits for Aged: (input should be a valid integer" in out
    assert out.splitlines()[-1] == "Ada is 36"


def test_one_of_several_answers_is_chosen_by_number_or_name(finish: Finish) -> None:
    code, out, _ = finish("run", "flows.py:Choose", answers="3\nRefusd\nRefused\nno\n")

    assert code == 0
    assert "did you mean Refused?" in out
    assert out.splitlines()[-1] == "Refused no"


def test_what_a_child_asks_is_answered_too(finish: Finish) -> None:
    code, out, _ = finish("run", "flows.py:AsksBelow", answers="Ada\nBea\n36\n")

    assert code == 0
    assert "Your name: Ada" in out.splitlines()
    assert any(line.startswith("[Ask.") for line in out.splitlines())
    assert out.splitlines()[-1] == "hello Ada, Bea is 36"


def test_a_childs_events_name_where_they_come_from_as_json(finish: Finish) -> None:
    code, out, _ = finish("run", "flows.py:AsksBelow", "--json", answers="Ada\nBea\n36\n")

    objects = [json.loads(line) for line in out.splitlines()]
    asked = [one for one in objects if one["kind"] == "question"]
    assert code == 0
    assert [one["origin"][0]["workflow"] for one in asked] == ["Ask", "Wait"]
    assert "origin" not in objects[-1]


def test_a_child_that_waits_at_the_end_of_input_is_the_same_exit_code(finish: Finish) -> None:
    code, out, err = finish("run", "flows.py:AsksBelow", answers="Ada\n")

    assert code == 4
    assert "finally ran" in out.splitlines()
    assert err.startswith("stepwell: AsksBelow waits for an answer to")


def test_at_the_end_of_input_the_run_is_ended_and_waiting_is_the_exit_code(finish: Finish) -> None:
    code, out, err = finish("run", "flows.py:Wait", answers="Ada\n")

    assert code == 4
    assert "finally ran" in out.splitlines()
    assert err.startswith("stepwell: Wait waits for an answer to 'Wait waits for Aged:'")
    assert err.count("\n") == 1


def test_a_reader_that_goes_away_ends_the_run_without_noise(start: Start) -> None:
    process = start("run", "flows.py:Sleep")
    read_until(process, "asleep")
    assert process.stdout is not None

    process.stdout.close()
    process.send_signal(signal.SIGINT)

    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    assert process.wait(timeout=10) in (1, 130)


def test_check_lists_every_problem_with_file_and_line(finish: Finish, folder: Path) -> None:
    (folder / "wrong.py").write_text(
        "from stepwell import *\n"
        "class A(Event): ...\n"
        "class B(Event): ...\n"
        "class Wrong(Workflow):\n"
        "    @step\n"
        "    async def first(self, ev: StartEvent) -> A: ...\n"
        "    @step\n"
        "    async def last(self, ev: B) -> StopEvent: ...\n"
        "class Endless(Workflow):\n"
        "    @step\n"
        "    async def first(self, ev: StartEvent) -> None: ...\n"
    )

    code, out, _ = finish("check", "wrong.py")

    lines = out.splitlines()
    assert code == 1
    assert len(lines) == 3
    assert "wrong.py:5: [never_consumed] Wrong:" in lines[0]
    assert "wrong.py:7: [never_produced] Wrong:" in lines[1]
    assert "wrong.py:9: Endless: At least one Event of type StopEvent" in lines[2]


def test_check_says_that_a_workflow_is_fine(finish: Finish) -> None:
    code, out, _ = finish("check", "flows.py:Ask")

    assert code == 0
    assert out.endswith("flows.py: Ask is fine: 2 steps; it asks people.\n")
