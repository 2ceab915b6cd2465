"""Options of ``stepwell run FILE``: made from the fields of the workflow's StartEvent, parsed by click."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from stepwell.cli._fields import from_word, from_words, is_flag, is_list, type_word
from stepwell.flow import StartEvent
from stepwell.runtime import Workflow


class FieldType(click.ParamType[Any]):
    """A click type that leaves the checking of a word to the field."""

    def __init__(self, info: FieldInfo) -> None:
        self.info = info
        self.name = type_word(info.annotation)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or is_list(self.info):
            return value
        try:
            return from_word(self.info, value)
        except ValueError as error:
            self.fail(f"{value!r} does not fit, {error}.", param, ctx)


def keyword_of(name: str, info: FieldInfo) -> str:
    """Return the keyword that sets a field: its alias where it has one."""
    for alias in (info.validation_alias, info.alias):
        if isinstance(alias, str):
            return alias
    return name


def spelling(name: str) -> str:
    """Return an option's name with hyphens; ``--max_words`` and ``--max-words`` are the same."""
    return name.replace("_", "-")


def option_for(keyword: str, info: FieldInfo, parameter: str) -> click.Option:
    """Return the option of one field: its type, default, and description."""
    name = f"--{spelling(keyword)}"
    # An option that is not given leaves the default to the field.
    rest: dict[str, Any] = {"required": True} if info.is_required() else {"default": None}
    if is_flag(info):
        return click.Option([f"{name}/{name.replace('--', '--no-', 1)}", parameter], help=_help(info), **rest)
    return click.Option(
        [name, parameter],
        type=FieldType(info),
        multiple=is_list(info),
        metavar=type_word(info.annotation),
        help=_help(info),
        **rest,
    )


def _help(info: FieldInfo) -> str:
    text = info.description or ""
    default = None if info.is_required() else info.get_default(call_default_factory=False)
    if default is None or default in ("", [], {}, ()):
        return text
    value = getattr(default, "value", default)
    return f"{text}  [default: {str(value).lower() if isinstance(value, bool) else value}]".strip()


class StartCommand:
    """The command line behind FILE: parsed for one workflow, it gives the start event."""

    def __init__(self, workflow: Workflow[Any, Any], *, usage: str, shared: Callable[[], list[click.Option]]) -> None:
        self.kind = workflow.start_event_class
        self.fields = {f"field_{number}": pair for number, pair in enumerate(self.kind.model_fields.items())}
        options = [
            option_for(keyword_of(name, info), info, parameter) for parameter, (name, info) in self.fields.items()
        ]
        taken = {name for option in options for name in (*option.opts, *option.secondary_opts)}
        # A field wins over an option of ours: that one can still be given before FILE.
        ours = [option for option in shared() if not taken & set(option.opts)]
        self.command = click.Command(
            usage,
            params=[*options, *ours],
            help=_text_of(workflow),
            context_settings={"help_option_names": ["--help"], "token_normalize_func": spelling},
        )
        self.ours = {str(option.name): option for option in ours}

    def parse(self, words: Sequence[str]) -> tuple[StartEvent, dict[str, Any]] | None:
        """Return the start event and our own options; ``None`` when help was asked for and shown.

        Raises ``click.UsageError``.
        """
        free: dict[str, str] = {}
        known = list(words)
        if not self.fields:
            free, known = self._split_free(known)
        try:
            context = self.command.make_context(self.command.name, known)
        except click.exceptions.Exit:
            return None
        given = {name: context.params[name] for name in self.ours}
        return self._event({**self._values(context), **free}, context), given

    def _values(self, context: click.Context) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for parameter, (name, info) in self.fields.items():
            value = context.params[parameter]
            if value is None or (is_list(info) and not value):
                continue
            keyword = keyword_of(name, info)
            if is_list(info):
                try:
                    value = from_words(info, value)
                except ValueError as error:
                    raise click.BadParameter(f"{error}.", context, param_hint=f"'--{spelling(keyword)}'") from error
            values[keyword] = value
        return values

    def _event(self, values: dict[str, Any], context: click.Context) -> StartEvent:
        try:
            return self.kind(**values)
        except ValidationError as error:
            problems = "; ".join(
                ": ".join(part for part in (".".join(map(str, one["loc"])), one["msg"]) if part)
                for one in error.errors()
            )
            raise click.UsageError(f"{self.kind.__name__} cannot be made: {problems}.", context) from error

    def _split_free(self, words: list[str]) -> tuple[dict[str, str], list[str]]:
        """Take ``--name value`` and ``--name=value`` apart from our own options."""
        own = {name for option in self.ours.values() for name in option.opts} | {"--help"}
        free: dict[str, str] = {}
        rest: list[str] = []
        position = 0
        while position < len(words):
            word = words[position]
            position += 1
            name, equals, value = word.partition("=")
            if word in own or not name.startswith("--") or len(name) == 2:
                rest.append(word)
                continue
            if not equals:
                if position == len(words) or words[position].startswith("--"):
                    raise click.UsageError(f"Option {name} needs a value: {name} value, or {name}=value.")
                value = words[position]
                position += 1
            free[name[2:].replace("-", "_")] = value
        return free, rest


def _text_of(workflow: Workflow[Any, Any]) -> str:
    """Return what help says about a workflow: its docstring, and its start event's."""
    kind = workflow.start_event_class
    base = inspect.getdoc(StartEvent)
    about = [type(workflow).__doc__ and inspect.getdoc(type(workflow)), kind.__doc__ and inspect.getdoc(kind)]
    texts = [text for text in about if text and text not in (base, inspect.getdoc(Workflow))]
    if not kind.model_fields:
        texts.append("It takes any --name value, as text.")
    return "\n\n".join(texts)
