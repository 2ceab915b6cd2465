"""Models behind the OpenAI chat-completions protocol, through the official ``openai`` package."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from stepwell.callbacks import CallbackManager
from stepwell.errors import MalformedAnswerError
from stepwell.llms._llm import LLM
from stepwell.llms._openai_connection import DEFAULT_RETRIES, DEFAULT_TIMEOUT, Connection, LoopClients
from stepwell.llms._openai_errors import raise_as_model_error
from stepwell.llms._openai_wire import fragment_of, request_body, whole_answer
from stepwell.llms._port import LLMMetadata
from stepwell.llms._responses import Fragment, ModelRequest

DEFAULT_MODEL = "gpt-4o-mini"


class OpenAI(LLM):
    """A model of OpenAI, or of any server that speaks its chat-completions protocol.

    ``api_key`` and ``api_base`` default to ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL`` (or else
    ``OPENAI_API_BASE``), read at the first call. ``timeout`` is in seconds of silence (``None``: for
    ever), ``max_retries`` how often the client repeats a request that could not be sent or was
    answered with 408, 409, 429 or 5xx. ``temperature``, ``max_tokens``, ``stop`` and ``seed`` left at
    ``None`` are left to the server.
    ``additional_kwargs`` go into every request as they are; ``{"stream_options": None}`` is for
    servers that do not know how to count tokens of a stream.
    """

    def __init__(  # noqa: PLR0913 - the settings of the peer's class, all by keyword
        self,
        model: str = DEFAULT_MODEL,
        *,
        api_key: str | None = None,
        api_base: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_RETRIES,
        default_headers: Mapping[str, str] | None = None,
        additional_kwargs: Mapping[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        super().__init__(callback_manager=callback_manager)
        self.model = model
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.stop = stop
        self.seed = seed
        self.additional_kwargs = dict(additional_kwargs or {})
        self._connection = Connection(
            api_key=SecretStr(api_key) if api_key else None,
            api_base=api_base,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=dict(default_headers or {}),
        )
        self._clients = LoopClients(self._connection)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model)

    def describe(self) -> dict[str, Any]:
        settings = {"temperature": self.temperature, "max_tokens": self.max_tokens, "seed": self.seed}
        return {**super().describe(), **settings, "server": self._connection.server}

    async def aclose(self) -> None:
        """Close the pooled connections of the running loop; they are closed with the loop otherwise."""
        await self._clients.aclose()

    async def send(self, request: ModelRequest) -> Fragment:
        client = await self._clients.get()
        try:
            answer = await client.chat.completions.create(**self._parameters(request), stream=False)
        except Exception as error:
            raise_as_model_error(error, self._connection, self.model)
            raise
        # The package does not validate: a server that is none of the protocol gives anything here.
        if not getattr(answer, "choices", None):
            raise MalformedAnswerError(server=self._connection.server, reason="it holds no choices")
        return whole_answer(answer)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Fragment, None]:
        client = await self._clients.get()
        try:
            answer = await client.chat.completions.create(
                **self._parameters(request, stream_options={"include_usage": True}), stream=True
            )
            async with answer:
                async for chunk in answer:
                    yield fragment_of(chunk)
        except Exception as error:
            raise_as_model_error(error, self._connection, self.model)
            raise

    def _parameters(self, request: ModelRequest, **defaults: Any) -> dict[str, Any]:
        options = {
            **defaults,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stop": self.stop,
            "seed": self.seed,
            **self.additional_kwargs,
            **request.options,
        }
        known = {name: value for name, value in options.items() if value is not None}
        if self._connection.is_official and "max_tokens" in known:
            # OpenAI's reasoning models refuse the old name; other servers often know only it.
            known["max_completion_tokens"] = known.pop("max_tokens")
        return {"model": self.model, **request_body(request), **known}
