"""The data files that ship with replay, read past whatever stands in for the file system.

pyfakefs and its like replace `os`, `io`, `open` and `pathlib` in every module that has them, in
pytest's loader of modules too. Here are those of before. So the first call of a process may be
made inside a fake file system.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

_REAL: dict[str, Any] = {"listdir": os.listdir, "open": open}
"""Not attributes of the module, which would be replaced."""


def read_text(package: str, name: str) -> str:
    """A data file of one of replay's packages.

    Args:
        package: the package's full name.
        name: the file below it, such as ``data/routes.json``.
    """
    for place in _places(package):
        try:
            with _REAL["open"](f"{place}/{name}", encoding="utf-8") as file:
                text: str = file.read()
                return text
        except OSError:
            continue
    # The package is in an archive.
    data = pkgutil.get_data(package, name)
    assert data is not None  # noqa: S101 - every loader of a package that can hold data reads it
    return data.decode("utf-8").replace("\r\n", "\n")


def names(package: str, folder: str) -> list[str]:
    """The names of the files in a folder of one of replay's packages, in any order."""
    for place in _places(package):
        try:
            found: list[str] = _REAL["listdir"](f"{place}/{folder}")
        except OSError:
            continue
        return found
    # The package is in an archive.
    return [entry.name for entry in files(package).joinpath(folder).iterdir()]


def _places(package: str) -> Iterable[str]:
    spec = importlib.import_module(package).__spec__
    return (spec.submodule_search_locations or ()) if spec is not None else ()
