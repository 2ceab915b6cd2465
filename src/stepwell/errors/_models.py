"""What can go wrong between a program and a model: the key, the wire, the server, the answer.

No sentence here ever holds an API key: the classes take no key, and who makes
them hands over only texts that the key has been taken out of.
"""

from collections.abc import Sequence

from stepwell.errors._roots import DefinitionError, ModelError, UsageError


class MissingPackageError(ModelError, ImportError):
    """A model client needs a package that is not installed."""

    def __init__(self, *, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"the package {package!r} is not installed, and this model client talks through it; "
            f'install it with: pip install "stepwell[{extra}]"'
        )


class MissingKeyError(ModelError, ValueError):
    """No API key was given, neither as an argument nor in the environment."""

    def __init__(self, *, variable: str) -> None:
        self.variable = variable
        super().__init__(
            f"there is no API key: neither api_key=… nor the environment variable {variable} is set; "
            f"set one of them, or give api_base=… of a server that needs no key."
        )


class MalformedKeyError(ModelError, ValueError):
    """What was given as an API key cannot be one."""

    def __init__(self) -> None:
        super().__init__(
            "the API key holds characters that no key has (line breaks, or other than ASCII); "
            "copy it again, alone and whole."
        )


class KeyRefusedError(ModelError, PermissionError):
    """The server does not accept the API key, or does not let it use the model (HTTP 401, 403)."""

    def __init__(self, *, server: str, model: str, status: int) -> None:
        self.server = server
        self.model = model
        self.status = status
        refusal = "refused the API key" if status == 401 else f"does not let this API key use {model!r}"
        super().__init__(
            f"{server} {refusal} (HTTP {status}); check that the key is complete and belongs to this server "
            f"(api_key=… or OPENAI_API_KEY, api_base=… or OPENAI_BASE_URL)."
        )


class ModelUnreachableError(ModelError, ConnectionError):
    """No connection to the model server could be made, or it was lost before an answer began."""

    def __init__(self, *, server: str, reason: str) -> None:
        self.server = server
        self.reason = reason
        super().__init__(
            f"the model server {server} cannot be reached ({reason}); check the address (api_base=… or "
            f"OPENAI_BASE_URL), that the server runs, and the network."
        )


class ModelTimeoutError(ModelError, TimeoutError):
    """The model server was silent for longer than the client's ``timeout`` (seconds)."""

    def __init__(self, *, server: str, seconds: float | None) -> None:
        self.server = server
        self.seconds = seconds
        limit = "the client's timeout" if seconds is None else f"{seconds:g} s"
        super().__init__(
            f"the model server {server} was silent for longer than {limit}; raise timeout=…, or ask for less."
        )


class RateLimitedError(ModelError):
    """The server takes no more requests for now (HTTP 429). ``retry_after`` is in seconds, if it said so."""

    def __init__(self, *, server: str, retry_after: float | None, reason: str) -> None:
        self.server = server
        self.retry_after = retry_after
        self.reason = reason
        wait = "" if retry_after is None else f"; it asks to wait {retry_after:g} s"
        super().__init__(
            f"{server} takes no more requests for now (HTTP 429: {reason}){wait}; wait, raise max_retries=…, "
            f"or send fewer requests at once."
        )


class ModelServerError(ModelError):
    """The model server failed by its own account (HTTP 5xx)."""

    def __init__(self, *, server: str, status: int, reason: str) -> None:
        self.server = server
        self.status = status
        self.reason = reason
        super().__init__(
            f"the model server {server} failed (HTTP {status}: {reason}); this is the server's fault: try again later."
        )


class RequestRefusedError(ModelError, ValueError):
    """The server understood the request and refuses it (HTTP 4xx): an unknown model, a bad parameter."""

    def __init__(self, *, server: str, model: str, status: int, reason: str) -> None:
        self.server = server
        self.model = model
        self.status = status
        self.reason = reason
        super().__init__(
            f"{server} refused the request for {model!r} (HTTP {status}: {reason}); "
            f"correct the request: the same one will be refused again."
        )


class MalformedAnswerError(ModelError, ValueError):
    """The server answered something that is no answer of the protocol."""

    def __init__(self, *, server: str, reason: str) -> None:
        self.server = server
        self.reason = reason
        super().__init__(
            f"the answer of {server} is not what the protocol says ({reason}); "
            f"check that api_base=… points at an OpenAI-compatible server, usually ending in /v1."
        )


class BrokenStreamError(ModelError, ConnectionError):
    """A streamed answer ended before it was complete. ``text`` is what had arrived until then."""

    def __init__(self, *, model: str, text: str, reason: str) -> None:
        self.model = model
        self.text = text
        self.reason = reason
        super().__init__(
            f"the answer of {model!r} broke off after {len(text)} characters ({reason}); "
            f"what had arrived is in .text of this error; ask again for the whole."
        )


class StructuredAnswerError(ModelError, ValueError):
    """A model's answer is not the JSON of the model class asked for, also after one request to mend it.

    ``text`` is the answer as it came; ``is_refusal`` says that the model would not answer.
    """

    def __init__(self, *, shape: str, text: str, problem: str, is_refusal: bool = False) -> None:
        self.shape = shape
        self.text = text
        self.problem = problem
        self.is_refusal = is_refusal
        advice = "ask otherwise" if is_refusal else "describe the fields better, or use a more capable model"
        super().__init__(f"the model's answer is no {shape} ({problem}); {advice}; its text is in .text.")


class ToolDefinitionError(DefinitionError, TypeError):
    """A function cannot be a tool: a model could not be told how to call it."""

    def __init__(self, *, tool: str, problem: str) -> None:
        self.tool = tool
        self.problem = problem
        super().__init__(
            f"the function {tool!r} cannot be a tool: it {problem}; "
            f"a tool has named parameters, each with a type that pydantic can make a schema of."
        )


class ToolArgumentsError(ModelError, ValueError):
    """A model asked for a tool with arguments that the tool does not take."""

    def __init__(self, *, tool: str, problem: str) -> None:
        self.tool = tool
        self.problem = problem
        super().__init__(f"the arguments for the tool {tool!r} are wrong: {problem}; call it again with right ones.")


class UnknownToolError(ModelError, LookupError):
    """A model asked for a tool that it was not given."""

    def __init__(self, *, tool: str, known: Sequence[str]) -> None:
        self.tool = tool
        self.known = tuple(known)
        super().__init__(f"there is no tool {tool!r}; the tools are: {', '.join(self.known) or 'none'}.")


class ToolLoopError(ModelError, RuntimeError):
    """A model still asked for tools when its rounds were used up. ``messages`` is the whole conversation."""

    def __init__(self, *, rounds: int, wanted: Sequence[str], messages: Sequence[object]) -> None:
        self.rounds = rounds
        self.wanted = tuple(wanted)
        self.messages = tuple(messages)
        super().__init__(
            f"after {rounds} rounds of tool calls the model asks for more ({', '.join(self.wanted)}) "
            f"instead of answering; raise max_rounds=…, or go on from .messages of this error."
        )


class ImageSourceError(UsageError, ValueError):
    """An image block does not say which image it is."""

    def __init__(self, *, problem: str) -> None:
        self.problem = problem
        super().__init__(f"an image block {problem}.")


class PromptTemplateError(DefinitionError, ValueError):
    """A prompt template's text cannot be read."""

    def __init__(self, *, template: str, problem: str) -> None:
        self.template = template
        self.problem = problem
        super().__init__(
            f"the prompt template {template[:80]!r} cannot be read: {problem}; a gap is {{name}}, "
            f"and a brace that is meant as itself is written twice."
        )


class PromptVariableError(UsageError, KeyError):
    """A prompt template was given too few names, or names it has no gap for."""

    def __init__(
        self, *, missing: Sequence[str], unknown: Sequence[str], known: Sequence[str], near: str | None
    ) -> None:
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        self.known = tuple(known)
        self.near = near
        problem = f"lacks {', '.join(missing)}" if missing else f"has no gap {', '.join(unknown)}"
        guess = f" (did you mean {near!r}?)" if near else ""
        super().__init__(f"the prompt {problem}{guess}; its gaps are: {', '.join(self.known) or 'none'}.")

    def __str__(self) -> str:
        # KeyError would show the repr of the sentence.
        return str(self.args[0])


class EmbeddingCountError(ModelError, ValueError):
    """A server returned another number of embeddings than it was given texts."""

    def __init__(self, *, server: str, texts: int, vectors: int) -> None:
        self.server = server
        self.texts = texts
        self.vectors = vectors
        super().__init__(
            f"{server} returned {vectors} embeddings for {texts} texts; lower embed_batch_size=…, "
            f"or check that the server's embeddings endpoint takes lists."
        )


class UnrecordedRequestError(ModelError, LookupError):
    """A cassette was asked for an answer that was never recorded."""

    def __init__(self, *, cassette: str, reason: str) -> None:
        self.cassette = cassette
        self.reason = reason
        super().__init__(
            f"the cassette {cassette} holds no answer for this request: {reason}; "
            f"record it again, or make the request the same as it was."
        )


class CassetteFileError(UsageError, ValueError):
    """A file is no cassette."""

    def __init__(self, *, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path} is no cassette: {problem}; record it with RecordingServer.")


class BlockingCallError(UsageError, RuntimeError):
    """A blocking call was made where it would wait for itself: in code that a blocking call runs."""

    def __init__(self, *, call: str) -> None:
        self.call = call
        super().__init__(
            f"a blocking call ({call}) was made inside the event loop that runs blocking calls, and would wait "
            f"for itself; await the call's async twin instead (acomplete for complete, and so on)."
        )


class StandInScriptError(UsageError, TypeError):
    """A stand-in's script gave something that is no reply."""

    def __init__(self, *, reply: object) -> None:
        self.reply = reply
        super().__init__(
            f"the stand-in's script gave {reply!r}, which is no reply; "
            f"give a TextReply, ToolCallsReply, StructuredReply or ErrorReply."
        )


class ServerNotStartedError(UsageError, RuntimeError):
    """The address of a loopback server was asked for before the server had one."""

    def __init__(self, *, server: str) -> None:
        self.server = server
        super().__init__(f"the {server} is not started and has no address yet; use it in a with block, or start() it.")
