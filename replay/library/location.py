"""Where a library was said to be, as one path: given as such, or as a resource of a package."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from replay.errors import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def path_of(given: str | os.PathLike[str] | Traversable) -> str:
    """The path of a folder; of one inside of a zip file, the file's path with the folder's behind.

    Args:
        given: a path, or what ``importlib.resources.files`` gives.

    Raises:
        ConfigError: a resource that lies neither in one folder nor in a zip file.
    """
    if isinstance(given, str | os.PathLike):
        return os.fspath(given)
    zipfile = sys.modules.get("zipfile")  # loaded by whoever has a path in one
    if zipfile is not None and isinstance(given, zipfile.Path):
        return str(given)
    # The folder of a namespace package is made of several; of one, where it is a plain one.
    try:
        folders = {os.path.dirname(child) for child in given.iterdir()}  # type: ignore[call-overload]
    except (AttributeError, TypeError, OSError):
        folders = set()
    if len(folders) != 1:
        raise ConfigError(
            "this resource lies neither in one folder nor in a zip file",
            where=repr(given),
            hint='give a folder of a package: importlib.resources.files("package") / "cassettes"',
        )
    return str(folders.pop())
