"""The path of a library: from a user's setting, and as messages show it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def path_of(given: str | os.PathLike[str] | Traversable) -> str:
    """The path of a library's folder.

    For a folder inside a zip file, this is the zip file's path followed by the folder's.

    Args:
        given: a path, or what ``importlib.resources.files`` returns.

    Raises:
        ConfigError: it is a resource that lies neither in one folder nor in a zip file.
    """
    if isinstance(given, str | os.PathLike):
        return os.fspath(given)
    zipfile = sys.modules.get("zipfile")  # who passes a `zipfile.Path` has imported it
    if zipfile is not None and isinstance(given, zipfile.Path):
        return str(given)
    # A namespace package may consist of several folders; it will do if it consists of one.
    try:
        # A Traversable need not be a path; what is none raises the TypeError.
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


def fake_files_hint(path: str | Path) -> str:
    """What to do where a fake file system hides a library; empty where no such tool is in use."""
    if "pyfakefs" not in sys.modules:
        return ""
    return (
        "the library's folder cannot be seen from here: in a fake file system (pyfakefs), "
        f"show it with\nfs.add_real_directory({str(path)!r})"
    )


def display_path(path: str | Path) -> str:
    """A path as a person would type it: relative if it is below the working directory.

    A fake file system has a working directory of its own, and the person's shell is elsewhere.
    """
    if not is_faked():
        with suppress(ValueError, OSError):
            return str(Path(path).relative_to(Path.cwd()))
    return str(path)


def is_faked() -> bool:
    """Whether a fake file system (pyfakefs) stands in for the real one just now."""
    return type(os).__module__.startswith("pyfakefs")
