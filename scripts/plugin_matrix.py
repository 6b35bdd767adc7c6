"""Run one small suite together with each of the common pytest plugins and tools, and print a table.

``make plugins`` runs it: an environment per plugin under ``.venv-plugin-*``, with the built wheel,
pytest, the Stripe SDK and that plugin alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import plugin_stubs
from plugin_suites import (
    DJANGO,
    NIQUESTS,
    PYFAKEFS,
    PYTEST_DJANGO,
    RERUN,
    SERVER,
    SETTINGS,
    THREADS,
    green,
)

ROOT = Path(__file__).resolve().parents[1]
COMMON = ("pytest", "stripe", "requests", "httpx")

SUITE = """
    import contextlib, unittest
    import pytest, requests, stripe
    import replay

    ID = "in_1MtHbELkdIwHu7ixl4OzzPMv"
    MISSING = ID[:-1] + "x"

    def get(id=ID):
        client = stripe.StripeClient("sk_test_x", stripe_version="2025-03-31.basil")
        return client.v1.invoices.retrieve(id).id

    async def get_async():
        http = stripe.HTTPXClient()
        client = stripe.StripeClient(
            "sk_test_x", stripe_version="2025-03-31.basil", http_client=http
        )
        try:
            return (await client.v1.invoices.retrieve_async(ID)).id
        finally:
            await http.close_async()

    @pytest.fixture
    def invoice():
        yield get()
        get()

    @pytest.mark.cassettes
    def test_marked(invoice, cassettes):
        assert get() == ID
        assert cassettes.counts.played == 2

    @pytest.mark.cassettes
    @pytest.mark.xfail(raises=replay.CassetteNotFound, strict=True)
    def test_refused():
        get(MISSING)

    @pytest.mark.cassettes
    @pytest.mark.xfail(raises=replay.CassetteNotFound, strict=True)
    def test_swallowed():
        with contextlib.suppress(BaseException):
            get(MISSING)

    @pytest.mark.cassettes
    class TestCase(unittest.IsolatedAsyncioTestCase):
        async def test_method(self):
            assert await get_async() == ID

    def test_unmarked():
        from replay.intercept import current_session
        (refuses_all,) = current_session.open_sessions()
        assert refuses_all.config.mode == "none"
"""
ASYNCIO = """
    @pytest.mark.cassettes
    @pytest.mark.asyncio
    async def test_asyncio():
        assert await get_async() == ID
"""
ANYIO = """
    @pytest.mark.cassettes
    @pytest.mark.anyio
    async def test_anyio(anyio_backend):
        assert await get_async() == ID
"""
VCR = """
    @pytest.mark.vcr
    def test_other_plugins_own():
        answer = requests.get(
            "http://127.0.0.1:9/v1/things/1", headers={"Accept-Encoding": "identity"}, timeout=5
        )
        assert answer.json() == {"id": "thing"}

    @pytest.mark.cassettes
    def test_after():
        assert get() == ID
"""
TBLIB = """
    def test_pickled():
        import pickle
        import tblib.pickling_support
        tblib.pickling_support.install()
        with pytest.raises(replay.CassetteNotFound) as refused, replay.use_cassettes("cassettes"):
            get(MISSING)
        sent = pickle.loads(pickle.dumps(refused._excinfo))
        assert str(sent[1]) == str(refused.value) and sent[2] is not None
"""
FROZEN = """
    def test_frozen():
        import datetime, http.server, pathlib, threading
        BODY = b'{"id": "in_1Frozen0000000000000000001", "object": "invoice", "livemode": false}'
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Stripe-Version", "2025-03-31.basil")
                self.send_header("Content-Length", str(len(BODY)))
                self.end_headers()
                self.wfile.write(BODY)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        before = datetime.datetime.now(datetime.UTC)
        with frozen("2031-01-01"), replay.use_cassettes("made", mode="once", api_base=base):
            assert datetime.datetime.now().year == 2031
            requests.get(
                f"{base}/v1/invoices/in_1Frozen0000000000000000001",
                headers={"Authorization": "Bearer sk_test_x"}, timeout=5,
            )
        server.shutdown()
        ((_, made),) = replay.Library("made").cassettes()
        when = datetime.datetime.fromisoformat(made.interactions[0].recorded_at)
        assert abs((when - before).total_seconds()) < 60
"""
FREEZEGUN = (
    FROZEN
    + """
    def frozen(date):
        import freezegun
        return freezegun.freeze_time(date)
"""
)
TIME_MACHINE = (
    FROZEN
    + """
    def frozen(date):
        import time_machine
        return time_machine.travel(date, tick=False)
"""
)
SOCKET = """
    @pytest.mark.cassettes
    def test_other_process(replay_server):
        import subprocess, sys
        code = "import sys, urllib.request as u;" \
            "r = u.Request(sys.argv[1], headers={'Stripe-Version': '2025-03-31.basil'});" \
            "print(u.urlopen(r, timeout=20).status)"
        for _ in range(2):
            line = [sys.executable, "-c", code, replay_server.url + "/v1/invoices/" + ID]
            assert subprocess.run(line, capture_output=True, text=True).stdout == "200\\n"

    def test_still_disabled(replay_server):
        import socket
        with pytest.raises(RuntimeError, match="A test tried to use socket"):
            socket.create_connection(("127.0.0.1", replay_server.port))
"""
TAPE = """\
    interactions:
    - request:
        body: null
        headers: {}
        method: GET
        uri: http://127.0.0.1:9/v1/things/1
      response:
        body: {string: '{"id": "thing"}'}
        headers: {Content-Type: [application/json]}
        status: {code: 200, message: OK}
    version: 1
"""

CONFTESTS = {
    "eventlet": "import eventlet; eventlet.monkey_patch()",
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "django": SETTINGS,
    "pytest-django": SETTINGS,
    "pytest-recording": """
        import replay.vcr

        def pytest_recording_configure(config, vcr):
            vcr.register_persister(replay.vcr.Persister())
    """,
    "sentry": "import sentry_sdk; sentry_sdk.init()",
    "opentelemetry": """
        from opentelemetry.instrumentation.threading import ThreadingInstrumentor
        ThreadingInstrumentor().instrument()
    """,
}
"""What users write to get replay's persister, and to start what their service runs with."""

# Name: distributions, tests added to the suite, arguments, how many tests pass (two are xfailed).
PLUGINS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], int]] = {
    "none": ((), "", (), 3),
    "pytest-replay": (("pytest-replay",), "", ("--replay-record-dir=record",), 3),
    "pytest-recording": (("pytest-recording",), VCR, ("--block-network",), 5),
    "cassetter": (("cassetter",), VCR, (), 5),
    "pytest-asyncio": (("pytest-asyncio",), ASYNCIO, (), 4),
    "anyio": (("anyio", "trio"), ANYIO, (), 5),
    "pytest-xdist": (("pytest-xdist",), "", ("-n", "2"), 3),
    "freezegun": (("freezegun",), FREEZEGUN, (), 4),
    "time-machine": (("time-machine",), TIME_MACHINE, (), 4),
    "tblib": (("tblib",), TBLIB, (), 4),
    "pytest-socket": (
        ("pytest-socket", "starlette", "uvicorn", "httptools"),
        SOCKET,
        ("--disable-socket", "--allow-unix-socket"),
        5,
    ),
    "sentry": (("sentry-sdk",), THREADS, (), 4),
    "opentelemetry": (("opentelemetry-instrumentation-threading",), THREADS, (), 4),
    "pytest-randomly": (("pytest-randomly",), SERVER, (), 6),
    "pytest-rerunfailures": (("pytest-rerunfailures",), RERUN, (), 4),
    "django": (("django", "tblib"), DJANGO, (), 5),
    "pytest-django": (("pytest-django", "django"), PYTEST_DJANGO, (), 7),
    "gevent": (("gevent",), green("gevent", "__import__('gevent.pool').pool.Pool(8)"), (), 6),
    "eventlet": (("eventlet",), green("eventlet", "__import__('eventlet').GreenPool()"), (), 6),
    "niquests": (("niquests",), NIQUESTS, (), 10),
    "pyfakefs": (("pyfakefs",), PYFAKEFS, (), 9),
    **plugin_stubs.ROWS,
}


def environments(wheel: Path, rows: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Each row's name and interpreter. What all need is installed once and shared.

    Args:
        wheel: the built wheel.
        rows: name of an environment -> the distributions that it has beside those.
    """
    common = _python(ROOT / ".venv-plugin-none")
    pip = [common, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if _new(ROOT / ".venv-plugin-none", with_pip=True):
        subprocess.run([*pip, "install", str(wheel), *COMMON], check=True)
        (ROOT / ".venv-plugin-none" / ".made").touch()
    subprocess.run([*pip, "install", "--no-deps", "--force-reinstall", str(wheel)], check=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    for name, wanted in rows.items():
        folder = ROOT / f".venv-plugin-{name}"
        python = _python(folder)
        if wanted and _new(folder, with_pip=False):
            shared, own = (
                subprocess.run([each, "-c", where], check=True, capture_output=True, text=True)
                for each in (common, python)
            )
            Path(own.stdout.strip(), "common.pth").write_text(shared.stdout, "utf-8")
            subprocess.run([*pip, "--python", python, "install", *wanted], check=True)
        (folder / ".made").touch()
        yield name, python


def _python(folder: Path) -> str:
    return str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python")


def _new(folder: Path, *, with_pip: bool) -> bool:
    """Make an environment; False if a complete one is there already."""
    if (folder / ".made").exists():
        return False
    venv.create(folder, with_pip=with_pip, clear=True)
    return True


def run(python: str, folder: Path, own: str, arguments: tuple[str, ...]) -> str:
    """Write the suite, run it; the last line of what pytest says."""
    folder.mkdir()
    shutil.copytree(ROOT / "cassettes", folder / "cassettes")
    tape = folder / "cassettes" / "test_suite" / "test_other_plugins_own.yaml"
    tape.parent.mkdir()
    tape.write_text(dedent(TAPE), "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", "utf-8")
    (folder / "test_suite.py").write_text(dedent(SUITE) + dedent(own), "utf-8")
    (folder / "conftest.py").write_text(dedent(CONFTESTS.get(folder.name, "")), "utf-8")
    done = subprocess.run(
        [python, "-m", "pytest", "-W", "ignore", "--color=no", *arguments],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines() or [done.stderr]
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
    return lines[-1].strip("= ")


def main() -> int:
    """Print a row for each plugin; 1 if a suite gave another result than it should."""
    wheel = next((ROOT / "dist").glob("*.whl"), None)
    if wheel is None:
        sys.exit("there is no wheel: run `make plugins`")
    bad = 0
    print(f"{'beside':<20}{'result':<8}pytest said")
    with tempfile.TemporaryDirectory(prefix="replay-plugins-") as folder:
        for name, python in environments(wheel, {name: row[0] for name, row in PLUGINS.items()}):
            _, own, arguments, passes = PLUGINS[name]
            said = run(python, Path(folder) / name, own, arguments)
            right = re.match(rf"{passes} passed, 2 xfailed\b", said) is not None
            bad += not right
            print(f"{name:<20}{'ok' if right else 'FAILED':<8}{said}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
