"""What pytest collects: it skips libraries, and refuses tests whose marker of replay is misspelt.

Light: the plugin's entry module imports it in every pytest run.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import suppress

import pytest

from replay.testing.options import MARKER

_OUR_NAMES = (MARKER, "use_cassettes", "replay_cassettes")
_UNKNOWN = re.compile(r"Unknown pytest\.mark\.(\w+)")
_OBJECT = re.compile(r"(?!tests?_)(?=.*\d)(?=.*[A-Z])[a-z]{2,12}_[A-Za-z0-9]{14,}\Z")
_CASSETTE = re.compile(r"(?:\d{4}-\d\d-\d\d.*|unversioned)\.yaml\Z")


def is_library(folder: str) -> bool:
    """Whether a folder holds cassettes and, hidden files aside, nothing else.

    A library may have thousands of folders named after an ID that the API made. If one of them
    holds cassettes, the others beside it are not looked into.
    """
    found, folders = False, [folder]
    folders_of_objects: set[str] = set()
    while folders:
        here = folders.pop()
        above, _, name = here.rpartition(os.sep)
        is_object = _OBJECT.match(name) is not None
        if is_object and above in folders_of_objects:
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
                        folders_of_objects.add(above)
    return found


def refuse_misspelt(warning: warnings.WarningMessage) -> None:
    """Look at pytest's warning of an unknown marker.

    Raises:
        UsageError: it looks like a misspelt marker of replay's.
    """
    from difflib import get_close_matches

    found = _UNKNOWN.match(str(warning.message))
    if found is not None and get_close_matches(found[1].lower(), _OUR_NAMES, cutoff=0.85):
        raise pytest.UsageError(
            f"{warning.filename}:{warning.lineno}: pytest.mark.{found[1]} is not a marker of "
            f"replay, so these tests would go online: did you mean {MARKER}? (A marker "
            "of your own: list it under markers in pytest's configuration.)"
        )
