"""Reading configuration files into the types that steps ask for, each time they ask; what is wrong is named."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json

from stepwell.errors import ResourceConfigError, near_misses, shown
from stepwell.flow import ResourceConfig, close_names


def read_config(config: ResourceConfig, annotation: Any) -> Any:
    """Read a configuration file, or a part of it, into the annotated type. Raises ``ResourceConfigError``."""
    file, path = config.config_file, config.path_selector
    try:
        whole = from_json(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ResourceConfigError(
            file=file, problem=f"it cannot be read: {error.strerror}{_files_like(file)}"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ResourceConfigError(file=file, problem=f"it cannot be read: {error}") from error
    value = _part(whole, file, path) if path else whole
    try:
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            return annotation.model_validate(value)
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        problems = "; ".join(_said(one, value) for one in error.errors())
        raise ResourceConfigError(file=file, path=path, problem=problems) from error
    except Exception as error:  # pydantic has no one class for annotations that it cannot read values into
        problem = f"the parameter's annotation {shown(annotation)} is no type that values can be read into"
        raise ResourceConfigError(file=file, path=path, problem=problem) from error


def _part(value: Any, file: str, path: str) -> Any:
    for part in path.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            problem = f"it has nothing at {path!r} ({part!r} is missing{_like(part, value)})"
            raise ResourceConfigError(file=file, path=path, problem=problem) from error
    return value


def _said(problem: Any, value: Any) -> str:
    """Return what pydantic found wrong, with the key that a missing field may have been written as."""
    where = ".".join(map(str, problem["loc"]))
    like = _like(where, value) if problem["type"] == "missing" else ""
    return f"{where or 'it'}: {problem['msg']}{like}"


def _like(name: str, known: Any) -> str:
    """Return the question whether one of the keys of ``known`` was meant."""
    return _question(name, map(str, known)) if isinstance(known, dict) else ""


def _files_like(file: str) -> str:
    folder = Path(file).parent
    return _question(Path(file).name, (one.name for one in folder.iterdir())) if folder.is_dir() else ""


def _question(name: str, known: Iterable[str]) -> str:
    return near_misses([repr(close) for close in close_names(name, known)]).rstrip("?").replace(" Did", "; did")
