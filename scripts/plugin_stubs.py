"""Suites of the plugin matrix that stub some calls with a mock library and read the others.

Each says by which clients, and how the stubs are opened. All tests loop over the clients: the stubs
are there before the session or after it, the stub of a read wins, and what neither answers is
refused.
"""

from __future__ import annotations

from textwrap import dedent, indent

_CLIENTS = {
    "requests": "requests.request(m, u, headers=H).json()",
    "sdk": "read(raw(stripe.RequestsClient(), m, u))",
    "httpx": "httpx.request(m, u, headers=H).json()",
    "httpx_async": "asyncio.run(by_httpx_async(m, u))",
    "sdk_httpx": "read(raw(stripe.HTTPXClient(allow_sync_methods=True), m, u))",
    "aiohttp": "asyncio.run(by_aiohttp(m, u))",
    "urllib": "read(urllib.request.urlopen(urllib.request.Request(u, None, H, method=m)).read())",
}

_TESTS = """
    import asyncio, httpx, json, urllib.request
    BASE = "https://api.stripe.com"
    H = {"Stripe-Version": "2025-03-31.basil", "Authorization": "Bearer sk_test_x"}
    READ, WRITE = f"{BASE}/v1/invoices/{ID}", f"{BASE}/v1/customers"
    STUBBED = f"{BASE}/v1/charges/ch_1"
    STUBS = [("POST", WRITE), ("GET", STUBBED)]

    def read(found):
        return found if isinstance(found, dict) else json.loads(found)

    def raw(http, m, u):
        client = stripe.StripeClient(
            "sk_test_x", stripe_version="2025-03-31.basil", http_client=http
        )
        return client.raw_request(m.lower(), u[len(BASE):]).data

    async def by_httpx_async(m, u):
        async with httpx.AsyncClient(headers=H) as client:
            return (await client.request(m, u)).json()

    async def by_aiohttp(m, u):
        import aiohttp
        async with aiohttp.ClientSession(headers=H) as client, client.request(m, u) as answer:
            return await answer.json()

    def answered(call):
        assert call("GET", READ)["id"] == ID
        assert call("POST", WRITE) == {"id": "stub"}
        assert call("GET", STUBBED) == {"id": "stub"}
        assert call("GET", READ)["id"] == ID

    def refused(call, session, stubs):
        for m, u, error in (
            ("GET", READ[:-1] + "x", replay.CassetteNotFound),
            ("POST", f"{BASE}/v1/refunds", replay.CallRefused),
        ):
            with pytest.raises(error), session(), stubs():
                call(m, u)
            with stubs(), pytest.raises(error), session():
                call(m, u)

    def session():
        return replay.use_cassettes("cassettes")

    @pytest.mark.cassettes
    def test_stubs_beside_the_marker(cassettes):
        for call in CALLS:
            with stubs():
                answered(call)
        assert cassettes.counts.played == 2 * len(CALLS)

    def test_stubs_after_the_session():
        for call in CALLS:
            with session(), stubs():
                answered(call)

    def test_stubs_before_the_session():
        for call in CALLS:
            with stubs(), session():
                answered(call)

    def test_what_neither_answers_is_refused():
        for call in CALLS:
            refused(call, session, stubs)

    def broken():
        timeouts = (TimeoutError, requests.Timeout, httpx.ReadTimeout, stripe.APIConnectionError)
        resets = (
            ConnectionResetError, requests.ConnectionError, httpx.ReadError,
            stripe.APIConnectionError,
        )
        return ("timeout", timeouts), ("reset", resets)

    def test_an_override_breaks_the_connection_as_live():
        for call in CALLS:
            for error, raised in broken():
                for first, then in ((session, stubs), (stubs, session)):
                    with first() as one, then() as two:
                        ours = one if first is session else two
                        ours.override("invoices", ID, error=error, times=1)
                        with pytest.raises(raised):
                            call("GET", READ)
                        answered(call)
                        assert ours.counts.overridden == 1
"""

_SOURCE = """
    SERVER = '''
        import http.server, json
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                invoice = {"id": self.path.rpartition("/")[2], "object": "invoice"}
                body = json.dumps(invoice).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *_): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
    '''

    @contextlib.contextmanager
    def source():
        import subprocess, sys, textwrap
        line = [sys.executable, "-c", textwrap.dedent(SERVER)]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
            finally:
                process.kill()
"""
"""A live source, in a process of its own: some libraries stub the sockets of servers, too."""

_FETCHES = """
    def test_what_replay_fetches_is_hidden_from_the_stubs(tmp_path):
        with source() as url:
            for number, call in enumerate(CALLS):
                for order in ("session first", "stubs first"):
                    where = tmp_path / f"{number} {order}"
                    ours = replay.use_cassettes(where, mode="once", api_base=url)
                    with contextlib.ExitStack() as opened:
                        both = [ours, stubs()]
                        for each in both if order == "session first" else both[::-1]:
                            opened.enter_context(each)
                        assert call("GET", READ)["id"] == ID
                        assert call("GET", STUBBED) == {"id": "stub"}
                    assert [*where.glob(f"invoices/{ID}/*.yaml")]
"""

PASSES = 9
"""How many tests pass, those that all suites have included."""


def suite(clients: str, stubs: str, fetches: str = _FETCHES) -> str:
    """A suite for these clients, and the body of a context manager that opens the stubs."""
    calls = ", ".join(f"lambda m, u: {_CLIENTS[name]}" for name in clients.split())
    opening = f"@contextlib.contextmanager\ndef stubs():\n{indent(dedent(stubs).strip(), '    ')}\n"
    # The other suites of the matrix are indented.
    return indent(
        f"{dedent(_SOURCE)}{dedent(_TESTS)}{dedent(fetches)}\nCALLS = [{calls}]\n\n{opening}",
        "    ",
    )


RESPONSES = """
    import responses
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for m, u in STUBS:
            mock.add(m, u, json={"id": "stub"})
        yield
        assert {call.request.url for call in mock.calls} <= {WRITE, STUBBED}
"""
REQUESTS_MOCK = """
    import requests_mock
    with requests_mock.Mocker() as mock:
        for m, u in STUBS:
            mock.register_uri(m, u, json={"id": "stub"})
        yield
"""
HTTMOCK = """
    import httmock
    @httmock.urlmatch(path="/v1/(customers|charges/ch_1)$")
    def stub(url, request):
        return httmock.response(200, {"id": "stub"}, {"content-type": "application/json"})
    with httmock.HTTMock(stub):
        yield
"""
RESPX = """
    import respx
    with respx.mock(assert_all_called=False, using=USING) as mock:
        for m, u in STUBS:
            mock.route(method=m, url=u).respond(json={"id": "stub"})
        yield
"""
AIORESPONSES = """
    from aioresponses import aioresponses
    with aioresponses() as mock:
        for m, u in STUBS:
            mock.add(u, m, payload={"id": "stub"})
        yield
        assert {str(url) for _, url in mock.requests} <= {WRITE, STUBBED}
"""
HTTPRETTY = """
    import httpretty
    try:
        with httpretty.enabled():
            for m, u in STUBS:
                httpretty.register_uri(m, u, body='{"id": "stub"}')
            yield
    finally:
        httpretty.reset()
"""
MOCKET = """
    from mocket import Mocketizer
    from mocket.mocks.mockhttp import Entry
    with Mocketizer():
        for m, u in STUBS:
            Entry.single_register(m, u, body='{"id": "stub"}')
        yield
"""
POOK = """
    import pook
    pook.on()
    try:
        for m, u in STUBS:
            getattr(pook, m.lower())(u, reply=200, response_json={"id": "stub"}, persist=True)
        yield
    finally:
        pook.off()
"""
PYTEST_HTTPX = (
    _SOURCE
    + """
    import asyncio, httpx
    BASE = "https://api.stripe.com"
    H = {"Stripe-Version": "2025-03-31.basil", "Authorization": "Bearer sk_test_x"}

    def by_httpx(m, u):
        return httpx.request(m, u, headers=H).json()

    async def asked(m, u):
        async with httpx.AsyncClient(headers=H) as client:
            return (await client.request(m, u)).json()

    def answered(mock):
        for m, u in (("POST", f"{BASE}/v1/customers"), ("GET", f"{BASE}/v1/charges/ch_1")):
            for call in (by_httpx, lambda m, u: asyncio.run(asked(m, u))):
                mock.add_response(method=m, url=u, json={"id": "stub"})
                assert call(m, u) == {"id": "stub"}
                assert asyncio.run(asked("GET", f"{BASE}/v1/invoices/{ID}"))["id"] == ID
                assert httpx.get(f"{BASE}/v1/invoices/{ID}", headers=H).json()["id"] == ID
        assert len(mock.get_requests()) == 4

    @pytest.mark.cassettes
    def test_stubs_beside_the_marker(httpx_mock):
        answered(httpx_mock)

    def test_stubs_before_the_session(httpx_mock):
        with replay.use_cassettes("cassettes"):
            answered(httpx_mock)

    def test_what_neither_answers_is_refused(httpx_mock):
        with pytest.raises(replay.CassetteNotFound), replay.use_cassettes("cassettes"):
            asyncio.run(asked("GET", f"{BASE}/v1/invoices/{MISSING}"))
        with pytest.raises(replay.CallRefused), replay.use_cassettes("cassettes"):
            httpx.post(f"{BASE}/v1/refunds")

    def test_what_replay_fetches_is_hidden_from_the_stubs(httpx_mock, tmp_path):
        for name, call in (("sync", by_httpx), ("async", lambda m, u: asyncio.run(asked(m, u)))):
            library = tmp_path / name
            with source() as url, replay.use_cassettes(library, mode="once", api_base=url):
                assert call("GET", f"{BASE}/v1/invoices/{ID}")["id"] == ID
            assert [*library.glob(f"invoices/{ID}/*.yaml")]
        assert not httpx_mock.get_requests()

    @pytest.mark.cassettes
    def test_an_override_breaks_the_connection_as_live(httpx_mock, cassettes):
        for call in (by_httpx, lambda m, u: asyncio.run(asked(m, u))):
            for error, raised in (("timeout", httpx.ReadTimeout), ("reset", httpx.ReadError)):
                cassettes.override("invoices", ID, error=error, times=1)
                with pytest.raises(raised):
                    call("GET", f"{BASE}/v1/invoices/{ID}")
            assert call("GET", f"{BASE}/v1/invoices/{ID}")["id"] == ID
        assert not httpx_mock.get_requests()

    @pytest.mark.cassettes
    def test_a_stub_of_a_recorded_read_wins(httpx_mock, cassettes):
        httpx_mock.add_response(url=f"{BASE}/v1/invoices/{ID}", json={"id": "stub"})
        assert httpx.get(f"{BASE}/v1/invoices/{ID}", headers=H).json() == {"id": "stub"}
        assert cassettes.counts.played == 0
"""
)

_HTTPX = "httpx httpx_async sdk_httpx"

ROWS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], int]] = {
    name: (distributions, tests, (), PASSES - (name == "httpretty"))
    for name, distributions, tests in (
        ("responses", ("responses",), suite("requests sdk", RESPONSES)),
        ("requests-mock", ("requests-mock",), suite("requests sdk", REQUESTS_MOCK)),
        ("httmock", ("httmock",), suite("requests sdk", HTTMOCK)),
        ("respx", ("respx",), suite(_HTTPX, RESPX.replace("USING", "'httpcore'"))),
        ("respx-httpx", ("respx",), suite(_HTTPX, RESPX.replace("USING", "'httpx'"))),
        ("pytest-httpx", ("pytest-httpx",), PYTEST_HTTPX),
        # aiohttp 3.14 asks more of a response than these two give it.
        ("aioresponses", ("aioresponses", "aiohttp<3.14"), suite("aiohttp", AIORESPONSES)),
        ("pook", ("pook", "aiohttp<3.14"), suite(f"requests sdk {_HTTPX} aiohttp", POOK)),
        # It breaks what httpx sends to servers that it does not stub, replay's fetches too.
        ("httpretty", ("httpretty",), suite("requests sdk httpx urllib", HTTPRETTY, "")),
        ("mocket", ("mocket",), suite(f"requests sdk {_HTTPX} urllib", MOCKET)),
    )
}
"""As the rows of the matrix."""
