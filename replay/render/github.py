"""GitHub's workflow commands: lines of a job's log that become annotations of a pull request."""

from __future__ import annotations

from typing import Literal

from replay.errors import printable

Level = Literal["error", "warning", "notice"]


def command(level: Level, message: str, title: str, file: str = "", line: int = 1) -> str:
    """One command, with its line break. Nothing in its parts can end it or start another.

    Args:
        level: how bad it is.
        message: its text.
        title: its heading.
        file: the file that it is about, relative to the repository; empty for none.
        line: the line of that file.
    """
    values = {"file": file, "line": str(line)} if file else {}
    shown = ",".join(
        f"{name}={_property(value)}" for name, value in {**values, "title": title}.items()
    )
    return f"::{level} {shown}::{_data(message)}\n"


def harmless(text: str) -> str:
    """Text for any line of a log: unprintable characters and starts of commands are escaped.

    Names of files come with a branch, and CI systems obey lines such as ``::error::`` and
    ``##vso[…]``.
    """
    return printable(text).replace("::", ":\\u003a").replace("##", "#\\u0023")


def _data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(escaped).replace("##", "#\\u0023")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
