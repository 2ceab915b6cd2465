"""The table of names: what it says is true of stepwell, and its page says what it says."""

import importlib
import re
import runpy
from pathlib import Path

import pytest

from stepwell.compat._finder import follow
from stepwell.compat._table import ModuleEntry, Table, table

ROOT = Path(__file__).resolve().parents[3]
SAID = sorted({*table().absent.values(), *table().below.values()})
PARTS = {"workflows", "callbacks", "core"}


@pytest.mark.parametrize("name", sorted(table().modules))
def test_every_lead_leads_to_something(name: str) -> None:
    entry = table().modules[name]

    for lead in entry.leads.values():
        assert follow(lead) is not None
    assert entry.part in PARTS
    assert entry.names == sorted({*entry.leads, *entry.live})


@pytest.mark.parametrize("nearest", [said for said in SAID if "stepwell." in said])
def test_every_nearest_thing_in_stepwell_is_there(nearest: str) -> None:
    for place in re.findall(r"stepwell(?:\.\w+)+", nearest):
        parts = place.split(".")
        found = importlib.import_module("stepwell")
        for count, part in enumerate(parts[1:], 2):
            try:
                found = getattr(found, part)
            except AttributeError:
                found = importlib.import_module(".".join(parts[:count]))


def test_no_name_both_leads_somewhere_and_nowhere() -> None:
    leading = {f"{entry.name}.{word}" for entry in table().modules.values() for word in entry.names}

    assert leading & set(table().absent) == set()
    assert set(table().modules) & set(table().below) <= {
        "llama_agents.workflows.context",
        "llama_agents.workflows.context.state_store",
        "llama_index.core",
        "llama_index.utils.workflow",
        "workflows.context",
        "workflows.context.state_store",
    }


def test_every_absent_name_belongs_to_a_module_that_leads_somewhere() -> None:
    assert {wanted.rpartition(".")[0] for wanted in table().absent} <= set(table().modules)


def test_every_module_has_its_package_in_the_table_or_is_at_the_top_of_a_distribution() -> None:
    lost = [
        name
        for name in table().modules
        if name.rpartition(".")[0] not in table().modules and name not in table().distributions
    ]

    assert lost == []


def test_the_page_of_deviations_lists_what_leads_nowhere() -> None:
    main = runpy.run_path(str(ROOT / "tools" / "absent_names.py"))["main"]

    assert main(["--check"]) == 0


def test_a_part_has_its_own_modules_and_no_others() -> None:
    chosen = table().chosen("callbacks")

    assert "llama_index.core.callbacks.base" in chosen
    assert "llama_index.core.callbacks" not in chosen
    assert not [name for name in chosen if name.startswith("workflows")]
    assert len(table().chosen(None)) == len(table().modules)


SMALL = Table(
    modules={"peer": ModuleEntry("peer", "core", {}), "peer.inner": ModuleEntry("peer.inner", "core", {})},
    absent={"peer.Gone": "a new thing", "peer.inner.Lost": ""},
    below={"peer": "a general thing", "peer.inner": "an inner thing"},
    distributions={},
)


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("peer.Gone", "a new thing"),
        ("peer.inner.Lost", "an inner thing"),
        ("peer.inner.deep.er", "an inner thing"),
        ("peer.other", "a general thing"),
        ("elsewhere.other", ""),
    ],
)
def test_the_nearest_thing_is_that_of_the_name_or_of_the_nearest_place_above_it(wanted: str, nearest: str) -> None:
    assert SMALL.nearest(wanted) == nearest
