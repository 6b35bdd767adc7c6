"""What clients send with a read that is a POST: every form is a call of its own, or is refused."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import httpx
import pytest
import requests
from support.clients import HEADERS
from support.standin import StandIn, generated, invoice

import replay

PREVIEW_PATH = "/v1/invoices/create_preview"
FORMS = [{"customer": generated("cus", name)} for name in ("a", "b")]


@pytest.fixture
def previews(stand_in: StandIn) -> StandIn:
    """A source that answers each preview with another ID."""

    def preview(version: str, expand: list[str]) -> Any:
        id = f"upcoming_in_1Abc2Def3Ghi{sum(stand_in.hits.values())}"
        return {**invoice(generated("in", "preview"), version), "id": id}

    stand_in.objects[PREVIEW_PATH] = stand_in.objects["/v1/invoices"] = preview
    return stand_in


def _requests(url: str, data: Any) -> Any:
    return requests.post(url, data=data, headers=HEADERS, timeout=5).json()


def _httpx(url: str, data: Any) -> Any:
    return httpx.post(url, headers=HEADERS, **data).json()


def _aiohttp(url: str, data: Any) -> Any:
    async def ask() -> Any:
        async with (
            aiohttp.ClientSession(headers=HEADERS) as client,
            client.post(url, **data()) as answer,
        ):
            return await answer.json()

    return asyncio.run(ask())


def _http_client(url: str, data: Any, **headers: str) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    try:
        connection.request("POST", parts.path, data, {**HEADERS, **headers})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _chunks(form: dict[str, str]) -> Iterator[bytes]:
    yield from (b"customer=", form["customer"].encode())


def _fields(form: dict[str, str], **options: Any) -> aiohttp.FormData:
    data = aiohttp.FormData(**options)
    for name, value in form.items():
        data.add_field(name, value)
    return data


def _encoded(form: dict[str, str]) -> bytes:
    return urlencode(form).encode()


Ask = Callable[[str, dict[str, str]], Any]

READ: dict[str, Ask] = {
    "requests mapping": _requests,
    "requests pairs": lambda url, form: _requests(url, list(form.items())),
    "requests text": lambda url, form: _requests(url, urlencode(form)),
    "requests bytearray": lambda url, form: _requests(url, bytearray(_encoded(form))),
    "httpx mapping": lambda url, form: _httpx(url, {"data": form}),
    "httpx stream": lambda url, form: _httpx(url, {"content": _chunks(form)}),
    "aiohttp mapping": lambda url, form: _aiohttp(url, lambda: {"data": form}),
    "aiohttp pairs": lambda url, form: _aiohttp(url, lambda: {"data": list(form.items())}),
    "aiohttp form": lambda url, form: _aiohttp(url, lambda: {"data": _fields(form)}),
    "aiohttp text": lambda url, form: _aiohttp(url, lambda: {"data": urlencode(form)}),
    "aiohttp bytearray": lambda url, form: _aiohttp(
        url, lambda: {"data": bytearray(_encoded(form))}
    ),
    "http.client bytes": lambda url, form: _http_client(url, _encoded(form)),
    "http.client chunks": lambda url, form: _http_client(url, _chunks(form)),
    "http.client file": lambda url, form: _http_client(url, io.BytesIO(_encoded(form))),
}

REFUSED: dict[str, Ask] = {
    "requests stream": lambda url, form: _requests(url, _chunks(form)),
    "requests file": lambda url, form: _requests(url, io.BytesIO(_encoded(form))),
    "requests multipart": lambda url, form: requests.post(
        url, files=form, headers=HEADERS, timeout=5
    ).json(),
    "requests json": lambda url, form: requests.post(
        url, json=form, headers=HEADERS, timeout=5
    ).json(),
    "httpx json": lambda url, form: _httpx(url, {"json": form}),
    "aiohttp file": lambda url, form: _aiohttp(url, lambda: {"data": io.BytesIO(_encoded(form))}),
    "aiohttp multipart": lambda url, form: _aiohttp(
        url, lambda: {"data": _fields(form, default_to_multipart=True)}
    ),
    "aiohttp json": lambda url, form: _aiohttp(url, lambda: {"json": form}),
    "http.client no UTF-8": lambda url, form: _http_client(url, b"customer=\xff"),
    "http.client broken chunks": lambda url, form: _http_client(
        url, b"customer=", **{"Transfer-Encoding": "chunked"}
    ),
}


@pytest.mark.parametrize("ask", READ.values(), ids=READ)
def test_each_form_is_answered_with_its_own_preview(
    ask: Ask, previews: StandIn, library: Path
) -> None:
    """However a client is given a form, another form is another call."""
    with replay.use_cassettes(library, mode="once", api_base=previews.url) as session:
        recorded = [ask(previews.url + PREVIEW_PATH, form)["id"] for form in FORMS]
    assert 2 == session.counts.recorded
    assert 2 == len(set(recorded))
    previews.stop()
    with replay.use_cassettes(library, api_base=previews.url):
        assert recorded == [ask(previews.url + PREVIEW_PATH, form)["id"] for form in FORMS]
        by_mapping = [_requests(previews.url + PREVIEW_PATH, form)["id"] for form in FORMS]
    assert recorded == by_mapping


@pytest.mark.parametrize("ask", REFUSED.values(), ids=REFUSED)
def test_a_read_whose_form_cannot_be_read_is_refused(
    ask: Ask, previews: StandIn, library: Path
) -> None:
    """It is not taken for the read that has no parameters; the message names the call."""
    with replay.use_cassettes(library, mode="once", api_base=previews.url):
        _requests(previews.url + PREVIEW_PATH, None)
        previews.hits.clear()
    with (
        pytest.raises(replay.CallRefused, match=f"POST {PREVIEW_PATH}"),
        replay.use_cassettes(library, mode="once", api_base=previews.url),
    ):
        ask(previews.url + PREVIEW_PATH, FORMS[0])
    assert {} == previews.hits


@pytest.mark.parametrize("ask", REFUSED.values(), ids=REFUSED)
def test_a_write_is_a_write_whatever_its_body(ask: Ask, previews: StandIn, library: Path) -> None:
    """A stream is let through untouched where writes are, and else refused as a write."""
    library.mkdir()
    url = f"{previews.url}/v1/invoices"
    with (
        pytest.raises(replay.CallRefused, match="writes are not recorded"),
        replay.use_cassettes(library, api_base=previews.url),
    ):
        ask(url, FORMS[0])
    assert {} == previews.hits
    with replay.use_cassettes(library, api_base=previews.url, other_calls="pass"):
        assert ask(url, FORMS[0])["id"].startswith("upcoming_in_")
    assert {"/v1/invoices": 1} == previews.hits
