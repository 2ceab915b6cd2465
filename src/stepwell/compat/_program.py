"""Running a program as ``python SCRIPT`` and ``python -m MODULE`` do: its own ``__main__``, ``sys.argv``, first path.

What it raises leaves here untouched, and the traceback that Python then prints begins in the program. ``runpy`` is left
to folders and zip files: it takes ``__main__`` away again when the program's last line has run, and threads and exit
functions of a program may still need it.
"""

import builtins
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, TypeAlias, TypeVar
from zipfile import is_zipfile

from stepwell.errors import ProgramMissingError

Result = TypeVar("Result")
Run: TypeAlias = Callable[[], object]


def load_script(name: str, arguments: Sequence[str], *, before: Callable[[], None]) -> Run:
    """Get ready to run a file; ``before`` is called when ``sys.path`` is as the program will have it."""
    sys.argv = [name, *arguments]
    path = Path(os.path.abspath(name))  # resolve() would follow a link, and __file__ names the link
    if path.is_dir() or is_zipfile(path):
        _put_first(path)
        before()
        return lambda: _in_the_open(lambda: runpy.run_path(name, run_name="__main__"))
    try:
        source = path.read_bytes()
    except OSError as error:
        problem = f"can't open file {str(path)!r}: [Errno {error.errno}] {error.strerror}"
        raise ProgramMissingError(problem=problem, exit_code=2) from error
    _put_first(path.resolve().parent)
    before()
    loader = SourceFileLoader("__main__", str(path))
    return lambda: _in_the_open(
        lambda: _execute(compile(source, str(path), "exec", dont_inherit=True), file=str(path), loader=loader)
    )


def load_module(name: str, arguments: Sequence[str], *, before: Callable[[], None]) -> Run:
    """Get ready to run a module or a package's ``__main__``."""
    sys.argv = ["-m", *arguments]
    before()
    spec, code = _in_the_open(lambda: _code_of(name))
    sys.argv[0] = spec.origin or name
    return lambda: _in_the_open(lambda: _execute(code, file=spec.origin, loader=spec.loader, spec=spec))


def _code_of(name: str) -> tuple[ModuleSpec, CodeType]:
    spec = _found(name)
    if spec.submodule_search_locations is not None:
        spec = _found(f"{name}.__main__", f"; {name!r} is a package and cannot be directly executed")
    get_code = getattr(spec.loader, "get_code", None)
    code = get_code(spec.name) if get_code is not None else None
    if code is None:
        raise ProgramMissingError(problem=f"No code object available for {name}", exit_code=1)
    return spec, code


def _found(name: str, why: str = "") -> ModuleSpec:
    try:
        spec = find_spec(name)
    except ImportError as error:
        raise ProgramMissingError(problem=f"No module named {name}{why} ({error})", exit_code=1) from error
    if spec is None:
        raise ProgramMissingError(problem=f"No module named {name}{why}", exit_code=1)
    return spec


def _put_first(folder: Path) -> None:
    """Let modules be looked for where the program is, instead of where this command was called."""
    if not sys.flags.safe_path:
        sys.path[0] = str(folder)


def _execute(code: CodeType, *, file: str | None, loader: Any, spec: ModuleSpec | None = None) -> None:
    main = ModuleType("__main__")
    main.__dict__.update(
        __annotations__={},
        __builtins__=builtins,
        __cached__=spec.cached if spec is not None else None,
        __file__=file,
        __loader__=loader,
        __package__=spec.parent if spec is not None else None,
        __spec__=spec,
    )
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def _in_the_open(run: Callable[[], Result]) -> Result:
    """Run, and let what it raises be shown without the frames that lead to it."""
    try:
        return run()
    except (SystemExit, ProgramMissingError):
        raise
    except BaseException as error:
        _show_without_us(error)
        raise


def _show_without_us(failure: BaseException) -> None:
    """Let the program's hook, if it set one, or else Python's, get this exception as the program raised it."""
    show, frames = sys.excepthook, _frames_of_the_program(failure.__traceback__)

    def shown(kind: type[BaseException], value: BaseException, whole: TracebackType | None) -> None:
        if value is failure:
            value.__traceback__ = whole = frames
        show(kind, value, whole)

    sys.excepthook = shown


def _frames_of_the_program(frames: TracebackType | None) -> TracebackType | None:
    above = {__file__, runpy.__file__, "<frozen runpy>"}
    while frames is not None and frames.tb_frame.f_code.co_filename in above:
        frames = frames.tb_next
    return frames
