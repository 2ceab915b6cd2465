"""The main job's promise: what a model sends is there while it is still sending."""

import pytest

from stepwell.cli._essay import Begin, EssayWorkflow, Progress
from stepwell.llms import StandIn

WORDS = 40


async def test_the_first_chunk_is_delivered_while_the_model_is_still_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    with StandIn(" ".join(f"word{number}" for number in range(WORDS)), pause=0.02) as server:
        monkeypatch.setenv("OPENAI_API_KEY", server.key)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        sent_when_it_came: dict[str, int] = {}
        handler = EssayWorkflow(timeout=30).run(start_event=Begin())

        async for event in handler.stream_events():
            if isinstance(event, Progress) and event.msg.startswith("word"):
                sent_when_it_came[event.msg.strip()] = server.calls[0].words_sent

        text = await handler
    assert sent_when_it_came["word0"] < WORDS / 2
    assert sent_when_it_came["word10"] < WORDS
    assert len(sent_when_it_came) == server.calls[0].words_sent == WORDS
    assert text.split() == list(sent_when_it_came)
