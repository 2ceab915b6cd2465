"""A name that is not at the top of ``stepwell`` is refused with the module that has it."""

import subprocess
import sys

import pytest

import stepwell
from stepwell.errors import MissingAttributeError, MissingNameError


def refused(name: str) -> MissingNameError:
    with pytest.raises(MissingNameError) as caught:
        exec(f"from stepwell import {name}", {})
    assert caught.value.wanted == name
    return caught.value


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("draw_all_possible_flows", "stepwell.drawing"),
        ("draw_most_recent_execution", "stepwell.drawing"),
        ("OpenAI", "stepwell.llms.openai"),
        ("CallbackManager", "stepwell.callbacks"),
        ("WorkflowTestRunner", "stepwell.testing"),
        ("JsonSerializer", "stepwell.flow.codec"),
        ("WorkflowTimeoutError", "stepwell.errors"),
        ("get_workflow_representation", "stepwell.representation"),
        ("DictState", "stepwell.runtime"),
    ],
)
def test_a_name_of_another_module_is_refused_with_that_module(name: str, home: str) -> None:
    error = refused(name)

    assert error.home == home
    assert f"Write from {home} import {name}." in str(error)


def test_a_home_in_the_engine_is_named_only_when_there_is_no_other() -> None:
    assert refused("stop_after_attempt").home == "stepwell.retry_policy"


def test_a_slip_is_refused_with_what_it_may_have_meant() -> None:
    error = refused("draw_all_posible_flows")

    assert error.home is None
    assert "draw_all_possible_flows of stepwell.drawing" in error.close
    assert "Did you mean draw_all_possible_flows of stepwell.drawing" in str(error)


def test_a_name_that_is_nowhere_is_refused_as_such() -> None:
    error = refused("Zzyzx")

    assert (error.home, error.close) == (None, ())
    assert "Neither stepwell nor any module of it has a name Zzyzx." in str(error)


def test_an_attribute_that_is_elsewhere_is_refused_with_its_module() -> None:
    with pytest.raises(MissingAttributeError, match=r"stepwell\.llms\.openai has it"):
        stepwell.OpenAI  # type: ignore[attr-defined]  # noqa: B018


def test_what_is_not_there_can_be_asked_for() -> None:
    assert not hasattr(stepwell, "OpenAI")
    assert not hasattr(stepwell, "__wrapped__")


def test_a_module_that_nobody_has_imported_is_imported_or_named() -> None:
    program = """
import stepwell
try:
    stepwell.drawing
except AttributeError as error:
    print(error)
from stepwell import drawing
print(drawing.__name__)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [
        "stepwell.drawing is a module that nobody has imported yet. Write import stepwell.drawing.",
        "stepwell.drawing",
    ]


def test_nothing_is_loaded_to_explain_names_before_somebody_asks() -> None:
    program = "import sys, stepwell; print('stepwell.errors._homes' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
