"""Which scenarios have lost their test: its file, class or function is gone. Nothing is imported.

A scenario is named by the node ID of its test from the root of the project. The test's file is
parsed; a class that takes its tests from another one, and functions that code makes, count as
there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def lost_tests(names: Iterable[str], folders: Iterable[Path]) -> Mapping[str, str]:
    """The scenarios whose test is gone: name -> what is gone, as a person would say it.

    Without a folder that has one of the tests' files, nothing is said: the tests are elsewhere.

    Args:
        names: the names of scenarios; those that are no node ID have no test.
        folders: where the root of the project may be; the first that has a test's file is it.
    """
    tests = [name for name in names if "::" in name]
    root = _root(tests, folders)
    if root is None:
        return {}
    known: dict[str, list[ast.stmt] | str] = {}
    lost: dict[str, str] = {}
    for name in tests:
        file, *parts = _parts(name)
        if file not in known:
            known[file] = _parsed(root / file)
        code = known[file]
        gone = code if isinstance(code, str) else _missing(code, parts)
        if gone:
            lost[name] = gone
    return lost


def _root(tests: Iterable[str], folders: Iterable[Path]) -> Path | None:
    files = {_parts(name)[0] for name in tests}
    for folder in folders:
        if any((folder / file).is_file() for file in files):
            return folder
    return None


def _parts(name: str) -> list[str]:
    """The file, the classes and the function of a node ID, without the values of parameters."""
    return name.partition("[")[0].split("::")


def _parsed(file: Path) -> list[ast.stmt] | str:
    """The file's statements; else what is gone, or nothing if the file may have any test."""
    if not file.exists():
        return f"{file.name} is gone"
    if file.suffix != ".py":
        return ""
    try:
        return ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


def _missing(inside: list[ast.stmt], parts: list[str]) -> str:
    """What is gone of a class and function inside a file; empty if they are there."""
    for part in parts:
        found = _definition(inside, part)
        if found is None:
            return "" if _may_have(inside, part) else f"{part} is gone"
        if not isinstance(found, ast.ClassDef):
            return ""
        if any(not _is_plain_base(base) for base in found.bases):
            return ""  # its tests may be another class's
        inside = found.body
    return ""


def _is_plain_base(base: ast.expr) -> bool:
    """Whether a base class has no tests of its own."""
    name = ast.unparse(base).rpartition(".")[2]
    return name in {"object", "TestCase", "IsolatedAsyncioTestCase"}


def _definition(body: list[ast.stmt], name: str) -> ast.stmt | None:
    for one in _statements(body):
        if isinstance(one, _DEFINITIONS) and one.name == name:
            return one
    return None


def _may_have(body: list[ast.stmt], name: str) -> bool:
    """Whether a name may be there without a definition: assigned, or imported."""
    for one in _statements(body):
        if isinstance(one, ast.ImportFrom | ast.Import) and any(
            alias.name == "*" or name == (alias.asname or alias.name) for alias in one.names
        ):
            return True
        targets = one.targets if isinstance(one, ast.Assign) else ()
        if any(isinstance(node, ast.Name) and node.id == name for target in targets
               for node in ast.walk(target)):  # fmt: skip
            return True
    return False


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body, and of what stands under its conditions."""
    for one in body:
        yield one
        if isinstance(one, _DEFINITIONS):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(one, field, []))
        for handler in getattr(one, "handlers", []):
            yield from _statements(handler.body)
