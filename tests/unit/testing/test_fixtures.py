"""The fixtures, used by a test file of a stranger."""

import json
import subprocess
import sys

import pytest

from stepwell.llms import StandIn

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["stepwell.testing.fixtures"]\n'
TALK = """
    def test_talk(cassette, openai_client):
        answer = openai_client(cassette).complete("How are wells?").text
        assert answer == "Deep."
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return pytester


def run(suite: pytest.Pytester, *options: str) -> pytest.RunResult:
    return suite.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio", *options)


def record(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, said: str) -> pytest.RunResult:
    with StandIn(said) as service:
        monkeypatch.setenv("OPENAI_API_KEY", service.key)
        monkeypatch.setenv("OPENAI_BASE_URL", service.url)
        return run(suite, "--record-cassettes")


def test_a_stand_in_answers_and_is_closed_after_the_test(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import socket
        import pytest
        from urllib.parse import urlsplit

        kept = []

        def test_talk(stand_in, openai_client):
            server = stand_in("Deep.")
            kept.append(urlsplit(server.url))
            assert openai_client(server).complete("How are wells?").text == "Deep."

        def test_closed():
            with pytest.raises(OSError):
                socket.create_connection((kept[0].hostname, kept[0].port))
    """)

    run(suite).assert_outcomes(passed=2)


def test_a_cassette_is_recorded_once_and_replayed_without_the_service(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile(test_wells=TALK)

    record(suite, monkeypatch, "Deep.").assert_outcomes(passed=1)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    run(suite).assert_outcomes(passed=1)

    kept = suite.path / "cassettes" / "test_wells" / "test_talk.json"
    assert len(json.loads(kept.read_text())["exchanges"]) == 1
    assert [path.name for path in kept.parent.iterdir()] == ["test_talk.json"]


def test_recording_again_replaces_the_cassette(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.makepyfile(test_wells=TALK)
    record(suite, monkeypatch, "Shallow.").assert_outcomes(failed=1)

    record(suite, monkeypatch, "Deep.").assert_outcomes(passed=1)

    run(suite).assert_outcomes(passed=1)


def test_a_missing_cassette_is_an_error_that_says_how_to_record_it(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_wells=TALK)

    result = run(suite)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*'test_talk' has no cassette at *pytest --record-cassettes -k test_talk"])


def test_recording_without_a_key_is_an_error_that_names_the_variable(suite: pytest.Pytester) -> None:
    suite.makepyfile(test_wells=TALK)

    result = run(suite, "--record-cassettes")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*RecordingKeyError: *OPENAI_API_KEY is not set*"])


def test_parameters_that_no_file_name_takes_get_cassettes_of_their_own(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile("""
        import pytest

        @pytest.mark.parametrize("place", ["a/b", "a b"])
        def test_talk(place, cassette, openai_client):
            openai_client(cassette).complete(place)
    """)

    record(suite, monkeypatch, "Deep.").assert_outcomes(passed=2)

    assert len(list(suite.path.glob("cassettes/*/*.json"))) == 2


def test_the_room_is_entered_without_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; import stepwell.testing"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
