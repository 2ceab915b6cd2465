"""Events: what steps take and return. Typed by pydantic, open to further fields, readable like a dict.

All of these are built by pydantic when they are first made (``defer_build``), so that an import need not: it would
take 30 ms. The classes that users derive from them are built at once: a bad field is found where it is written.
"""

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict

ModelT = TypeVar("ModelT", bound=BaseModel)


def base(cls: type[ModelT]) -> type[ModelT]:
    """Let the classes derived from ``cls`` be built at once, although it is not itself."""
    del cls.model_config["defer_build"]
    return cls


@base
class DictLikeModel(BaseModel, defer_build=True):
    """A pydantic model that takes fields beyond the declared ones and can be read like a dict.

    Keys are the declared fields first, then the further ones in the order they came.
    """

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        if cls.__private_attributes__:  # the others pay nothing
            cls.model_post_init = taking_private_attributes(cls.model_post_init)  # type: ignore[method-assign]  # on purpose

    def __getitem__(self, key: str) -> Any:
        extra = self.__pydantic_extra__ or {}
        if key in extra:
            return extra[key]
        if key in type(self).model_fields:
            return getattr(self, key)
        raise KeyError(key)

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, key, value)

    def __contains__(self, key: object) -> bool:
        return key in type(self).model_fields or key in (self.__pydantic_extra__ or {})

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # dict-like: keys, not pairs
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(type(self).model_fields) + len(self.__pydantic_extra__ or {})

    def __bool__(self) -> bool:
        return True

    def get(self, key: str, default: Any = None) -> Any:
        """Return the field's value, or ``default`` when there is no such field."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> KeysView[str]:
        return self.to_dict().keys()

    def values(self) -> ValuesView[Any]:
        return self.to_dict().values()

    def items(self) -> ItemsView[str, Any]:
        return self.to_dict().items()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and their values, one level deep: values are not copied or converted."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        fields.update(self.__pydantic_extra__ or {})
        return fields


def taking_private_attributes(prepare: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Wrap what pydantic runs after validation: arguments named like private attributes become those."""

    def model_post_init(self: DictLikeModel, context: Any) -> None:
        prepare(self, context)
        extra = self.__pydantic_extra__ or {}
        for name in self.__private_attributes__.keys() & extra.keys():
            setattr(self, name, extra.pop(name))
            self.__pydantic_fields_set__.discard(name)

    return model_post_init


@base
class Event(DictLikeModel, defer_build=True):
    """What a step takes and returns. Subclass it and declare fields: the types are the wiring."""


@base
class OpenEvent(Event, defer_build=True):
    """An event that is often used without a subclass, with fields that no type declares.

    What pydantic does with further fields anyway is told to type checkers; a constructor does not pass to
    subclasses there, whose declared fields are checked.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


@base
class StartEvent(OpenEvent, defer_build=True):
    """The event a run begins with; ``workflow.run(topic=…)`` makes its fields."""

    if TYPE_CHECKING:

        def __init__(self, **data: Any) -> None: ...


@base
class StopEvent(Event, defer_build=True):
    """The event a run ends with. ``await handler`` gives ``result``, or a subclass as it is."""

    result: Any = None

    def __init__(self, *result: Any, **data: Any) -> None:
        if result:
            (data["result"],) = result
        self.__pydantic_validator__.validate_python(data, self_instance=self)  # what BaseModel does, without the call

    def __str__(self) -> str:
        return super().__str__() if self.result is None and type(self) is not StopEvent else str(self.result)


@base
class InputRequiredEvent(OpenEvent, defer_build=True):
    """A question for somebody outside. Returned by a step, or sent by a wait, it goes to the stream."""

    if TYPE_CHECKING:

        def __init__(self, **data: Any) -> None: ...


@base
class HumanResponseEvent(OpenEvent, defer_build=True):
    """An answer from somebody outside, sent by ``handler.ctx.send_event``."""

    if TYPE_CHECKING:

        def __init__(self, **data: Any) -> None: ...


class StepFailedEvent(Event, defer_build=True):
    """What a ``@catch_error`` step takes: a failure that no further attempt will mend."""

    step_name: str
    input_event: Any
    exception: BaseException
    attempts: int
    elapsed_seconds: float
    failed_at: datetime


class StreamGap(Event, defer_build=True):
    """Stands in a stream where ``missed`` events were dropped before this consumer came to read them."""

    missed: int


class InternalDispatchEvent(Event, defer_build=True):
    """An event about a run rather than in it. ``at`` is when it happened."""

    run_id: str
    at: datetime
