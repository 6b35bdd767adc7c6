"""The fixture `replay_server`: a server whose answers are the running test's."""

from __future__ import annotations

from support.standin import StandIn
from support.suites import Suite

TESTS = """
import json, subprocess, sys, urllib.request

def ask(server, id=DRAFT, version=NEW, session=None):
    "A program that tests start: it knows nothing of replay but an address."
    code = '''if True:
        import json, sys, urllib.request, urllib.error
        url, headers = sys.argv[1], json.loads(sys.argv[2])
        try:
            answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers))
        except urllib.error.HTTPError as error:
            answer = error
        print(answer.read().decode())'''
    headers = {"Stripe-Version": version, "Authorization": "Bearer sk_test_x"}
    headers |= {"Replay-Session": session} if session else {}
    command = [sys.executable, "-c", code, f"{server.url}/v1/invoices/{id}", json.dumps(headers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)

MISSING = DRAFT[:-1] + "x"
"""


def test_each_test_starts_afresh(suite: Suite) -> None:
    """Takes are those of the running test, shared by all its programs and its own calls."""
    suite.write(
        TESTS
        + """
@pytest.mark.parametrize("n", range(2))
def test_program(replay_server, cassettes, n):
    assert "draft" == ask(replay_server)["status"]
    assert "paid" == ask(replay_server)["status"]
    assert "paid" == get().status
    assert 3 == cassettes.counts.played

def test_first_again(replay_server):
    assert "draft" == get().status

def test_named(replay_server):
    assert "draft" == ask(replay_server)["status"]
    assert "draft" == ask(replay_server, session="other")["status"]
    assert "paid" == ask(replay_server, session="other")["status"]

def test_the_sdk_points_at_it(replay_server):
    client = stripe.StripeClient(
        "sk_test_x", stripe_version=NEW, base_addresses={"api": replay_server.url})
    assert "draft" == client.v1.invoices.retrieve(DRAFT).status
    assert f"http://{replay_server.host}:{replay_server.port}" == replay_server.url

@pytest.mark.asyncio
async def test_in_a_loop(replay_server):
    http = stripe.HTTPXClient()
    client = stripe.StripeClient("sk_test_x", stripe_version=NEW, http_client=http,
        base_addresses={"api": replay_server.url})
    found = await asyncio.gather(*(client.v1.invoices.retrieve_async(DRAFT) for _ in range(4)))
    assert {"draft", "paid"} == {one.status for one in found}
    await http.close_async()
"""
    )
    ran = suite.run(with_="asyncio")
    assert {"passed": 6} == ran.outcomes, ran.out
    assert "replay: 15 played, 0 recorded, 0 refused" == ran.summary


def test_a_refusal_asked_of_it_fails_the_test(suite: Suite) -> None:
    """Whatever the program made of the answer; below a failure of the test's own it is said."""
    suite.write(
        TESTS
        + """
def test_swallowed(replay_server):
    ask(replay_server, MISSING)

def test_swallowed_in_a_named_session(replay_server):
    ask(replay_server, MISSING, session="other")

def test_own_failure(replay_server):
    assert "draft" == ask(replay_server, MISSING)["status"]

def test_next(replay_server):
    assert "draft" == ask(replay_server)["status"]
"""
    )
    ran = suite.run()
    assert {"passed": 1, "failed": 3} == ran.outcomes, ran.out
    assert 2 == ran.out.count("E   replay.errors.CassetteNotFound: invoices"), ran.out
    assert "Captured replay call" in ran.out
    assert "KeyError: 'status'" in ran.out
    assert "replay record invoices" in ran.out
    assert "replay: 1 played, 0 recorded, 3 refused" == ran.summary


def test_options_and_markers_count(suite: Suite) -> None:
    """Library, version and mode of the marker and of the command line are the server's too."""
    suite.write(
        TESTS
        + """
@pytest.mark.cassettes("cassettes", api_version="2024-06-20")
def test_marker(replay_server):
    assert "payment_intent" in ask(replay_server)

def test_option(replay_server):
    assert "payment_intent" in ask(replay_server)
"""
    )
    ran = suite.run("--replay-api-version", "2024-06-20", "--replay-library", "cassettes")
    assert {"passed": 2} == ran.outcomes, ran.out


def test_a_recording_run_records(suite: Suite, stand_in: StandIn) -> None:
    """The program's own key goes to the live source, and the next run plays without it."""
    (suite.folder / "cassettes").unlink()
    (suite.folder / "cassettes").mkdir()
    suite.write(
        TESTS
        + """
def test_program(replay_server):
    assert "draft" == ask(replay_server)["status"]
"""
    )
    ran = suite.run("--replay-mode=once", STRIPE_API_BASE=stand_in.url)
    assert "replay: 0 played, 1 recorded, 0 refused" == ran.summary, ran.out
    assert "Bearer sk_test_x" == stand_in.seen[-1]["authorization"]
    stand_in.stop()
    assert "replay: 1 played, 0 recorded, 0 refused" == suite.run().summary


def test_unused_cassettes_know_of_it(suite: Suite) -> None:
    """What only a program asked for counts as played."""
    suite.write(
        TESTS
        + """
def test_program(replay_server):
    ask(replay_server), ask(replay_server, version="2024-06-20")
    ask(replay_server, "in_1Paid00000000000000000001", session="other")
"""
    )
    ran = suite.run("--replay-unused=fail")
    assert 0 == ran.code, ran.out
    assert "replay: 3 played, 0 recorded, 0 refused, 0 unused" == ran.summary


def test_a_program_that_outlives_tests_is_answered_by_the_running_one(suite: Suite) -> None:
    """A fixture of the session's scope starts it at an address that stays."""
    suite.write(
        TESTS
        + """
@pytest.fixture(scope="session")
def program(replay_server_url):
    ADDRESS.append(f"{replay_server_url}/v1/invoices/{DRAFT}")
    return replay_server_url

ADDRESS = []

@pytest.mark.cassettes
@pytest.mark.parametrize("n", range(2))
def test_program(program, n):
    with urllib.request.urlopen(
        urllib.request.Request(f"{program}/v1/invoices/{DRAFT}", headers={"Stripe-Version": NEW})
    ) as answer:
        assert "draft" == json.load(answer)["status"]

def test_without_a_session():
    import urllib.error
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(ADDRESS[0])
    assert "replay_no_session" == json.load(raised.value)["error"]["code"]
"""
    )
    ran = suite.run()
    assert {"passed": 3} == ran.outcomes, ran.out
    assert "replay: 2 played, 0 recorded, 0 refused" == ran.summary


def test_workers_have_a_server_each(suite: Suite) -> None:
    """With pytest-xdist, takes of one worker's test are not moved on by another's."""
    suite.write(
        TESTS
        + """
@pytest.mark.parametrize("n", range(6))
def test_program(replay_server, n):
    assert ["draft", "paid"] == [ask(replay_server)["status"] for _ in range(2)]
"""
    )
    ran = suite.run("-n2")
    assert {"passed": 6} == ran.outcomes, ran.out
    assert "replay: 12 played, 0 recorded, 0 refused" == ran.summary


def test_without_the_extra_it_says_what_to_install(suite: Suite) -> None:
    """A run without the server's packages still works; only its fixture says what is missing."""
    suite.write(
        """
        import sys
        sys.modules["uvicorn"] = None

        def test_fixture(replay_server): ...

        @pytest.mark.cassettes
        def test_other():
            get()
        """
    )
    ran = suite.run()
    assert {"passed": 1, "error": 1} == ran.outcomes, ran.out
    assert "pip install 'replay-cassettes[server]'" in ran.out


def test_the_server_answers_where_tests_may_not_open_sockets(suite: Suite) -> None:
    """As with pytest-socket's --disable-socket: it puts a class in place that makes no sockets.

    `make plugins` shows the same with pytest-socket itself.
    """
    (suite.folder / "conftest.py").write_text(
        "import pytest, socket\n"
        "class Blocked(socket.socket):\n"
        "    def __new__(cls, *_, **__):\n"
        "        raise RuntimeError('sockets are blocked')\n"
        "@pytest.fixture(autouse=True)\n"
        "def no_sockets(monkeypatch):\n"
        "    monkeypatch.setattr(socket, 'socket', Blocked)\n"
    )
    suite.write(
        TESTS
        + """
@pytest.mark.cassettes
@pytest.mark.parametrize("n", range(2))
def test_program(replay_server, n):
    import socket
    with pytest.raises(RuntimeError, match="sockets are blocked"):
        socket.create_connection((replay_server.host, replay_server.port))
    assert "draft" == ask(replay_server)["status"]
    assert "paid" == ask(replay_server)["status"]
"""
    )
    ran = suite.run()
    assert {"passed": 2} == ran.outcomes, ran.out
