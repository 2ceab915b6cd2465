"""What can go wrong between a program and a model: the key, the wire, the server, the answer.

No sentence here ever holds an API key: the classes take no key, and who makes
them hands over only texts that the key has been taken out of.
"""

from stepwell.errors._roots import ModelError


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
            f"the model server {server} failed (HTTP {status}: {reason}); "
            f"this is the server's fault: try again later."
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
