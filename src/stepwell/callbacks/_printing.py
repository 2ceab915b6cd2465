"""Handlers that print: the base that decides where to, and the one that shows what goes to a model and comes back."""

import logging
from collections.abc import Sequence
from typing import Any

from stepwell.callbacks._handler import BaseCallbackHandler
from stepwell.callbacks._schema import CBEventType, EventPayload


class PythonicallyPrintingBaseHandler(BaseCallbackHandler):
    """The base of handlers that write for people: to ``logger`` at DEBUG, or to standard output without one."""

    def __init__(
        self,
        event_starts_to_ignore: Sequence[CBEventType] | None = None,
        event_ends_to_ignore: Sequence[CBEventType] | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        self.logger = logger
        super().__init__(event_starts_to_ignore or (), event_ends_to_ignore or ())

    def start_trace(self, trace_id: str | None = None) -> None:
        """Nothing, unless overridden."""

    def end_trace(
        self,
        trace_id: str | None = None,
        trace_map: dict[str, list[str]] | None = None,
    ) -> None:
        """Nothing, unless overridden."""

    def _print(self, print_str: str) -> None:
        if self.logger is not None:
            self.logger.debug(print_str)
        else:
            print(print_str, flush=True)  # noqa: T201 - printing is what this class is for


class SimpleLLMHandler(PythonicallyPrintingBaseHandler):
    """Prints what each model call was asked and what it answered, when it has ended."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        super().__init__(logger=logger)

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        return event_id

    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        if event_type is not CBEventType.LLM or payload is None:
            return
        if EventPayload.PROMPT in payload:
            self._show("Prompt", str(payload[EventPayload.PROMPT]))
            self._show("Completion", str(payload.get(EventPayload.COMPLETION)))
        elif EventPayload.MESSAGES in payload:
            self._show("Messages", "\n".join(str(message) for message in payload[EventPayload.MESSAGES]))
            self._show("Response", str(payload.get(EventPayload.RESPONSE)))
        if EventPayload.EXCEPTION in payload:
            self._show("Failed", repr(payload[EventPayload.EXCEPTION]))

    def _show(self, heading: str, text: str) -> None:
        self._print(f"** {heading}: **\n{text}")
        self._print("*" * 50)
