"""The table of names against the real packages: what it lists is there, and what is there is listed or explained."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stepwell.compat._table import table

PROGRAM = Path(__file__).with_name("peer_names.py")

# Modules of a distribution that the environment does not have.
ELSEWHERE = {"llama_index.embeddings.openai", "llama_index.embeddings.openai.base"}
TYPE_VARIABLES = {"B", "MODEL_T", "P", "R", "R_co", "T"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def there(llama_index: str) -> Any:
    """The names of each module of the table, at the peer; and all modules of its package of workflows."""
    names = json.dumps(sorted(set(table().modules) - ELSEWHERE))
    done = subprocess.run([llama_index, PROGRAM], input=names, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_module_and_name_of_the_table_is_there(there: Any) -> None:
    missing = {}
    for module, entry in table().modules.items():
        if module in ELSEWHERE:
            continue
        found = there["names"][module]
        missing[module] = (
            found if isinstance(found, str) else sorted(set(entry.names) - set(found["own"]) - set(found["further"]))
        )

    assert {module: names for module, names in missing.items() if names} == {}


def test_every_absent_name_is_one_that_is_there(there: Any) -> None:
    invented = []
    for wanted in table().absent:
        module, _, name = wanted.rpartition(".")
        found = there["names"][module]
        if name not in found["own"] and name not in found["further"]:
            invented.append(wanted)

    assert invented == []


def test_every_public_name_of_the_workflows_leads_somewhere_or_is_listed_as_absent(there: Any) -> None:
    silent = []
    for module, entry in table().modules.items():
        if entry.part != "workflows" or module in ELSEWHERE:
            continue
        expected = set(there["names"][module]["own"]) - set(entry.names) - TYPE_VARIABLES
        silent += [f"{module}.{name}" for name in expected if f"{module}.{name}" not in table().absent]

    assert sorted(silent) == []


def test_every_module_of_the_workflows_leads_somewhere_or_has_a_nearest_thing(there: Any) -> None:
    public = [name for name in there["modules"] if "._" not in name]

    assert [name for name in public if name not in table().modules and not table().nearest(name)] == []
