"""What the writers and readers of compound values ask of the encoder and the decoder."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, Protocol

from stepwell.flow._codec_classes import KnownClasses


class Outcome(Enum):
    """What no encoded value can be."""

    REFUSED = "refused"


REFUSED: Final = Outcome.REFUSED


class PartWriter(Protocol):
    """The encoder, as the writers of objects see it."""

    known: KnownClasses

    def sequence(self, values: Iterable[Any]) -> list[Any]:
        """Return the values as data, in order."""
        ...

    def mapping(self, values: Mapping[Any, Any], *, attributes: bool = True) -> Any:
        """Return names or keys and their values as data."""
        ...

    def attempt(self, value: Any) -> Any:
        """Return ``value`` as data, or ``REFUSED``."""
        ...


class PartReader(Protocol):
    """The decoder, as the readers of objects see it."""

    known: KnownClasses

    def sequence(self, data: Any) -> list[Any]:
        """Return what a list of data says."""
        ...

    def names(self, data: Any) -> dict[str, Any]:
        """Return what is written as attributes: names that are texts, and values."""
        ...

    def mapping(self, data: Any) -> dict[Any, Any]:
        """Return what is written as a dict, with keys of any kind."""
        ...

    def decode(self, data: Any) -> Any:
        """Return the value that ``data`` says."""
        ...
