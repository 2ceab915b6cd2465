"""The options of ``stepwell run FILE``: made from the fields of the start event, each checked by its own type."""

import ast
from typing import Any

from tests.unit.cli.conftest import TYPED, CommandLine, FlowFile

FREE = """
    from stepwell import StartEvent, StopEvent, Workflow, step

    class Free(Workflow):
        @step
        async def only(self, ev: StartEvent) -> StopEvent:
            return StopEvent(result=ev.to_dict())
"""


def result_of(out: str) -> dict[str, Any]:
    result: dict[str, Any] = ast.literal_eval(out.splitlines()[-1])
    return result


def test_each_field_becomes_an_option_of_its_own_type(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TYPED)

    code, out, _ = stepwell(
        "run", name, "--topic", "x", "--count", "5", "--loud", "--color", "blue", "--limits", '{"a": 1}'
    )

    assert code == 0
    expected = {"topic": "x", "count": 5, "loud": True, "color": "blue", "tags": [], "max_words": None}
    assert result_of(out) == {**expected, "limits": {"a": 1}}


def test_a_list_field_is_given_by_repeating_its_option(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TYPED)

    _, out, _ = stepwell("run", name, "--topic", "x", "--tags", "a", "--tags", "b")

    assert result_of(out)["tags"] == ["a", "b"]


def test_an_option_may_be_spelled_with_hyphens_or_as_the_field(flow_file: FlowFile, stepwell: CommandLine) -> None:
    name = flow_file(TYPED)

    _, hyphens, _ = stepwell("run", name, "--topic", "x", "--max-words", "4")
    _, underscores, _ = stepwell("run", name, "--topic", "x", "--max_words", "4")

    assert result_of(hyphens)["max_words"] == result_of(underscores)["max_words"] == 4


def test_a_missing_field_is_a_usage_error(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, out, err = stepwell("run", flow_file(TYPED))

    assert (code, out) == (2, "")
    assert "Missing option '--topic'" in err


def test_a_mistyped_field_is_a_usage_error_that_says_what_fits(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, _, err = stepwell("run", flow_file(TYPED), "--topic", "x", "--count", "zero")

    assert code == 2
    assert "'--count': 'zero' does not fit, input should be a valid integer" in err


def test_a_value_outside_the_field_s_bounds_is_a_usage_error(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, _, err = stepwell("run", flow_file(TYPED), "--topic", "x", "--count", "0")

    assert code == 2
    assert "greater than or equal to 1" in err


def test_an_unknown_option_is_a_usage_error_with_the_near_miss(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, _, err = stepwell("run", flow_file(TYPED), "--topc", "x")

    assert code == 2
    assert "'--topc'" in err
    assert "Did you mean '--topic'?" in err


def test_help_behind_the_file_shows_its_docstrings_and_fields(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, out, _ = stepwell("run", flow_file(TYPED), "--help")

    assert code == 0
    for part in ("A flow with typed fields.", "Where it goes.", "what about", "[default: 3]", "--no-loud", "red|blue"):
        assert part in out


def test_a_start_event_without_fields_takes_any_name_as_text(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, out, _ = stepwell("run", flow_file(FREE), "--any-name", "-1", "--other=2")

    assert code == 0
    assert result_of(out) == {"any_name": "-1", "other": "2"}


def test_a_free_option_without_a_value_is_a_usage_error(flow_file: FlowFile, stepwell: CommandLine) -> None:
    code, _, err = stepwell("run", flow_file(FREE), "--topic")

    assert code == 2
    assert "--topic needs a value" in err


def test_a_rule_over_several_fields_is_a_usage_error_in_its_own_words(
    flow_file: FlowFile, stepwell: CommandLine
) -> None:
    name = flow_file("""
        from pydantic import model_validator
        from stepwell import StartEvent, StopEvent, Workflow, step

        class Go(StartEvent):
            low: int
            high: int

            @model_validator(mode="after")
            def ordered(self):
                if self.low > self.high:
                    raise ValueError("low is above high")
                return self

        class Ranged(Workflow):
            @step
            async def only(self, ev: Go) -> StopEvent:
                return StopEvent()
    """)

    code, _, err = stepwell("run", name, "--low", "2", "--high", "1")

    assert code == 2
    assert "low is above high" in err
