"""use_cassettes as its users write it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import runpy
import subprocess
import sys
import threading
import unittest
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import aiohttp
import anyio
import httpx
import pytest
import requests
import stripe
from support.clients import stripe_client
from support.standin import DRAFT, StandIn, invoice
from support.suites import WITHOUT_SLOW
from support.waiting import loop_until

import replay
from replay.intercept import current_session

URL = f"https://api.stripe.com/v1/invoices/{DRAFT}"


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """A library with the draft invoice, recorded through the SDK, the source then stopped."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        stripe_client(stand_in.url, stripe.RequestsClient()).v1.invoices.retrieve(DRAFT)
    stand_in.stop()
    return library


BARE = '''
import replay, stripe

@replay.use_cassettes
def retrieve(id: str) -> str:
    """Say the status."""
    return stripe.StripeClient("sk_test_x").v1.invoices.retrieve(id).status
'''


def test_the_bare_decorator_reads_the_default_library(recorded: Path, tmp_path: Path) -> None:
    """`@replay.use_cassettes` answers from ./cassettes."""
    (tmp_path / "bare.py").write_text(BARE)
    retrieve = runpy.run_path(str(tmp_path / "bare.py"))["retrieve"]
    assert "draft" == retrieve(DRAFT)
    assert ("retrieve", "Say the status.") == (retrieve.__name__, retrieve.__doc__)
    assert ["id"] == list(inspect.signature(retrieve).parameters)


def test_the_decorator_takes_a_library_and_wraps_coroutine_functions(recorded: Path) -> None:
    """`@replay.use_cassettes("path")` keeps a coroutine function one."""

    @replay.use_cassettes(recorded)
    async def retrieve() -> str:
        http_client = stripe.HTTPXClient()
        client = stripe.StripeClient("sk_test_x", http_client=http_client)
        found = await client.v1.invoices.retrieve_async(DRAFT)
        await http_client.close_async()
        return found.status

    assert inspect.iscoroutinefunction(retrieve)
    assert "draft" == asyncio.run(retrieve())


def test_it_is_a_context_manager_sync_and_async(recorded: Path) -> None:
    """`with` and `async with` give the session, which counts what it played."""
    with replay.use_cassettes(recorded) as session:
        requests.get(URL, timeout=5)
    assert 1 == session.counts.played

    async def block() -> int:
        async with replay.use_cassettes(recorded) as session:
            await asyncio.to_thread(requests.get, URL, timeout=5)
        return session.counts.played

    assert 1 == asyncio.run(block())


def test_the_inner_of_nested_sessions_answers_and_the_outer_comes_back(
    recorded: Path, tmp_path: Path
) -> None:
    """Inside the inner block only the inner library is asked."""
    empty = tmp_path / "empty"
    empty.mkdir()
    with replay.use_cassettes(recorded) as outer:
        with pytest.raises(replay.CassetteNotFound), replay.use_cassettes(empty):
            requests.get(URL, timeout=5)
        assert "draft" == requests.get(URL, timeout=5).json()["status"]
    assert 1 == outer.counts.played
    assert [] == outer.refusals


def test_each_call_has_a_session_of_its_own(stand_in: StandIn, library: Path) -> None:
    """Takes start again at the first with every decorated call."""
    path = f"/v1/invoices/{DRAFT}"
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(stand_in.url + path, timeout=5)
        stand_in.add_invoice(DRAFT, status="paid")
        requests.get(stand_in.url + path, timeout=5)

    @replay.use_cassettes(library)
    def statuses(depth: int) -> list[str]:
        inner = statuses(depth - 1) if depth else []
        return [requests.get(URL, timeout=5).json()["status"] for _ in range(3)] + inner

    assert ["draft", "paid", "paid"] * 2 == statuses(1)
    assert ["draft", "paid", "paid"] == statuses(0)


def test_a_swallowed_refusal_still_fails_the_session(recorded: Path) -> None:
    """Code that catches everything cannot hide that a call was refused."""
    with pytest.raises(replay.CassetteNotFound) as refused, replay.use_cassettes(recorded):
        _ask_and_hide()
    assert any("caught this refusal" in note for note in refused.value.__notes__)


@pytest.mark.parametrize(
    "ending",
    [AssertionError("no invoice"), SystemExit(0), pytest.skip.Exception("not today")],
    ids=["an error", "exit", "skip"],
)
def test_a_refusal_outlasts_whatever_ends_the_session(
    recorded: Path, ending: BaseException
) -> None:
    """What the code under test made of a swallowed refusal becomes its cause."""
    with pytest.raises(replay.CassetteNotFound) as failed, replay.use_cassettes(recorded):
        _ask_and_raise(ending)
    assert ending is failed.value.__cause__


def _ask_and_hide() -> None:
    with contextlib.suppress(BaseException):
        requests.get(URL + "x", timeout=5)


def _ask_and_raise(ending: BaseException) -> None:
    _ask_and_hide()
    raise ending


RECORDING = """
import replay, requests, stripe

@replay.use_cassettes("cassettes", mode="once", api_base={base!r})
def test_live():
    client = stripe.StripeClient("sk_test_PRIVATEkey", base_addresses={{"api": {base!r}}})
    client.v1.invoices.retrieve({id!r})
"""


def test_pytest_prints_nothing_private_of_a_failed_recording(
    stand_in: StandIn, tmp_path: Path
) -> None:
    """Not even --showlocals has a frame with the live answer or the key in it to print."""
    live = {**invoice(DRAFT, "2024-06-20"), "livemode": True}
    stand_in.add(f"/v1/invoices/{DRAFT}", live)
    source = RECORDING.format(base=stand_in.url, id=DRAFT).replace('"sk_test_PRIVATEkey"', "KEY")
    (tmp_path / "keys.py").write_text("KEY = 'sk_test_PRIVATEkey'\n")
    (tmp_path / "test_live.py").write_text("from keys import KEY\n" + source)
    command = [sys.executable, "-m", "pytest", "--showlocals", "--tb=long", *WITHOUT_SLOW]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "the answer is live-mode data" in done.stdout
    assert "client.v1.invoices.retrieve" in done.stdout
    assert "PRIVATE" not in done.stdout + done.stderr


def test_a_refusal_in_a_generator_that_is_closed_is_raised(recorded: Path) -> None:
    """Closing a decorated generator early does not hide what it swallowed."""

    @replay.use_cassettes(recorded)
    def fixture() -> Iterator[None]:
        _ask_and_hide()
        yield

    steps = fixture()
    next(steps)
    with pytest.raises(replay.CassetteNotFound):
        steps.close()


def test_one_object_serves_many_threads_at_once(recorded: Path) -> None:
    """Each `with` block of a shared object has a session of its own."""
    shared = replay.use_cassettes(recorded)
    together = threading.Barrier(8)

    def work(_: int) -> tuple[str, int]:
        with shared as session:
            together.wait(10)
            status = requests.get(URL, timeout=5).json()["status"]
            together.wait(10)
        return status, session.counts.played

    with ThreadPoolExecutor(8) as pool:
        assert [("draft", 1)] * 8 == list(pool.map(work, range(8)))
    assert () == current_session.open_sessions()


def test_sessions_that_end_out_of_order_leave_none_behind(recorded: Path) -> None:
    """The first of two overlapping sessions ends first: the second answers on."""
    first, second = replay.use_cassettes(recorded), replay.use_cassettes(recorded)
    first.__enter__()
    inner = second.__enter__()
    first.__exit__(None, None, None)
    assert "draft" == requests.get(URL, timeout=5).json()["status"]
    second.__exit__(None, None, None)
    assert (1, None) == (inner.counts.played, current_session.current.get())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_interleaved_generators_keep_their_own_sessions(
    stand_in: StandIn, recorded: Path, tmp_path: Path, kind: str
) -> None:
    """Two decorated generators that take turns are each answered from their own library."""
    with StandIn() as other:
        other.add_invoice(DRAFT, status="paid")
        paid = replay.use_cassettes(tmp_path / "paid", mode="once", api_base=other.url,
                                    api_version=stripe.api_version)  # fmt: skip
        with paid:
            requests.get(URL, timeout=5)

    def steps(library: Path) -> Iterator[str]:
        for _ in range(2):
            yield requests.get(URL, timeout=5).json()["status"]

    async def async_steps(library: Path) -> AsyncIterator[str]:
        for status in steps(library):
            yield status

    chosen = steps if kind == "sync" else async_steps
    one, two = (
        replay.use_cassettes(library, api_version=stripe.api_version)(chosen)(library)
        for library in (recorded, tmp_path / "paid")
    )

    async def turns() -> list[str]:
        if kind == "sync":
            return [next(one), next(two), next(one), next(two)]
        found = [await anext(one), await anext(two), await anext(one), await anext(two)]
        await one.aclose()
        await two.aclose()
        return found

    assert ["draft", "paid", "draft", "paid"] == asyncio.run(turns())
    if kind == "sync":
        one.close()
        two.close()
    assert () == current_session.open_sessions()


def test_a_cancelled_call_records_nothing_after_its_session(
    stand_in: StandIn, library: Path
) -> None:
    """A fetch that nobody waits for any more writes no file behind the session's back."""
    stand_in.hold = threading.Event()

    async def main() -> None:
        async with httpx.AsyncClient() as client:
            await client.get(f"{stand_in.url}/v1/invoices/{DRAFT}")

    async def hurry() -> None:
        task = asyncio.create_task(main())
        await loop_until(lambda: stand_in.held)
        task.cancel()
        session.close()
        assert stand_in.hold is not None
        stand_in.hold.set()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    # The end of the session may cut the fetch off, which the session then says.
    with (
        contextlib.suppress(replay.UpstreamError),
        replay.use_cassettes(library, mode="once", api_base=stand_in.url) as session,
    ):
        asyncio.run(hurry())
    assert 1 == sum(stand_in.hits.values())
    assert [] == list(library.rglob("*.yaml"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"mode": "onse"}, "did you mean once"),
        ({"moed": "once"}, "did you mean mode?"),
        ({"live_view": "clear"}, "use 'redacted' or 'raw'"),
        ({"other_calls": "allow"}, "use 'block' or 'pass'"),
        ({"api_base": "http://api.example.com"}, "use https"),
        ({"api_version": "new\nest"}, "a version looks like"),
        ({"library": "no/such/place"}, "record into it"),
    ],
)
def test_a_setting_that_cannot_be_used_fails_at_decoration(
    settings: dict[str, str], says: str
) -> None:
    """A misspelt option, mode or path fails where it is written, and says what is right."""
    library = {"library": settings.pop("library", ".")}
    with pytest.raises(replay.ConfigError, match=says):
        replay.use_cassettes(**library, **settings)


@pytest.mark.parametrize("asked", ["casettes", "deep/cassetes"])
def test_a_wrong_path_names_the_folder_that_was_probably_meant(asked: str, tmp_path: Path) -> None:
    """A misspelt library fails at decoration, with the near miss beside it."""
    right = (tmp_path / asked).parent / "cassettes"
    right.mkdir(parents=True)
    (right.parent / "other").mkdir()
    with pytest.raises(replay.ConfigError) as refused:
        replay.use_cassettes(tmp_path / asked)
    assert refused.value.hint.startswith(f"did you mean {right}?\n")
    with pytest.raises(replay.ConfigError) as refused:
        replay.use_cassettes(tmp_path / "nothing like it" / "at all")
    assert "did you mean" not in refused.value.hint


def test_the_raw_view_shows_live_data_but_never_in_ci(
    stand_in: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """live_view="raw" is for a person at a desk; what is recorded is redacted all the same."""
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    raw = replay.use_cassettes(library, mode="once", api_base=stand_in.url, live_view="raw")
    with raw:
        assert requests.get(url, timeout=5).json()["customer_name"].startswith("PRIVATE")
    assert all("PRIVATE" not in path.read_text() for path in library.rglob("*.yaml"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(replay.ConfigError, match="refused where CI is set"):
        replay.use_cassettes(library, live_view="raw")


def test_the_mode_of_the_environment_counts_at_each_call(
    stand_in: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REPLAY_MODE set after decoration is in force when the function runs."""
    library.mkdir()
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)

    @replay.use_cassettes(library)
    def retrieve() -> str:
        return requests.get(URL, timeout=5).json()["id"]

    with pytest.raises(replay.CassetteNotFound):
        retrieve()
    monkeypatch.setenv("REPLAY_MODE", "once")
    assert DRAFT == retrieve()


def test_a_generator_has_its_session_from_first_step_to_end(recorded: Path) -> None:
    """A decorated generator, such as a fixture, keeps its session open between its steps."""

    @replay.use_cassettes(recorded)
    def fixture(id: str) -> Iterator[str]:
        yield requests.get(URL, timeout=5).json()["status"]
        assert requests.get(URL, timeout=5).json()["id"] == id

    steps = fixture(DRAFT)
    assert () == current_session.open_sessions()
    assert "draft" == next(steps)
    assert "draft" == requests.get(URL, timeout=5).json()["status"]
    assert [] == list(steps)
    assert () == current_session.open_sessions()


def test_a_generator_that_is_thrown_into_or_closed_ends_its_session(recorded: Path) -> None:
    """Errors reach the generator, and closing it closes its session."""

    @replay.use_cassettes(recorded)
    def fixture() -> Iterator[int]:
        try:
            yield 1
        except KeyError:
            yield 2

    steps = fixture()
    assert [1, 2] == [next(steps), steps.throw(KeyError())]
    steps.close()
    assert () == current_session.open_sessions()


def test_an_async_generator_is_wrapped_too(recorded: Path) -> None:
    """A decorated async generator keeps its session open between its steps."""

    @replay.use_cassettes(recorded)
    async def fixture() -> AsyncIterator[str]:
        for _ in range(2):
            yield (await asyncio.to_thread(requests.get, URL, timeout=5)).json()["status"]

    async def main() -> list[str]:
        return [status async for status in fixture()]

    assert ["draft", "draft"] == asyncio.run(main())
    assert () == current_session.open_sessions()


def test_a_class_has_all_its_tests_wrapped(recorded: Path) -> None:
    """unittest cases, sync and async, are answered; what is no test is left alone."""

    @replay.use_cassettes(recorded)
    class Case(unittest.IsolatedAsyncioTestCase):
        def test_sync(self) -> None:
            assert "draft" == self.retrieve()

        async def test_async(self) -> None:
            assert "draft" == await asyncio.to_thread(self.retrieve)

        def test_refused(self) -> None:
            with pytest.raises(replay.Refused):
                requests.get(URL + "x", timeout=5)

        def retrieve(self) -> str:
            return requests.get(URL, timeout=5).json()["status"]

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    assert 3 == result.testsRun
    assert ["test_refused"] == [case.id().split(".")[-1] for case, _ in result.errors]
    assert not hasattr(Case.retrieve, "__wrapped__")


def test_nothing_of_a_class_of_tests_goes_past_its_sessions(recorded: Path) -> None:
    """Static and class methods, nested classes and what is called around tests are answered."""
    seen: list[str] = []

    def retrieve(who: str) -> None:
        seen.append(f"{who} {requests.get(URL, timeout=5).json()['status']}")

    @replay.use_cassettes(recorded)
    class Case(unittest.TestCase):
        @classmethod
        def setUpClass(cls) -> None:
            retrieve("class")

        def setUp(self) -> None:
            retrieve("setUp")

        def tearDown(self) -> None:
            retrieve("tearDown")

        @staticmethod
        def test_static() -> None:
            retrieve("static")

        @classmethod
        def test_class(cls) -> None:
            retrieve(f"of {cls.__name__}")

        class TestNested:
            @staticmethod
            def test_inner() -> None:
                retrieve("nested")

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Case).run(result)
    Case.TestNested.test_inner()
    assert ([], []) == (result.errors, result.failures)
    tests = [who for test in ("of Case", "static") for who in ("setUp", test, "tearDown")]
    expected = ["class", *tests, "nested"]
    assert [f"{who} draft" for who in expected] == seen


def test_what_cannot_be_wrapped_is_refused_where_it_is_decorated(recorded: Path) -> None:
    """A number, a fixture's wrapper, a test that is no function: none goes unnoticed."""
    with pytest.raises(replay.ConfigError, match="of type int"):
        replay.use_cassettes(recorded)(3)  # type: ignore[type-var]

    with pytest.raises(replay.ConfigError, match=r"put use_cassettes below|pytest calls a fixture"):

        @replay.use_cassettes(recorded)
        @pytest.fixture
        def client() -> None: ...

    with pytest.raises(replay.ConfigError, match="not a function"):

        @replay.use_cassettes(recorded)
        class _Case:
            test_made = functools.partial(print)


def test_a_refusal_in_a_task_group_is_raised_as_itself(recorded: Path) -> None:
    """asyncio's and anyio's task groups wrap what their tasks raise; the session unwraps it."""

    async def ask() -> None:
        async with httpx.AsyncClient() as client:
            await client.get(URL + "x")

    async def in_asyncio() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask())

    async def in_anyio() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(ask)

    for main in (in_asyncio, in_anyio):
        with pytest.raises(replay.CassetteNotFound), replay.use_cassettes(recorded):
            asyncio.run(main())


def test_other_calls_are_let_through_when_asked(stand_in: StandIn, library: Path) -> None:
    """other_calls="pass" sends writes to the live API and records reads all the same."""
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    passing = replay.use_cassettes(library, mode="once", api_base=stand_in.url, other_calls="pass")
    with passing as session:
        posts = [requests.post(url, data={"a": "b"}, timeout=5), httpx.post(url, data={"a": "b"})]
        posts.append(urllib.request.urlopen(url, data=b"a=b", timeout=5))
        assert posts[2].read()
        requests.get(url, timeout=5)

        async def post() -> None:
            async with aiohttp.ClientSession() as client, client.post(url, data={"a": "b"}) as r:
                posts.append(r)
            async with httpx.AsyncClient() as client:
                posts.append(await client.post(url, data={"a": "b"}))

        asyncio.run(post())
    assert {f"/v1/invoices/{DRAFT}": 6} == stand_in.hits
    assert (1, 0) == (session.counts.recorded, session.counts.refused)


def test_a_write_with_a_live_key_is_not_let_through(stand_in: StandIn, library: Path) -> None:
    """It would move money; allow_live=True lets it pass."""
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    passing = partial(
        replay.use_cassettes, library, mode="once", api_base=stand_in.url, other_calls="pass"
    )
    for sent in ({"auth": ("sk_live_51AbCdEf", "")}, {"params": {"api_key": "rk_live_51AbCdEf"}}):
        with pytest.raises(replay.LiveDataRefused), passing():
            requests.post(url, data={"a": "b"}, timeout=5, **sent)
        with pytest.raises(replay.LiveDataRefused), passing():
            httpx.post(url, data={"a": "b"}, **sent)
    assert {} == stand_in.hits
    with passing(allow_live=True):
        requests.post(url, auth=("sk_live_51AbCdEf", ""), timeout=5)
    assert {f"/v1/invoices/{DRAFT}": 1} == stand_in.hits


@pytest.mark.parametrize("mode", ["none", "once"])
def test_a_write_to_stripe_is_not_let_through_past_another_live_source(
    stand_in: StandIn, recorded: Path, mode: str
) -> None:
    """Reads are asked of the source that is named, so a write to Stripe would be an accident."""

    def by_aiohttp() -> None:
        async def post() -> None:
            async with aiohttp.ClientSession() as client:
                await client.post(URL, data={"a": "b"})

        asyncio.run(post())

    ways: list[Callable[[], object]] = [
        lambda: requests.post(URL, data={"a": "b"}, timeout=5),
        lambda: httpx.post(URL, data={"a": "b"}),
        lambda: urllib.request.urlopen(URL, data=b"a=b", timeout=5),
        lambda: stripe.StripeClient("sk_test_x").v1.invoices.create(),
        by_aiohttp,
    ]
    before = stand_in.hits.copy()
    for way in ways:
        passing = replay.use_cassettes(
            recorded, mode=mode, api_base=stand_in.url, other_calls="pass"
        )
        with (
            pytest.raises(replay.CallRefused, match="is not let through to Stripe") as refused,
            passing,
        ):
            way()
        assert stand_in.url in refused.value.hint
    assert before == stand_in.hits


def test_errors_are_kept_on_request_and_the_sdks_retries_see_them(
    stand_in: StandIn, library: Path
) -> None:
    """keep_errors records a 503; on replay the SDK retries and gets the take that follows."""
    client = stripe_client(stand_in.url, stripe.RequestsClient(), max_network_retries=2)
    stand_in.script = [
        (503, {"Stripe-Version": stripe.api_version}, {"error": {"type": "api_error"}})
    ]
    settings = {"api_base": stand_in.url, "keep_errors": True}
    with replay.use_cassettes(library, mode="once", **settings):
        assert "draft" == client.v1.invoices.retrieve(DRAFT).status
    stand_in.stop()
    with replay.use_cassettes(library, **settings) as session:
        assert "draft" == client.v1.invoices.retrieve(DRAFT).status
    assert 2 == session.counts.played


def test_a_session_version_answers_whatever_the_client_pins(
    stand_in: StandIn, library: Path
) -> None:
    """api_version replays the unchanged test on another version's recordings."""
    client = stripe_client(stand_in.url, stripe.RequestsClient())
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url) as session:
        client.v1.invoices.retrieve(DRAFT)
    other = replay.use_cassettes(
        library, mode="once", api_base=stand_in.url, api_version="2024-06-20"
    )
    with other:
        old = client.v1.invoices.retrieve(DRAFT)
    assert "subscription" in old.to_dict()
    stand_in.stop()
    with replay.use_cassettes(library, api_base=stand_in.url, api_version="2024-06-20"):
        assert old == client.v1.invoices.retrieve(DRAFT)
    with replay.use_cassettes(library, api_base=stand_in.url):
        assert "parent" in client.v1.invoices.retrieve(DRAFT).to_dict()
    assert 1 == session.counts.recorded


REFUSED = """
import pytest, replay, stripe
from keys import KEY

def ask():
    stripe.StripeClient(KEY).v1.invoices.retrieve("in_1MtHbELkdIwHu7ixl4OzzPMv")

def ask_and_raise_another():
    try:
        ask()
    except BaseException:
        raise LookupError("own error")

@replay.use_cassettes("cassettes")
def test_decorated():
    ask()

@pytest.mark.cassettes("cassettes")
def test_marked():
    ask()

@replay.use_cassettes("cassettes")
def test_decorated_with_an_error_of_its_own():
    ask_and_raise_another()

@pytest.mark.cassettes("cassettes")
def test_marked_with_an_error_of_its_own():
    ask_and_raise_another()

def test_clients_lie_there():
    assert FOLDER in stripe.__file__
"""


@pytest.mark.parametrize("folder", ["dist-packages", "vendor"])
def test_pytest_prints_nothing_private_wherever_clients_lie(tmp_path: Path, folder: str) -> None:
    """Debian's Python has its packages in `dist-packages`; a project may keep copies of its own."""
    (tmp_path / "cassettes").mkdir()
    (tmp_path / folder).mkdir()
    for client in ("requests", "stripe", "urllib3"):
        source = Path(sys.modules[client].__file__ or "").parent
        (tmp_path / folder / client).symlink_to(source)
    (tmp_path / "keys.py").write_text("KEY = 'sk_test_PRIVATEkey'\n")
    (tmp_path / "test_live.py").write_text(REFUSED.replace("FOLDER", repr(folder)))
    command = [sys.executable, "-m", "pytest", "--showlocals", "--tb=long", *WITHOUT_SLOW]
    path = os.pathsep.join([str(tmp_path / folder), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert "4 failed, 1 passed" in done.stdout, done.stdout
    assert 4 <= done.stdout.count("is not recorded")
    assert 4 <= done.stdout.count("StripeClient(KEY)")
    assert "PRIVATE" not in done.stdout + done.stderr


OPEN_AT_EXIT = """
import asyncio, contextlib, replay, requests

@replay.use_cassettes("cassettes", mode={mode!r})
def decorated():
    {do}
    yield

def block():
    with replay.use_cassettes("cassettes", mode={mode!r}):
        {do}
        yield

@replay.use_cassettes("cassettes", mode={mode!r})
async def asynchronous():
    {do}
    yield

async def first(steps):
    await anext(steps)

open_ones = decorated(), block(), asynchronous()
next(open_ones[0])
next(open_ones[1])
loop = asyncio.new_event_loop()
loop.run_until_complete(first(open_ones[2]))
loop.close()
print("done")
"""


@pytest.mark.parametrize("mode", ["none", "once", "all"])
def test_a_session_that_is_open_when_the_interpreter_ends_ends_quietly(
    tmp_path: Path, mode: str
) -> None:
    """A generator that is never finished is closed by the interpreter, which imports no more."""
    (tmp_path / "cassettes").mkdir()
    done = _run_script(tmp_path, OPEN_AT_EXIT.format(mode=mode, do="pass"))
    assert (0, "done\n", "") == (done.returncode, done.stdout, done.stderr)


def test_a_refusal_is_told_when_the_interpreter_ends(tmp_path: Path) -> None:
    """The generator swallowed it, and nobody finishes the generator: the log has it at the end."""
    (tmp_path / "cassettes").mkdir()
    ask = f"swallow({URL!r})"
    helper = "def swallow(url):\n    try: requests.get(url)\n    except BaseException: pass\n"
    source = OPEN_AT_EXIT.format(mode="none", do=ask)
    done = _run_script(tmp_path, source.replace("\n@replay", f"\n{helper}\n@replay", 1))
    assert (0, "done\n") == (done.returncode, done.stdout)
    assert 3 == done.stderr.count("is not recorded"), done.stderr
    assert "ImportError" not in done.stderr


def _run_script(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-W", "error", "script.py"], cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
