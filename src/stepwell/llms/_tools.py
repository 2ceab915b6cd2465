"""Tools: typed Python functions that a model may ask to have called.

The schema a model sees comes from the signature and the docstring, through pydantic;
what the model sends is validated by the same schema before the function sees it.
"""

import asyncio
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, NotRequired, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_json, to_jsonable_python
from typing_extensions import TypedDict

from stepwell.errors import ToolArgumentsError, ToolDefinitionError
from stepwell.llms._blocking import run_blocking
from stepwell.llms._docstrings import parameter_descriptions, summary
from stepwell.llms._schemas import json_schema, validation_sentence

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What came of a tool call. ``content`` is the text for the model; an error has its ``exception``."""

    content: str
    tool_name: str
    raw_input: Any = None
    raw_output: Any = None
    tool_call_id: str | None = None
    exception: Exception | None = None

    @property
    def is_error(self) -> bool:
        return self.exception is not None

    def __str__(self) -> str:
        return self.content


class FunctionTool:
    """A function with the name, description and schema under which a model sees it.

    Parameters are described by ``Annotated[type, "words"]``, a pydantic ``Field``, or the
    docstring's ``Args:`` or ``:param`` lines. A plain ``def`` runs in a thread.
    """

    def __init__(
        self, function: Callable[..., Any], *, name: str | None = None, description: str | None = None
    ) -> None:
        self.function = function
        self.name: str = name or getattr(function, "__name__", None) or type(function).__name__
        if not NAME.fullmatch(self.name):
            raise ToolDefinitionError(
                tool=self.name, problem="has a name that is not 1 to 64 letters, digits, '_' or '-'"
            )
        self.description = description or summary(function.__doc__)
        self._arguments, self.schema = _arguments_of(self.name, function)

    @classmethod
    def from_defaults(cls, fn: Callable[..., Any], name: str | None = None, description: str | None = None) -> Self:
        """The peer's way to make a tool."""
        return cls(fn, name=name, description=description)

    def check(self, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
        """Return ``arguments`` as the function wants them. Raises ``ToolArgumentsError``."""
        if isinstance(arguments, str):
            raise ToolArgumentsError(tool=self.name, problem=f"they are no JSON object: {arguments[:200]!r}")
        try:
            return self._arguments.validate_python(dict(arguments))
        except ValidationError as error:
            raise ToolArgumentsError(tool=self.name, problem=validation_sentence(error)) from error

    async def ainvoke(self, arguments: Mapping[str, Any] | str) -> Any:
        """Call the function with checked ``arguments`` and return what it returns, as it is."""
        checked = self.check(arguments)
        if inspect.iscoroutinefunction(self.function):
            return await self.function(**checked)
        result = await asyncio.to_thread(self.function, **checked)
        return await result if inspect.isawaitable(result) else result

    def invoke(self, arguments: Mapping[str, Any] | str) -> Any:
        """``ainvoke`` for programs without an event loop."""
        return run_blocking(self.ainvoke(arguments))

    def __repr__(self) -> str:
        return f"FunctionTool({self.name})"


def as_tool(tool: FunctionTool | Callable[..., Any]) -> FunctionTool:
    """Return ``tool`` as a tool: a plain function becomes one."""
    return tool if isinstance(tool, FunctionTool) else FunctionTool(tool)


def as_text(result: Any) -> str:
    """Return a tool's result as the text a model reads: strings as they are, other things as JSON."""
    if isinstance(result, str):
        return result
    if isinstance(result, BaseModel) or is_dataclass(result) or result is None:
        return to_json(result).decode()
    return to_json(result, fallback=str).decode()


def _arguments_of(tool: str, function: Callable[..., Any]) -> tuple[TypeAdapter[dict[str, Any]], dict[str, Any]]:
    """Return what checks the arguments of ``function``, and their schema."""
    described = parameter_descriptions(function.__doc__)
    hints = _hints(tool, function)
    fields: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            problem = f"takes {parameter}, but a model can only give arguments by their names"
            raise ToolDefinitionError(tool=tool, problem=problem)
        if parameter.name not in hints:
            problem = f"has no type for its parameter {parameter.name!r}, so no schema can be made"
            raise ToolDefinitionError(tool=tool, problem=problem)
        fields[parameter.name] = _described(hints[parameter.name], described.get(parameter.name))
        if parameter.default is not parameter.empty:
            fields[parameter.name] = NotRequired[fields[parameter.name]]
            defaults[parameter.name] = parameter.default
    # A dictionary, not a model: its keys may be called schema, json or copy.
    make: Any = TypedDict
    arguments = make(f"{tool}_arguments", fields)
    arguments.__pydantic_config__ = ConfigDict(extra="forbid")
    try:
        adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(arguments)
        schema = json_schema(adapter)
    except PydanticUserError as error:
        problem = f"has a parameter that no schema can be made of ({error.message.splitlines()[0]})"
        raise ToolDefinitionError(tool=tool, problem=problem) from error
    for name, default in defaults.items():
        schema["properties"][name]["default"] = to_jsonable_python(default, fallback=str)
    return adapter, schema


def _hints(tool: str, function: Callable[..., Any]) -> dict[str, Any]:
    called = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(called, include_extras=True)
    except NameError as error:
        raise ToolDefinitionError(tool=tool, problem=f"has an annotation that cannot be resolved ({error})") from error


def _described(annotation: Any, words: str | None) -> Any:
    if get_origin(annotation) is Annotated:
        kind, *notes = get_args(annotation)
        notes = [Field(description=note) if isinstance(note, str) else note for note in notes]
        for note in notes:
            kind = Annotated[kind, note]
        return kind
    return Annotated[annotation, Field(description=words)] if words else annotation
