"""The command line, the environment and the markers: who wins; blocking what is not marked."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.standin import DRAFT, StandIn
from support.suites import Suite

ONE = """
    @pytest.mark.cassettes
    def test_it(cassettes):
        get()
"""


def test_the_command_line_records_and_the_next_run_replays(suite: Suite, stand_in: StandIn) -> None:
    """`--replay-mode=once` records what is missing; afterwards no source is needed."""
    (suite.folder / "cassettes").unlink()
    suite.write(ONE)
    ran = suite.run("--replay-mode=once", STRIPE_API_BASE=stand_in.url)
    assert ({"passed": 1}, 0) == (ran.outcomes, ran.code), ran.out
    assert "replay: 0 played, 1 recorded, 0 refused" == ran.summary
    assert "replay: mode once" in ran.out
    assert 1 == sum(stand_in.hits.values())
    assert 1 == len([*(suite.folder / "cassettes").rglob("*.yaml")])
    stand_in.stop()
    assert "replay: 1 played, 0 recorded, 0 refused" == suite.run().summary


def test_what_is_answered_but_not_recorded_is_said(suite: Suite, stand_in: StandIn) -> None:
    """The summary names the reason."""
    suite.write("""
        @pytest.mark.cassettes
        def test_it():
            with contextlib.suppress(stripe.StripeError):
                get(DRAFT[:-1] + "x")
    """)
    stand_in.script = [(500, {}, {"error": {"type": "api_error", "message": "no"}})] * 9
    ran = suite.run("--replay-mode=once", STRIPE_API_BASE=stand_in.url)
    assert 0 == ran.code, ran.out
    assert "was answered but not recorded" in ran.out
    unrecorded = sum(stand_in.hits.values())
    assert f"0 refused, {unrecorded} answered but not recorded" in ran.out


def test_mode_all_rerecords_once_the_test_has_passed(suite: Suite, stand_in: StandIn) -> None:
    """The old file stays where a test failed."""
    (suite.folder / "cassettes").unlink()
    suite.write(ONE)
    suite.run("--replay-mode=once", STRIPE_API_BASE=stand_in.url)
    (file,) = (suite.folder / "cassettes").rglob("*.yaml")
    before = file.read_bytes()
    stand_in.add_invoice(DRAFT, status="paid")
    suite.write(ONE + "        assert False\n")
    assert {"failed": 1} == suite.run("--replay-mode=all", STRIPE_API_BASE=stand_in.url).outcomes
    assert before == file.read_bytes()
    suite.write(ONE)
    ran = suite.run("--replay-mode=all", STRIPE_API_BASE=stand_in.url)
    assert "replay: 0 played, 1 recorded, 0 refused" == ran.summary
    assert before != file.read_bytes()


def test_a_marker_that_says_none_never_goes_online(suite: Suite, stand_in: StandIn) -> None:
    """Such a test proves a refusal; any other marker's mode yields to the command line."""
    suite.write("""
        MISSING = DRAFT[:-1] + "x"

        @pytest.mark.cassettes(mode="none")
        def test_never():
            with pytest.raises(replay.CassetteNotFound), replay.use_cassettes(mode="none"):
                get(MISSING)

        @pytest.mark.cassettes(mode="none")
        def test_mode(cassettes):
            assert cassettes.config.mode == "none"

        @pytest.mark.cassettes(mode="new_episodes")
        def test_other(cassettes):
            assert cassettes.config.mode == "once"
    """)
    ran = suite.run("--replay-mode=once", STRIPE_API_BASE=stand_in.url)
    assert {"passed": 3} == ran.outcomes, ran.out
    assert {} == stand_in.hits


def test_who_wins(suite: Suite, shelf: Path, tmp_path: Path) -> None:
    """A marker's library and version, then the command line, the environment, the file."""
    suite.write(f"""
        @pytest.mark.cassettes({str(shelf)!r}, api_version="2024-06-20")
        def test_marker(cassettes):
            assert str(cassettes.library.root) == {str(shelf)!r}
            assert cassettes.config.api_version == "2024-06-20"

        @pytest.mark.cassettes
        def test_line(cassettes):
            assert cassettes.library.root.name == "line"
            assert cassettes.config.api_version == "2025-03-31.basil"
            assert cassettes.config.mode == "once"
    """)
    (suite.folder / "line").mkdir()
    ran = suite.run(
        "--replay-library=line", "--replay-api-version=2025-03-31.basil",
        REPLAY_LIBRARY=str(tmp_path), REPLAY_API_VERSION="2020-08-27", REPLAY_MODE="once",
    )  # fmt: skip
    assert {"passed": 2} == ran.outcomes, ran.out
    suite.write("""
        @pytest.mark.cassettes
        def test_file(cassettes):
            assert cassettes.library.root.name == "line"
    """)
    (suite.folder / "replay.toml").write_text('library = "line"\n')
    assert {"passed": 1} == suite.run().outcomes


def test_a_mode_that_does_not_exist_is_a_usage_error(suite: Suite) -> None:
    """So is a word that `replay_unused` does not know."""
    suite.write(ONE)
    assert 4 == suite.run("--replay-mode=onse").code
    suite.ini("replay_unused = maybe")
    ran = suite.run()
    assert 4 == ran.code
    assert "use one of off, warn, fail" in ran.out


@pytest.mark.parametrize("how", ["option", "ini", "marked"])
def test_blocking_refuses_the_calls_of_unmarked_tests(
    suite: Suite, stand_in: StandIn, how: str
) -> None:
    """They fail, from threads too, swallowed too; other hosts and decorated calls go on."""
    suite.write(f"""
        @pytest.mark.cassettes
        def test_marked():
            get()

        def test_unmarked():
            get()

        def test_thread():
            def ask():
                with contextlib.suppress(BaseException):
                    get()

            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()

        @pytest.fixture(scope="module")
        def wide():
            get()

        def test_fixture(wide):
            pass

        def test_other_host():
            assert requests.get("{stand_in.url}/v1/invoices/" + DRAFT, timeout=5).ok

        @replay.use_cassettes("cassettes")
        def test_decorated():
            get()
    """)
    suite.ini(*(["replay_block_network = true"] if how == "ini" else []))
    ran = suite.run(*(["--replay-block-network"] if how == "option" else []))
    assert {"passed": 3, "failed": 2, "error": 1} == ran.outcomes, ran.out
    assert "where: test_suite.py::test_unmarked" in ran.out
    assert "mark it with @pytest.mark.cassettes" in ran.out
    assert 1 == sum(stand_in.hits.values())


UNMARKED = """
    import socket

    def nowhere(*args, **kwargs):
        raise socket.gaierror("no name is looked up here")

    socket.getaddrinfo = nowhere

    def test_unmarked():
        with pytest.raises({expected}):
            get()
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("replay.toml", 'mode = "none"\n'),
        ("pyproject.toml", '[tool.replay]\nmode = "none"\n'),
        ("pyproject.toml", '[tool.replay.drift]\nfail_on = "warning"\n'),
    ],
)
def test_a_project_with_settings_of_replay_blocks(suite: Suite, name: str, text: str) -> None:
    """Also where no test is marked."""
    (suite.folder / name).write_text(text)
    suite.write(UNMARKED.format(expected="replay.CallRefused"))
    ran = suite.run()
    assert {"failed": 1} == ran.outcomes, ran.out
    assert "a test that is not marked called the API" in ran.out
    assert "replay_block_network = false" in ran.out


def test_a_marked_test_that_is_deselected_blocks_all_the_same(suite: Suite) -> None:
    """What `-k` leaves out changes nothing for the others."""
    suite.write(
        UNMARKED.format(expected="replay.CallRefused")
        + """
    @pytest.mark.cassettes
    def test_marked():
        get()
"""
    )
    ran = suite.run("-k", "unmarked")
    assert {"failed": 1, "deselected": 1} == ran.outcomes, ran.out
    assert "a test that is not marked called the API" in ran.out


def test_a_project_that_does_not_use_replay_is_left_alone(suite: Suite) -> None:
    """replay may be installed for another project of the same environment."""
    (suite.folder / "pyproject.toml").write_text("[tool.other]\n")
    suite.write(UNMARKED.format(expected="stripe.APIConnectionError"))
    ran = suite.run()
    assert ({"passed": 1}, "") == (ran.outcomes, ran.summary), ran.out


def test_calls_that_are_let_through_are_counted(suite: Suite) -> None:
    """Once each, from whichever client, and added up over workers."""
    suite.ini("replay_block_network = false")
    suite.write(
        UNMARKED.format(expected="stripe.APIConnectionError")
        + """
    import httpx, urllib.error, urllib.request, aiohttp
    URL, HEADERS = "https://api.stripe.com/v1/invoices/in_1", {"Stripe-Version": "2024-06-20"}

    def test_clients():
        with pytest.raises(OSError):
            requests.get(URL, headers=HEADERS)
        with pytest.raises(httpx.ConnectError):
            httpx.get(URL, headers=HEADERS)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(urllib.request.Request(URL, headers=HEADERS))

        async def ask():
            async with aiohttp.ClientSession() as client:
                await client.get(URL, headers=HEADERS)

        with pytest.raises(aiohttp.ClientError):
            asyncio.run(ask())

    @pytest.mark.cassettes
    def test_marked():
        get()
"""
    )
    ran = suite.run("-n2", "-p", "no:anyio")
    assert {"passed": 3} == ran.outcomes, ran.out
    assert "replay: 1 played, 0 recorded, 0 refused, 5 online from unmarked tests" == ran.summary


def test_a_stub_of_an_unmarked_test_answers(suite: Suite) -> None:
    """A patched client's does, and so does a recording that vcrpy plays."""
    suite.write("""
        import json, unittest.mock, vcr
        URL = "https://api.stripe.com/v1/invoices/in_1"

        def test_patched():
            with unittest.mock.patch("requests.Session.send") as send:
                assert requests.get(URL) is send.return_value

        def test_vcrpy(tmp_path):
            request = {"method": "GET", "uri": URL, "body": None, "headers": {}}
            status = {"code": 200, "message": "OK"}
            response = {"status": status, "headers": {}, "body": {"string": "{}"}}
            recorded = {"version": 1, "interactions": [{"request": request, "response": response}]}
            (tmp_path / "a.yaml").write_text(json.dumps(recorded))
            with vcr.use_cassette(str(tmp_path / "a.yaml"), record_mode="none"):
                assert requests.get(URL).json() == {}

        @pytest.mark.cassettes
        def test_marked():
            get()
    """)
    assert {"passed": 3} == suite.run().outcomes
