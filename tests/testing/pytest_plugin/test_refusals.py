"""A refused call fails its test with the refusal itself, and hides nothing else."""

from __future__ import annotations

import re

import pytest
from support.suites import Suite

TESTS = """
    pytestmark = pytest.mark.cassettes
    MISSING = DRAFT[:-1] + "x"

    def test_refused():
        get(MISSING)

    def test_swallowed():
        with contextlib.suppress(BaseException):
            get(MISSING)

    def test_own_failure():
        with contextlib.suppress(BaseException):
            get(MISSING)
        assert "own" == "failure"

    def test_skipped():
        with contextlib.suppress(BaseException):
            get(MISSING)
        pytest.skip("without an invoice")

    @pytest.mark.xfail(raises=replay.CassetteNotFound, strict=True)
    def test_expected():
        get(MISSING)

    @pytest.mark.anyio
    async def test_group(anyio_backend):
        import anyio
        async with anyio.create_task_group() as group:
            group.start_soon(get_async, MISSING)

    @pytest.mark.asyncio
    async def test_asyncio():
        await get_async(MISSING)

    class TestCase(unittest.TestCase):
        def test_refused(self):
            get(MISSING)

        def test_swallowed(self):
            with contextlib.suppress(BaseException):
                get(MISSING)

    class TestAsyncCase(unittest.IsolatedAsyncioTestCase):
        async def test_refused(self):
            await get_async(MISSING)

    @pytest.fixture
    def early():
        get(MISSING)

    def test_setup(early):
        pass

    @pytest.fixture
    def late():
        yield
        get(MISSING)

    def test_teardown(late):
        pass

    @pytest.fixture(scope="module")
    def wide():
        with contextlib.suppress(BaseException):
            get(MISSING)

    def test_wide(wide):
        get()
"""


def test_a_refused_call_fails_its_test_with_the_refusal(suite: Suite) -> None:
    """Wherever it happens, raised, swallowed or wrapped: the report is the error's own text."""
    suite.write(TESTS)
    ran = suite.run("-p", "no:cacheprovider", with_="anyio asyncio")
    # test_teardown passes, and then fails in its teardown.
    assert {"failed": 10, "passed": 1, "xfailed": 1, "error": 3} == ran.outcomes, ran.out
    told = re.findall(r"^E +replay\.errors\.CassetteNotFound: invoices in_", ran.out, re.MULTILINE)
    assert 12 == len(told), ran.out
    # Not in the middle of a line: asyncio logs a task that takes 0.1 s with the error it ends with.
    told = re.findall(r"^(?:E)? +record it: replay record invoices", ran.out, re.MULTILINE)
    assert 13 == len(told), ran.out
    assert "ERROR at setup of test_setup" in ran.out
    assert "ERROR at teardown of test_teardown" in ran.out
    assert "ERROR at setup of test_wide" in ran.out


def test_the_traceback_is_the_users_lines(suite: Suite) -> None:
    """From the test to the line that called the API; no frame of a client library or replay."""
    suite.write(TESTS)
    ran = suite.run("-k", "test_refused or test_swallowed", "-p", "no:cacheprovider",
                    with_="anyio asyncio")  # fmt: skip
    assert {"failed": 5, "deselected": 9} == ran.outcomes, ran.out
    assert ran.out.count(">       get(MISSING)") == 2
    assert ran.out.count(">           get(MISSING)") == 2
    assert "Refused" not in ran.out
    for frame in ("site-packages", "replay/session", "replay/intercept", "unittest/"):
        assert frame not in ran.out.partition("= FAILURES =")[2], frame


def test_the_tests_own_failure_is_not_masked(suite: Suite) -> None:
    """It stays what failed; what was refused stands below it."""
    suite.write(TESTS)
    ran = suite.run("-k", "test_own_failure", "-p", "no:cacheprovider")
    assert "AssertionError: assert 'own' == 'failure'" in ran.out
    assert "Captured replay call" in ran.out
    below = ran.out.partition("Captured replay call")[2]
    assert "is not recorded" in below
    assert "record it: replay record invoices" in below


def test_a_refusal_out_of_a_pool_of_threads_is_told_as_any_other(suite: Suite) -> None:
    """It comes as itself, not as an error of the pool's; the user's line is what is shown."""
    suite.write("""
        from multiprocessing.pool import ThreadPool

        pytestmark = pytest.mark.cassettes

        def test_pool():
            with ThreadPool(1) as pool:
                pool.apply(get, (DRAFT[:-1] + "x",))
    """)
    ran = suite.run("-p", "no:cacheprovider")
    assert {"failed": 1} == ran.outcomes, ran.out
    assert ">               pool.apply(get" in ran.out or ">           pool.apply(get" in ran.out
    assert "Captured replay" not in ran.out
    assert "multiprocessing/pool.py" not in ran.out


PORTAL = """
    from starlette.applications import Starlette
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route
    from starlette.testclient import TestClient

    MISSING = DRAFT[:-1] + "x"

    async def with_await(request):
        return PlainTextResponse((await get_async(request.query_params["id"])).id)

    def without(request):
        return PlainTextResponse(get(request.query_params["id"]).id)

    class Passes(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    APPS = {
        "plain": Starlette(routes=[Route("/async", with_await), Route("/sync", without)]),
        "middleware": Starlette(routes=[Route("/async", with_await), Route("/sync", without)]),
    }
    APPS["middleware"].add_middleware(Passes)

    @pytest.fixture(scope="module", params=APPS)
    def client(request):
        with TestClient(APPS[request.param]) as client:
            yield client

    @pytest.fixture(scope="module", params=APPS)
    def closed(request):
        return TestClient(APPS[request.param])

    @pytest.mark.cassettes
    @pytest.mark.parametrize("path", ["/async", "/sync"])
    class TestShared:
        def test_before(self, client, path):
            assert client.get(path, params={"id": DRAFT}).text == DRAFT

        def test_missed(self, client, path):
            client.get(path, params={"id": MISSING})

        def test_after(self, client, path):
            assert client.get(path, params={"id": DRAFT}).text == DRAFT

        def test_missed_by_one_that_is_not_entered(self, closed, path):
            closed.get(path, params={"id": MISSING})
"""

RUNNER = """
    MISSING = DRAFT[:-1] + "x"
    pytestmark = [pytest.mark.cassettes, pytest.mark.anyio]

    @pytest.fixture(scope="module", params=["asyncio", "trio"])
    def anyio_backend(request):
        return request.param

    @pytest.fixture(scope="module")
    async def wide(anyio_backend):
        yield "wide"

    @pytest.fixture
    async def misses(anyio_backend):
        await get_async(MISSING)

    async def test_before(wide):
        assert (await get_async()).id == DRAFT

    async def test_missed(wide):
        await get_async(MISSING)

    async def test_between(wide):
        assert (await get_async()).id == DRAFT

    async def test_missed_in_a_fixture(wide, misses):
        pass

    async def test_after(wide):
        assert (await get_async()).id == DRAFT
"""


def test_a_miss_fails_its_own_test_where_tests_share_a_portal(suite: Suite) -> None:
    """A `TestClient` of a module goes on after a refusal, with async views and middleware too."""
    suite.write(PORTAL)
    ran = suite.run("-rf", with_="anyio")
    assert {"passed": 8, "failed": 8} == ran.outcomes, ran.out
    missed = re.findall(
        r"^FAILED \S+::test_missed\S* - replay\.errors\.CassetteNotFound", ran.out, re.MULTILINE
    )
    assert 8 == len(missed), ran.out
    assert "CancelledError" not in ran.out


def test_a_miss_fails_its_own_test_where_tests_share_anyios_runner(suite: Suite) -> None:
    """A module's async fixture lives on after a refusal in a test or in another fixture."""
    suite.write(RUNNER)
    ran = suite.run("-rfE", with_="anyio")
    assert {"passed": 6, "failed": 2, "error": 2} == ran.outcomes, ran.out
    named = r"^(?:FAILED|ERROR) \S+::test_missed\S* - replay\.errors\.CassetteNotFound"
    assert 4 == len(re.findall(named, ran.out, re.MULTILINE)), ran.out


OPENED_AROUND = """
    import urllib.request
    from multiprocessing.pool import ThreadPool
    import aiohttp, httpx
    from keys import KEY

    MISSING = DRAFT[:-1] + "x"
    URL = "https://api.stripe.com/v1/invoices/" + MISSING
    TOKEN = {"Authorization": "Bearer " + KEY}

    def by_sdk():
        stripe.StripeClient(KEY).v1.invoices.retrieve(MISSING)

    def by_urllib():
        urllib.request.urlopen(urllib.request.Request(URL, headers=TOKEN))

    def by_httpx():
        httpx.get(URL, headers=TOKEN)

    def by_aiohttp():
        async def ask():
            async with aiohttp.ClientSession(headers=TOKEN) as client:
                await client.get(URL)
        asyncio.run(ask())

    def by_pool():
        with ThreadPool(1) as pool:
            pool.apply(by_sdk)

    def with_an_error_of_its_own():
        try:
            by_sdk()
        except BaseException:
            raise LookupError("own error")

    WAYS = [by_sdk, by_urllib, by_httpx, by_aiohttp, by_pool, with_an_error_of_its_own]

    @pytest.fixture
    def block():
        with replay.use_cassettes("cassettes"):
            yield

    @pytest.fixture
    @replay.use_cassettes("cassettes")
    def decorated():
        yield

    @pytest.fixture(scope="class")
    def wide():
        with replay.use_cassettes("cassettes"):
            yield

    @pytest.mark.parametrize("ask", WAYS)
    def test_block(block, ask):
        ask()

    def test_decorated(decorated):
        by_sdk()

    class TestWide:
        @pytest.mark.parametrize("ask", [by_sdk, by_urllib])
        def test_wide(self, wide, ask):
            ask()

    class TestCase(unittest.TestCase):
        def setUp(self):
            self.enterContext(replay.use_cassettes("cassettes"))

        def test_sdk(self):
            by_sdk()

        def test_pool(self):
            by_pool()

        def test_own_error(self):
            with_an_error_of_its_own()
"""
FULL_TRACE = ("--full-trace", "-vv")
MARKED = """
    @pytest.mark.cassettes
    def test_marked_too():
        get()
"""


@pytest.mark.parametrize(
    ("marked", "options"),
    [("", ()), (MARKED, ()), ("", FULL_TRACE), (MARKED, FULL_TRACE)],
    ids=["no mark in the run", "marks", "full trace", "marks and full trace"],
)
def test_a_session_that_is_opened_around_the_test_gives_one_failure_without_the_key(
    suite: Suite, marked: str, options: tuple[str, ...]
) -> None:
    """By a fixture of any scope or by `enterContext`, for each client: not even in locals."""
    suite.write("KEY = 'sk_test_PRIVATEkey'", "keys.py")
    suite.write(OPENED_AROUND + marked)
    ran = suite.run("--showlocals", *options)
    passed = {"passed": 1} if marked else {}
    assert {"failed": 12, **passed} == ran.outcomes, ran.out
    assert 12 <= ran.out.count("x is not recorded")
    assert "PRIVATE" not in re.sub(r"(?m)^TOKEN .*$", "", ran.out)
    # A full trace shows the client's frames, and none of ours but for an error that led to another.
    assert bool(options) == ("site-packages" in ran.out.partition("= FAILURES =")[2])
    told = re.split(r"(?m)^_{3,} (?=\S+ _)", ran.out)
    ours = re.compile(r"^\S*replay[/\\](?:intercept|session)[/\\]", re.MULTILINE)
    assert not any(ours.search(test) for test in told if "own error" not in test)


def test_a_refusal_that_no_test_reported_fails_the_fixture(suite: Suite) -> None:
    """A wide session raises at its end what a later test swallowed, and not what was reported."""
    suite.write("""
        MISSING, OTHER = DRAFT[:-1] + "x", DRAFT[:-1] + "y"

        @pytest.fixture(scope="module", autouse=True)
        def wide():
            with replay.use_cassettes("cassettes"):
                yield

        def test_reported():
            get(MISSING)

        def test_swallowed():
            with contextlib.suppress(BaseException):
                get(OTHER)
    """)
    ran = suite.run()
    assert {"failed": 1, "passed": 1, "error": 1} == ran.outcomes, ran.out
    at_the_end = ran.out.partition("ERROR at teardown of test_swallowed")[2]
    assert "y is not recorded" in at_the_end.partition("= FAILURES =")[0], ran.out


def test_replays_own_frames_show_no_key_where_a_call_that_is_let_through_fails(
    suite: Suite,
) -> None:
    """The client's error stays the test's. Its frames show what they hold, and replay's nothing."""
    suite.write("KEY = 'sk_test_PRIVATEkey'", "keys.py")
    suite.write("""
        import urllib.request
        import aiohttp, httpx
        from keys import KEY

        URL = "http://127.0.0.1:9/v1/invoices"
        TOKEN = {"Authorization": "Bearer " + KEY}

        @pytest.fixture(autouse=True)
        def passing():
            with replay.use_cassettes("cassettes", other_calls="pass", api_base=URL[:18]):
                yield

        def test_requests():
            requests.post(URL, headers=TOKEN)

        def test_sdk():
            stripe.StripeClient(KEY, base_addresses={"api": URL[:18]}).v1.invoices.create()

        def test_httpx():
            httpx.post(URL, headers=TOKEN)

        def test_urllib():
            asked = urllib.request.Request(URL, method="POST", data=b"x", headers=TOKEN)
            urllib.request.urlopen(asked)

        def test_aiohttp():
            async def ask():
                async with aiohttp.ClientSession(headers=TOKEN) as client:
                    await client.post(URL)
            asyncio.run(ask())
    """)
    ran = suite.run("--showlocals", "--tb=short", "-vv")
    assert {"failed": 5} == ran.outcomes, ran.out
    frames = re.split(r"(?m)^(?=\S+\.py:\d+: in )", ran.out)
    ours = [frame for frame in frames if "/replay/" in frame.partition(": in ")[0]]
    assert 5 <= len(ours), ran.out
    assert [] == [frame for frame in ours if "PRIVATE" in frame]
