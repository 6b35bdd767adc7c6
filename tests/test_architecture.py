"""The architecture, held by tests: floors, users of each library, sizes, lazy imports."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import replay

ROOT = Path(replay.__file__).parent
MODULES = {
    ".".join(("replay", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
}

# From the ground up. What stands on one line may not import each other, but for a package's parts.
FLOORS = """
errors
model
stripe_api
library
config
redaction
recording
session drift
upkeep vcr
render intercept importers
scan
server doctor
testing
pytest_plugin cli
__main__ __init__
"""
FLOOR = {name: n for n, line in enumerate(FLOORS.strip().splitlines()) for name in line.split()}

# The floors within drift, from the ground up. A room that is added gets a line of its own: a guide
# to the edits that findings ask for stands above acceptance; what runs comparisons at scale, or in
# another engine, stands beside the report.
FLOORS_WITHIN_DRIFT = """
observe
judge
acceptance
guide
openapi
report object_diff
doubles
"""
FLOOR_WITHIN_DRIFT = {
    name: n
    for n, line in enumerate(FLOORS_WITHIN_DRIFT.strip().splitlines())
    for name in line.split()
}

# What each part of drift and of redaction may look at, beside its own package.
ALLOWED = {
    "model": {"errors"},
    "stripe_api": {"errors", "model"},
    "library": {"errors", "model", "stripe_api"},
    "redaction": {"errors", "model", "stripe_api", "config"},
    "drift": {"errors", "model", "stripe_api", "library", "redaction"},
    "render": {"errors", "model", "stripe_api", "library", "drift"},
    "importers": {"errors", "model"},
    "scan": {
        "errors",
        "model",
        "stripe_api",
        "library",
        "config",
        "redaction",
        "upkeep",
        "render",
        "importers",
    },
}

USERS = {
    "yaml": {
        "replay.library.format.yaml_writer",
        "replay.library.format.yaml_reader",
        "replay.importers.documents",
    },
    "vcr": {"replay.intercept.vcrpy", "replay.vcr"},
    "deepdiff": {"replay.drift.object_diff"},
    "libcst": {"replay.drift.guide.rewriting"},
    "click": {"replay.cli"},
    "httpx": {"replay.recording.upstream", "replay.intercept.httpx"},
    "pytest": {"replay.pytest_plugin", "replay.testing"},
    "filelock": {"replay.library.files"},
    "tenacity": {"replay.recording.twins"},
    "rich": {"replay.cli", "replay.render"},
    "ahocorasick_rs": {"replay.redaction"},
    "tomllib": {"replay.model.strict_toml", "replay.importers.documents"},
    "urllib3": set(),
    "aiohttp": {"replay.intercept.aiohttp"},
    "starlette": {"replay.server"},
    "uvicorn": {"replay.server"},
    "httptools": {"replay.server"},
    "stripe": {"replay.session.known_fields"},  # its types, where a test overrides an answer
    "requests": set(),
}

HEAVY = {
    "yaml",
    "vcr",
    "deepdiff",
    "libcst",
    "click",
    "pytest",
    "httpx",
    "rich",
    "tenacity",
    "filelock",
    "aiohttp",
    "urllib3",
    "requests",
    "stripe",
    "ahocorasick_rs",
    "hypothesis",
    "starlette",
    "uvicorn",
    "tomllib",
    "asyncio",
    "ssl",
}


@cache
def tree(module: str) -> ast.Module:
    """A module's source, parsed."""
    return ast.parse(MODULES[module].read_text("utf-8"))


@cache
def imported(module: str, *, at_import: bool = False) -> frozenset[str]:
    """The dotted names that a module imports; `at_import` leaves out what runs later or never."""
    return frozenset(_imported(module, at_import=at_import))


def _imported(module: str, *, at_import: bool) -> Iterator[str]:
    nodes: list[ast.AST] = [tree(module)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            source = str(node.module)
            for alias in node.names:
                full = f"{source}.{alias.name}"
                yield full if full in MODULES else source
        if at_import:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                nodes.extend(node.orelse)
                continue
        nodes.extend(ast.iter_child_nodes(node))


def ours(module: str, *, at_import: bool = False) -> set[str]:
    """The modules of replay that a module imports, but for the public face's lazy names."""
    found = {
        name for name in imported(module, at_import=at_import) if name.split(".")[0] == "replay"
    }
    return found - {module}


def part(module: str) -> str:
    """The part of replay that a module is, or belongs to."""
    return module.split(".")[1] if "." in module else "__init__"


def test_modules_are_found() -> None:
    """The tests look at the real package."""
    assert {
        "replay",
        "replay.errors",
        "replay.library.format.codec",
        "replay.cli.main",
    } < MODULES.keys()
    assert "yaml" in imported("replay.library.format.yaml_writer")
    assert "httpx" in imported("replay.recording.upstream")
    assert "httpx" not in imported("replay.recording.upstream", at_import=True)


def test_imports_point_down() -> None:
    """A module imports from floors below its own, or from its own package."""
    for module in MODULES:
        own = part(module)
        for name in ours(module):
            assert part(name) == own or FLOOR[part(name)] < FLOOR[own], f"{module} imports {name}"


def test_imports_within_drift_point_down() -> None:
    """Observing knows nothing of judging, judging nothing of what a team accepts, and so on."""
    within = [m for m in MODULES if m.startswith("replay.drift.")]
    assert within
    for module in within:
        own = module.split(".")[2]
        for name in set(ours(module)).intersection(within):
            other = name.split(".")[2]
            below = FLOOR_WITHIN_DRIFT[other] < FLOOR_WITHIN_DRIFT[own]
            assert other == own or below, f"{module} imports {name}"


def test_every_room_of_drift_has_a_floor() -> None:
    """A new room is given a place before it is used, and no floor is for nobody."""
    rooms = {module.split(".")[2] for module in MODULES if module.startswith("replay.drift.")}
    assert rooms == FLOOR_WITHIN_DRIFT.keys()


def test_pure_parts_look_at_little() -> None:
    """Redaction, drift and their like know nothing of sessions, networks or each other's users."""
    for own, allowed in ALLOWED.items():
        modules = [m for m in MODULES if part(m) == own]
        assert modules, own
        for module in modules:
            seen = {part(name) for name in ours(module)} - {own} - allowed
            assert not seen, f"{module} imports {seen}"


def test_no_cycles() -> None:
    """No module imports itself by way of others, not even later."""
    graph = {module: ours(module) for module in MODULES if module != "replay"}
    order = list(TopologicalSorter(graph).static_order())
    assert set(graph) <= set(order)


def test_every_part_has_a_floor() -> None:
    """A new part is given a place before it is used, and no floor is for nobody."""
    assert {part(module) for module in MODULES} == FLOOR.keys()


@pytest.mark.parametrize("library", USERS)
def test_users(library: str) -> None:
    """Each library is imported in its own place only."""
    users = {m for m in MODULES if any(n.split(".")[0] == library for n in imported(m))}
    homes = USERS[library]
    assert set() == {m for m in users if not any(m == h or m.startswith(h + ".") for h in homes)}
    for home in homes - {"replay.intercept.httpx", "replay.intercept.aiohttp", "replay.render"}:
        assert any(m == home or m.startswith(home + ".") for m in users), f"{home} does not use it"


def test_each_says_what_it_is() -> None:
    """A module's first words say what it is."""
    assert [] == [module for module in MODULES if not ast.get_docstring(tree(module))]


def test_few_loose_modules() -> None:
    """What lies beside the rooms is what users import or run, the settings and the errors."""
    loose = {path.stem for path in ROOT.glob("*.py")}
    assert {"__init__", "__main__", "config", "errors", "pytest_plugin", "vcr"} == loose


def run(code: str, *arguments: str) -> str:
    """The output of a fresh interpreter that has the checked package on its path."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent)},
    )  # fmt: skip
    return done.stdout


def loaded(code: str, *arguments: str) -> set[str]:
    """The top-level modules that `code` loads in a fresh interpreter, beyond the bare one's."""
    before = "import sys, json\nbefore = set(sys.modules)"
    after = "print('\\n' + json.dumps([*set(sys.modules) - before]))"
    output = run(f"{before}\n{code}\n{after}", *arguments)
    names: list[str] = json.loads(output.splitlines()[-1])
    return {name.partition(".")[0] for name in names}


def test_import_is_light() -> None:
    """`import replay` loads no library at all."""
    assert set() == HEAVY & loaded("import replay")
    assert {"replay"} >= {n for n in loaded("import replay") if n not in sys.stdlib_module_names}


def test_each_name_is_lazy() -> None:
    """The errors and record modes come without any library, and a decorator without clients."""
    assert set() == HEAVY & loaded(
        "from replay import RecordMode, ReplayError, CassetteNotFound, pseudonym"
    )
    clients = {
        "httpx",
        "aiohttp",
        "urllib3",
        "requests",
        "vcr",
        "stripe",
        "rich",
        "click",
        "deepdiff",
        "tenacity",
    }
    assert set() == clients & loaded("from replay import use_cassettes, Library")


def test_replaying_session_is_light() -> None:
    """A session that only replays loads what reads cassettes, and nothing to record with."""
    code = "import os\nos.mkdir('cassettes')\nimport replay\nwith replay.use_cassettes(): pass"
    assert set() == loaded(code) & {
        "httpx",
        "vcr",
        "deepdiff",
        "rich",
        "click",
        "tenacity",
        "filelock",
        "aiohttp",
    }


MAIN = """
from replay.cli.main import main
sys.argv = ["replay", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""


def test_pytest_plugin_is_light() -> None:
    """The plugin's entry, which every pytest run of a project imports, loads pytest alone."""
    found = loaded("import pytest; before |= set(sys.modules)\nimport replay.pytest_plugin")
    assert set() == {name for name in found if name not in sys.stdlib_module_names} - {"replay"}
    assert set() == HEAVY & found


def test_help_is_light() -> None:
    """`replay --help` loads the command line and nothing that commands need."""
    found = loaded(MAIN, "--help")
    assert "click" in found
    assert set() == (HEAVY - {"click"}) & found


def test_a_comparison_is_light(tmp_path: Path) -> None:
    """`replay diff` loads nothing that only a look at one object needs."""
    found = loaded(
        MAIN.replace("not stop.code", "stop.code == 3"), "diff", "--library", str(tmp_path)
    )
    assert "replay" in found
    assert set() == {"deepdiff", "libcst", "httpx", "vcr", "tenacity", "starlette"} & found


@pytest.mark.parametrize("command", ["list", "show", "record", "serve"])
def test_help_of_commands_is_light(command: str) -> None:
    """A command's help loads nothing that draws, records or compares."""
    assert set() == {"httpx", "rich", "deepdiff", "vcr", "tenacity", "uvicorn"} & loaded(
        MAIN, command, "--help"
    )
