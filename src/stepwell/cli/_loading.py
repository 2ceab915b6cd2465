"""``FILE[:Class]`` to a workflow: loads the file as a module, and finds what is named, or the only one there is."""

import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from stepwell.errors import (
    DefinitionError,
    NoWorkflowError,
    SeveralWorkflowsError,
    UnknownWorkflowError,
    WorkflowArgumentsError,
    WorkflowFileBrokenError,
    WorkflowFileMissingError,
)
from stepwell.flow import close_names
from stepwell.runtime import Workflow, collect_steps


def split_target(target: str) -> tuple[str, str | None]:
    """Return the path and the name of ``FILE[:Class]``; a colon inside a path stays in it."""
    path, colon, name = target.rpartition(":")
    if colon and path and not Path(target).exists() and not set(name) & set("/\\"):
        return path, name
    return target, None


def load_file(path: str) -> ModuleType:
    """Import a file, with its folder on the path as ``python FILE`` has it.

    Raises ``WorkflowFileMissingError`` when it is not there, ``WorkflowFileBrokenError`` when it fails; an error
    of a workflow's definition comes through as itself.
    """
    file = Path(path)
    _check_file(file)
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = file.stem if file.stem not in sys.modules else f"stepwell_file_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise WorkflowFileMissingError(path=path, reason="is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Annotations are resolved through sys.modules, also after loading.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except DefinitionError:
        raise
    except SyntaxError as error:
        line = error.lineno or 0
        raise WorkflowFileBrokenError(path=error.filename or path, line=line, reason=f"{error.msg}.") from error
    except (Exception, SystemExit) as error:
        raise WorkflowFileBrokenError(path=path, line=line_in(file, error), reason=said(error)) from error
    return module


def _check_file(file: Path) -> None:
    if file.is_dir():
        raise WorkflowFileMissingError(path=str(file), reason="is a folder")
    if not file.is_file():
        siblings = [one.name for one in file.parent.glob("*.py")] if file.parent.is_dir() else []
        close = [str(file.parent / name) for name in close_names(file.name, siblings)]
        raise WorkflowFileMissingError(path=str(file), reason="does not exist", suggestions=close)
    if file.suffix != ".py":
        raise WorkflowFileMissingError(path=str(file), reason="is no Python file")


def said(error: BaseException) -> str:
    """Return an error's kind and message as the end of a sentence."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}." if text else f"{type(error).__name__}."


def line_in(file: Path, error: BaseException) -> int:
    """Return the last line of ``file`` that an error came through; 0 when it did not."""
    resolved = file.resolve()
    lines = [
        frame.lineno or 0
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == resolved
    ]
    return lines[-1] if lines else 0


def workflows_of(module: ModuleType) -> dict[str, type[Workflow[Any, Any]]]:
    """Return the workflow classes that a module defines itself; those without steps only when all are."""
    own = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, Workflow) and value.__module__ == module.__name__
    }
    return {name: value for name, value in own.items() if collect_steps(value)} or own


def find_named(target: str) -> Workflow[Any, Any] | type[Workflow[Any, Any]]:
    """Return what ``FILE[:Class]`` names: a class, or an instance that the file makes.

    Raises a ``UsageError`` when nothing, or too much, is found; the definition's own error otherwise.
    """
    path, name = split_target(target)
    module = load_file(path)
    return _named(module, path, name) if name is not None else _only(workflows_of(module), path)


def find_workflow(target: str) -> Workflow[Any, Any]:
    """Return the workflow that ``FILE[:Class]`` names, made without arguments. Raises what ``find_named`` raises."""
    found = find_named(target)
    return found if isinstance(found, Workflow) else make(found, split_target(target)[0])


def _only(known: dict[str, type[Workflow[Any, Any]]], path: str) -> type[Workflow[Any, Any]]:
    if not known:
        raise NoWorkflowError(path=path)
    if len(known) > 1:
        raise SeveralWorkflowsError(path=path, names=list(known))
    return next(iter(known.values()))


def _named(module: ModuleType, path: str, name: str) -> Workflow[Any, Any] | type[Workflow[Any, Any]]:
    value = getattr(module, name, None)
    if isinstance(value, Workflow) or (inspect.isclass(value) and issubclass(value, Workflow)):
        return value
    known = [
        *workflows_of(module),
        *(key for key, value in vars(module).items() if isinstance(value, Workflow)),
    ]
    raise UnknownWorkflowError(path=path, name=name, known=known, suggestions=close_names(name, known))


def make(cls: type[Workflow[Any, Any]], path: str) -> Workflow[Any, Any]:
    """Return an instance of a class. Raises ``WorkflowArgumentsError`` when it needs arguments."""
    required = [
        parameter.name
        for parameter in inspect.signature(cls).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise WorkflowArgumentsError(workflow=cls.__name__, path=path, reason=f"it needs {', '.join(required)}")
    try:
        return cls()
    except DefinitionError:
        raise
    except Exception as error:
        line = line_in(Path(path), error)
        raise WorkflowFileBrokenError(path=path, line=line, reason=f"{cls.__name__}() failed: {said(error)}") from error
