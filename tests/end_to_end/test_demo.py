"""``stepwell demo`` as a process: offline against the stand-in, against a named server, and against none."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.end_to_end.conftest import Finish, Start

from stepwell.llms import StandIn, TextReply


def test_the_piped_demo_streams_prints_the_result_and_draws(finish: Finish, folder: Path) -> None:
    code, out, err = finish("demo")

    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert "offline stand-in" in lines[0]
    assert sum(line.startswith("Call me Ishmael.") for line in lines) == 2
    assert lines[-1] == "All its possible flows are drawn in essay.html."
    assert "<html" in (folder / "essay.html").read_text(encoding="utf-8")


def test_the_piped_demo_writes_words_while_the_model_is_still_sending(start: Start) -> None:
    with StandIn(" ".join(f"word{number}" for number in range(60)), pause=0.02) as server:
        process = start("demo", OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url)
        assert process.stdout is not None
        came = ""
        while "word0" not in came:
            came += os.read(process.stdout.fileno(), 4096).decode()
        sent_at_first_word = server.calls[0].words_sent
        process.communicate(timeout=30)

    assert sent_at_first_word < 60
    assert server.calls[0].words_sent == 60
    assert process.returncode == 0


def test_the_demo_asks_the_server_that_the_environment_names(finish: Finish) -> None:
    with StandIn(script=[TextReply(text="An essay about wells.")]) as server:
        code, out, _ = finish(
            "demo", "--topic", "wells", "--model", "mine", OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url
        )

    assert code == 0
    assert "offline stand-in" not in out
    assert "An essay about wells." in out.splitlines()
    assert server.calls[0].request["model"] == "mine"
    assert "wells" in str(server.calls[0].request["messages"])


def test_a_wrong_key_is_one_sentence_and_a_failure(finish: Finish) -> None:
    with StandIn() as server:
        code, _, err = finish("demo", OPENAI_API_KEY="sk-wrong", OPENAI_BASE_URL=server.url)

    assert code == 1
    assert err.count("\n") == 1
    assert "refused the API key (HTTP 401)" in err
    assert "sk-wrong" not in err


def test_an_unreachable_server_is_one_sentence_and_a_failure(finish: Finish, folder: Path) -> None:
    code, _, err = finish("demo", OPENAI_API_KEY="any", OPENAI_BASE_URL="http://127.0.0.1:9/v1")

    assert code == 1
    assert err.count("\n") == 1
    assert "the model server http://127.0.0.1:9 cannot be reached" in err
    assert not (folder / "essay.html").exists()


def test_the_first_line_is_written_before_the_model_client_is_imported(
    finish: Finish, environment: dict[str, str], folder: Path
) -> None:
    server = StandIn(script=[TextReply(text="Wells.")]).start()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('openai', 'rich'):\n"
        "            sys.stdout.write(f'importing {name}\\n')\n"
        "sys.meta_path.insert(0, Watch())\n"
    )

    path = f"{folder}{os.pathsep}{environment['PYTHONPATH']}"

    _, out, _ = finish("demo", PYTHONPATH=path, OPENAI_API_KEY=server.key, OPENAI_BASE_URL=server.url)

    server.close()
    lines = out.splitlines()
    assert "The model server is" in lines[0]
    assert "importing openai" in out
    assert "importing rich" not in out


@pytest.mark.skipif(os.name != "posix", reason="a pipe that is closed early ends a process by a POSIX error")
def test_a_reader_that_wants_one_line_only_gets_no_traceback(start: Start) -> None:
    process: subprocess.Popen[str] = start("demo")
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdout.readline()
    process.stdout.close()

    assert process.stderr.read() == ""
    assert process.wait(timeout=10) == 1
