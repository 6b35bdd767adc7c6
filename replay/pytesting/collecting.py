"""Keeps pytest from looking for tests in libraries: a folder per object takes it long.

Light: the plugin's entry imports it.
"""

from __future__ import annotations

import os
import re

_CASSETTE = re.compile(r"(?:\d{4}-\d\d-\d\d.*|unversioned)\.yaml\Z")


def is_library(folder: str) -> bool:
    """Whether a folder holds cassettes, and no file of any other kind that is not hidden."""
    found = False
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[:1] != "."]
        for name in names:
            if name[:1] == ".":
                continue
            if _CASSETTE.match(name) is None:
                return False
            found = True
    return found
