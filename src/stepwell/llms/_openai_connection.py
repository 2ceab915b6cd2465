"""How the official ``openai`` package is reached: imported when first used, one client per event loop.

A pooled connection belongs to the event loop that opened it, so each loop has a
client of its own. It is closed with its loop (an asynchronous generator holds it,
and every loop closes those when it ends), or when its owner is dropped.
"""

import asyncio
import contextlib
import os
import weakref
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import SecretStr

from stepwell.errors import MalformedKeyError, MissingKeyError, MissingPackageError
from stepwell.llms._loopback import LOOPBACK

if TYPE_CHECKING:
    import openai

_Kept: TypeAlias = "dict[asyncio.AbstractEventLoop, tuple[openai.AsyncOpenAI, AsyncGenerator[None, None]]]"

# Clients whose owner is gone, until they are closed.
_closing: dict[AsyncGenerator[None, None], tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = {}

OFFICIAL = "https://api.openai.com/v1"
DEFAULT_TIMEOUT = 60.0
DEFAULT_RETRIES = 2


@dataclass(slots=True, kw_only=True)
class Connection:
    """Where a client connects and as whom. ``timeout`` is in seconds of silence; ``None`` waits for ever."""

    api_key: SecretStr | None
    api_base: str | None
    timeout: float | None
    max_retries: int
    default_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        # The second variable is that of programs for LlamaIndex: they must not reach another server than they named.
        return self.api_base or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE") or OFFICIAL

    @property
    def server(self) -> str:
        """The address to show: without a user name or password in it."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else self.base

    @property
    def is_official(self) -> bool:
        return urlsplit(self.base).hostname == urlsplit(OFFICIAL).hostname

    @property
    def is_plain_loopback(self) -> bool:
        parts = urlsplit(self.base)
        return parts.scheme == "http" and parts.hostname in LOOPBACK

    def key(self) -> str:
        """Return the key. Servers other than OpenAI's may need none."""
        given = self.api_key.get_secret_value() if self.api_key else os.environ.get("OPENAI_API_KEY")
        key = (given or "").strip()
        if key and not (key.isascii() and key.isprintable()):
            # The HTTP client would refuse it as well, and show it.
            raise MalformedKeyError
        if key:
            return key
        if self.is_official:
            raise MissingKeyError(variable="OPENAI_API_KEY")
        return "no-key"

    def open_client(self) -> "openai.AsyncOpenAI":
        """Import the package and make a client; takes half a second the first time."""
        key = self.key()
        try:
            import openai  # noqa: PLC0415 - an extra, and slow to import
        except ModuleNotFoundError as error:
            if error.name != "openai":
                raise
            raise MissingPackageError(package="openai", extra="openai") from error
        return openai.AsyncOpenAI(
            api_key=key,
            base_url=self.base,
            timeout=self.timeout,
            max_retries=self.max_retries,
            default_headers=dict(self.default_headers),
            http_client=_local_transport(openai) if self.is_plain_loopback else None,
        )


class LoopClients:
    """The clients of one connection, one per event loop that has used it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: _Kept = {}
        # The finalizer holds the clients out of the reach of the garbage collector, which would
        # tear down their sockets before they are closed.
        weakref.finalize(self, _close_later, self._kept).atexit = False

    async def get(self) -> "openai.AsyncOpenAI":
        """Return the client of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._kept:
            # In a thread: the import takes half a second, in which the loop goes on.
            client = await asyncio.to_thread(self._connection.open_client)
            if loop not in self._kept:
                self._forget_closed_loops()
                keeper = _closed_with_its_loop(client)
                await anext(keeper)
                self._kept[loop] = (client, keeper)
        return self._kept[loop][0]

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        kept = self._kept.pop(asyncio.get_running_loop(), None)
        if kept is not None:
            await kept[1].aclose()

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in tuple(self._kept) if loop.is_closed()]:
            del self._kept[loop]


def _local_transport(package: ModuleType) -> Any:
    # No proxy of the environment reaches this machine's loopback, and without TLS no certificates
    # need to be read (35 ms); so that this stays true, redirects are not followed.
    return package.DefaultAsyncHttpxClient(trust_env=False, verify=False, follow_redirects=False)


async def _closed_with_its_loop(client: "openai.AsyncOpenAI") -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await client.close()


def _close_later(kept: "_Kept") -> None:
    for loop, (_, keeper) in kept.items():
        # Its loop may end at this very moment, which closes the client as well.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_close_in_task, loop, keeper)


def _close_in_task(loop: asyncio.AbstractEventLoop, keeper: AsyncGenerator[None, None]) -> None:
    for left in [kept for kept, (its_loop, _) in tuple(_closing.items()) if its_loop.is_closed()]:
        del _closing[left]
    # A loop that ends cancels its tasks, then closes its generators: this one has to live, untouched, until then.
    _closing[keeper] = (loop, loop.create_task(_finish(keeper)))


async def _finish(keeper: AsyncGenerator[None, None]) -> None:
    # If the loop is ending, the cancellation comes here.
    await asyncio.sleep(0)
    await keeper.aclose()
    del _closing[keeper]
