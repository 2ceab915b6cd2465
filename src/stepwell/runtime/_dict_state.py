"""The state of who declares none: any names, reached as items or as attributes."""

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from pydantic import BaseModel, ConfigDict


class DictState(BaseModel):
    """A state without declared fields: ``state["a"]`` and ``state.a`` are the same.

    A key that is also a method's name (``items``, ``copy`` …) is reached as an item only.
    A subclass may declare fields; its other names stay free. It is true also when empty.
    """

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=True)

    def __init__(self, /, **values: Any) -> None:
        super().__init__(**values)

    @property
    def _free(self) -> dict[str, Any]:
        free = self.__pydantic_extra__
        assert free is not None
        return free

    def __getitem__(self, key: str) -> Any:
        return self.__dict__[key] if key in self.__dict__ else self._free[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key in type(self).model_fields:
            super().__setattr__(key, value)
        else:
            self._free[key] = value
            self.__pydantic_fields_set__.add(key)

    def __delitem__(self, key: str) -> None:
        del self._free[key]
        self.__pydantic_fields_set__.discard(key)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") or name in type(self).__private_attributes__:
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name)  # type: ignore[misc]  # pydantic hides it from type checkers

    def __contains__(self, key: object) -> bool:
        return key in self.__dict__ or key in self._free

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a mapping yields its keys
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.__dict__) + len(self._free)

    def __bool__(self) -> bool:
        return True

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``."""
        return self.__dict__[key] if key in self.__dict__ else self._free.get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Remove ``key`` and return its value, or ``default`` if given; a declared field stays."""
        self.__pydantic_fields_set__.discard(key)
        return self._free.pop(key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, which becomes ``default`` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **values: Any) -> None:
        """Set many values, as ``dict.update`` does."""
        for key, value in dict(*others, **values).items():
            self[key] = value

    def keys(self) -> KeysView[str]:
        """Return the names of all values."""
        return self.to_dict().keys()

    def values(self) -> ValuesView[Any]:
        """Return all values."""
        return self.to_dict().values()

    def items(self) -> ItemsView[str, Any]:
        """Return all pairs of name and value."""
        return self.to_dict().items()

    def to_dict(self) -> dict[str, Any]:
        """Return the names and values as a new dict; the values are not copied."""
        return {**self.__dict__, **self._free}
