"""The data files that ship with replay, read past whatever stands in for the file system.

pyfakefs and its like replace `os`, `io` and `pathlib` in every module that has them. The loader of
a package keeps those that it was made with. So the first call of a process may be made inside a
fake file system.
"""

from __future__ import annotations

import os
import pkgutil
import sys
from importlib.resources import files

_REAL = {"listdir": os.listdir}
"""Not an attribute of the module, which would be replaced."""


def read_text(package: str, name: str) -> str:
    """A data file of one of replay's packages.

    Args:
        package: the package's full name.
        name: the file below it, such as ``data/routes.json``.
    """
    data = pkgutil.get_data(package, name)
    assert data is not None  # noqa: S101 - every loader of a package that can hold data reads it
    return data.decode("utf-8").replace("\r\n", "\n")


def names(package: str, folder: str) -> list[str]:
    """The names of the files in a folder of one of replay's packages, in any order."""
    spec = sys.modules[package].__spec__
    places = spec.submodule_search_locations if spec is not None else None
    for place in places or ():
        try:
            return _REAL["listdir"](f"{place}/{folder}")
        except OSError:
            continue
    # The package is in an archive.
    return [entry.name for entry in files(package).joinpath(folder).iterdir()]
