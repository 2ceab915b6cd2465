"""The command ``python -m stepwell.compat``: its options, and what it says when it cannot begin.

What comes after the script or the module is the program's, and is not looked at.
"""

import argparse
import sys
from collections.abc import Sequence

from stepwell.compat._install import install
from stepwell.compat._program import load_module, load_script
from stepwell.compat._table import PARTS
from stepwell.errors import ProgramMissingError, StepwellError

PROGRAM = "python -m stepwell.compat"
USAGE_EXIT = 2

DESCRIPTION = """\
Run a program written for LlamaIndex, unchanged, on stepwell: in it, the modules workflows, llama_index.core.workflow,
llama_index.core.callbacks, llama_index.llms.openai, llama_index.utils.workflow and others lead to stepwell's classes,
whether or not LlamaIndex is installed. Otherwise it runs as python would run it. docs/migrating.md says what changes.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the program that ``arguments`` name, and return the exit code; it may also raise what the program raises."""
    own, program = _split(arguments)
    parser = _parser()
    only = parser.parse_args(own).only
    if not program:
        parser.error("which program? Name a script, or a module behind -m")
    is_module = program[0].startswith("-m")
    rest = program[1:]
    name = program[0]
    if is_module:
        name = program[0].removeprefix("-m") or (rest.pop(0) if rest else "")
    if not name:
        parser.error("-m needs the name of a module")
    load = load_module if is_module else load_script
    try:
        run = load(name, rest, before=lambda: install(only))
    except ProgramMissingError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return error.exit_code
    except StepwellError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return USAGE_EXIT
    run()
    return 0


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return our own options, and the program with all that belongs to it."""
    place = 0
    while place < len(arguments):
        word = arguments[place]
        if not word.startswith("-") or word.startswith("-m"):
            break
        place += 2 if word == "--only" else 1
    return list(arguments[:place]), list(arguments[place:])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [--only PART] (SCRIPT | -m MODULE) [argument ...]",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--only",
        choices=PARTS,
        help="replace only this part: with 'callbacks', the real llama_index.core runs on stepwell's callbacks; with "
        "'workflows', everything but the workflows is the real one",
    )
    parser.epilog = "SCRIPT may be a file, or a folder or zip file with a __main__.py. Example: -m pytest tests"
    return parser
