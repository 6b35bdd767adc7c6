"""Reads the text files that a team writes or names itself: settings, policy, baseline and the like.

A name may lead to a device or a pipe, which need not end. So at most `MOST_BYTES` are read.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

MOST_BYTES = 64 << 20
"""The largest text file that is read. Stripe's OpenAPI file, the largest one in use, has 12 MB."""


_HELPS = {
    errno.EILSEQ: "save it as UTF-8",
    errno.EFBIG: "name a text file that people wrote; this one is too large to be one",
    errno.EACCES: "give this user the right to read it",
    errno.EPERM: "give this user the right to read it",
}


def reading_hint(error: OSError) -> str:
    """What to do about an error of `read_text`."""
    return _HELPS.get(error.errno or 0, "check the path")


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8, with line ends as ``\\n``.

    Raises:
        OSError: it cannot be read, is not in UTF-8, or holds more than `MOST_BYTES`; ``strerror``
            says which.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"it holds more than {MOST_BYTES >> 20} MB", str(path))
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is not text in UTF-8", str(path)) from None
    except ValueError:  # a NUL character
        raise OSError(errno.EINVAL, "this is no path", str(path)) from None
