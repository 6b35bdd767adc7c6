"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from replay.call import Call, retrieve
from replay.errors import ConfigError
from replay.library import Library
from replay.routes import Route

_DATED = re.compile(r"\d{4}-\d\d-\d\d(?:\.[a-z0-9_]+)?(?:;.*)?\Z|unversioned\Z")

F = TypeVar("F", bound=Callable[..., Any])

library_option: Callable[[F], F] = click.option(
    "--library",
    metavar="DIR",
    help="The library: a folder, or one in a zip file. [default: REPLAY_LIBRARY, the "
    "configuration's, or cassettes]",
)

format_option: Callable[[F], F] = click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the result.",
)


def open_library(path: str | None) -> Library:
    """The library of the ``--library`` option, which must exist.

    Raises:
        ConfigError: it does not.
    """
    from replay.config import resolve

    library = Library(resolve(library=path, mode="none").library)
    library.require()
    return library


def call_of(
    route: Route,
    id: str,
    *,
    version: str | None = None,
    expand: tuple[str, ...] = (),
    account: str = "",
) -> Call:
    """The call of an ID argument; a nested object's is written ``parent/id``.

    Raises:
        ConfigError: it does not fit the resource.
    """
    if version is not None and not _DATED.match(version):
        raise ConfigError(
            "this is no API version",
            where=f"--api-version {version!r}",
            hint="a version looks like 2024-06-20 or 2025-03-31.basil",
        )
    ids = [part for part in id.split("/") if part]
    return retrieve(route, ids, expand=expand, version=version, account=account)
