"""``python -m stepwell.compat PROGRAM`` against ``python PROGRAM``: what it sees, prints and exits with is equal."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMPAT = ("-m", "stepwell.compat")


def run(*arguments: str, folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def same(*arguments: str, folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run it both ways, hold that everything is equal, and return what came of it."""
    plain = run(*arguments, folder=folder, given=given)

    ours = run(*COMPAT, *arguments, folder=folder, given=given)

    assert (ours.stdout, ours.stderr, ours.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    return ours


def write(folder: Path, code: str, name: str = "program.py") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")


SURROUNDINGS = """
'''A docstring.'''
import sys
print(sys.argv, sys.path[0], __name__, __file__, __doc__, __package__, type(__loader__).__name__, __cached__)
print(getattr(__spec__, 'name', None))
print(sorted(globals()), __annotations__, sys.modules['__main__'].__dict__ is globals())
print(sys.stdin.read())
"""


def test_a_script_sees_the_same_surroundings(tmp_path: Path) -> None:
    write(tmp_path, SURROUNDINGS, "folder/program.py")

    done = same("folder/program.py", "--only", "-m", "--", "x", folder=tmp_path, given="a line")

    assert done.returncode == 0
    assert "['folder/program.py', '--only', '-m', '--', 'x']" in done.stdout
    assert "a line" in done.stdout


def test_a_script_imports_what_lies_beside_it_and_not_where_it_was_called(tmp_path: Path) -> None:
    write(tmp_path, "raise ImportError('the wrong one')", "beside.py")
    write(tmp_path, "print('beside')", "folder/beside.py")
    write(tmp_path, "import beside", "folder/program.py")

    assert same("folder/program.py", folder=tmp_path).stdout == "beside\n"


def test_a_link_to_a_script_is_run_where_the_script_is(tmp_path: Path) -> None:
    write(tmp_path, "import beside; print(__file__)", "real/program.py")
    write(tmp_path, "", "real/beside.py")
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "program.py")

    assert same("link.py", folder=tmp_path).stdout.endswith("link.py\n")


RAISING = """
def inner():
    raise KeyError("the well is dry")
def outer():
    try:
        inner()
    except KeyError as error:
        raise ValueError("no water") from error
if __name__ == "__main__":
    outer()
"""


def test_an_exception_is_shown_as_the_program_raised_it(tmp_path: Path) -> None:
    write(tmp_path, RAISING)

    done = same("program.py", folder=tmp_path)

    assert done.returncode == 1
    assert "stepwell" not in done.stderr


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("raise SystemExit(7)", 7),
        ("raise SystemExit('a sentence')", 1),
        ("import sys; sys.exit()", 0),
        ("import os; os._exit(9)", 9),
        ("raise KeyboardInterrupt", -2),
        ("import asyncio, signal, os\nasync def main():\n  os.kill(os.getpid(), signal.SIGINT)\n"
         "  await asyncio.sleep(9)\nasyncio.run(main())", -2),
        ("def f(:", 1),
        ("import atexit\natexit.register(print, 'at the end')\n1 / 0", 1),
        ("print('\u00e9', 'un\u00e8gal')", 0),
    ],
)  # fmt: skip
def test_an_end_of_any_kind_is_the_same_end(tmp_path: Path, end: str, code: int) -> None:
    write(tmp_path, f"{end}\n")

    done = same("program.py", folder=tmp_path)

    assert done.returncode == code


def test_a_program_s_own_hook_for_exceptions_is_used(tmp_path: Path) -> None:
    hook = (
        "import sys, traceback\n"
        "def hook(kind, value, frames):\n"
        "    print(kind.__name__, value, traceback.extract_tb(frames)[0].filename)\n"
        "sys.excepthook = hook\n"
        "1 / 0\n"
    )
    write(tmp_path, hook)

    assert same("program.py", folder=tmp_path).stdout.startswith("ZeroDivisionError division by zero ")


LATE = """
import pickle, threading
class Mine:
    pass
def late():
    threading.main_thread().join()
    print(type(pickle.loads(pickle.dumps(Mine()))) is Mine, note)
note = "still here"
threading.Thread(target=late).start()
"""


def test_what_a_program_defined_is_still_there_for_its_threads_when_its_last_line_has_run(tmp_path: Path) -> None:
    write(tmp_path, LATE)

    assert same("program.py", folder=tmp_path).stdout == "True still here\n"


def test_a_folder_and_a_zip_file_are_run_by_their_main(tmp_path: Path) -> None:
    main = "import sys, beside; print(sys.argv, __name__)"
    write(tmp_path, main, "app/__main__.py")
    write(tmp_path, "", "app/beside.py")
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", main)
        archive.writestr("beside.py", "")

    assert same("app", "x", folder=tmp_path).stdout == "['app', 'x'] __main__\n"
    assert same("app.zip", "x", folder=tmp_path).stdout == "['app.zip', 'x'] __main__\n"


def test_a_module_sees_the_same_surroundings(tmp_path: Path) -> None:
    write(tmp_path, SURROUNDINGS, "package/module.py")

    done = same("-m", "package.module", "--only", "-x", folder=tmp_path)

    assert done.returncode == 0
    assert "module.py', '--only', '-x']" in done.stdout


def test_a_package_is_run_by_its_main(tmp_path: Path) -> None:
    write(tmp_path, "", "package/__init__.py")
    write(tmp_path, "from package import sub; print(__package__, __spec__.name)", "package/__main__.py")
    write(tmp_path, "", "package/sub.py")

    assert same("-mpackage", folder=tmp_path).stdout == "package package.__main__\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("missing.py",), 2, "can't open file '{folder}/missing.py': [Errno 2] No such file or directory"),
        (("-m", "missing"), 1, "No module named missing"),
        (("-m", "missing.module"), 1, "No module named missing.module (No module named 'missing')"),
        (("-m", "empty"), 1, "No module named empty.__main__; 'empty' is a package and cannot be directly executed"),
    ],
)
def test_a_program_that_is_not_there_is_said_in_python_s_words(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    write(tmp_path, "", "empty/__init__.py")
    plain = run(*arguments, folder=tmp_path)

    done = run(*COMPAT, *arguments, folder=tmp_path)

    assert done.returncode == plain.returncode == code
    assert done.stderr == f"python -m stepwell.compat: {said.format(folder=tmp_path)}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which program? Name a script, or a module behind -m"),
        (("--only", "workflows"), "which program?"),
        (("-m",), "-m needs the name of a module"),
        (("--only", "drawing", "program.py"), "invalid choice: 'drawing' (choose from"),
        (("--only",), "argument --only: expected one argument"),
        (("--olny", "workflows", "program.py"), "unrecognized arguments: --olny"),
    ],
)
def test_wrong_use_is_said_with_exit_code_2(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = run(*COMPAT, *arguments, folder=tmp_path)

    assert done.returncode == 2
    assert said in done.stderr
    assert "usage: python -m stepwell.compat [--only PART] (SCRIPT | -m MODULE)" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_says_what_it_does(tmp_path: Path, option: str) -> None:
    done = run(*COMPAT, option, folder=tmp_path)

    assert done.returncode == 0
    assert "Run a program written for LlamaIndex, unchanged, on stepwell" in done.stdout
    assert "--only {workflows,callbacks}" in done.stdout


def test_a_package_of_the_users_own_in_the_way_is_wrong_use_and_named(tmp_path: Path) -> None:
    write(tmp_path, "mine = True", "workflows.py")
    write(tmp_path, "import workflows; print(workflows.mine)")

    done = run(*COMPAT, "program.py", folder=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith(f"python -m stepwell.compat: import workflows finds {tmp_path}/workflows.py")
    assert done.stdout == ""


def test_a_part_that_needs_what_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    write(tmp_path, "")

    done = run(*COMPAT, "--only", "callbacks", "program.py", folder=tmp_path)

    assert done.returncode == 2
    assert "and there is none here" in done.stderr


def test_a_name_without_a_counterpart_ends_a_program_with_the_line_that_wanted_it(tmp_path: Path) -> None:
    write(tmp_path, "from workflows.plugins import basic_runtime\n")

    done = run(*COMPAT, "program.py", folder=tmp_path)

    assert done.returncode == 1
    assert 'program.py", line 1, in <module>\n    from workflows.plugins import basic_runtime\n' in done.stderr
    assert "NoCounterpartError: workflows.plugins.basic_runtime has no counterpart in stepwell" in done.stderr
    assert "docs/deviations.md" in done.stderr


def test_children_made_by_fork_have_the_names_too(tmp_path: Path) -> None:
    code = (
        "import multiprocessing\n"
        "def name(_):\n"
        "    from workflows import Workflow\n"
        "    return Workflow.__module__\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('fork').Pool(1) as pool:\n"
        "        print(pool.map(name, [1]))\n"
    )
    write(tmp_path, code)

    assert run(*COMPAT, "program.py", folder=tmp_path).stdout == "['stepwell.runtime._workflow']\n"


TESTS = """
import pytest
from workflows import Workflow, step
from workflows.events import StartEvent, StopEvent
from workflows.testing import WorkflowTestRunner

class Echo(Workflow):
    @step
    async def echo(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ev.word)

@pytest.mark.asyncio
async def test_it_echoes():
    result = await WorkflowTestRunner(Echo()).run(StartEvent(word="well"))
    assert result.result == "well"

def test_it_fails():
    assert "a" == "b"

def test_it_is_skipped():
    pytest.importorskip("workflows.server")
"""


def test_a_test_suite_is_run_by_pytest_with_its_exit_code_and_rewritten_assertions(tmp_path: Path) -> None:
    write(tmp_path, TESTS, "test_echo.py")

    whole = run(*COMPAT, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=tmp_path)
    part = run(*COMPAT, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "echoes", folder=tmp_path)

    assert (whole.returncode, part.returncode) == (1, 0)
    assert "AssertionError: assert 'a' == 'b'" in whole.stdout
    assert "1 failed, 1 passed, 1 skipped" in whole.stdout
    assert "1 passed, 2 deselected" in part.stdout
