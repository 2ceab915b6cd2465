"""Recording real traffic once, and replaying it without a network."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.errors import (
    BrokenStreamError,
    CassetteFileError,
    ModelServerError,
    RateLimitedError,
    UnrecordedRequestError,
)
from stepwell.llms import ErrorReply, RecordingServer, ReplayServer, StandIn, TextReply
from stepwell.llms.openai import OpenAI

Connect = Callable[..., OpenAI]
TEXT = "  Zwölf Boxkämpfer — 日本語 🏴‍☠️\n\n end "


async def test_what_was_streamed_is_replayed_to_the_byte(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    async with StandIn(TEXT) as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
        live = connect(recorder, api_key=upstream.key)
        recorded = [chunk async for chunk in await live.astream_complete("go")]

    async with ReplayServer(path) as replay:
        replayed = [chunk async for chunk in await connect(replay).astream_complete("go")]

    assert [chunk.raw for chunk in replayed] == [chunk.raw for chunk in recorded]
    assert replayed[-1].text == TEXT


async def test_what_was_whole_is_replayed_whole(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    async with StandIn(TEXT) as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
        recorded = await connect(recorder, api_key=upstream.key).acomplete("go")

    async with ReplayServer(path) as replay:
        assert (await connect(replay).acomplete("go")).raw == recorded.raw


async def test_no_secret_is_in_the_file(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    key, pasted = "plain-looking-key", "sk-proj-" + "a1B2" * 8
    echo = ErrorReply(status=400, message=f"your key {key} is fine")
    async with (
        StandIn(script=[echo], key=key) as upstream,
        RecordingServer(path, upstream=upstream.url) as recorder,
    ):
        with pytest.raises(ValueError, match="is fine"):
            await connect(recorder, api_key=key).acomplete(f"my key is {pasted}")

    content = path.read_text()
    assert key not in content
    assert pasted not in content
    assert "authorization" not in content.lower()


async def test_a_failure_is_recorded_with_its_retry_after(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    script = [ErrorReply(status=429, retry_after=3)]
    async with StandIn(script=script) as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
        with pytest.raises(RateLimitedError):
            await connect(recorder, api_key=upstream.key).acomplete("go")

    async with ReplayServer(path) as replay:
        with pytest.raises(RateLimitedError) as caught:
            await connect(replay).acomplete("go")

    assert caught.value.retry_after == 3


async def test_an_answer_that_broke_off_breaks_off_again(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    script = [TextReply(text="one two three", break_after=2)]
    async with StandIn(script=script) as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
        with pytest.raises(BrokenStreamError):
            [chunk async for chunk in await connect(recorder, api_key=upstream.key).astream_complete("go")]

    async with ReplayServer(path) as replay:
        with pytest.raises(BrokenStreamError) as caught:
            [chunk async for chunk in await connect(replay).astream_complete("go")]

    assert caught.value.text == "one two "


async def test_a_request_that_was_not_recorded_is_told_how_it_differs(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    async with StandIn("one") as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
        await connect(recorder, api_key=upstream.key).acomplete("go")

    async with ReplayServer(path) as replay:
        with pytest.raises(UnrecordedRequestError, match=r"messages\[0\]\.content \(recorded 'go', asked 'stop'\)"):
            await connect(replay).acomplete("stop")


async def test_recording_goes_on_where_it_ended(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    for prompt in ("one", "two"):
        async with StandIn() as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
            await connect(recorder, api_key=upstream.key).acomplete(prompt)

    assert len(json.loads(path.read_text())["exchanges"]) == 2


async def test_an_exchange_that_the_client_broke_off_is_not_kept(connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    async with StandIn(pause=0.01) as upstream, RecordingServer(path, upstream=upstream.url) as recorder:
        stream = await connect(recorder, api_key=upstream.key).astream_complete("go")
        await stream.aclose()

    assert not path.exists()


async def test_a_recorder_without_its_upstream_says_so(connect: Connect, tmp_path: Path) -> None:
    async with StandIn() as gone:
        pass
    async with RecordingServer(tmp_path / "c.json", upstream=gone.url) as recorder:
        with pytest.raises(ModelServerError, match="the recorder cannot reach"):
            await connect(recorder, api_key="x").acomplete("go")


def test_replaying_what_was_never_recorded_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(CassetteFileError, match="no such file"):
        ReplayServer(tmp_path / "missing.json")
