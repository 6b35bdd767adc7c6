"""Servers that a decorated class starts before its tests: the running test answers their calls."""

from __future__ import annotations

import asyncio
import json
import threading
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import requests
from support.clients import HEADERS
from support.standin import DRAFT, StandIn, generated

import replay
from replay.intercept import current_session

ABSENT = generated("in", "absent")


@pytest.fixture(autouse=True)
def no_orphans() -> None:
    """What a thread of another test was refused, after its session, is not of these tests."""
    current_session.orphan_refusals.clear()


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """A library with one invoice; the source goes on and counts."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        asking(stand_in)(DRAFT)
    stand_in.hits.clear()
    return library


def asking(stand_in: StandIn) -> Callable[[str], str]:
    """A function that asks the live source for an invoice, and returns its ID."""

    def ask(id: str) -> str:
        url = f"{stand_in.url}/v1/invoices/{id}"
        return str(requests.get(url, headers=HEADERS, timeout=5).json()["id"])

    return ask


class Shop:
    """A server that asks the API for what it is asked for. Each request has a thread."""

    def __init__(self, ask: Callable[[str], str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    body = ask(self.path[1:]).encode()
                except BaseException:  # noqa: BLE001 - as a web framework does
                    body = b"failed"
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    def get(self, id: str) -> str:
        """What it answers."""
        with urlopen(f"http://127.0.0.1:{self._server.server_port}/{id}", timeout=10) as answer:
            return bytes(answer.read()).decode()

    def stop(self) -> None:
        """Stop it; its thread has ended."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def run(case: type[unittest.TestCase]) -> unittest.TestResult:
    """Run the tests of a class, as unittest does."""
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def test_a_server_of_the_class_is_answered_by_the_running_test(
    stand_in: StandIn, recorded: Path
) -> None:
    """Whichever that is; its refusals are that test's errors."""
    ask = asking(stand_in)

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Case(unittest.TestCase):
        @classmethod
        def setUpClass(cls) -> None:
            cls.shop, cls.pool = Shop(ask), ThreadPoolExecutor(1)
            assert DRAFT == cls.pool.submit(ask, DRAFT).result() == cls.shop.get(DRAFT)

        @classmethod
        def tearDownClass(cls) -> None:
            assert DRAFT == cls.shop.get(DRAFT)
            cls.shop.stop()
            cls.pool.shutdown()

        def setUp(self) -> None:
            assert DRAFT == self.shop.get(DRAFT)

        def test_one(self) -> None:
            assert DRAFT == self.shop.get(DRAFT)

        def test_refused(self) -> None:
            assert "failed" == self.shop.get(ABSENT)

        def test_two(self) -> None:
            assert DRAFT == self.shop.get(DRAFT) == self.pool.submit(ask, DRAFT).result()

    result = run(Case)
    assert (3, []) == (result.testsRun, result.failures)
    ((test, text),) = result.errors
    assert "test_refused" in test.id()
    assert "CassetteNotFound" in text
    assert {} == stand_in.hits
    assert () == tuple(current_session.orphan_refusals)


def test_a_server_of_one_test_is_answered_by_that_test(stand_in: StandIn, recorded: Path) -> None:
    """It was started in `setUp`, and is stopped by a cleanup."""
    ask = asking(stand_in)

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Case(unittest.TestCase):
        def setUp(self) -> None:
            self.shop = Shop(ask)
            self.addCleanup(self.shop.stop)

        def tearDown(self) -> None:
            assert DRAFT == self.shop.get(DRAFT)

        def test_one(self) -> None:
            assert DRAFT == self.shop.get(DRAFT)

        def test_two(self) -> None:
            assert DRAFT == self.shop.get(DRAFT)

    result = run(Case)
    assert (2, True) == (result.testsRun, result.wasSuccessful()), result.errors
    assert {} == stand_in.hits


def test_a_server_in_the_loop_of_a_test_is_answered_by_that_test(
    stand_in: StandIn, recorded: Path
) -> None:
    """Its tasks have the context of `asyncSetUp`."""
    ask = asking(stand_in)

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Case(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self) -> None:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                id = (await reader.readline()).decode().strip()
                writer.write(json.dumps(ask(id)).encode() + b"\n")
                writer.close()

            self.server = await asyncio.start_server(serve, "127.0.0.1", 0)

        async def asyncTearDown(self) -> None:
            self.server.close()

        async def test_one(self) -> None:
            reader, writer = await asyncio.open_connection(
                *self.server.sockets[0].getsockname()[:2]
            )
            writer.write(f"{DRAFT}\n".encode())
            assert DRAFT == json.loads(await reader.readline())
            writer.close()

    result = run(Case)
    assert (1, True) == (result.testsRun, result.wasSuccessful()), result.errors
    assert {} == stand_in.hits


def test_a_server_of_a_module_is_answered_by_its_tests(stand_in: StandIn, recorded: Path) -> None:
    """`setUpModule` and the tests are decorated."""
    ask, shops = asking(stand_in), []
    cassettes = replay.use_cassettes(recorded, api_base=stand_in.url)

    @cassettes
    def setUpModule() -> None:
        shops.append(Shop(ask))

    @cassettes
    class Case(unittest.TestCase):
        def test_one(self) -> None:
            assert DRAFT == shops[0].get(DRAFT)

    setUpModule()
    try:
        result = run(Case)
    finally:
        shops[0].stop()
    assert result.wasSuccessful(), result.errors
    assert {} == stand_in.hits


def test_what_a_test_leaves_behind_is_not_answered_by_another(
    stand_in: StandIn, recorded: Path
) -> None:
    """Not by one of the same class, nor is what a class leaves behind by another class."""
    ask, left = asking(stand_in), []

    class Base(unittest.TestCase):
        @classmethod
        def setUpClass(cls) -> None:
            left.append(Shop(ask))

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class First(Base):
        def test_one(self) -> None:
            left.append(Shop(ask))

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Second(unittest.TestCase):
        def test_one(self) -> None:
            assert ["failed", "failed"] == [shop.get(DRAFT) for shop in left]

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Third(First):
        def test_one(self) -> None:
            assert ["failed", "failed", DRAFT] == [shop.get(DRAFT) for shop in left]

    try:
        for case in (First, Second, Third):
            result = run(case)
            assert result.wasSuccessful(), result.errors
    finally:
        for shop in left:
            shop.stop()
        current_session.orphan_refusals.clear()
    assert {} == stand_in.hits


def test_between_its_tests_a_server_of_the_class_reaches_nothing(
    stand_in: StandIn, recorded: Path
) -> None:
    """No session is open then."""
    ask, shops, found = asking(stand_in), [], []

    @replay.use_cassettes(recorded, api_base=stand_in.url)
    class Case(unittest.TestCase):
        @classmethod
        def setUpClass(cls) -> None:
            shops.append(Shop(ask))

        def test_one(self) -> None:
            assert DRAFT == shops[0].get(DRAFT)

    class Result(unittest.TestResult):
        def stopTest(self, test: unittest.TestCase) -> None:
            found.append(shops[0].get(DRAFT))

    result = Result()
    try:
        unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    finally:
        shops[0].stop()
        current_session.orphan_refusals.clear()
    assert result.wasSuccessful(), result.errors
    assert ["failed"] == found
    assert {} == stand_in.hits
