"""The import hook: module names of the peer lead to stepwell's own objects, in every way one can import."""

import importlib
import itertools
import pickle
import pkgutil
import sys
import types
from importlib.util import find_spec
from typing import Any

import pytest

import stepwell
from stepwell import callbacks, errors
from stepwell.compat._finder import follow
from stepwell.compat._table import table
from stepwell.flow.codec import PickleSerializer

pytestmark = pytest.mark.usefixtures("everything")

MODULES = sorted(table().modules)


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_the_very_objects_that_its_names_lead_to(name: str) -> None:
    entry = table().modules[name]

    module = importlib.import_module(name)

    for word, lead in {**entry.leads, **entry.live}.items():
        assert getattr(module, word) is follow(lead)
    assert module.__all__ == entry.names
    assert set(entry.names) <= set(dir(module))


def test_classes_are_stepwells_own_so_that_isinstance_holds() -> None:
    names = run(
        "from workflows import Context, Workflow\n"
        "from workflows.events import Event\n"
        "from llama_index.core.workflow import Event as CoreEvent\n"
        "from llama_index.core.callbacks import CallbackManager"
    )

    assert names["Event"] is names["CoreEvent"] is stepwell.Event
    assert names["Context"] is stepwell.Context
    assert names["CallbackManager"] is callbacks.CallbackManager
    assert isinstance(stepwell.StopEvent(), names["Event"])


@pytest.mark.parametrize("order", list(itertools.permutations(["workflows.context.serializers", "workflows.events"])))
def test_submodules_are_imported_in_any_order_without_their_package(order: tuple[str, ...]) -> None:
    for name in order:
        assert importlib.import_module(name) is sys.modules[name]

    assert sys.modules["workflows"].context.serializers is sys.modules["workflows.context.serializers"]


def test_a_submodule_can_be_imported_under_another_name() -> None:
    assert run("import workflows.events as e")["e"].Event is stepwell.Event


def test_a_submodule_is_there_as_an_attribute_before_it_is_imported() -> None:
    assert run("import workflows")["workflows"].context.serializers.JsonPickleSerializer is PickleSerializer


def test_a_star_takes_what_the_module_has_and_nothing_else() -> None:
    names = run("from workflows import *")

    assert set(names) - {"__builtins__"} == {"Context", "Workflow", "catch_error", "step"}


def test_the_package_of_the_agents_is_the_same() -> None:
    names = run("from llama_agents.workflows import Workflow\nfrom llama_agents.workflows.events import StopEvent")

    assert names["Workflow"] is stepwell.Workflow
    assert names["StopEvent"] is stepwell.StopEvent


@pytest.mark.parametrize("name", ["workflows", "workflows.retry_policy", "llama_index.core.callbacks.schema"])
def test_a_spec_is_found_without_importing_the_module(name: str) -> None:
    spec = find_spec(name)

    assert spec is not None
    assert spec.name == name
    assert spec.origin == "stepwell.compat"
    assert name not in sys.modules


def test_a_namespace_that_is_nowhere_else_holds_the_modules_of_the_table() -> None:
    names = run("import llama_index.llms.openai")

    assert not hasattr(names["llama_index"], "__file__")
    assert names["llama_index"].llms.openai.OpenAI.__module__.startswith("stepwell.")


def test_modules_say_where_they_lead() -> None:
    module = importlib.import_module("workflows.testing")

    assert module.__doc__ == (
        "The module workflows.testing of LlamaIndex, put here by stepwell.compat; its names lead to stepwell.testing."
    )
    assert module.__spec__ is not None
    assert module.__spec__.name == "workflows.testing"


def test_a_module_can_be_reloaded() -> None:
    module = importlib.import_module("workflows.events")
    del module.Event

    assert importlib.reload(module).Event is stepwell.Event


def test_modules_hold_up_when_tools_walk_over_them() -> None:
    package = importlib.import_module("workflows")

    assert list(pkgutil.iter_modules(package.__path__)) == []
    assert not hasattr(package, "__wrapped__")
    assert not hasattr(package, "__file__")


def test_classes_keep_their_own_module_and_are_pickled_as_stepwells() -> None:
    event = run("from workflows.events import StopEvent")["StopEvent"](result=[1, 2])

    assert type(event).__module__ == "stepwell.flow._events"
    assert b"workflows.events" not in pickle.dumps(event)
    assert pickle.loads(pickle.dumps(event)) == event


def test_a_pickle_that_names_the_peers_class_is_read_as_stepwells() -> None:
    assert pickle.loads(b"cworkflows.events\nStopEvent\n.") is stepwell.StopEvent


# --------------------------------------------------------------------------- what leads nowhere


@pytest.mark.parametrize("wanted", sorted(table().absent))
def test_a_name_without_a_counterpart_is_an_import_error_that_says_so(wanted: str) -> None:
    module, _, name = wanted.rpartition(".")

    with pytest.raises(errors.NoCounterpartError, match=f"^{wanted} has no counterpart in stepwell") as caught:
        run(f"from {module} import {name}")

    assert caught.value.nearest
    assert "docs/deviations.md" in str(caught.value)
    assert not isinstance(caught.value, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("statement", "nearest"),
    [
        ("import workflows.server", "stepwell run FILE --json"),
        ("from workflows import server", "stepwell run FILE --json"),
        ("import workflows.runtime.types.plugin", "in the event loop that calls run()"),
        ("from workflows.client import WorkflowClient", "there is no server to talk to"),
        ("import llama_index.core.query_engine", "keeps the real llama_index.core for the rest"),
        ("from llama_index.core.agent.workflow import FunctionAgent", "examples/02_agent.py"),
    ],
)
def test_a_module_without_a_counterpart_is_not_found_and_says_why(statement: str, nearest: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="has no counterpart in stepwell") as caught:
        run(statement)

    assert isinstance(caught.value, errors.NoCounterpartModuleError)
    assert nearest in str(caught.value)


def test_a_name_that_another_module_has_is_said_to_be_there() -> None:
    with pytest.raises(ImportError, match=r"The nearest thing: retry_policy of workflows\.retry_policy\."):
        run("from workflows.decorators import retry_policy")


def test_a_misspelled_name_brings_the_right_one() -> None:
    with pytest.raises(ImportError, match=r"Did you mean StartEvent\?"):
        run("from workflows.events import StartEvnt")


def test_a_misspelled_submodule_brings_the_right_one() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"Did you mean events\?"):
        run("import workflows.event")


def test_an_attribute_without_a_counterpart_is_an_attribute_error_that_says_so() -> None:
    module = importlib.import_module("workflows.plugins")

    with pytest.raises(
        errors.NoCounterpartAttributeError, match=r"^workflows\.plugins\.basic_runtime has no counterpart"
    ):
        _ = module.basic_runtime

    assert not hasattr(module, "basic_runtime")
    assert getattr(module, "basic_runtime", None) is None


def test_other_modules_that_are_not_there_are_python_s_business() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        run("import workflowsy")

    assert type(caught.value) is ModuleNotFoundError


# --------------------------------------------------------------------------- single counterparts


def test_the_global_handler_of_the_core_is_read_and_written_where_stepwell_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callbacks.settings, "global_handler", None)
    core = importlib.import_module("llama_index.core")
    assert core.global_handler is None

    core.set_global_handler("simple")

    assert core.global_handler is callbacks.settings.global_handler
    assert isinstance(core.global_handler, callbacks.SimpleLLMHandler)
    core.global_handler = None
    assert callbacks.settings.global_handler is None
    assert "global_handler" not in vars(core)
    assert "global_handler" in dir(core)


def test_other_attributes_of_a_module_can_be_set_as_of_any_module() -> None:
    core: Any = importlib.import_module("llama_index.core")

    core.note = "mine"

    assert core.note == "mine"
    assert isinstance(core, types.ModuleType)


def test_a_metaclass_for_workflows_can_be_derived_and_every_workflow_is_an_instance() -> None:
    names = run(
        "from abc import ABCMeta\n"
        "from workflows.workflow import Workflow, WorkflowMeta\n"
        "class Meta(WorkflowMeta, ABCMeta): pass\n"
        "class Mine(Workflow, metaclass=Meta): pass"
    )

    assert isinstance(names["Mine"], names["Meta"])
    assert isinstance(stepwell.Workflow, names["WorkflowMeta"])
    assert not isinstance(stepwell.Workflow, names["Meta"])
    assert not isinstance(stepwell.Event, names["WorkflowMeta"])


def test_the_steps_of_a_class_and_of_an_instance_are_there_by_name() -> None:
    names = run(
        "from workflows import Workflow, step\n"
        "from workflows.events import StartEvent, StopEvent\n"
        "from workflows.utils import get_steps_from_class, get_steps_from_instance\n"
        "class Mine(Workflow):\n"
        "    @step\n"
        "    async def begin(self, ev: StartEvent) -> StopEvent:\n"
        "        return StopEvent()\n"
    )
    mine = names["Mine"]()

    assert names["get_steps_from_class"](names["Mine"]) == {"begin": names["Mine"].begin}
    assert names["get_steps_from_instance"](mine) == {"begin": mine.begin}
