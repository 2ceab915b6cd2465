"""The one place where model calls are told to callbacks: each starts, gets chunks, and ends in exactly one way.

Nothing is built when nobody listens. No payload holds a key: what describes a client are
its plain settings, and headers given for one call are left out.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from stepwell.callbacks import CallbackManager, CBEventType, EventContext, EventPayload
from stepwell.llms._answers import PartialAnswer
from stepwell.llms._responses import ChatResponse, CompletionResponse, ModelRequest

# Options of a call that may hold credentials.
UNTOLD = frozenset({"extra_headers", "extra_query", "extra_body"})


class ModelCall:
    """One call of a model, from its start to its end. ``described`` says which model with which settings.

    A completion is told with its ``prompt``, a chat (``prompt`` is ``None``) with its messages.
    """

    def __init__(
        self,
        manager: CallbackManager,
        request: ModelRequest,
        described: Mapping[str, Any],
        *,
        prompt: str | None,
    ) -> None:
        self.model: str = described["model"]
        self._asked: dict[str, Any] = {}
        self._event: EventContext | None = None
        if manager.has_handlers:
            is_chat = prompt is None
            self._asked = {EventPayload.MESSAGES: list(request.messages)} if is_chat else {EventPayload.PROMPT: prompt}
            self._event = manager.event(CBEventType.LLM)
            self._event.on_start(
                {
                    **self._asked,
                    EventPayload.MODEL_NAME: self.model,
                    EventPayload.ADDITIONAL_KWARGS: _told_options(request),
                    EventPayload.SERIALIZED: dict(described),
                }
            )

    def chunk(self, response: CompletionResponse) -> None:
        """A piece of the answer has arrived."""
        if self._event is not None:
            self._event.on_chunk(response.delta or None)

    def end(self, response: CompletionResponse) -> None:
        """The whole answer has arrived."""
        if self._event is not None:
            self._event.on_end({**self._asked, **self._answered(response)})

    def fail(self, error: BaseException, answer: PartialAnswer) -> None:
        """The call ends by ``error``, which goes on its way; a cancellation is told as one."""
        if self._event is None:
            return
        learnt = dict(self._asked)
        if answer.has_begun:
            is_chat = EventPayload.MESSAGES in self._asked
            learnt |= self._answered(answer.chat() if is_chat else answer.completion())
        self._event.on_start(learnt)
        self._event.__exit__(type(error), error, error.__traceback__)

    def _answered(self, response: CompletionResponse) -> dict[str, Any]:
        key = EventPayload.RESPONSE if isinstance(response, ChatResponse) else EventPayload.COMPLETION
        usage = response.usage
        return {
            key: response,
            EventPayload.MODEL_NAME: self.model,
            "usage": None if usage is None else asdict(usage),
            "finish_reason": response.finish_reason,
        }


def _told_options(request: ModelRequest) -> dict[str, Any]:
    told = {name: value for name, value in request.options.items() if name not in UNTOLD}
    if request.tools:
        told["tools"] = [tool.name for tool in request.tools]
    return told
