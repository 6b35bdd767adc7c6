"""The ASGI app: checks who asks and how, then lets the request's session answer.

Calls to the API are answered here, without a framework; `control` answers what lies below
``/_replay/``. No answer quotes the text of an unexpected exception, which may be private.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from replay.config import is_loopback
from replay.errors import Refused, ReplayError
from replay.library.location import display_path
from replay.model.cassette import Headers, Request, Response
from replay.server.control import control_app
from replay.server.error_responses import (
    INTERNAL,
    ErrorResponse,
    Lines,
    error_response,
    request_error,
)
from replay.server.journal import Journal
from replay.server.sessions import Sessions
from replay.session.overrides import BrokenConnection
from replay.session.scenario import lanes
from replay.stripe_api.call import API_BASE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 1024 * 1024
"""The largest body of a request, in bytes; a form of Stripe's API has a few hundred."""

BREAK_OFF = "replay.break_off"
"""The key, in the state of a request's scope, of its connection's `BoundedProtocol.break_off`."""

_LANE = "http"
"""The lane of all calls that name none in ``Replay-Lane``."""

_log = logging.getLogger("replay.server")

_CALL = {
    b"authorization": "Authorization",
    b"stripe-version": "Stripe-Version",
    b"stripe-account": "Stripe-Account",
    b"stripe-context": "Stripe-Context",
}
_WATCHED = frozenset(
    {*_CALL, b"host", b"origin", b"sec-fetch-site", b"replay-session", b"replay-scenario",
     b"content-length", b"transfer-encoding"}
)  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?\Z")
# Headers that the server sets itself, or that are meant for one connection only.
_HOP_BY_HOP = frozenset(
    {"connection", "content-length", "keep-alive", "proxy-authenticate", "proxy-connection", "te",
     "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip


class _ClientLeft(Exception):
    """The client left."""


class App:
    """The app.

    Args:
        sessions: who answers.
        hosts: names that a request's Host may have, beside those of loopback.
    """

    def __init__(self, sessions: Sessions, hosts: Iterable[str] = ()) -> None:
        self.sessions = sessions
        self.journal = Journal()
        self._hosts = frozenset(host.strip("[]").rstrip(".").lower() for host in hosts)
        self._control = control_app(sessions, self.journal)
        self._allowed = lru_cache(maxsize=64)(self._allows)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the app's lifespan (its start and its end)."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return  # a WebSocket: the server then refuses the handshake
        given: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _WATCHED:
                if name in given:
                    twice = request_error(
                        400, "a header is given twice", f"header {name.decode('ascii')}",
                        "send it once: a client, or a proxy before the server, adds a second one",
                    )  # fmt: skip
                    await self._refuse_request(send, twice, close=True)
                    return
                given[name] = value
        if given.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
            await self._refuse_request(send, _ENCODED, close=True)
            return
        if not self._allowed(given.get(b"host", b"")):
            await self._refuse_request(send, _FOREIGN_HOST, close=True)
            return
        path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8")
        own = path == b"/" or path.startswith(b"/_replay")
        if (b"origin" in given or b"sec-fetch-site" in given) and _foreign(given, scope, own):
            await self._refuse_request(send, _FOREIGN_ORIGIN)
            return
        try:
            if own:
                await self._control(scope, receive, send)
                return
            await self._call(scope, given, path, receive, send)
        except _ClientLeft:
            return
        except Exception as error:  # noqa: BLE001 - its text may quote what is private
            _log.error("internal error: %s at %s", type(error).__name__, _location(error))
            if not own:  # the framework has answered
                await _refuse(send, INTERNAL)

    async def _call(
        self, scope: Scope, given: dict[bytes, bytes], path: bytes, receive: Receive, send: Send
    ) -> None:
        method: str = scope["method"]
        name = given.get(b"replay-session", b"").decode("latin-1")
        scenario = given.get(b"replay-scenario", b"").decode("latin-1")
        body: bytes | None = None
        if b"content-length" in given or b"transfer-encoding" in given:
            declared = given.get(b"content-length", b"0")
            body = await _body(receive) if int(declared) <= MAX_BODY else None
            if body is None or len(body) > MAX_BODY:
                await self._refuse_request(send, _TOO_LARGE, session=name)
                return
        query: bytes = scope["query_string"]
        uri = API_BASE + path.decode("latin-1")
        if query:
            uri = f"{uri}?{query.decode('latin-1')}"
        headers = tuple(
            (_CALL[key], value.decode("latin-1")) for key, value in given.items() if key in _CALL
        )
        request = Request(method, uri, headers, body or None)
        named = None
        try:
            named = self.sessions.of(name, scenario)
            # A key may be in any header: each is looked at. A scenario has more of its own.
            if named.session.fetches or named.session.scenario is not None:
                request = replace(request, headers=_texts(scope["headers"]))
            with lanes.noted(_LANE):
                answer = await named.session.serve_async(request)
        except BrokenConnection as broken:
            break_off = scope.get("state", {}).get(BREAK_OFF)
            if break_off is None:
                await self._refuse_request(send, _NO_BREAK, session=name)
                return
            break_off(timeout=broken.timeout)
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        except (Refused, ReplayError) as raised:
            error = raised.error if isinstance(raised, Refused) else raised
            library = display_path(named.session.library.root) if named else ""
            response = error_response(error, library)
            self.count_refusal(response, named.name if named else "")
            await _refuse(send, response, head=method == "HEAD")
            return
        if not 200 <= answer.status <= 599:
            await _refuse(send, _NO_ANSWER)
            return
        self.journal.served(name, request, answer.status, answer.headers)
        await _answer(send, answer, head=method == "HEAD")

    def count_refusal(self, response: ErrorResponse, session: str = "") -> None:
        """Note a refusal, and count it.

        Args:
            response: the answer.
            session: the session that the request named. A request that could not be read, or whose
                session cannot be opened, counts in the session of requests that name none.
        """
        try:
            named = self.sessions.open.get(session) or self.sessions.of("")
        except ReplayError:
            named = None
        if named is not None:
            named.refused += 1
            named.refusals.append(response.message)
        if self.journal.missed(named.name if named else "", response):
            _log.warning("%s", response.message)

    async def _refuse_request(
        self, send: Send, response: ErrorResponse, *, session: str = "", close: bool = False
    ) -> None:
        self.count_refusal(response, session)
        await _refuse(send, response, close=close)

    def _allows(self, host: bytes) -> bool:
        text = host.decode("latin-1").lower()
        name = re.sub(r":\d*\Z", "", text).strip("[]").rstrip(".")
        return bool(name) and (is_loopback(name) or name in self._hosts)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        from anyio import to_thread

        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        try:
            await to_thread.run_sync(self.sessions.close)
        except ReplayError as error:
            _log.error("%s", error)
            await send({"type": "lifespan.shutdown.failed", "message": error.what})
        else:
            await send({"type": "lifespan.shutdown.complete"})


_FOREIGN_HOST = request_error(
    403, "this server does not answer to that host name", "header Host",
    "use http://127.0.0.1 and the port, or allow the name: replay serve --allow-host NAME",
)  # fmt: skip
_FOREIGN_ORIGIN = request_error(
    403, "a web page of another origin may not ask this server", "header Origin or Sec-Fetch-Site",
    "ask from a program: browsers are kept out on purpose",
)  # fmt: skip
_NO_ANSWER = request_error(
    500, "the recorded status ends no exchange", "response.status",
    "check the library: replay verify --deep",
)  # fmt: skip
_NO_BREAK = request_error(
    500, "this ASGI server breaks no connection", "error of an override",
    "run the app with replay serve, or give fault= or status=",
)  # fmt: skip
# Read as plain chunks, the body would not be what the client sent.
_ENCODED = request_error(
    400, "the body has an encoding other than chunked", "header Transfer-Encoding",
    "send the body with a Content-Length, or chunked and not compressed",
)  # fmt: skip
_TOO_LARGE = request_error(
    413, "the body is too large", f"over {MAX_BODY} bytes",
    "reads have small bodies or none: stub this call in your test",
)  # fmt: skip


def _texts(lines: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in lines)


def _location(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""


def _foreign(given: dict[bytes, bytes], scope: Scope, own: bool) -> bool:
    origin = given.get(b"origin")
    if origin is not None:
        scheme = str(scope.get("scheme", "http")).encode()
        return origin.lower() != scheme + b"://" + given.get(b"host", b"").lower()
    # A link to replay's page may stand on any site; nothing else may be fetched from other sites.
    linked = own and scope["method"] == "GET"
    return given[b"sec-fetch-site"] not in {b"none", b"same-origin"} and not linked


async def _body(receive: Receive) -> bytes:
    """The request's body; of one that is too large, its beginning.

    Raises:
        _ClientLeft: the client went away before the body's end.
    """
    found = b""
    while len(found) <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientLeft
        found += message.get("body", b"")
        if not message.get("more_body"):
            break
    return found


async def _refuse(
    send: Send, response: ErrorResponse, *, head: bool = False, close: bool = False
) -> None:
    # After a request that could be read two ways, or that is meant for another server, no other is
    # read from the connection.
    more = [(b"connection", b"close")] if close else []
    body = response.body
    await _send(send, response.status, [*response.headers, *more], body, len(body), head=head)


async def _answer(send: Send, answer: Response, *, head: bool) -> None:
    length = len(answer.body) + answer.withheld
    await _send(send, answer.status, _lines(answer.headers), answer.body, length, head=head)


async def _send(
    send: Send, status: int, headers: Lines, body: bytes, length: int, *, head: bool
) -> None:
    if status not in {204, 304}:  # these have neither a body nor its length
        headers.append((b"content-length", str(length).encode("ascii")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


def _lines(headers: Headers) -> Lines:
    return [line for name, value in headers if (line := _line(name, value)) is not None]


@lru_cache(maxsize=4096)
def _line(name: str, value: str) -> tuple[bytes, bytes] | None:
    # Somebody may have written a cassette's header lines by hand.
    if name.lower() in _HOP_BY_HOP or not _NAME.match(name) or not _VALUE.match(value):
        return None
    return name.lower().encode("ascii"), value.encode("ascii")
