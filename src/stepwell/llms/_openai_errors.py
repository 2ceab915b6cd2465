"""What the ``openai`` package raises, said as errors of the house, without any API key in them."""

from typing import TYPE_CHECKING, Any

from stepwell.errors import (
    KeyRefusedError,
    MalformedAnswerError,
    ModelError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnreachableError,
    RateLimitedError,
    RequestRefusedError,
    UnrecordedRequestError,
)
from stepwell.llms._cassettes import NOT_RECORDED
from stepwell.llms._openai_connection import Connection

if TYPE_CHECKING:
    import openai

REASON_LENGTH = 300


def raise_as_model_error(error: Exception, connection: Connection, model: str) -> None:
    """Raise the error of the house for ``error``; return when it is not about the model."""
    told = _translated(error, connection, model)
    if told is not None:
        try:
            raise told from error
        finally:
            # A frame that holds its own exception keeps the connection alive with it.
            del told


def _translated(error: Exception, connection: Connection, model: str) -> ModelError | None:
    import openai  # noqa: PLC0415 - an extra; loaded already when one of its errors is here

    _remove_key(error, connection)
    match error:
        case openai.APITimeoutError():
            return ModelTimeoutError(server=connection.server, seconds=_seconds_waited(error))
        case openai.APIConnectionError():
            return ModelUnreachableError(server=connection.server, reason=_root_reason(error))
        case openai.APIStatusError():
            return _of_status(error, connection, model)
        case openai.APIError():
            # An error event inside a stream has no status.
            return ModelServerError(server=connection.server, status=200, reason=_reason(error))
        case ValueError():
            return MalformedAnswerError(server=connection.server, reason=_reason(error))
        case _:
            return _of_transport(error, connection)


def _of_transport(error: Exception, connection: Connection) -> ModelError | None:
    # Before version 3, the package let errors of httpx out of a stream as they are; since then it
    # builds on another httpx. Their class names are what both share.
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.partition(".")[0] == "httpx"}
    if "TimeoutException" in names:
        return ModelTimeoutError(server=connection.server, seconds=_seconds_waited(error))
    if "TransportError" in names:
        return ModelUnreachableError(server=connection.server, reason=_root_reason(error))
    return None


def _remove_key(error: Exception, connection: Connection) -> None:
    """Take the key out of a vendor's error: some servers repeat it in what they answer."""
    request = getattr(error, "request", None)
    if request is not None:
        request.headers.pop("authorization", None)
    key = connection.key()
    if key in str(error) or key in str(getattr(error, "body", "")):
        error.args = tuple(_without(key, argument) for argument in error.args)
        for name in ("message", "body"):
            if hasattr(error, name):
                setattr(error, name, _without(key, getattr(error, name)))


def _without(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(key, "[api key]")
    if isinstance(value, dict):
        return {name: _without(key, part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without(key, part) for part in value]
    return value


def _of_status(error: "openai.APIStatusError", connection: Connection, model: str) -> ModelError:
    server, status = connection.server, error.status_code
    if error.code == NOT_RECORDED:
        return UnrecordedRequestError(cassette=str(error.param), reason=_reason(error))
    if status in {401, 403}:
        return KeyRefusedError(server=server, model=model, status=status)
    if status == 429:
        return RateLimitedError(server=server, retry_after=_retry_after(error), reason=_reason(error))
    if status >= 500:
        return ModelServerError(server=server, status=status, reason=_reason(error))
    return RequestRefusedError(server=server, model=model, status=status, reason=_reason(error))


def _retry_after(error: "openai.APIStatusError") -> float | None:
    try:
        return float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None


def _seconds_waited(error: Any) -> float | None:
    # The client may have been made with another timeout than the call was.
    limits: dict[str, float | None] = error.request.extensions.get("timeout", {})
    return limits.get("read")


def _reason(error: Exception) -> str:
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, dict) else None
    text = " ".join(str(said or error).split()).rstrip(".")
    return text if len(text) <= REASON_LENGTH else text[:REASON_LENGTH] + "…"


def _root_reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
