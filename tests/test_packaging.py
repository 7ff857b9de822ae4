"""What is shipped: names, data, documents and rules that must stay in step with the code."""

import ast
import importlib
import json
import pkgutil
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import editables
import pytest
from packaging.requirements import Requirement

from stream_app import cli
from stream_app.setting_schema import schema
from stream_app.settings import Settings

TOP = Path(__file__).resolve().parent.parent
PACKAGES = ("stream_app", "scorers", "state")
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))


def settings_by_name() -> Iterator[tuple[str, ...]]:
    """Yield the path of every setting: ``("kafka",)``, ``("topics", "partitions")``, …"""
    for name, value in Settings().model_dump().items():
        inner = value if isinstance(value, dict) and name != "value_segments" else {}
        yield from ((name, str(key)) for key in inner)
        if not inner:
            yield (name,)


def sources() -> Iterator[Path]:
    """Yield every Python file of the three packages."""
    for package in PACKAGES:
        yield from sorted((TOP / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_import_names(package: str) -> None:
    assert set(packages_distributions().get(package, [])) <= {"lifecycle-scoring"}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_promises_to_export_exists_and_is_sorted_out_once(package: str) -> None:
    module = importlib.import_module(package)
    promised = getattr(module, "__all__", [])

    assert len(promised) == len(set(promised))
    assert [name for name in promised if not hasattr(module, name)] == []


def test_every_module_can_be_imported_alone() -> None:
    names = [
        found.name
        for package in PACKAGES
        for found in pkgutil.walk_packages([str(TOP / package)], f"{package}.")
        if not found.name.endswith("__main__")
    ]
    for name in names:
        importlib.import_module(name)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_is_one_file_with_a_function_of_its_name(name: str) -> None:
    assert callable(getattr(importlib.import_module(f"stream_app.commands.{name}"), name))


def test_each_file_of_a_command_is_registered() -> None:
    files = {file.stem for file in (TOP / "stream_app" / "commands").glob("*.py")}

    assert files - {"__init__"} == set(cli.COMMANDS)


def test_the_schema_of_the_configuration_is_in_step_with_the_settings() -> None:
    stored = json.loads((TOP / "config" / "lifecycle.schema.json").read_text(encoding="utf-8"))

    assert stored == schema(), "run `just schema`"


@pytest.mark.parametrize("path", list(settings_by_name()), ids=".".join)
def test_every_setting_is_explained_and_stands_in_the_deployment(path: tuple[str, ...]) -> None:
    explained = (TOP / "config" / "README.md").read_text(encoding="utf-8")
    spelled = (TOP / "config" / "lifecycle.toml").read_text(encoding="utf-8")
    deployed = (TOP / "deploy" / "compose.yaml").read_text(encoding="utf-8")

    section, key = (path[0] if len(path) > 1 else "", path[-1])
    if section:
        explained = explained.partition(f"## `[{section}]`")[2].partition("\n## ")[0]
        spelled = spelled.partition(f"\n[{section}]")[2].partition("\n[")[0]

    assert f"`{key}`" in explained or f"`[{key}]`" in explained
    assert re.search(rf"^(# |\[)?{key}\b", spelled, re.MULTILINE)
    assert f"LIFECYCLE_{'__'.join(path).upper()}" in deployed


@pytest.mark.parametrize("path", list(settings_by_name()), ids=".".join)
def test_every_setting_is_obeyed_somewhere(path: tuple[str, ...]) -> None:
    readers = [file for file in sources() if not file.name.startswith("setting")]
    names = {"kafka": "kafka|brokers", "prefix": "topic_prefix", "measures": "measures_file"}

    used = re.compile(rf"\.({names.get(path[-1], path[-1])})\b")
    assert any(used.search(file.read_text(encoding="utf-8")) for file in readers)


@pytest.mark.parametrize("path", list(settings_by_name()), ids=".".join)
def test_the_defaults_in_the_documents_are_the_ones_that_hold(path: tuple[str, ...]) -> None:
    value = Settings().model_dump(mode="json")
    for part in path:
        value = value[part]
    written = (
        value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else json.dumps(value)
    )
    explained = (TOP / "config" / "README.md").read_text(encoding="utf-8").partition("\n## ")[2]
    deployed = (TOP / "deploy" / "compose.yaml").read_text(encoding="utf-8")

    if len(path) > 1:
        explained = explained.partition(f"## `[{path[0]}]`")[2].partition("\n## ")[0]
    row = re.search(rf"^\| `{path[-1]}` \|[^|]*\| ([^|]*) \|", explained, re.MULTILINE)
    if row and value is not None and path != ("data_dir",):
        assert row[1].strip("`").replace("1e12", "1e+12") == written
    line = re.search(rf"^ +# LIFECYCLE_{'__'.join(path).upper()}: (.*?)( +#.*)?$", deployed, re.MULTILINE)
    if line and value is not None and path[-1] not in {"lifecycles", "destinations"}:
        written = ",".join(value) if isinstance(value, list) else written
        assert line[1].strip('"').replace("1e12", "1e+12") == written


def test_what_is_imported_is_declared() -> None:
    extras = PROJECT["project"]["optional-dependencies"].values()
    texts = [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in extra)]
    declared = {re.split(r"[\[<>=;~! ]", text)[0] for text in texts}
    owners = packages_distributions()
    imported = {name for file in sources() for name in imports(file)}
    foreign = {name for name in imported if name not in sys.stdlib_module_names and name not in PACKAGES}

    undeclared = {
        name
        for name in foreign
        if not declared & {owner.lower().replace("_", "-") for owner in owners.get(name, [])}
    }
    assert undeclared == set()


def imports(file: Path) -> Iterator[str]:
    """Yield the top-level name of everything that *file* imports absolutely."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_the_lock_has_hashes_names_no_index_and_covers_every_dependency() -> None:
    lock = (TOP / "requirements.lock").read_text(encoding="utf-8")
    pinned = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["test"]

    assert "://" not in lock
    assert {re.split(r"[\[<>=;~! ]", text)[0] for text in wanted} <= pinned
    assert all("--hash=sha256:" in part for part in re.split(r"\n(?=[a-z0-9-]+==)", lock.strip()))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14", "3.15"])
def test_the_lock_wants_on_each_python_what_the_project_wants(version: str) -> None:
    lock = (TOP / "requirements.lock").read_text(encoding="utf-8")
    pins = [Requirement(line) for line in re.findall(r"^([a-z0-9-]+==[^\\\n]+)", lock, re.MULTILINE)]
    here = {"python_version": version, "python_full_version": f"{version}.1"}
    pinned = {pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(here)}

    for wanted in map(Requirement, PROJECT["project"]["dependencies"]):
        assert (wanted.marker is None or wanted.marker.evaluate(here)) == (wanted.name in pinned), wanted


def test_the_wheel_carries_the_three_packages_and_the_configuration(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, TOP],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)
    data = [file for file in (TOP / "config").rglob("*") if file.is_file()]
    assert {f"stream_app/{file.relative_to(TOP)}" for file in data} <= names
    assert "stream_app/redis_scripts/changes.lua" in names


_WHERE = f"""
import importlib.util, json, sys
sys.path.append(sys.argv[1])  # what we depend on
import stream_app.cli
from stream_app.bundled import bundled
names = {(*PACKAGES, "config", "deploy", "tests")!r}
found = {{name: importlib.util.find_spec(name) for name in names}}
print(json.dumps([{{name: spec and spec.origin for name, spec in found.items()}}, str(bundled("lifecycle.toml"))]))
"""


def test_an_editable_install_imports_the_checkout_and_nothing_but_the_three_packages(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    shutil.copytree(Path(editables.__file__).parent, tmp_path / "path" / "editables")  # pip would install it
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "-e", TOP]
    subprocess.run(pip, check=True, capture_output=True)
    dependencies = tmp_path / "dependencies"
    dependencies.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name not in PACKAGES:  # whoever runs the tests may have us installed otherwise
            (dependencies / entry.name).symlink_to(entry)
    ended = subprocess.run(
        [python, "-c", _WHERE, dependencies], cwd=tmp_path, capture_output=True, text=True,
        check=True, env={"PYTHONPATH": str(tmp_path / "path"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip

    origins, configuration = json.loads(ended.stdout)
    assert origins == {
        **{name: str(TOP / name / "__init__.py") for name in PACKAGES},
        **dict.fromkeys(("config", "deploy", "tests")),
    }
    assert configuration == str(TOP / "config" / "lifecycle.toml")


def test_the_dependency_rules_hold() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    ended = subprocess.run([*command, "--no-cache"], cwd=TOP, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout


def test_ci_runs_the_commands_of_the_readme() -> None:
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    ci = (TOP / ".ci" / "run").read_text(encoding="utf-8")

    for tests in ("python -m pytest -q", "python -m pytest -q -m faults tests/faults"):
        assert f".venv/bin/{tests}\n" in readme
        assert re.search(rf"^{re.escape(tests)} [^-]*(--durations|2>&1)", ci, re.MULTILINE)
    for step in ("pip install -q --require-hashes -r requirements.lock", "pip install -q --no-deps ."):
        assert step in readme
        assert step in ci
    assert ".venv/bin/lifecycle demo" in readme


def test_every_command_stands_in_the_readme() -> None:
    readme = (TOP / "README.md").read_text(encoding="utf-8")

    assert [name for name in cli.COMMANDS if f"`lifecycle {name}" not in readme] == []


def test_files_stay_small_enough_to_read_in_one_go() -> None:
    long = {
        str(file.relative_to(TOP)): count
        for file in sources()
        if (count := len(file.read_text().splitlines())) > 350
    }

    assert long == {}


def test_no_mark_of_unfinished_work_is_left() -> None:
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|NotImplemented" + r"Error)\b")

    assert [str(file) for file in sources() if mark.search(file.read_text(encoding="utf-8"))] == []
