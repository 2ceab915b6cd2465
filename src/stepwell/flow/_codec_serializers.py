"""The serializers that a user may name: values to texts, and texts to values.

Nothing here tries one format after another, and nothing unpickles unless ``PickleSerializer`` was given.
"""

import base64
import copy
import json
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Final, Self

from stepwell.errors import PayloadError, UnencodableValueError
from stepwell.flow._codec_classes import KnownClasses
from stepwell.flow._codec_decode import Decoder
from stepwell.flow._codec_encode import Encoder

FORMAT: Final = "stepwell"
VERSION: Final = 1
WRITER: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


class BaseSerializer(ABC):
    """What writes a value as a text, and reads it again."""

    @abstractmethod
    def serialize(self, value: Any) -> str:
        """Return ``value`` as text, or raise a ``ContextSerdeError``."""

    @abstractmethod
    def deserialize(self, value: str) -> Any:
        """Return the value that a text says, or raise a ``ContextSerdeError``."""


class JsonSerializer(BaseSerializer):
    """Writes values as JSON without loss, and refuses what it would lose.

    Stored are None, bool, int, float, str, bytes, bytearray, list, tuple, set, frozenset, dicts with any of
    these as keys, datetime, date, time, timedelta (with ``timezone`` and ``ZoneInfo``), Decimal, UUID, paths,
    exceptions; and of ``allowed_types`` (classes, or names such as ``"package.module.Class"``): enums,
    dataclasses, named tuples, pydantic models, the classes themselves, and plain objects whose
    attributes are all of these. Text that names another class is refused, and nothing is imported for it.
    """

    def __init__(self, *, allowed_types: Iterable[type | str] | None = None) -> None:
        self._known = KnownClasses(() if allowed_types is None else allowed_types)

    def with_types(self, *classes: type | str) -> Self:
        """Return a serializer that knows these classes too."""
        other = copy.copy(self)
        vars(other)["_known"] = self._known.extended(classes)
        return other

    def resolve_class(self, qualified_name: str) -> type:
        """Return the known class of that name (``module.Class``), or raise a ``PayloadError``."""
        cls = self._known.find(qualified_name)
        if cls is None:
            raise PayloadError(path=qualified_name, reason="it is no class that allowed_types lead to")
        return cls

    def serialize_value(self, value: Any, *, root: str = "value") -> Any:
        """Return ``value`` as JSON-able data; errors name paths that begin with ``root``."""
        return Encoder(self._known).run(value, root)

    def deserialize_value(self, data: Any, *, root: str = "value") -> Any:
        """Return the value that JSON-able data says, or raise a ``PayloadError``."""
        return Decoder(self._known).run(data, root)

    def serialize(self, value: Any) -> str:
        """Return ``value`` as JSON that tells its format and version."""
        document = {FORMAT: VERSION, "value": self.serialize_value(value)}
        return WRITER.encode(document)

    def deserialize(self, value: str) -> Any:
        """Return the value that a text from ``serialize`` says, or raise a ``PayloadError``."""
        return self.deserialize_value(document_in(value)["value"])


def document_in(text: str) -> dict[str, Any]:
    """Return the document in a text of this format and a version that can be read."""
    try:
        document = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise PayloadError(path="the text", reason=f"it is no JSON ({error})") from error
    if not isinstance(document, dict) or document.keys() != {FORMAT, "value"}:
        raise PayloadError(path="the text", reason="it is JSON, but nothing that stepwell wrote")
    version = document[FORMAT]
    if type(version) is not int or version < 1:
        raise PayloadError(path="the text", reason=f"{version!r} is no version of the format")
    if version > VERSION:
        reason = f"it has version {version} of the format, and this stepwell reads up to {VERSION}"
        raise PayloadError(path="the text", reason=reason)
    return document


class PickleSerializer(BaseSerializer):
    """Writes anything that can be pickled. Only for texts that nobody else can write: reading one runs code.

    No loader tries this by itself; it is used where it was given, and reads only what it wrote.
    """

    def serialize(self, value: Any) -> str:
        """Return a pickle of ``value`` in base64."""
        try:
            return base64.b64encode(pickle.dumps(value)).decode("ascii")
        except Exception as error:
            reason = f"it cannot be pickled ({type(error).__name__}: {error})"
            raise UnencodableValueError(path="value", value_type=type(value).__qualname__, reason=reason) from error

    def deserialize(self, value: str) -> Any:
        """Return what a pickle says. It may run any code."""
        try:
            return pickle.loads(base64.b64decode(value, validate=True))
        except Exception as error:
            reason = f"it is no pickle that can be read here ({type(error).__name__}: {error})"
            raise PayloadError(path="the text", reason=reason) from error
