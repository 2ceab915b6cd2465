"""The state of who declares none: any names, reached as items or as attributes."""

from typing import Any

from stepwell.flow import DictLikeModel, base


@base
class DictState(DictLikeModel, defer_build=True):
    """A state without declared fields: ``state["a"]`` and ``state.a`` are the same.

    A key that is also a method's name (``items``, ``copy`` …) is reached as an item only.
    A subclass may declare fields; its other names stay free. It is true also when empty.
    """

    def __init__(self, /, **values: Any) -> None:
        super().__init__(**values)

    def __setitem__(self, key: str, value: Any) -> None:
        if key in type(self).model_fields:
            super().__setattr__(key, value)
        else:
            self._free()[key] = value
            self.__pydantic_fields_set__.add(key)

    def __delitem__(self, key: str) -> None:
        del self._free()[key]
        self.__pydantic_fields_set__.discard(key)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__") or name in type(self).__private_attributes__:
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name)  # type: ignore[misc]  # pydantic hides it from type checkers

    def _free(self) -> dict[str, Any]:
        free = self.__pydantic_extra__
        assert free is not None
        return free

    def pop(self, key: str, *default: Any) -> Any:
        """Remove ``key`` and return its value, or ``default`` if given; a declared field stays."""
        value = self._free().pop(key, *default)
        self.__pydantic_fields_set__.discard(key)
        return value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, which becomes ``default`` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **values: Any) -> None:
        """Set many values, as ``dict.update`` does."""
        for key, value in dict(*others, **values).items():
            self[key] = value
