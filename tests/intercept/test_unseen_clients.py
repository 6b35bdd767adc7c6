"""Clients that connect without Python's sockets: one warning that names them, and a refusal.

`make compiled` tries the real ones. Here are those that the tests have (pycurl, uvloop, another
interpreter), and a small module for what holds for all of them.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop
from support.standin import DRAFT, StandIn
from support.suites import Suite

import replay
from replay.intercept import current_session, network_warning
from replay.intercept.clients import CLIENTS, UNSHOWN, Way
from replay.intercept.unsupported import _address

PATH = f"/v1/invoices/{DRAFT}"
CLIENT = """
class Client:
    def get(self, url, body=None):
        return url

def get(url):
    return url
"""
"""A module of a compiled client's name and calls: that client is not among the tests' packages."""


@pytest.fixture(autouse=True)
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was warned of yet."""
    monkeypatch.setattr(network_warning, "_untold", {each.module: each for each in UNSHOWN})


@pytest.fixture
def primp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module that can be imported, and was not yet."""
    (tmp_path / "primp.py").write_text(CLIENT, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("primp", None)
    yield
    sys.modules.pop("primp", None)


@pytest.mark.usefixtures("primp")
def test_importing_one_in_a_session_gives_a_warning(library: Path) -> None:
    """It names the client and the way out, and is about the line that imports it."""
    library.mkdir()
    with pytest.warns(replay.NetworkWarning) as given, replay.use_cassettes(library):  # noqa: PT031
        import primp  # type: ignore[import-not-found]

        line = sys._getframe().f_lineno - 2
        assert "https://example.com" == primp.get("https://example.com")
    (warned,) = given
    assert str(warned.message).startswith("primp connects by a Rust library")
    assert "replay serve" in str(warned.message)
    assert "ignore:primp :replay.NetworkWarning" in str(warned.message)
    assert (__file__, line) == (warned.filename, warned.lineno)


@pytest.mark.usefixtures("primp")
def test_one_that_is_imported_already_gives_one_warning(library: Path) -> None:
    """It is about the line that opens the session; the next session gives none."""
    library.mkdir()
    import primp

    with pytest.warns(replay.NetworkWarning, match="primp") as given:  # noqa: PT031
        with replay.use_cassettes(library):
            line = sys._getframe().f_lineno - 1
        with replay.use_cassettes(library):
            primp.get("https://example.com")
    assert [(__file__, line)] == [(each.filename, each.lineno) for each in given]


@pytest.mark.usefixtures("primp")
def test_a_decorated_function_is_named_by_its_decorator(library: Path) -> None:
    """Where none of the user's lines is running, as under pytest."""
    library.mkdir()
    import primp  # noqa: F401

    decorated = replay.use_cassettes(library)(lambda: None)
    line = sys._getframe().f_lineno - 1
    with pytest.warns(replay.NetworkWarning) as given:  # noqa: PT031
        thread = threading.Thread(target=decorated)
        thread.start()
        thread.join(30)
    assert [(__file__, line)] == [(each.filename, each.lineno) for each in given]


@pytest.mark.usefixtures("primp")
def test_as_an_error_it_closes_every_session(library: Path) -> None:
    """Warnings as errors are default deny: no session opens, until the warning is filtered."""
    library.mkdir()
    import primp  # noqa: F401

    # A thread of an earlier test, such as an idle one of trio's, keeps the hooks in.
    alone = threading.active_count() == 1
    for _ in range(2):
        with (
            pytest.raises(replay.NetworkWarning),
            warnings.catch_warnings(action="error"),
            replay.use_cassettes(library),
        ):
            pytest.fail("the session is open")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "primp ", replay.NetworkWarning)
        with replay.use_cassettes(library):
            pass
    assert () == current_session.open_sessions()
    assert not alone or "connect" not in vars(socket.socket)


@pytest.mark.usefixtures("primp")
def test_it_is_refused_where_it_is_called(library: Path) -> None:
    """By function, by method, in keywords; another host, and a body with an address, go on."""
    library.mkdir()
    url = "https://api.stripe.com/v1/invoices/in_1"
    import primp

    ways: list[Any] = [
        lambda: primp.get(url),
        lambda: primp.get(url.encode()),
        lambda: primp.Client().get(url),
        lambda: primp.Client().get(url=url.upper()),
    ]
    with warnings.catch_warnings(action="ignore"):
        for way in ways:
            with (
                pytest.raises(replay.CallRefused, match="cannot be intercepted") as refused,
                replay.use_cassettes(library),
            ):
                way()
            assert "primp" == refused.value.where
        with replay.use_cassettes(library):
            assert primp.Client().get("https://example.com/", body=url).startswith("https://ex")
    assert url == primp.Client().get(url)


@pytest.mark.usefixtures("primp")
def test_outside_of_sessions_there_is_no_warning(library: Path) -> None:
    """Also between two sessions of a run that keeps the hooks in."""
    library.mkdir()
    from replay.intercept import installation

    def ended(_: Any) -> None: ...

    installation.hold(ended)
    try:
        import primp  # noqa: F401
    finally:
        installation.release(ended)


URL = "https://api.stripe.com/v1"
SPELLINGS = [
    "https://API.Stripe.com./v1", "https://api%2estripe.com/v1", "https:\\\\api.stripe.com\\v1",
    "https:/api.stripe.com/v1", "https:///api.stripe.com", "ht\ntps://api.\tstripe.com?x",
    "https://user:pass@api.stripe.com:443/", "https://example.com:80@api.stripe.com#x",
    "https://\uff41pi\u3002stripe.com/", "wss://api.stripe.com", b"https://api.stripe.com",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_addresses_are_read_as_compiled_clients_read_them(spelling: Any, library: Path) -> None:
    """They follow the rules of browsers, or libcurl's, which take more spellings than Python."""
    found = _address(spelling.decode() if isinstance(spelling, bytes) else spelling)
    assert found is not None
    assert ("api.stripe.com", 443) == (found[0].rstrip("."), found[1])


@pytest.mark.parametrize(
    ("spelling", "address"),
    [
        ("http://2130706433:81/", ("127.0.0.1", 81)),
        ("http://0x7f.1/", ("127.0.0.1", 80)),
        ("http://[::1]:82/", ("::1", 82)),
        ("http://[::1]/", ("::1", 80)),
        ("http://3scale.example/", ("3scale.example", 80)),
        ("GET", None),
        ("a text: see https://api.stripe.com", None),
        ("ftp://api.stripe.com", None),
        ("", None),
    ],
)
def test_other_addresses(spelling: str, address: tuple[str, int] | None) -> None:
    """Numbers of this machine in every base; and texts that are no address of HTTP's."""
    assert address == _address(spelling)


def run(code: str, *, expect: int = 0) -> str:
    """What a process of its own prints: one that has not imported anything yet."""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert expect == done.returncode, done.stderr
    return done.stdout + done.stderr


def test_pycurl_of_the_sdk_is_not_warned_of(library: Path) -> None:
    """The SDK imports it wherever it is installed, and its calls by it are refused."""
    library.mkdir()
    said = run(f"""
        import stripe, sys, replay
        http = stripe.PycurlClient()
        assert "pycurl" in sys.modules
        with replay.use_cassettes({str(library)!r}):
            pass
        client = stripe.StripeClient("sk_test_x", http_client=http)
        try:
            with replay.use_cassettes({str(library)!r}):
                client.v1.invoices.retrieve("in_1")
        except replay.CallRefused as error:
            print(error.where)
    """)
    assert "stripe.PycurlClient\n" == said


PYCURL = {
    "imported before": "import pycurl\nwith opened: pass",
    "imported under another name": "import stripe\nimport pycurl as p\nwith opened: pass",
    "imported inside": "with opened: import pycurl",
    "imported inside, after the SDK": "import stripe\nwith opened:\n    import pycurl\n    "
                                      "pycurl.Curl()",
}  # fmt: skip


@pytest.mark.parametrize("code", PYCURL.values(), ids=PYCURL)
def test_pycurl_of_the_users_is_warned_of_once(code: str, library: Path) -> None:
    """Whichever way the user's own code gets it."""
    library.mkdir()
    head = f"import replay\nopened = replay.use_cassettes({str(library)!r})\n"
    said = run(f"{head}{code}\nwith opened: pass")
    assert 1 == said.count("NetworkWarning: pycurl connects by libcurl")
    assert said.startswith("<string>:")


CURLS = {
    "a handle": "c.setopt(pycurl.URL, url)\nc.perform()",
    "a handle's bytes": "c.setopt(pycurl.URL, url)\nc.perform_rb()",
    "a copy": "c.setopt(pycurl.URL, url)\nc.duphandle().perform()",
    "no scheme": "c.setopt(pycurl.URL, url[7:])\nc.perform()",
    "many handles": "c.setopt(pycurl.URL, url)\npycurl.CurlMulti().add_handle(c)",
}


@pytest.mark.parametrize("code", CURLS.values(), ids=CURLS)
def test_pycurl_is_refused(code: str, stand_in: StandIn, library: Path) -> None:
    """It reaches another host as before, and after the session it is as it was."""
    library.mkdir()
    url = stand_in.url + PATH
    said = run(f"""
        import io, pycurl, replay, warnings
        warnings.simplefilter("ignore")
        before = pycurl.Curl
        def ask(url):
            c, got = pycurl.Curl(), io.BytesIO()
            assert isinstance(c, pycurl.Curl) and isinstance(before(), pycurl.Curl)
            c.setopt(pycurl.WRITEDATA, got)
            {textwrap.indent(code, " " * 12).strip()}
        try:
            with replay.use_cassettes({str(library)!r}, api_base={stand_in.url!r}):
                ask({url!r})
        except replay.CallRefused as error:
            print(error.where)
        with replay.use_cassettes({str(library)!r}):
            ask({url!r})
        assert pycurl.Curl is before
    """)
    assert said.startswith("pycurl\n")
    assert (0 if "CurlMulti" in code else 1) == stand_in.hits.get(PATH, 0)


def test_a_class_of_another_tool_around_pycurls_is_refused_too(
    stand_in: StandIn, library: Path
) -> None:
    """pytest-recording puts an object with such a class into the module's place."""
    library.mkdir()
    url = stand_in.url + PATH
    said = run(f"""
        import io, pycurl as real, replay, sys, warnings
        warnings.simplefilter("ignore")
        class Curl:
            def __init__(self):
                object.__setattr__(self, "handle", real.Curl())
            def __getattribute__(self, name):
                return getattr(object.__getattribute__(self, "handle"), name)
        class Module:
            def __getattribute__(self, name):
                return Curl if name == "Curl" else getattr(real, name)
        sys.modules["pycurl"] = Module()
        import pycurl
        def ask():
            c = pycurl.Curl()
            c.setopt(pycurl.WRITEDATA, io.BytesIO())
            c.setopt(pycurl.URL, {url!r})
            c.perform()
        try:
            with replay.use_cassettes({str(library)!r}, api_base={stand_in.url!r}):
                ask()
        except replay.CallRefused as error:
            print(error.where)
        ask()
    """)
    assert said.startswith("pycurl\n")
    assert 1 == stand_in.hits.get(PATH, 0)


INTERPRETERS = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
MAKES_ONE = {
    "by a module that is imported inside": "with opened:\n    import {0} as m\n    m.create()",
    "by a module that is imported before": "import {0} as m\nwith opened: m.create()",
    "by a function that is imported before": "from {0} import create\nwith opened: create()",
    "before the session": "import {0}\nkept = {0}.create()\ndel {0}\nwith opened: pass",
}  # fmt: skip
MAKES_ONE_SINCE_314 = {
    "by Python's public module": "import concurrent.interpreters as m\nwith opened: m.create()",
    "in a pool": "from concurrent.futures import InterpreterPoolExecutor\n"
                 "with opened, InterpreterPoolExecutor(1) as pool: assert pool.submit(max, 1, 2)",
}  # fmt: skip
if sys.version_info >= (3, 14):
    MAKES_ONE |= MAKES_ONE_SINCE_314


@pytest.mark.parametrize("code", MAKES_ONE.values(), ids=MAKES_ONE)
def test_another_interpreter_is_warned_of_once(code: str, library: Path) -> None:
    """It has no hooks, however it is made."""
    library.mkdir()
    head = f"import replay\nopened = replay.use_cassettes({str(library)!r})\n"
    said = run(f"{head}{code.format(INTERPRETERS)}\nwith opened: pass\nprint('made')")
    assert 1 == said.count(f"NetworkWarning: {INTERPRETERS} runs another interpreter")
    assert "made" in said


@pytest.mark.parametrize("first", [True, False], ids=["before", "within"])
def test_what_python_itself_imports_is_no_other_interpreter(first: bool, library: Path) -> None:
    """asyncio imports the module from 3.14 on, and a pool's class has it; none is made by that."""
    library.mkdir()
    said = run(f"""
        import replay
        def look():
            import asyncio, concurrent.futures, {INTERPRETERS}
            concurrent.futures._interpreters = {INTERPRETERS}
            return [getattr(concurrent.futures, name) for name in dir(concurrent.futures)]
        if {first}:
            look()
        with replay.use_cassettes({str(library)!r}):
            {"pass" if first or sys.version_info < (3, 14) else "look()"}
        with replay.use_cassettes({str(library)!r}):
            print("opened again")
    """)
    assert "opened again\n" == said


def test_one_client_that_is_looked_for_does_not_hide_another(library: Path) -> None:
    """Each is looked for in all modules, as long as it was not found."""
    library.mkdir()
    said = run(f"""
        import stripe, pycurl, {INTERPRETERS}, replay
        with replay.use_cassettes({str(library)!r}):
            print("opened")
    """)
    assert 1 == said.count("NetworkWarning: pycurl connects")
    assert 1 == said.count(f"NetworkWarning: {INTERPRETERS} runs")


@pytest.mark.parametrize("first", ["walk()", ""], ids=["before", "within"])
def test_a_package_that_asks_in_which_interpreter_it_runs_is_not_warned_of(
    first: str, library: Path
) -> None:
    """The locks' own package does, once all its names are looked at, as a frozen clock's does."""
    library.mkdir()
    said = run(f"""
        import filelock, replay
        def walk():
            return [getattr(filelock, name) for name in dir(filelock)]
        {first}
        with replay.use_cassettes({str(library)!r}):
            walk()
        with replay.use_cassettes({str(library)!r}):
            print("opened again")
    """)
    assert "opened again\n" == said


async def _streams(host: str, port: int) -> None:
    await asyncio.open_connection(host, port)


async def _by_socket(host: str, port: int) -> None:
    with socket.socket() as made:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (host, port))


async def _datagrams(host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(asyncio.DatagramProtocol, None, (host, port))


async def _named_datagrams(host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(host, port))


LOOPS = [_streams, _by_socket, _datagrams, _named_datagrams]


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop has no build for Windows")
@pytest.mark.parametrize("ask", LOOPS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_uvloops_own_connections_are_refused(
    ask: Any, host: str, stand_in: StandIn, library: Path
) -> None:
    """By address and by name, and no warning is given: nothing is unseen."""
    if host == "localhost" and ask is _by_socket:
        host = "127.0.0.1"  # uvloop takes addresses there
    library.mkdir()
    port = urlsplit(stand_in.url).port
    with (
        pytest.raises(replay.NetworkBlocked, match="past replay's hooks") as refused,
        replay.use_cassettes(library, api_base=stand_in.url),
    ):
        uvloop.run(ask(host, port))
    assert "test_unseen_clients.py" in refused.value.where
    assert {} == stand_in.hits


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop has no build for Windows")
def test_uvloop_reaches_other_hosts(stand_in: StandIn, library: Path) -> None:
    """Its streams to what is not the API are its own."""
    library.mkdir()

    async def ask() -> bytes:
        parts = urlsplit(stand_in.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"GET /x HTTP/1.0\r\n\r\n")
        got = await asyncio.wait_for(reader.read(4), 10)
        writer.close()
        return got

    with replay.use_cassettes(library):
        assert b"HTTP" == uvloop.run(ask())


def test_a_test_run_names_the_test(tmp_path: Path, library: Path) -> None:
    """The marker opens sessions where no line of the user's runs: the test's line is named."""
    library.mkdir()
    suite = Suite(tmp_path / "suite")
    suite.write(CLIENT, "primp.py")
    suite.write(f"""
        import primp, pytest

        @pytest.mark.cassettes({str(library)!r})
        def test_one(): pass

        @pytest.mark.cassettes({str(library)!r})
        def test_two(): pass
    """)
    ran = suite.run("-W", "default")
    assert {"passed": 2} == ran.outcomes
    assert 1 == ran.out.count("NetworkWarning: primp connects")
    assert "test_suite.py:" in ran.out


def test_the_table_is_whole() -> None:
    """Each client is listed once, and can be tried; only those that are refused have entries."""
    modules = [client.module for client in CLIENTS]
    assert sorted(set(modules)) == sorted(modules)
    for client in CLIENTS:
        assert client.probe or client.way is Way.UNSEEN
        assert not client.entries or client.way is Way.REFUSED
