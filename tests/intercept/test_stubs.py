"""Stubs of the test's own, in every layer: what they answer is theirs, and the rest is replay's.

Mock libraries are tried by `make plugins`, each in an environment of its own.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import aiohttp
import httpcore
import httpx
import httpx2
import pytest
import requests
import stripe
import urllib3
import vcr
from support.clients import HEADERS, stripe_client
from support.shelves import copied
from support.standin import DRAFT, StandIn

import replay

READ, WRITE, STUBBED = f"/v1/invoices/{DRAFT}", "/v1/customers", "/v1/charges/ch_stub"
STUB = {"id": "stub"}

Call = Callable[[str, str, str], Any]


def record(source: StandIn, library: Path) -> None:
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        requests.get(source.url + READ, headers=HEADERS, timeout=5)


@pytest.fixture
def recorded(library: Path) -> Path:
    """A library with one invoice, recorded from a live source."""
    return copied(record, library)


def by_requests(base: str, method: str, path: str) -> Any:
    return requests.request(method, base + path, headers=HEADERS, timeout=5).json()


def by_urllib3(base: str, method: str, path: str) -> Any:
    return urllib3.PoolManager().request(method, base + path, headers=HEADERS).json()


def by_sdk(base: str, method: str, path: str) -> Any:
    client = stripe_client(base, stripe.RequestsClient())
    return _parsed(client.raw_request(method.lower(), path).data)


def _of_httpx(module: Any) -> Call:
    def ask(base: str, method: str, path: str) -> Any:
        return module.request(method, base + path, headers=HEADERS).json()

    return ask


def _of_httpx_async(module: Any) -> Call:
    def ask(base: str, method: str, path: str) -> Any:
        async def main() -> Any:
            async with module.AsyncClient(headers=HEADERS) as client:
                return (await client.request(method, base + path)).json()

        return asyncio.run(main())

    return ask


def by_aiohttp(base: str, method: str, path: str) -> Any:
    async def main() -> Any:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as client,
            client.request(method, base + path) as answer,
        ):
            return await answer.json()

    return asyncio.run(main())


def by_http_client(base: str, method: str, path: str) -> Any:
    connection = http.client.HTTPConnection(base.removeprefix("http://"))
    connection.request(method, path, headers=HEADERS)
    return json.loads(connection.getresponse().read())


def _parsed(data: Any) -> Any:
    return json.loads(data) if isinstance(data, str | bytes) else data


CALLS: dict[str, Call] = {
    "requests": by_requests,
    "urllib3": by_urllib3,
    "the SDK": by_sdk,
    "httpx": _of_httpx(httpx),
    "httpx2": _of_httpx(httpx2),
    "httpx async": _of_httpx_async(httpx),
    "httpx2 async": _of_httpx_async(httpx2),
    "aiohttp": by_aiohttp,
    "http.client": by_http_client,
}

Order = Callable[[AbstractContextManager[Any], AbstractContextManager[Any]], Iterator[None]]


@contextmanager
def _in_order(
    order: str, session: AbstractContextManager[Any], stubs: AbstractContextManager[Any]
) -> Iterator[None]:
    first, second = (session, stubs) if order == "session first" else (stubs, session)
    with ExitStack() as opened:
        opened.enter_context(first)
        opened.enter_context(second)
        yield


@pytest.fixture(params=["session first", "stubs first"])
def order(request: pytest.FixtureRequest) -> str:
    """Which of the two was there before the other."""
    return str(request.param)


def _tape(folder: Path, base: str) -> Path:
    """A cassette of vcrpy's with two recordings."""
    tape = folder / "tape.yaml"
    recordings = "".join(
        f"""
- request: {{body: null, headers: {{}}, method: {method}, uri: '{base}{path}'}}
  response:
    body: {{string: '{json.dumps(STUB)}'}}
    headers: {{Content-Type: [application/json]}}
    status: {{code: 200, message: OK}}"""
        for method, path in (("POST", WRITE), ("GET", STUBBED))
    )
    tape.write_text(f"version: 1\ninteractions:{recordings}\n", "utf-8")
    return tape


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("mode", ["none", "new_episodes"])
def test_a_cassette_of_vcrpys_answers_what_it_holds(
    name: str, mode: str, order: str, stand_in: StandIn, recorded: Path, tmp_path: Path
) -> None:
    """And replay what it does not hold, in any mode of vcrpy's, which records none of that."""
    call, tape = CALLS[name], _tape(tmp_path, stand_in.url)
    before = tape.read_text("utf-8")
    theirs = vcr.use_cassette(str(tape), record_mode=mode)
    ours = replay.use_cassettes(recorded, api_base=stand_in.url)
    with _in_order(order, ours, theirs):
        assert DRAFT == call(stand_in.url, "GET", READ)["id"]
        assert STUB == call(stand_in.url, "POST", WRITE)
        assert STUB == call(stand_in.url, "GET", STUBBED)
        assert DRAFT == call(stand_in.url, "GET", READ)["id"]
    assert before == tape.read_text("utf-8")
    assert {} == stand_in.hits


@pytest.mark.parametrize("name", CALLS)
def test_what_neither_answers_is_refused(
    name: str, order: str, stand_in: StandIn, recorded: Path, tmp_path: Path
) -> None:
    """A read that is not recorded, and a write that is not stubbed, in any mode of vcrpy's."""
    call, tape = CALLS[name], _tape(tmp_path, stand_in.url)
    for method, path, error in (
        ("GET", READ[:-1] + "x", replay.CassetteNotFound),
        ("POST", "/v1/refunds", replay.CallRefused),
    ):
        theirs = vcr.use_cassette(str(tape), record_mode="new_episodes")
        ours = replay.use_cassettes(recorded, api_base=stand_in.url)
        with pytest.raises(error), _in_order(order, ours, theirs):
            call(stand_in.url, method, path)
    assert {} == stand_in.hits


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "all"])
def test_what_replay_answers_is_not_vcrpys_where_the_client_has_a_base(
    mode: str, order: str, stand_in: StandIn, recorded: Path, tmp_path: Path
) -> None:
    """From aiohttp vcrpy gets the URL as it was given, without the client's base."""
    tape = _tape(tmp_path, stand_in.url)
    before = tape.read_text("utf-8")

    async def main() -> Any:
        async with (
            aiohttp.ClientSession(stand_in.url, headers=HEADERS) as client,
            client.get(READ) as answer,
        ):
            return await answer.json()

    theirs = vcr.use_cassette(str(tape), record_mode=mode)
    ours = replay.use_cassettes(recorded, api_base=stand_in.url)
    with _in_order(order, ours, theirs):
        assert DRAFT == asyncio.run(main())["id"]
    assert before == tape.read_text("utf-8")
    assert {} == stand_in.hits


def test_vcrpy_records_what_is_let_through(
    stand_in: StandIn, recorded: Path, tmp_path: Path
) -> None:
    """A write, with `other_calls="pass"`: the next run plays it."""
    stand_in.add(WRITE, STUB)
    tape = tmp_path / "tape.yaml"
    for name in ("requests", "httpx", "httpx async", "aiohttp"):
        tape.unlink(missing_ok=True)
        stand_in.hits.clear()
        for _ in range(2):
            with (
                replay.use_cassettes(recorded, api_base=stand_in.url, other_calls="pass"),
                vcr.use_cassette(str(tape)),
            ):
                assert STUB == CALLS[name](stand_in.url, "POST", WRITE)
                assert DRAFT == CALLS[name](stand_in.url, "GET", READ)["id"]
        assert {WRITE: 1} == stand_in.hits, name


@pytest.mark.parametrize("name", ["requests", "httpx", "httpx async", "aiohttp"])
def test_vcrpy_sees_nothing_of_what_replay_records(
    name: str, order: str, stand_in: StandIn, library: Path, tmp_path: Path
) -> None:
    """It would write the live answer down, with the key."""
    tape = tmp_path / "tape.yaml"
    ours = replay.use_cassettes(library, mode="once", api_base=stand_in.url)
    with _in_order(order, ours, vcr.use_cassette(str(tape), record_mode="new_episodes")):
        assert DRAFT == CALLS[name](stand_in.url, "GET", READ)["id"]
    assert {READ: 1} == stand_in.hits
    assert not tape.exists()


def _answer_of(module: Any) -> Callable[..., Any]:
    return lambda *_, **__: module.Response(200, json=STUB)


async def _answer_async(*_: Any, **__: Any) -> Any:
    return httpx.Response(200, json=STUB)


def _core(*_: Any, **__: Any) -> Any:
    return httpcore.Response(200, content=json.dumps(STUB).encode())


PLACES: dict[str, tuple[str, Any, str]] = {
    "httpx's transport": ("httpx.HTTPTransport.handle_request", _answer_of(httpx), "httpx"),
    "a mock of it": (
        "httpx.HTTPTransport.handle_request",
        mock.Mock(side_effect=_answer_of(httpx)),
        "httpx",
    ),
    "httpx's transport for loops": (
        "httpx.AsyncHTTPTransport.handle_async_request",
        _answer_async,
        "httpx async",
    ),
    "httpcore": ("httpcore.ConnectionPool.handle_request", _core, "httpx"),
    "a mock of httpcore": (
        "httpcore.ConnectionPool.handle_request",
        mock.Mock(side_effect=_core),
        "httpx",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_function_of_the_tests_own_wins(
    place: str, order: str, stand_in: StandIn, recorded: Path
) -> None:
    """It stands in the place of a client's function, or of one below."""
    target, stub, name = PLACES[place]
    ours = replay.use_cassettes(recorded, api_base=stand_in.url)
    with _in_order(order, ours, mock.patch(target, stub)):
        assert STUB == CALLS[name](stand_in.url, "POST", WRITE)
    assert {} == stand_in.hits


def test_what_only_watches_a_client_is_passed_by(
    order: str, stand_in: StandIn, recorded: Path
) -> None:
    """An instrumentation sees the call go through it, and replay answers."""
    seen: list[str] = []

    def watching(real: Any) -> Any:
        def handle_request(transport: Any, request: Any) -> Any:
            seen.append(request.method)
            return real(transport, request)

        return handle_request

    ours = replay.use_cassettes(recorded, api_base=stand_in.url)
    if order == "stubs first":
        watcher = mock.patch.object(
            httpx.HTTPTransport, "handle_request", watching(httpx.HTTPTransport.handle_request)
        )
        with watcher, ours:
            assert DRAFT == CALLS["httpx"](stand_in.url, "GET", READ)["id"]
    else:
        with ours, pytest.MonkeyPatch.context() as patches:
            patches.setattr(
                httpx.HTTPTransport,
                "handle_request",
                watching(httpx.HTTPTransport.handle_request),
            )
            assert DRAFT == CALLS["httpx"](stand_in.url, "GET", READ)["id"]
    assert ["GET"] == seen
    assert {} == stand_in.hits


def test_the_sdk_sees_a_stub_below_it(stand_in: StandIn, recorded: Path) -> None:
    """The short way of the Stripe SDK is not taken past one."""
    body = io.BytesIO(json.dumps(STUB).encode())
    answer = urllib3.HTTPResponse(body, status=200, preload_content=False)
    with (
        replay.use_cassettes(recorded, api_base=stand_in.url),
        mock.patch("urllib3.connectionpool.HTTPConnectionPool._make_request", return_value=answer),
    ):
        assert STUB == by_sdk(stand_in.url, "GET", READ)
