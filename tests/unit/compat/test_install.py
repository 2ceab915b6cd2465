"""Installing and uninstalling, and when it is refused."""

import importlib
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from tests.unit.compat.conftest import imported_peers

import stepwell
from stepwell import compat, errors
from stepwell.callbacks import CallbackManager, defaults
from stepwell.compat._finder import AliasFinder


def finders() -> list[AliasFinder]:
    return [finder for finder in sys.meta_path if isinstance(finder, AliasFinder)]


def distribution(site: Path, name: str, *, editable: Path | None = None) -> None:
    """Make it look as if a distribution were installed there."""
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if editable is not None:
        (folder / "direct_url.json").write_text(f'{{"url": "{editable.as_uri()}", "dir_info": {{"editable": true}}}}')


def package(place: Path, name: str, code: str = "mine = True") -> Path:
    folder = place.joinpath(*name.split("."))
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(code)
    return folder / "__init__.py"


def test_importing_stepwell_or_the_room_itself_touches_none_of_the_names() -> None:
    code = (
        "import sys; before = list(sys.meta_path); import stepwell, stepwell.compat, stepwell.llms, stepwell.testing\n"
        "assert sys.meta_path == before\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('workflows', 'llama_index')]"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_installing_twice_is_installing_once() -> None:
    compat.install()
    compat.install()

    assert len(finders()) == 1


def test_uninstalling_takes_everything_away_again() -> None:
    path, policy, source = list(sys.meta_path), CallbackManager.default_error_policy, defaults.source
    compat.install()
    importlib.import_module("llama_index.core.callbacks.base")

    compat.uninstall()

    assert sys.meta_path == path
    assert imported_peers() == []
    assert CallbackManager.default_error_policy == policy
    assert defaults.source is source
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("workflows")


def test_uninstalling_what_is_not_installed_does_nothing() -> None:
    path = list(sys.meta_path)

    compat.uninstall()

    assert sys.meta_path == path


def test_it_can_be_had_for_a_block_only() -> None:
    with compat.installed():
        assert importlib.import_module("workflows.events").Event is stepwell.Event

    assert finders() == []


def test_it_ends_with_its_block_also_when_that_fails() -> None:
    with pytest.raises(KeyError), compat.installed():
        raise KeyError("inside")

    assert finders() == []


def test_handlers_that_raise_are_heard_as_programs_for_the_peer_expect() -> None:
    with compat.installed():
        assert CallbackManager.default_error_policy == "raise"


def test_the_workflows_alone_leave_the_callbacks_as_they_are() -> None:
    policy = CallbackManager.default_error_policy

    with compat.installed("workflows"):
        assert CallbackManager.default_error_policy == policy
        assert importlib.import_module("llama_index.core.workflow").Event is stepwell.Event
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("llama_index.core.callbacks")


def test_another_part_beside_the_installed_one_is_refused() -> None:
    compat.install("workflows")

    with pytest.raises(
        errors.OtherPartInstalledError, match="has installed only='workflows' and cannot install everyth"
    ):
        compat.install()


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(
        errors.UnknownPartError, match="there is no part 'drawing'; only= takes 'workflows' or 'callbac"
    ):
        compat.install("drawing")  # type: ignore[arg-type]


def test_callbacks_alone_need_a_core_to_be_put_under() -> None:
    with pytest.raises(errors.NothingToKeepError, match="Install llama-index-core"):
        compat.install("callbacks")

    assert finders() == []


# --------------------------------------------------------------------------- what is there already


def test_it_is_refused_when_a_real_module_is_imported_already(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("workflows.events")
    real.__file__ = "/somewhere/workflows/events.py"
    monkeypatch.setitem(sys.modules, "workflows.events", real)

    with pytest.raises(
        errors.PeerImportedError, match=r"already imported from /somewhere/workflows/events\.py"
    ) as caught:
        compat.install()

    assert caught.value.modules == ("workflows.events",)
    assert finders() == []


def test_a_module_of_a_part_that_is_not_wanted_may_be_imported_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_index.core", ModuleType("llama_index.core"))

    compat.install("workflows")

    assert len(finders()) == 1


def test_it_is_refused_when_a_package_of_the_users_own_has_the_name(site: Path) -> None:
    place = package(site, "workflows")

    with pytest.raises(errors.PackageInTheWayError) as caught:
        compat.install()

    assert caught.value.place == str(place)
    assert f"import workflows finds {place}, which does not belong to llama-index-workflows" in str(caught.value)
    assert "workflows" not in sys.modules
    assert finders() == []


def test_it_is_refused_when_a_module_of_the_users_own_has_the_name(site: Path) -> None:
    (site / "workflows.py").write_text("mine = True")

    with pytest.raises(errors.PackageInTheWayError, match=r"finds .*workflows\.py"):
        compat.install()


def test_it_is_refused_in_the_working_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "workflows")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")

    with pytest.raises(errors.PackageInTheWayError):
        compat.install()


def test_it_is_refused_when_a_folder_of_the_users_has_the_name_and_code_in_it(site: Path) -> None:
    (site / "workflows").mkdir()
    (site / "workflows" / "deploy.py").write_text("")

    with pytest.raises(errors.PackageInTheWayError) as caught:
        compat.install()

    assert caught.value.place == str(site / "workflows")


def test_a_folder_of_the_name_without_code_is_in_nobodys_way(site: Path) -> None:
    (site / "workflows").mkdir()
    (site / "workflows" / "deploy.yaml").write_text("")

    compat.install()

    assert importlib.import_module("workflows").Workflow is stepwell.Workflow


def test_a_package_of_the_users_that_hides_the_whole_of_llama_index_is_refused(site: Path) -> None:
    package(site, "llama_index")

    with pytest.raises(errors.PackageInTheWayError, match="import llama_index finds"):
        compat.install()


def test_a_package_of_the_users_is_in_the_way_of_its_part_only(site: Path) -> None:
    package(site, "llama_index.llms.openai")

    compat.install("workflows")

    assert len(finders()) == 1
    assert importlib.import_module("llama_index.llms.openai").mine


def test_the_real_distribution_is_set_aside(site: Path) -> None:
    package(site, "workflows", "raise RuntimeError('the real one was imported')")
    distribution(site, "llama-index-workflows")

    compat.install()

    assert importlib.import_module("workflows").Workflow is stepwell.Workflow


def test_the_real_distribution_is_known_when_it_is_installed_from_a_checkout(
    site: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path_factory.mktemp("checkout")
    package(checkout / "src", "workflows")
    monkeypatch.syspath_prepend(checkout / "src")
    distribution(site, "llama-index-workflows", editable=checkout)

    compat.install()

    assert importlib.import_module("workflows").Workflow is stepwell.Workflow


def test_a_package_of_the_users_is_in_the_way_also_where_the_real_one_is_installed(
    site: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(site, "workflows")
    distribution(site, "llama-index-workflows")
    nearer = tmp_path_factory.mktemp("mine")
    place = package(nearer, "workflows")
    monkeypatch.syspath_prepend(nearer)

    with pytest.raises(errors.PackageInTheWayError, match=str(place)):
        compat.install()


def test_a_package_of_the_users_that_comes_into_the_way_later_is_refused_when_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compat.install()
    place = package(tmp_path, "workflows")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(errors.PackageInTheWayError, match=str(place)):
        importlib.import_module("workflows.events")


def test_other_packages_of_the_namespace_stay_where_they_are(site: Path) -> None:
    package(site, "llama_index.callbacks.lookout", "from llama_index.core.callbacks.base_handler import *")

    compat.install()

    found = importlib.import_module("llama_index.callbacks.lookout")
    assert found.BaseCallbackHandler is stepwell.callbacks.BaseCallbackHandler
    assert isinstance(found.__spec__, ModuleSpec)
    assert found.__file__ == str(site / "llama_index" / "callbacks" / "lookout" / "__init__.py")
