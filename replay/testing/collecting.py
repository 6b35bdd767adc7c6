"""Collecting: pytest looks for no tests in libraries, and no marker of ours is misspelt.

Light: the plugin's entry imports it.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import suppress

import pytest

from replay.testing.options import MARKER

_MEANT = (MARKER, "use_cassettes", "replay_cassettes")
_UNKNOWN = re.compile(r"Unknown pytest\.mark\.(\w+)")
_OBJECT = re.compile(r"(?!tests?_)(?=.*\d)(?=.*[A-Z])[a-z]{2,12}_[A-Za-z0-9]{14,}\Z")
_CASSETTE = re.compile(r"(?:\d{4}-\d\d-\d\d.*|unversioned)\.yaml\Z")


def is_library(folder: str) -> bool:
    """Whether a folder holds cassettes, and no file of any other kind that is not hidden.

    There may be thousands of folders that are called by an ID of the API's own making. Where one
    of them holds cassettes, nobody keeps tests in those beside it: they are not looked into.
    """
    found, folders = False, [folder]
    shelves: set[str] = set()
    while folders:
        here = folders.pop()
        above, _, name = here.rpartition(os.sep)
        is_object = _OBJECT.match(name) is not None
        if is_object and above in shelves:
            continue
        with suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                name = entry.name
                if name[:1] == ".":
                    continue
                if entry.is_dir():
                    if not entry.is_symlink():
                        folders.append(entry.path)
                elif _CASSETTE.match(name) is None:
                    return False
                else:
                    found = True
                    if is_object:
                        shelves.add(above)
    return found


def refuse_misspelt(warning: warnings.WarningMessage) -> None:
    """Look at what pytest says of a marker that it does not know.

    Raises:
        UsageError: the marker is ours, but for a slip.
    """
    from difflib import get_close_matches

    found = _UNKNOWN.match(str(warning.message))
    if found is not None and get_close_matches(found[1].lower(), _MEANT, cutoff=0.85):
        raise pytest.UsageError(
            f"{warning.filename}:{warning.lineno}: pytest.mark.{found[1]} is no marker of replay, "
            f"so these tests would go online: did you mean {MARKER}? (A marker of your own: list "
            "it under markers in pytest's configuration.)"
        )
