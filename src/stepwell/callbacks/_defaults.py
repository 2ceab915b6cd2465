"""Where a manager that is made without handlers takes them from: the process's global handler and global manager."""

from collections.abc import Callable
from typing import TypeAlias

from stepwell.callbacks._dispatch import Dispatcher
from stepwell.callbacks._handler import BaseCallbackHandler

Globals: TypeAlias = tuple[BaseCallbackHandler | None, Dispatcher | None]


class Defaults:
    """The global handler and the global manager, or a ``source`` that knows them better.

    A program written for another library keeps these in that library's own settings; its compatibility layer sets
    ``source`` to read them there.
    """

    def __init__(self) -> None:
        self.handler: BaseCallbackHandler | None = None
        self.manager: Dispatcher | None = None
        self.source: Callable[[], Globals] | None = None

    def read(self) -> Globals:
        if self.source is not None:
            return self.source()
        return self.handler, self.manager


defaults = Defaults()
