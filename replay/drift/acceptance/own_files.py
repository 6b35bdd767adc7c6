"""Writes the files that a team keeps beside its code (baseline, used fields): whole, one at a time.

Its two users share the lock: a writer removes the temporary files of dead writers from a folder, so
no other writer may be at work there.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from replay.library import files


def locked(path: Path) -> AbstractContextManager[None]:
    """Hold the lock of a file's folder, between threads and processes.

    Raises:
        LibraryBusy: another process held it for two minutes.
        LibraryError: the file system refuses.
    """
    folder = os.path.realpath(path.parent)
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:24]
    # Beside other temporary files: a lock in the user's folder would be committed one day.
    user = getattr(os, "getuid", int)()
    lock = Path(tempfile.gettempdir()) / f"replay-{user}" / f"{name}.lock"
    return files.lock(lock, path.name, instead="another folder for temporary files: TMPDIR=DIR")


def write(path: Path, text: str, what: str, instead: str) -> None:
    """Replace a file's text. Even if that fails, the file has its old or its new text, complete.

    The caller holds the lock. A file that is a symbolic link stays one: its target is replaced.

    Args:
        path: the file.
        text: what the file is to hold.
        what: the file, for errors, such as ``the baseline``.
        instead: what else a person may name, for errors, such as ``another file: --baseline FILE``.

    Raises:
        LibraryError: it is write-protected, or the file system refuses; the old file is untouched.
    """
    path = Path(os.path.realpath(path))
    files.write(path, text, str(path.parent), what=what, instead=instead)
