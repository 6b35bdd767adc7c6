"""Which session answers what: tests of every kind, fixtures of every scope, unmarked tests."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest
import requests
from support.standin import DRAFT, NEW, StandIn
from support.suites import Suite

import replay

KINDS = """
    pytestmark = pytest.mark.cassettes

    def test_function():
        assert get().status == "draft"

    @pytest.mark.parametrize("version", ["2024-06-20", NEW])
    def test_parametrised(version):
        assert ("parent" in get(version=version).to_dict()) == (version == NEW)

    class TestMethods:
        def setup_method(self):
            get()

        def test_method(self):
            assert get().status == "paid"

    class TestCase(unittest.TestCase):
        def setUp(self):
            get()

        def test_method(self):
            assert get().status == "paid"

    class TestAsyncCase(unittest.IsolatedAsyncioTestCase):
        async def asyncSetUp(self):
            await get_async()

        async def test_method(self):
            assert (await get_async()).status == "paid"

        async def asyncTearDown(self):
            assert (await get_async()).status == "paid"

    @pytest.mark.asyncio
    async def test_asyncio():
        first, second = await asyncio.gather(get_async(), asyncio.create_task(get_async()))
        assert {first.status, second.status} == {"draft", "paid"}

    @pytest.mark.asyncio(loop_scope="module")
    async def test_asyncio_on_an_older_loop(cassettes):
        await get_async()
        assert cassettes.counts.played == 1

    @pytest.mark.asyncio(loop_scope="module")
    async def test_asyncio_on_an_older_loop_again(cassettes):
        await get_async()
        assert cassettes.counts.played == 1

    @pytest.fixture(scope="module", params=["asyncio", "trio"])
    def anyio_backend(request):
        return request.param

    @pytest.fixture(scope="module")
    async def wide(anyio_backend):
        yield (await get_async()).status
        await get_async()

    @pytest.fixture
    async def narrow(anyio_backend):
        yield (await get_async()).status
        await get_async()

    @pytest.mark.anyio
    async def test_anyio(wide, narrow, cassettes):
        assert (wide, narrow, (await get_async()).status) == ("draft", "draft", "paid")
        assert cassettes.counts.played == 2

    @pytest.mark.anyio
    async def test_anyio_again(wide, narrow, cassettes):
        assert (wide, narrow, (await get_async()).status) == ("draft", "draft", "paid")
        assert cassettes.counts.played == 2
"""


def test_tests_of_every_kind_have_sessions(suite: Suite) -> None:
    """Functions, methods, unittest and its async kind, asyncio and anyio on both backends."""
    suite.write(KINDS)
    ran = suite.run("--strict-markers", with_="all")
    assert {"passed": 13} == ran.outcomes, ran.out
    assert 0 == ran.code


@pytest.mark.parametrize("args", [(), ("-n", "2"), ("-p", "no:randomly", "--reverse")])
def test_order_and_sharding_change_nothing(suite: Suite, args: tuple[str, ...]) -> None:
    """Each test's takes start at the first, whatever runs before it or beside it."""
    suite.write("""
        def pytest_addoption(parser):
            parser.addoption("--reverse", action="store_true")

        def pytest_collection_modifyitems(config, items):
            if config.getoption("--reverse"):
                items.reverse()
    """, "conftest.py")  # fmt: skip
    suite.write("""
        @pytest.fixture(scope="module")
        def wide():
            yield get().status
            assert get().status == "paid"

        @pytest.mark.parametrize("n", range(4))
        @pytest.mark.cassettes
        def test_takes(wide, n):
            assert [wide] + [get().status for _ in range(3)] == ["draft", "draft", "paid", "paid"]
    """)
    ran = suite.run(*args)
    assert ({"passed": 4}, 0) == (ran.outcomes, ran.code), ran.out


def test_the_closest_marker_gives_an_option(suite: Suite, shelf: Path) -> None:
    """Module, class, test: each option comes from the closest marker that names it."""
    suite.write(f"""
        pytestmark = pytest.mark.cassettes("nowhere", api_version="2024-06-20")

        @pytest.mark.cassettes({str(shelf)!r})
        class TestClass:
            def test_class(self, cassettes):
                assert str(cassettes.library.root) == {str(shelf)!r}
                assert "parent" not in get().to_dict()

            @pytest.mark.cassettes("cassettes", api_version=NEW)
            def test_own(self, cassettes):
                assert cassettes.library.root.parent.name == "suite"
                assert "parent" in get(version="2024-06-20").to_dict()

        def test_module():
            get()
    """)
    ran = suite.run()
    assert {"passed": 2, "error": 1} == ran.outcomes, ran.out
    assert "there is no library at this path" in ran.out


def test_a_misspelt_option_fails_the_test_and_names_the_near_miss(suite: Suite) -> None:
    """What the marker does not know is an error of that test, before its fixtures."""
    suite.write("""
        @pytest.mark.cassettes(api_verison="2024-06-20")
        def test_option():
            pass

        @pytest.mark.cassettes(mode="onse")
        def test_mode():
            pass

        @pytest.mark.cassettes("cassettes", "once")
        def test_two():
            pass

        @pytest.mark.cassettes
        def test_right():
            get()
    """)
    ran = suite.run()
    assert {"passed": 1, "error": 3} == ran.outcomes, ran.out
    assert "the cassettes marker has no option 'api_verison'" in ran.out
    assert "did you mean api_version?" in ran.out
    assert "'onse' is not a record mode" in ran.out
    assert "takes one positional argument" in ran.out
    assert "replay/testing/" not in ran.out


def test_the_fixture_opens_a_session_where_there_is_no_marker(suite: Suite) -> None:
    """A test that asks for `cassettes` has a session with the defaults."""
    suite.write("""
        def test_it(cassettes):
            assert get().status == "draft"
            assert cassettes.counts.played == 1

        def test_late(request):
            session = request.getfixturevalue("cassettes")
            assert get().status == "draft"
            assert session.counts.played == 1
    """)
    assert {"passed": 2} == suite.run().outcomes


def test_a_library_is_found_from_any_folder(suite: Suite) -> None:
    """With a pytest.ini, a marker's path is relative to its folder, not to the shell's."""
    suite.write("""
        @pytest.mark.cassettes("cassettes")
        def test_marked():
            get()

        def test_default(cassettes):
            get()
    """)
    below = suite.folder / "below"
    below.mkdir()
    assert {"passed": 2} == suite.run("..", cwd=below).outcomes


def test_a_projects_policy_holds_from_any_folder(suite: Suite, tmp_path: Path) -> None:
    """The root's settings are not those of the package's tests."""
    policy = suite.folder / "replay-policy.toml"
    policy.write_text("[[redact]]\ntype = 'invoice'\npath = 'total'\n")
    suite.write(f"""
        @pytest.mark.cassettes("cassettes")
        def test_marked(cassettes):
            assert cassettes.config.policy == {str(policy)!r}
    """)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "replay.toml").write_text("mode = 'once'\n")
    assert {"passed": 1} == suite.run(str(suite.folder), cwd=elsewhere).outcomes


def test_a_run_without_marked_tests_loads_nothing_of_replay(suite: Suite) -> None:
    """The entry is loaded, and neither sessions nor hooks nor a line in the summary follow."""
    (suite.folder / "test_plain.py").write_text(
        "import sys\n"
        "def test_plain():\n"
        "    found = {n for n in sys.modules if n.split('.')[0] == 'replay'}\n"
        "    assert found == {'replay', 'replay.model', 'replay.model.forks',\n"
        "                     'replay.pytest_plugin', 'replay.testing',\n"
        "                     'replay.testing.collecting', 'replay.testing.options'}\n"
        "    assert not {'yaml', 'vcr', 'deepdiff', 'click', 'httpx', 'rich'} & set(sys.modules)\n"
    )
    ran = suite.run("-p", "no:anyio", "-p", "no:hypothesispytest", with_="all")
    assert ({"passed": 1}, "") == (ran.outcomes, ran.summary), ran.out


def test_unmarked_tests_go_their_own_way_where_the_project_says_so(
    suite: Suite, stand_in: StandIn
) -> None:
    """Between marked tests the hooks are in, and let every call pass as it is."""
    suite.ini("replay_block_network = false")
    suite.write(f"""
        @pytest.mark.cassettes
        def test_before():
            get()

        def test_unmarked():
            from replay.intercept import current_session
            assert current_session.open_sessions() == ()
            assert current_session.current.get() is None
            answer = requests.get("{stand_in.url}/v1/invoices/" + DRAFT, timeout=5)
            assert answer.json()["customer_name"].startswith("PRIVATE")

        @pytest.mark.cassettes
        def test_after():
            get()

        def test_decorated():
            with replay.use_cassettes():
                get()
    """)
    ran = suite.run()
    assert {"passed": 4} == ran.outcomes, ran.out
    assert 1 == sum(stand_in.hits.values())
    assert "replay: 3 played, 0 recorded, 0 refused" == ran.summary


def test_a_thread_that_outlives_its_test_is_refused_and_fails_no_other(suite: Suite) -> None:
    """It is answered neither from the next test's cassettes nor by the API, also in between."""
    suite.write("""
        go, asked, raised = threading.Event(), threading.Event(), []

        def late():
            go.wait(60)
            try:
                get()
            except BaseException as error:
                raised.append(error)
            asked.set()

        @pytest.mark.cassettes
        def test_first():
            threading.Thread(target=late, daemon=True).start()
            get()

        @pytest.mark.cassettes
        def test_second(cassettes):
            go.set()
            assert asked.wait(60)
            get()
            assert cassettes.counts.played == 1
            assert isinstance(raised[0].error, replay.NoSession)

        @pytest.mark.cassettes
        def test_third():
            go.clear(), asked.clear(), raised.clear()
            threading.Thread(target=late, daemon=True).start()

        def test_unmarked():
            go.set()
            assert asked.wait(60)
            assert isinstance(raised[0].error, replay.NoSession)
    """)
    ran = suite.run()
    assert ({"passed": 4}, 0) == (ran.outcomes, ran.code), ran.out
    assert "replay: 2 played, 0 recorded, 2 refused" == ran.summary
    assert "a thread outlived its test" in ran.out


def test_a_left_over_thread_does_not_reach_the_live_base_either(
    suite: Suite, stand_in: StandIn
) -> None:
    """Also between sessions, where the base of the session that it belonged to is nobody's."""
    suite.write(f"""
        go, done, seen = threading.Event(), threading.Event(), []

        def late():
            go.wait(60)
            try:
                seen.append(requests.get("{stand_in.url}/v1/invoices/" + DRAFT, timeout=5))
            except BaseException as error:
                seen.append(error.error)
            done.set()

        @pytest.mark.cassettes(api_base="{stand_in.url}")
        def test_first():
            threading.Thread(target=late, daemon=True).start()

        def test_unmarked():
            go.set()
            assert done.wait(60)
            assert isinstance(seen[0], replay.NoSession)
    """)
    ran = suite.run()
    assert {"passed": 2} == ran.outcomes, ran.out
    assert "replay: 0 played, 0 recorded, 1 refused" == ran.summary
    assert 0 == sum(stand_in.hits.values())


@pytest.mark.parametrize("options", [[], ["--replay-block-network"]], ids=["as is", "blocked"])
def test_a_thread_from_before_waits_between_two_tests(
    suite: Suite, stand_in: StandIn, options: list[str]
) -> None:
    """A worker of the whole run is answered by whichever test runs, and never by the API."""
    suite.write(f"""
        pytestmark = pytest.mark.cassettes(api_base="{stand_in.url}")

        @pytest.fixture(scope="session", autouse=True)
        def worker(tmp_path_factory):
            stop, log = threading.Event(), []

            def poll():
                client = requests.Session()
                client.trust_env = False  # pytest changes the environment beside this thread
                while not stop.is_set():
                    try:
                        url = "{stand_in.url}/v1/invoices/" + DRAFT
                        log.append(client.get(url, headers={{"Stripe-Version": NEW}}).status_code)
                    except BaseException as error:
                        log.append(error)

            thread = threading.Thread(target=poll)
            thread.start()
            yield
            stop.set()
            thread.join()
            assert {{200}} == set(log), log

        @pytest.mark.parametrize("n", range(60))
        def test_any(n):
            get()
    """)
    ran = suite.run(*options)
    assert {"passed": 60} == ran.outcomes, ran.out
    assert 0 == sum(stand_in.hits.values())


def test_an_executor_from_a_marked_test_serves_an_unmarked_one(
    suite: Suite, stand_in: StandIn
) -> None:
    """What an unmarked test submits is untouched, whichever test started the pool's threads."""
    suite.write(f"""
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)

        def ask():
            return requests.get("{stand_in.url}/v1/invoices/" + DRAFT, timeout=5).status_code

        @pytest.mark.cassettes
        def test_marked():
            pool.submit(get).result()

        def test_unmarked():
            assert 200 == pool.submit(ask).result()
    """)
    ran = suite.run()
    assert {"passed": 2} == ran.outcomes, ran.out
    assert 1 == sum(stand_in.hits.values())


def test_a_task_that_outlives_its_test_is_refused(suite: Suite) -> None:
    """On a loop that two tests share, a task belongs to the test that started it."""
    suite.write("""
        pytestmark = [pytest.mark.cassettes, pytest.mark.anyio]
        left = []

        @pytest.fixture(scope="module")
        def anyio_backend():
            return "asyncio"

        @pytest.fixture(scope="module")
        async def go(anyio_backend):
            return asyncio.Event()

        async def late(go):
            await go.wait()
            await get_async()

        async def test_first(go):
            left.append(asyncio.create_task(late(go)))
            await get_async()

        async def test_second(go, cassettes):
            go.set()
            with contextlib.suppress(BaseException):
                await left[0]
            assert isinstance(left[0].exception().error, replay.NoSession)
            await get_async()
            assert cassettes.counts.played == 1
    """)
    ran = suite.run(with_="anyio")
    assert ({"passed": 2}, 0) == (ran.outcomes, ran.code), ran.out


def write_wide(suite: Suite, stand_in: StandIn, ends: str, tests: str) -> None:
    """Tests beside a fixture of the module that asks once, in mode `all`, and then does `ends`."""
    suite.write(
        f"""
        pytestmark = pytest.mark.cassettes("own", mode="all", api_base="{stand_in.url}")

        def ask():
            url = "{stand_in.url}/v1/invoices/" + DRAFT
            return requests.get(url, headers={{"Stripe-Version": NEW}}, timeout=5).json()

        @pytest.fixture(scope="module")
        def invoice():
            ask()
            {ends}
        """
        + tests
    )


@pytest.mark.parametrize(
    ("ends", "outcomes"),
    [
        ('raise ValueError("too early")', {"error": 1}),
        ('yield; raise ValueError("at the end")', {"passed": 1, "error": 1}),
    ],
    ids=["while it is set up", "while it is torn down"],
)
def test_a_wide_fixture_that_fails_keeps_the_old_takes(
    suite: Suite, shelf: Path, stand_in: StandIn, ends: str, outcomes: dict[str, int]
) -> None:
    """Mode `all` replaces a file by complete takes only: the fixture fails after its first read."""
    own = shutil.copytree(shelf, suite.folder / "own")
    write_wide(
        suite, stand_in, ends,
        """
        def test_it(invoice): ...
        """,
    )  # fmt: skip
    before = {path: path.read_bytes() for path in own.glob("invoices/*/*.yaml")}
    assert before
    ran = suite.run()
    assert outcomes == ran.outcomes, ran.out
    assert 1 == sum(stand_in.hits.values())
    assert before == {path: path.read_bytes() for path in own.glob("invoices/*/*.yaml")}


def test_a_wide_fixture_of_a_run_that_is_broken_off_keeps_its_takes(
    suite: Suite, shelf: Path, stand_in: StandIn
) -> None:
    """Fixtures end after the last test then: what they re-recorded is written all the same."""
    own = shutil.copytree(shelf, suite.folder / "own")
    stand_in.add_invoice(DRAFT, status="void")
    write_wide(
        suite, stand_in, "yield",
        """
        def test_it(invoice):
            pytest.exit("enough")

        def test_another(invoice): ...
        """,
    )  # fmt: skip
    ran = suite.run()
    assert "Exit: enough" in ran.out
    text = (own / "invoices" / DRAFT / f"{NEW}.yaml").read_text()
    assert '"status": "void"' in text


def test_what_a_passed_test_saw_stays_when_a_late_fixture_ends(
    suite: Suite, shelf: Path, stand_in: StandIn
) -> None:
    """A run that is broken off ends its fixtures late: they lose no take that a test added."""
    own = shutil.copytree(shelf, suite.folder / "own")
    serve, numbers = stand_in.objects[f"/v1/invoices/{DRAFT}"], itertools.count(1)
    stand_in.objects[f"/v1/invoices/{DRAFT}"] = lambda version, expand: {
        **serve(version, expand), "attempt_count": next(numbers),
    }  # fmt: skip
    write_wide(
        suite, stand_in, "yield",
        """
        def test_that_passes(invoice):
            assert [1, 2, 3] == [ask()["attempt_count"] for _ in range(3)]

        def test_that_ends_it_all():
            pytest.exit("enough")
        """,
    )  # fmt: skip
    assert "Exit: enough" in suite.run().out
    text = (own / "invoices" / DRAFT / f"{NEW}.yaml").read_text()
    assert ["1", "2", "3"] == re.findall(r'"attempt_count": (\d+)', text)
    assert [] == list((own / ".replay" / "rerecorded").iterdir())


def test_calls_of_old_threads_wait_and_never_go_online(suite: Suite, stand_in: StandIn) -> None:
    """Threads from before all tests ask without end: each call is answered by a test's session,
    also one that slept through a whole test; what waits at the end of the run is refused."""
    suite.write(
        """
        import os
        import time
        from collections import Counter

        begin, stop, out = threading.Event(), threading.Event(), Counter()
        base = os.environ["STRIPE_API_BASE"]

        def ask():
            client = requests.Session()
            client.trust_env = False  # pytest changes the environment beside these threads
            try:
                found = client.get(base + "/v1/invoices/" + DRAFT,
                                   headers={"Stripe-Version": NEW}, timeout=60)
                out[found.json()["status"]] += 1
            except BaseException as error:
                out[str(error).partition("\\n")[0]] += 1

        def ask_on():
            begin.wait()
            while not stop.is_set():
                ask()

        threads = [threading.Thread(target=ask_on, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        late = threading.Thread(target=ask, daemon=True)

        @pytest.hookimpl(tryfirst=True)
        def pytest_sessionfinish():
            late.start()
            time.sleep(0.2)

        def pytest_unconfigure():
            late.join(60)
            print("asked", *sorted(out))
        """,
        "conftest.py",
    )
    suite.write("""
        import time
        from conftest import begin, out, stop, threads

        @pytest.mark.cassettes
        @pytest.mark.parametrize("n", range(60))
        def test_it(n):
            begin.set()
            if n == 59:
                while not out["draft"]:
                    time.sleep(0.01)
                stop.set()
                for thread in threads:
                    thread.join(60)
    """)
    ran = suite.run("-s", STRIPE_API_BASE=stand_in.url)
    assert "60 passed" in ran.out
    assert 0 == ran.code
    asked = next(line for line in ran.out.splitlines() if line.startswith("asked"))
    assert re.fullmatch("asked draft no session is open for this call to the API( paid)?", asked)
    assert {} == stand_in.hits


def test_a_recorded_404_is_noted_in_the_summary(
    suite: Suite, stand_in: StandIn, tmp_path: Path
) -> None:
    """It looks like Stripe answering; the note says that it is a recording, and which."""
    missing = DRAFT[:-1] + "x"
    library = tmp_path / "errors"
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        url = f"{stand_in.url}/v1/invoices/{missing}"
        requests.get(url, headers={"Stripe-Version": NEW}, timeout=5)
    suite.write(
        f"""
        @pytest.mark.cassettes({str(library)!r})
        @pytest.mark.parametrize("n", [1, 2])
        def test_missing(n):
            with pytest.raises(stripe.InvalidRequestError):
                get({missing!r})

        @pytest.mark.cassettes
        def test_there():
            get()
        """
    )
    ran = suite.run()
    assert {"passed": 3} == ran.outcomes, ran.out
    (note,) = [line for line in ran.out.splitlines() if "recorded error" in line]
    assert f"invoices {missing} at {NEW} is a recorded error (404)" in note
    assert "if that is a mistake, mode all asks again" in note
    assert note.endswith("(2 tests)")


def test_a_base_that_is_not_configured_is_named_in_the_summary(
    suite: Suite, stand_in: StandIn
) -> None:
    """Beside `0 played`: which base was asked, and the setting that makes it replay's."""
    suite.write(
        f"""
        @pytest.mark.cassettes
        def test_there():
            requests.get(
                "{stand_in.url}/v1/invoices/{DRAFT}", headers={{"Stripe-Version": "{NEW}"}}
            )
        """
    )
    ran = suite.run(STRIPE_API_BASE="")
    assert {"passed": 1} == ran.outcomes, ran.out
    assert "replay: 0 played" in ran.out
    assert f"asked {stand_in.url}, which is not replay's to answer" in ran.out
    assert f"STRIPE_API_BASE={stand_in.url}" in ran.out


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("assert get().customer_email == 'jenny@example.org'", "redacted+"),
        ("assert get().customer_name.startswith('Jenny'), get().customer_name", "Redacted "),
        ("unittest.TestCase().assertIn('order', get().hosted_invoice_url)", "https://redacted"),
        ("assert get().total == -1", ""),
        ("assert get() is None or 1 / 0", ""),
    ],
)
def test_a_comparison_with_a_private_value_says_what_it_met(
    statement: str, told: str, suite: Suite, stand_in: StandIn
) -> None:
    """While recording, below the failure; and below no other failure."""
    (suite.folder / "cassettes").unlink()
    with replay.use_cassettes(suite.folder / "cassettes", mode="once", api_base=stand_in.url):
        headers = {"Stripe-Version": NEW}
        requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", headers=headers, timeout=5)
    suite.write(
        f"""
        @pytest.mark.cassettes
        def test_private():
            client = stripe.StripeClient(
                "sk_test_x", stripe_version=NEW, base_addresses={{"api": {stand_in.url!r}}}
            )
            get = lambda: client.v1.invoices.retrieve(DRAFT)
            {statement}
        """
    )
    ran = suite.run("--replay-mode=all", STRIPE_API_BASE=stand_in.url)
    assert {"failed": 1} == ran.outcomes, ran.out
    assert ("Captured replay stand-ins" in ran.out) is (told != ""), ran.out
    if told:
        hint = ran.out.partition("Captured replay stand-ins")[2]
        assert f"\n{told}" in hint
        assert "is a stand-in for a private value" in hint
