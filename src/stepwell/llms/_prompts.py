"""Prompts with named gaps.

A gap is ``{name}`` and nothing more: no attribute, no index, no format of the value, so
that a value cannot reach into the program. ``{{`` and ``}}`` are braces.
"""

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from stepwell.errors import PromptTemplateError, PromptVariableError, nearest
from stepwell.llms._messages import ChatMessage, MessageRole


class PromptTemplate:
    """A text with named gaps: ``PromptTemplate("Write about {topic}.").format(topic="wells")``."""

    def __init__(self, template: str) -> None:
        self.template = template
        self._pieces = _pieces(template)
        self._given: dict[str, Any] = {}

    @property
    def template_vars(self) -> tuple[str, ...]:
        """The names of the gaps, in order of appearance, each once."""
        return tuple(dict.fromkeys(name for _, name in self._pieces if name is not None))

    def partial_format(self, **variables: Any) -> "PromptTemplate":
        """Return a template with some gaps filled."""
        self._refuse_unknown(variables)
        filled = PromptTemplate(self.template)
        filled._given = {**self._given, **variables}
        return filled

    def format(self, **variables: Any) -> str:
        """Return the text with every gap filled. A missing or unknown name is a ``PromptVariableError``."""
        self._refuse_unknown(variables)
        known = {**self._given, **variables}
        missing = [name for name in self.template_vars if name not in known]
        if missing:
            raise PromptVariableError(missing=missing, unknown=(), known=self.template_vars, near=None)
        return "".join(text + ("" if name is None else str(known[name])) for text, name in self._pieces)

    def format_messages(self, **variables: Any) -> list[ChatMessage]:
        """Return the text as one message of the user."""
        return [ChatMessage(self.format(**variables), role=MessageRole.USER)]

    def _refuse_unknown(self, variables: Mapping[str, Any]) -> None:
        unknown = [name for name in variables if name not in self.template_vars]
        if unknown:
            near = nearest(unknown[0], self.template_vars)
            raise PromptVariableError(
                missing=(), unknown=unknown, known=self.template_vars, near=near[0] if near else None
            )

    def __repr__(self) -> str:
        return f"PromptTemplate({self.template!r})"


class ChatPromptTemplate:
    """Messages with named gaps in their texts; images and tool calls stay as they are."""

    def __init__(self, message_templates: Sequence[ChatMessage]) -> None:
        self.message_templates = tuple(message_templates)

    @classmethod
    def from_messages(cls, messages: Sequence[tuple[str, str]]) -> "ChatPromptTemplate":
        """Make a template from pairs of role and text."""
        return cls([ChatMessage(text, role=MessageRole(role)) for role, text in messages])

    @property
    def template(self) -> str:
        """All texts, each after its role, a line each."""
        return "\n".join(str(message) for message in self.message_templates)

    @property
    def template_vars(self) -> tuple[str, ...]:
        """The names of the gaps, in order of appearance, each once."""
        return PromptTemplate(self.template).template_vars

    def format_messages(self, **variables: Any) -> list[ChatMessage]:
        """Return the messages with every gap filled. Raises ``PromptVariableError``."""
        PromptTemplate(self.template).format(**variables)
        return [_filled(message, variables) for message in self.message_templates]


def _filled(message: ChatMessage, variables: Mapping[str, Any]) -> ChatMessage:
    blocks = []
    for block in message.blocks:
        if block.block_type == "text":
            own = PromptTemplate(block.text)
            given = {name: variables[name] for name in own.template_vars}
            block = block.model_copy(update={"text": own.format(**given)})
        blocks.append(block)
    return message.model_copy(update={"blocks": blocks})


def _pieces(template: str) -> tuple[tuple[str, str | None], ...]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise PromptTemplateError(template=template, problem=str(error)) from error
    for _, name, form, conversion in parsed:
        if name is not None and (not name.isidentifier() or form or conversion):
            gap = "{" + name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
            raise PromptTemplateError(template=template, problem=f"{gap} is not a plain name")
    return tuple((text, name) for text, name, _, _ in parsed)
