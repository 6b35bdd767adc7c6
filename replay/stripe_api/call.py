"""A request read as a call: which object it asks for, and how. Pure; no I/O.

A request that is not a readable call is refused here, before anything looks at a library.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from operator import itemgetter
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from replay.errors import CallRefused, ConfigError
from replay.model.cassette import Headers, ObjectKey, Request, header
from replay.stripe_api.routes import Match, Route, match, retrieved_by_id, template_of
from replay.stripe_api.versions import canonical_version

API_HOST = "api.stripe.com"
API_BASE = f"https://{API_HOST}"

BY_TEST = "run the test that makes this call with REPLAY_MODE=once"
"""What records a call that no command can name."""

_METHOD = re.compile(r"[A-Za-z]{0,9}")
_EXPAND = re.compile(r"expand(?:\[\d*\])?\Z")
_LAST_INDEX = re.compile(r"\[\d+\]\Z")
_FIELD_PATH = re.compile(r"[a-z0-9_*]+(?:\.[a-z0-9_*]+)*\Z")
_ID = re.compile(r"[^ /\\\ufffd]{1,255}\Z")  # U+FFFD: what `unquote` makes of broken UTF-8
_CONTEXT = "ctx-"
_STRIPE = len("Stripe-Version")  # and of the other two
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Call:
    """A retrieve call, or a collection call.

    Together with the API version that answers, this is the call key. Two calls that differ only in
    `pinned` may share recordings; `replay.library.lookup` says when.

    Attributes:
        route: the route that the path matched.
        key: the object or collection asked for.
        expand: the names to expand, sorted; every way to write them gives the same tuple.
        pinned: the canonical API version that the client asked for; None where it did not.
    """

    route: Route
    key: ObjectKey
    expand: tuple[str, ...] = ()
    pinned: str | None = None

    @property
    def uri(self) -> str:
        """The call's URL at Stripe's own host, in canonical form."""
        return API_BASE + self.target

    @property
    def target(self) -> str:
        """Path and query in canonical form. A POST has its parameters in `body` instead."""
        parents = tuple(quote(parent, safe="") for parent in self.key.parents)
        path = self.route.url_path(parents, quote(self.key.id, safe=""))
        return f"{path}?{self._encoded}" if self._encoded and self.body is None else path

    @property
    def body(self) -> bytes | None:
        """The form that a POST sends, in canonical form; None for a GET."""
        return self._encoded.encode("ascii") if self.route.method == "POST" else None

    @property
    def _encoded(self) -> str:
        expand = urlencode([("expand[]", name) for name in self.expand])
        return "&".join(part for part in (self.key.query, expand) if part)

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The parameters of the call, without expand."""
        return tuple(parse_qsl(self.key.query or "", keep_blank_values=True))

    def command(self, *versions: str) -> str:
        """The command that records this call."""
        if self.key.query is not None:
            return BY_TEST
        ids = "/".join(id for id in (*self.key.parents, self.key.id) if id)
        parts = ["replay", "record", self.route.resource, *([ids] if ids else [])]
        for version in versions:
            parts += ["--api-version", version]
        for name in self.expand:
            parts += ["--expand", name]
        if self.key.account:
            context = self.key.account.startswith(_CONTEXT)
            parts += ["--context", "CTX"] if context else ["--account", "ACCT"]
        return shlex.join(parts)


def account_label(account: str, context: str = "") -> str:
    """A label for the account or context that a call is made for.

    It is a digest: safe in file names, and the same on every machine.

    Args:
        account: the connected account, as ``Stripe-Account`` names it.
        context: the context, as ``Stripe-Context`` names it.

    Returns:
        ``acct-`` or, with a context, ``ctx-``, and a digest; empty without either.
    """
    if not account and not context:
        return ""
    named = f"account\0{account}\0{context}" if context else f"account\0{account}"
    kind = _CONTEXT if context else "acct-"
    return kind + hashlib.sha256(named.encode()).hexdigest()[:16]


def expand_set(uri: str) -> tuple[str, ...]:
    """The names that a URI's query asks to expand: sorted, each once, however they are written."""
    return _asked_of(uri) if "?" in uri else ()


@lru_cache(maxsize=8192)
def _asked_of(uri: str) -> tuple[str, ...]:
    query = urlsplit(uri).query
    return tuple(sorted({value for name, value in parse_qsl(query) if _EXPAND.match(name)}))


def expand_of(request: Request) -> tuple[str, ...]:
    """The names that a recorded request asks to expand, in its query or in the form of a POST."""
    return expand_set(request.uri if request.body is None else "?" + request.body.decode("ascii"))


def retrieve(
    route: Route,
    ids: Iterable[str],
    *,
    expand: Iterable[str] = (),
    version: str | None = None,
    account: str = "",
    context: str = "",
) -> Call:
    """Make a call from its parts, as the command line does.

    Raises:
        ConfigError: the number of IDs does not fit the route, or a part is malformed.
    """
    given = tuple(ids)
    if len(given) != route.parameters:
        raise ConfigError(
            f"{route.resource} takes {route.parameters} IDs, not {len(given)}",
            where=route.path,
            hint="give them in the order of the path, separated by /",
        )
    for id in given:
        if "_secret_" in id:
            raise ConfigError(
                "this is a client secret, not the ID of an object",
                where=route.path,
                hint="give the part before _secret_",
            )
        if not _ID.match(id) or not id.isprintable() or id in {".", ".."}:
            raise ConfigError(
                "this is not the ID of an object",
                where=f"{route.resource}: {id!r}",
                hint="an ID has at most 255 characters, none of them a space, slash or control",
            )
    names = tuple(sorted(set(expand)))
    for name in names:
        if not _FIELD_PATH.match(name):
            raise ConfigError(
                "this is not a field that can be expanded",
                where=f"--expand {name!r}",
                hint="name a field such as payments or data.customer",
            )
    parents, id = (given, "") if route.singleton else (given[:-1], given[-1])
    key = ObjectKey(route.resource, id, parents, account_label(account, context))
    return Call(route, key, names, canonical_version(version) if version else None)


StripeHeaders = tuple[str | None, str | None, str | None]


def stripe_headers(headers: Headers) -> StripeHeaders:
    """The first Stripe-Version, Stripe-Account and Stripe-Context of a request."""
    version = account = context = None
    for name, value in headers:
        if len(name) == _STRIPE:
            match name.lower():
                case "stripe-version" if version is None:
                    version = value
                case "stripe-account" if account is None:
                    account = value
                case "stripe-context" if context is None:
                    context = value
    return version, account, context


def read_call(request: Request, stripes: StripeHeaders | None = None) -> Call:
    """Read a request to the API as a call.

    Args:
        request: what the client sent.
        stripes: its `stripe_headers`, where the caller has read them already.

    Raises:
        CallRefused: it is a write, or a path that the route table does not know; it answers with
            a file; or its address, ID or Stripe-Version is malformed.
    """
    try:
        parts = urlsplit(request.uri)
    except ValueError:
        raise CallRefused(
            "this call's address cannot be read",
            where=_method(request),
            hint="correct the address that your code asks for",
        ) from None
    found = match(parts.path)
    method = "GET" if request.method == "HEAD" else request.method
    if found is None or method != found.route.method or found.route.file:
        if method != "GET":
            what = "writes are not recorded, and never sent unless asked for"
        elif found is not None and found.route.file:
            what = "the answer is a file, not JSON: replay cannot redact it, and does not record it"
        else:
            what = "replay does not know this read, so that nothing is sent unless asked for"
        raise CallRefused(
            what,
            where=_shown(request, found),
            hint="record the test's writes as a scenario: docs/scenarios.md\n"
            "or stub this call, or let it through to the live API: "
            "use_cassettes(other_calls='pass')",
        )
    given = _parameters(request, found, parts.query)
    expand, others = _parted(given)
    version, account, context = stripes or stripe_headers(request.headers)
    ids = (*found.parents, *([] if found.route.singleton else [found.id]))
    try:
        call = retrieve(
            found.route,
            map(unquote, ids),
            expand=expand,
            version=version,
            account=account or "",
            context=context or "",
        )
    except ConfigError as error:
        # A person may have chosen the ID: it stays out of the message.
        raise CallRefused(error.what, where=_shown(request, found), hint=error.hint) from None
    if others or found.route.collection:
        call = replace(call, key=replace(call.key, query=urlencode(others)))
    return call


_PLAIN_ID = re.compile(r"[A-Za-z0-9]{1,20}_[A-Za-z0-9]{0,99}[0-9A-Z][A-Za-z0-9]{0,99}\Z")
"""IDs that stand in a URL as they are, and are none of its words."""


@cache
def _before_id(resource: str) -> str:
    """The URL of a resource's objects without their IDs; empty where it has other IDs too."""
    route = retrieved_by_id().get(resource)
    return API_BASE + route.url_path((), "") if route and route.parameters == 1 else ""


def is_plain_get(uri: str, key: ObjectKey) -> bool:
    """Whether a URI is that of a GET by an ID alone, which stands in it as it is."""
    if key.query is not None or key.parents or not _PLAIN_ID.match(key.id):
        return False
    return uri == _before_id(key.resource) + key.id


def wrong_part(request: Request, key: ObjectKey) -> str:
    """The part of a recorded request that recording does not write for a key.

    Args:
        request: the request, as a cassette has it. It does not name the account.
        key: the key of the cassette.

    Returns:
        ``method``, ``uri`` or ``body``; empty if the request is the canonical one.
    """
    plain = is_plain_get(request.uri, key) and request.method == "GET" and request.body is None
    if plain:  # most requests, in a tenth of the time
        return ""
    try:
        found = match(urlsplit(request.uri).path)
        if found is not None and found.route.method != request.method:
            return "method"
        call = read_call(request)
    except (CallRefused, ValueError):
        return "uri"
    if request.body != call.body:
        return "body"
    same = request.uri == call.uri and replace(call.key, account=key.account) == key
    return "" if same else "uri"


def asks_for_file(request: Request) -> bool:
    """Whether the answer to a request is a file, such as the PDF of a quote."""
    found = match(urlsplit(request.uri).path)
    return request.method == "GET" and found is not None and found.route.file


def _parameters(request: Request, found: Match, query: str) -> list[tuple[str, str]]:
    """The parameters of a query, and of the form that a POST sends."""
    form = b""
    if not query and found.route.method == "GET":
        return []
    if found.route.method == "POST":
        kind = (header(request.headers, "Content-Type") or _FORM).partition(";")[0]
        if request.unread or kind.strip().lower() != _FORM:
            raise CallRefused(
                "this read is known by the form that it sends, and its body is "
                + ("a stream that only the network may read" if request.unread else "no form"),
                where=_shown(request, found),
                hint=f"send it as {_FORM}: text, bytes or a mapping",
            )
        form = request.body or b""
    try:
        parts = (part for part in (query, form.decode()) if part)
        return [
            pair
            for part in parts
            for pair in parse_qsl(part, keep_blank_values=True, errors="strict")
        ]
    except UnicodeDecodeError:
        # Replacing the broken bytes would make different calls look alike.
        raise CallRefused(
            "the parameters of this call are not UTF-8",
            where=_shown(request, found),
            hint="encode them as urllib.parse.urlencode does: UTF-8, percent-encoded",
        ) from None


def _parted(given: list[tuple[str, str]]) -> tuple[list[str], list[tuple[str, str]]]:
    """The names to expand, and the other parameters: sorted, ``a[0]`` written as ``a[]``."""
    expand: list[str] = []
    others: list[tuple[str, str, str]] = []
    for name, value in given:
        if _EXPAND.match(name) and _FIELD_PATH.match(value):
            expand.append(value)
        elif (name, value) != ("expand", ""):  # what stripe-java sends for an empty list
            index = _LAST_INDEX.search(name)
            place = index[0].zfill(12) if index else ""
            others.append((_LAST_INDEX.sub("[]", name), place, value))
    others.sort(key=itemgetter(0, 1))
    return expand, [(name, value) for name, _, value in others]


def _shown(request: Request, found: Match | None) -> str:
    # Shows the route's template, never the path itself: a person may have chosen the ID in it.
    path = found.route.path if found else template_of(urlsplit(request.uri).path)
    return f"{_method(request)} {path}"


def _method(request: Request) -> str:
    # A method may be any text, so one that HTTP has not is left out.
    return request.method if _METHOD.fullmatch(request.method) else "(another method)"
