"""The offline stand-in: a real HTTP server on loopback that speaks OpenAI's chat-completions protocol.

It is no model and says so: in the model's name, the fingerprint, the ``Server`` header
and ``describe()``. It gives back a text word by word, so that a program shows offline
what it does with a model, through the same client and the same sockets.
"""

from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from stepwell.llms._standin_http import LoopbackServer
from stepwell.llms._standin_wire import MODEL, TextReply


@cache
def loomings() -> str:
    """Return the opening of Moby Dick (Herman Melville, 1851; public domain)."""
    return Path(__file__).with_name("loomings.txt").read_text(encoding="utf-8").rstrip("\n")


class StandIn:
    """A stand-in for a model server, started by ``with`` or ``async with``.

    ``text`` is what it answers to everything (by default the opening of Moby Dick), word
    by word with ``pause`` seconds between words. Any key but ``key`` is refused, as a real
    server would. It counts words where a model counts tokens.
    """

    def __init__(self, text: str | None = None, *, pause: float = 0.0, key: str = "stand-in-key") -> None:
        self.key = key
        self._reply = TextReply(text=loomings() if text is None else text, pause=pause)
        self._server = LoopbackServer(key=key, answer=self._answer)

    @property
    def url(self) -> str:
        """The address for ``api_base``. Known once the server is started."""
        return self._server.url

    def describe(self) -> str:
        """Say to a human what this is."""
        return (
            f"This is stepwell's offline stand-in ({MODEL}), not a model: "
            f"it replays a fixed text word by word over real HTTP, whatever it is asked."
        )

    def start(self) -> Self:
        """Start listening on a free port of loopback."""
        self._server.start()
        return self

    def close(self) -> None:
        """Stop, and cut the connections that are open. Closing twice is allowed."""
        self._server.close()

    def _answer(self, request: dict[str, object]) -> TextReply:
        del request
        return self._reply

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
