"""The only module of replay that opens connections: it fetches calls from the live source.

Answers are limited in size, and redirects are never followed. replay's own hooks and guard let this
traffic through because a context variable says so. That works in any import order.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from replay.config import is_loopback
from replay.errors import ConfigError, ReplayError, UpstreamError
from replay.model.cassette import Headers, Request, Response, header
from replay.stripe_api.call import API_BASE

if TYPE_CHECKING:
    import httpx

MAX_BODY = 16 * 1024 * 1024
"""The largest answer that is decoded, in bytes, before and after decompression."""

TIMEOUT = 80.0
"""Seconds to wait for a connection or for the next bytes; the SDK's own default."""

_WHOLE = 4
"""How many times as long a whole answer may take."""

# Sent on as they are; everything else that a client says about its person or machine stays here.
_PASSED_ON = ("Authorization", "Stripe-Account", "Stripe-Context")

_HINTS = {
    "Authorization": "look for a line end or a space around the key, as files often add",
    "Stripe-Account": "check the name of the connected account, such as --account acct_…",
    "Stripe-Context": "check the name of the context, such as --context acct_…",
    "Stripe-Version": "check the API version, such as --api-version 2024-06-20",
}

_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z")

_passing: ContextVar[bool] = ContextVar("replay_passing", default=False)


_fetching: ContextVar[bool] = ContextVar("replay_fetching", default=False)


def is_own_fetch() -> bool:
    """Whether the running code fetches for a recording: no mock library is to see that."""
    return _fetching.get()


@contextmanager
def _own_fetch() -> Iterator[None]:
    before = _fetching.set(True)
    try:
        yield
    finally:
        _fetching.reset(before)


def passing() -> bool:
    """Whether the running code is this module's: hooks and guard let it through."""
    return _passing.get()


@contextmanager
def pass_through(through: bool = True) -> Iterator[None]:
    """Let the calls of a block pass the hooks and the guard.

    Args:
        through: False withdraws that for an inner block.
    """
    before = _passing.get()
    _passing.set(through)
    try:
        yield
    finally:
        _passing.set(before)


class _Quiet(logging.Filter):
    """Drops the HTTP client's log records of our own fetches: they hold unredacted addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is somebody else's."""
        return not passing()


_ENCODINGS = frozenset({"br", "zstd", "compress", "x-compress", "aes128gcm", "dcb", "dcz"})
"""Encodings that a message may name: a header's text is the source's, not ours."""

_quiet = _Quiet()
_LOGGERS = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy",
    "httpcore.socks",
)  # fmt: skip


class Undecodable(ReplayError):
    """The answer's encoding could not be undone within the limits.

    Attributes:
        response: the answer as it came, still encoded, with its encoding header.
    """

    response: Response

    def __init__(self, what: str, response: Response) -> None:
        super().__init__(what)
        self.response = response


class Upstream:
    """A live source at one base URL. Safe to share between threads; connections are reused.

    Attributes:
        base: the base URL: https, or loopback.

    Raises:
        ConfigError: the environment names a proxy that cannot be used.
    """

    def __init__(self, base: str, *, timeout: float = TIMEOUT) -> None:
        import httpx

        self._longest = _WHOLE * timeout
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(_quiet)  # the same one each time: added once
        self.base = base
        host = urlsplit(base).hostname or ""
        pattern = f"all://[{host}]" if ":" in host else f"all://{host}"
        try:
            # The client reads proxies from the environment, but none stands between us and this
            # machine. It never follows a redirect, and one answer's cookies are not sent on.
            self._client = httpx.Client(
                timeout=timeout,
                follow_redirects=False,
                headers={"Accept-Encoding": "gzip, deflate", "User-Agent": "replay-cassettes"},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                mounts={pattern: None} if is_loopback(host) else None,
                verify=base.startswith("https"),  # http is loopback alone: no authorities to load
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise ConfigError(
                "the proxy that the environment names cannot be used",
                where="HTTP_PROXY, HTTPS_PROXY, ALL_PROXY",
                hint="name one such as http://proxy.example:8080; for socks5:// also: "
                "pip install httpx[socks]",
            ) from None  # the cause may quote the proxy's password

    def fetch(
        self,
        request: Request,
        target: str,
        version: str | None,
        *,
        method: str = "GET",
        form: bytes | None = None,
    ) -> Response:
        """Ask the live source for `target` on behalf of a client's request.

        The answer is decoded. A redirect is not followed, but returned like any other answer.

        Args:
            request: the client's request; only its key, account and context are sent on.
            target: path and query.
            version: the API version to ask for; None asks for the account's own.
            method: ``GET``, or ``POST`` for the few reads that are sent so.
            form: the form that a POST sends.

        Raises:
            ConfigError: the key or account holds characters that no header can carry.
            UpstreamError: it did not answer, or not in HTTP, or with more than `MAX_BODY`, or
                without end.
            Undecodable: it answered, but its content encoding could not be undone.
        """
        sent = [(name, value) for name in _PASSED_ON
                if (value := header(request.headers, name)) is not None]  # fmt: skip
        if version is not None:
            sent.append(("Stripe-Version", version))
        if form is not None:
            sent.append(("Content-Type", "application/x-www-form-urlencoded"))
        return self._ask(method, self.base + target, sent, form)

    def send(self, request: Request, host: str = "") -> Response:
        """Send a client's request on, once, with its body, key, account and idempotency key.

        Args:
            request: the request; its path, query and body are sent as they are.
            host: another host of Stripe's, such as ``files.stripe.com``; a base that is not
                Stripe's own gets all calls.

        Raises:
            ConfigError: a header holds characters that no header can carry.
            UpstreamError: the source did not answer, as for `fetch`. The call may have been made.
            Undecodable: it answered, but its content encoding could not be undone.
        """
        parts = urlsplit(request.uri)
        names = (*_PASSED_ON, "Stripe-Version", "Idempotency-Key", "Content-Type")
        sent = [(name, value) for name in names
                if (value := header(request.headers, name)) is not None]  # fmt: skip
        base = f"https://{host}" if host and self.base == API_BASE else self.base
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return self._ask(request.method, base + target, sent, request.body)

    def _ask(
        self, method: str, url: str, sent: list[tuple[str, str]], body: bytes | None
    ) -> Response:
        import httpx

        for name, value in sent:
            if not _HEADER_VALUE.match(value):
                # The client's own error would quote the value, which may be the API key.
                raise ConfigError(
                    "this request header holds characters that HTTP forbids",
                    where=name,
                    hint=_HINTS.get(name, "look for a line end or a space around its value"),
                )
        try:
            with (
                pass_through(),
                _own_fetch(),
                self._client.stream(method, url, headers=sent, content=body) as answer,
            ):
                return _read(answer, self._longest)
        except httpx.InvalidURL as error:
            raise UpstreamError(
                "the address is not valid",
                where=self.base,
                hint="look at --api-base and STRIPE_API_BASE, and at the call's path",
            ) from error
        except httpx.HTTPError as error:
            where = urlsplit(self.base).netloc
            raise UpstreamError(
                f"the live source did not answer: {_reason(error)}",
                where=where,
                hint="check the network, proxies and --api-base; nothing was recorded",
            ) from _shareable(error)

    def close(self) -> None:
        """Close all connections."""
        with pass_through():
            self._client.close()


def _quoteless(error: httpx.HTTPError) -> str:
    import httpx

    # What a source sends against the protocol is quoted behind a colon, and may be private.
    text = str(error)
    return text.partition(":")[0] if isinstance(error, httpx.RemoteProtocolError) else text


def _shareable(error: httpx.HTTPError) -> httpx.HTTPError:
    text = _quoteless(error)
    return error if text == str(error) else type(error)(text)


def _reason(error: httpx.HTTPError) -> str:
    text = _quoteless(error)
    return f"{type(error).__name__} ({text})" if text else type(error).__name__


def _read(answer: httpx.Response, longest: float) -> Response:
    raw, end = bytearray(), monotonic() + longest
    for chunk in answer.iter_raw():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise UpstreamError(
                f"the answer is larger than {MAX_BODY} bytes",
                where=str(answer.url.host),
                hint="ask for less: a smaller limit, or fewer fields to expand",
            )
        if monotonic() > end:
            raise UpstreamError(
                f"the answer did not end within {longest:g} seconds",
                where=str(answer.url.host),
                hint="replay records answers that end; stub this call if it is a stream of events",
            )
    headers: Headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw
    )
    return decoded(Response(answer.status_code, answer.reason_phrase, headers, bytes(raw)))


def decoded(whole: Response) -> Response:
    """An answer with its content encodings undone; its headers stay as they are.

    Raises:
        Undecodable: an encoding is not known, or the body is not in the encoding that it states.
    """
    named = ",".join(v for name, v in whole.headers if name.lower() == "content-encoding")
    encodings = [coding.strip().lower() for coding in named.split(",")]
    body = whole.body
    if body:  # a 204 or 304 may name an encoding of nothing
        for coding in reversed(encodings):
            if coding not in {"", "identity"}:
                body = _decoded(body, coding, whole)
    return replace(whole, body=body)


def _decoded(body: bytes, coding: str, whole: Response) -> bytes:
    if coding not in {"gzip", "x-gzip", "deflate"}:
        shown = f" {coding!r}" if coding in _ENCODINGS else ""
        raise Undecodable(f"the content encoding{shown} is not known", whole)
    try:
        try:
            return _inflated(body, 47, whole)  # gzip or zlib, told apart by their headers
        except zlib.error:
            if coding != "deflate":
                raise
            return _inflated(body, -15, whole)  # deflate without zlib's header, as some send it
    except zlib.error:
        raise Undecodable(f"the answer is not valid {coding}", whole) from None


def _inflated(body: bytes, window: int, whole: Response) -> bytes:
    inflater = zlib.decompressobj(window)
    out = inflater.decompress(body, MAX_BODY + 1)
    if len(out) > MAX_BODY:
        raise Undecodable(f"the answer unpacks to more than {MAX_BODY} bytes", whole)
    if not inflater.eof or inflater.unused_data:
        raise zlib.error("truncated, or followed by something else")
    return out
