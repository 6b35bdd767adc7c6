"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import click

from replay.config import resolve
from replay.errors import ConfigError
from replay.library import Library
from replay.library.library import storage_of
from replay.stripe_api.call import Call, account_label, retrieve
from replay.stripe_api.prefixes import types_by_prefix
from replay.stripe_api.routes import Route, by_name, types_elsewhere
from replay.stripe_api.versions import checked_version


class _Rate(click.FloatRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        rate = super().convert(value, param, ctx)
        if math.isnan(rate):  # NaN passes both comparisons of FloatRange
            self.fail(f"{value!r} is not a number of calls.", param, ctx)
        return rate


RATES = _Rate(min=0.1, max=1000)
"""The type of ``--rate``: calls per second."""

RATE = 20.0
"""Calls per second: below the 25 that Stripe allows in test mode."""

F = TypeVar("F", bound=Callable[..., Any])


class OneOf(click.Choice[str]):
    """A choice of words; a word that is none of them is told which one is near."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word, if it is one of them."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            from difflib import get_close_matches

            near = get_close_matches(str(value).lower(), self.choices, n=1)
            if not near:
                raise
            message = f"{error.message} Did you mean {near[0]!r}?"
            raise click.BadParameter(message, ctx, param) from None


library_option: Callable[[F], F] = click.option(
    "--library",
    metavar="DIR",
    help="The library: a folder, or one in a zip file. [default: REPLAY_LIBRARY, the "
    "configuration's, or cassettes]",
)

format_option: Callable[[F], F] = click.option(
    "--format",
    "format_",
    type=OneOf(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print the result.",
)

api_base_option: Callable[[F], F] = click.option(
    "--api-base",
    metavar="URL",
    help="The live source. [default: STRIPE_API_BASE, the configuration's, or "
    "https://api.stripe.com]",
)

allow_live_option: Callable[[F], F] = click.option(
    "--allow-live", is_flag=True, help="Allow live-mode keys and live-mode data."
)

rate_option: Callable[[F], F] = click.option(
    "--rate",
    type=RATES,
    default=RATE,
    show_default=True,
    help="Make at most this many calls per second.",
)


def open_library(path: str | None, *, with_evidence: bool = False) -> Library:
    """The library of the ``--library`` option, which must exist.

    Args:
        path: the option's value.
        with_evidence: whether its `paths` and `cassettes` include the evidence, see `Library`.

    Raises:
        ConfigError: there is no such folder.
    """
    config = resolve(library=path, mode="none")
    library = Library(config.library, with_evidence=with_evidence, follow_links=config.follow_links)
    storage_of(library).require()
    return library


def api_key() -> str:
    """The API key, which comes from the environment alone.

    Raises:
        ConfigError: there is none.
    """
    key = os.environ.get("STRIPE_API_KEY", "").strip()
    if not key:
        raise ConfigError(
            "there is no API key",
            where="environment variable STRIPE_API_KEY",
            hint="export STRIPE_API_KEY=<a restricted test-mode key that may read>",
        )
    return key


def accounts_by_label(
    accounts: Sequence[str], contexts: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """The accounts and contexts that options name, by the labels that recordings have of them.

    A recording may be of an account, of a context, or of one of each: all of these have labels.
    """
    return {
        account_label(account, context): (account, context)
        for account in ("", *accounts)
        for context in ("", *contexts)
        if account or context
    }


def version_of(text: str, where: str) -> str:
    """An API version that an argument names, in its canonical spelling.

    Raises:
        ConfigError: it is not an API version.
    """
    return checked_version(text, where)


def require_own(route: Route, id: str, command: str) -> None:
    """Make sure that an ID argument is none of another resource, and not an address or several IDs.

    The source would answer a 404 to it.

    Args:
        route: the route of the resource.
        id: the ID, with those of its parents before it, as in ``cus_…/card_…``.
        command: the command, for the error.

    Raises:
        ConfigError: it is; the hint has the command that was meant.
    """
    where = f"replay {command} {route.resource}"
    own = id.rpartition("/")[2]
    if "://" in id or id.startswith(("/v1/", "/v2/")):
        own = own.partition("?")[0]
        raise ConfigError(
            "this is an address, not an ID", where=where, hint=f"{where} {shlex.quote(own)}"
        )
    several = id.split(",")
    if len(several) > 1 and all(map(types_by_prefix, several)):
        raise ConfigError(
            "these are several IDs", where=where, hint=f"{where} {shlex.join(several)}"
        )
    types = types_elsewhere(route, own)
    if not types:
        return
    meant = [
        f"replay {command} {other.resource} " + "PARENT/" * (other.parameters - 1) + own
        for other in _routes_of(types)
    ]
    raise ConfigError(
        f"{own} is the ID of another resource: {' or '.join(types)}",
        where=where,
        hint="\n".join(meant) or f"name an ID of {route.resource}",
    )


def _routes_of(types: tuple[str, ...]) -> Iterator[Route]:
    for type_ in types:
        with suppress(ConfigError):
            if not (route := by_name(type_)).singleton:
                yield route


confirm_option = click.option(
    "--confirm/--no-confirm", default=True, show_default=True,
    help="Where two versions of an object differ, fetch the earlier one once more: only what its "
    "second answer confirms is surely due to the version. One more call for each such object.",
)  # fmt: skip


def call_of(
    route: Route,
    id: str,
    *,
    version: str | None = None,
    expand: tuple[str, ...] = (),
    account: str = "",
    context: str = "",
) -> Call:
    """The call of an ID argument; a nested object's is written ``parent/id``.

    Raises:
        ConfigError: the resource has more IDs, or fewer.
    """
    if version is not None:
        version = version_of(version, "--api-version")
    ids = [part for part in id.split("/") if part]
    return retrieve(route, ids, expand=expand, version=version, account=account, context=context)
