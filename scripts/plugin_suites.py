"""Suites of the plugin matrix for ways to run: green threads, live servers, fake file systems."""

from __future__ import annotations

THREADS = """
    @pytest.mark.cassettes
    def test_threads():
        import threading
        from concurrent.futures import ThreadPoolExecutor
        found = []
        thread = threading.Thread(target=lambda: found.append(get()))
        thread.start()
        thread.join(20)
        with ThreadPoolExecutor(1) as pool:
            found.append(pool.submit(get).result(20))
        assert found == [ID, ID]
"""

SERVER = """
    import http.server, threading, urllib.request

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = get(self.path[1:]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_): ...

    @pytest.fixture(scope="module")
    def server():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()

    @pytest.mark.cassettes
    @pytest.mark.parametrize("n", range(3))
    def test_shared_server(server, n):
        assert urllib.request.urlopen(f"{server}/{ID}", timeout=20).read().decode() == ID
"""

_GREEN = """
    @pytest.mark.cassettes
    def test_green(cassettes):
        import socket
        assert "PACKAGE" in socket.socket.__module__
        assert list(POOL.imap(lambda _: get(), range(20))) == [ID] * 20
        assert cassettes.counts.played == 20

    def test_green_socket():
        import socket
        with pytest.raises(replay.NetworkBlocked), replay.use_cassettes("cassettes"):
            socket.create_connection(("api.stripe.com", 443))
"""


def green(package: str, pool: str) -> str:
    """A suite for green threads: the package, and what makes a pool of them."""
    return THREADS + _GREEN.replace("PACKAGE", package).replace("POOL", pool)


NIQUESTS = """
    import asyncio, niquests
    URL = "https://api.stripe.com/v1/invoices/"
    H = {"Stripe-Version": "2025-03-31.basil", "Authorization": "Bearer sk_test_x"}

    @pytest.mark.cassettes
    @pytest.mark.parametrize("client", [niquests, requests])
    def test_answered(client, cassettes):
        assert client.get(URL + ID, headers=H).json()["id"] == ID
        answer = client.get(URL + ID, headers=H, stream=True)
        assert ID.encode() in b"".join(answer.iter_content(100))
        assert cassettes.counts.played == 2

    @pytest.mark.cassettes
    def test_multiplexed():
        with niquests.Session(multiplexed=True) as client:
            answer = client.get(URL + ID, headers=H)
            client.gather()
            assert answer.json()["id"] == ID

    async def asked(id):
        async with niquests.AsyncSession() as client:
            return (await client.get(URL + id, headers=H)).json()["id"]

    @pytest.mark.cassettes
    def test_async():
        assert asyncio.run(asked(ID)) == ID

    @pytest.mark.parametrize("ask", [
        lambda: niquests.get(URL + MISSING, headers=H), lambda: asyncio.run(asked(MISSING)),
    ])
    def test_not_recorded(ask):
        with pytest.raises(replay.CassetteNotFound), replay.use_cassettes("cassettes"):
            ask()

    def test_writes_are_refused():
        with pytest.raises(replay.CallRefused), replay.use_cassettes("cassettes"):
            niquests.post("https://api.stripe.com/v1/refunds", headers=H)
"""

PYFAKEFS = """
    import subprocess, sys, textwrap
    from pyfakefs.fake_filesystem_unittest import Patcher
    # What a client reads when it is made, it must find.
    CLIENT = stripe.StripeClient("sk_test_x", stripe_version="2025-03-31.basil")

    def test_the_first_call_of_a_process():
        code = '''
            import replay, stripe
            from pyfakefs.fake_filesystem_unittest import Patcher
            client = stripe.StripeClient("sk_test_x", stripe_version="2025-03-31.basil")
            with replay.use_cassettes("cassettes") as session, Patcher() as patcher:
                patcher.fs.add_real_directory(str(session.library.root))
                print(client.v1.invoices.retrieve("in_1MtHbELkdIwHu7ixl4OzzPMv").id)
        '''
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
        )
        assert done.stdout.strip() == ID, done.stderr

    @pytest.mark.cassettes
    def test_in_a_fake_file_system(cassettes, fs):
        fs.add_real_directory(str(cassettes.library.root))
        assert CLIENT.v1.invoices.retrieve(ID).id == ID

    def test_the_refusal_says_how_to_show_the_library():
        with (
            pytest.raises(replay.CassetteNotFound, match="add_real_directory"),
            replay.use_cassettes("cassettes"), Patcher(),
        ):
            CLIENT.v1.invoices.retrieve(ID)

    @pytest.mark.parametrize("where", ["/", "/tmp"])
    def test_paths_in_hints_are_those_of_the_real_file_system(cassettes, fs, where):
        import os
        fs.add_real_directory(str(cassettes.library.root))
        os.chdir(where)
        with pytest.raises(BaseException) as refused:
            CLIENT.v1.invoices.retrieve(MISSING)
        cassettes.refusals.clear()
        assert f"--library {cassettes.library.root}" in str(refused.value)

    def test_a_session_inside_one_leaves_nothing_of_it_behind():
        library = replay.use_cassettes("cassettes")
        for _ in range(2):
            with pytest.raises(replay.ConfigError, match="add_real_directory"), Patcher():
                with replay.use_cassettes("cassettes"):
                    pass
            with library:
                assert CLIENT.v1.invoices.retrieve(ID).id == ID
"""

RERUN = """
    tried = []

    @pytest.mark.cassettes
    @pytest.mark.flaky(reruns=2)
    def test_tried_again(cassettes):
        tried.append(1)
        assert cassettes.counts.played == 0
        assert get() == ID
        if len(tried) == 1:
            get(MISSING)
"""

PYTEST_DJANGO = """
    import json, urllib.request

    @pytest.mark.cassettes
    @pytest.mark.parametrize("n", range(3))
    def test_live_server(live_server, n):
        with urllib.request.urlopen(f"{live_server.url}/invoices/{ID}", timeout=20) as answer:
            assert json.load(answer) == {"id": ID}

    @pytest.mark.cassettes
    def test_view(client):
        assert client.get(f"/invoices/{ID}").json() == {"id": ID}
"""

SETTINGS = """
    import os, sys
    import stripe
    from django.conf import settings

    settings.configure(
        SECRET_KEY="x", ALLOWED_HOSTS=["*"], ROOT_URLCONF="conftest", STATIC_URL="/static/",
        MEDIA_URL="/media/", INSTALLED_APPS=[], USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    from django.http import JsonResponse
    from django.urls import path

    def get(id):
        client = stripe.StripeClient("sk_test_x", stripe_version="2025-03-31.basil")
        return client.v1.invoices.retrieve(id).id

    urlpatterns = [path("invoices/<id>", lambda request, id: JsonResponse({"id": get(id)}))]
"""
"""A Django project in one file."""

DJANGO = """
    import os, subprocess, sys, textwrap
    from pathlib import Path

    TESTS = '''
        import asyncio, contextlib, json, urllib.request
        from django.test import LiveServerTestCase, SimpleTestCase, TestCase
        import replay
        from conftest import get
        ID = "in_1MtHbELkdIwHu7ixl4OzzPMv"
        MISSING = ID[:-1] + "x"
        cassettes = replay.use_cassettes("cassettes")

        @cassettes
        class Live(LiveServerTestCase):
            def fetch(self, id):
                url = f"{self.live_server_url}/invoices/{id}"
                with urllib.request.urlopen(url, timeout=20) as answer:
                    return json.load(answer)
            def test_one(self):
                self.assertEqual(self.fetch(ID), {"id": ID})
            def test_two(self):
                self.assertEqual(self.fetch(ID), {"id": ID})
            def test_missing(self):
                with contextlib.suppress(OSError):
                    self.fetch(MISSING)

        @cassettes
        class Views(TestCase):
            def test_view(self):
                self.assertEqual(self.client.get(f"/invoices/{ID}").json(), {"id": ID})
            def test_view_missing(self):
                self.client.get(f"/invoices/{MISSING}")
            def test_subtests_missing(self):
                for n in range(2):
                    with self.subTest(n=n):
                        get(MISSING)

        class Blocks(SimpleTestCase):
            def test_block_missing(self):
                with cassettes:
                    get(MISSING)
            def test_swallowed_missing(self):
                with cassettes, contextlib.suppress(BaseException):
                    get(MISSING)
            def test_group_missing(self):
                async def one():
                    get(MISSING)
                async def main():
                    async with asyncio.TaskGroup() as group:
                        group.create_task(one())
                        group.create_task(one())
                with cassettes:
                    asyncio.run(main())
    '''
    MISSED = {
        "test_missing", "test_view_missing", "test_subtests_missing", "test_block_missing",
        "test_swallowed_missing", "test_group_missing",
    }

    @pytest.mark.parametrize("processes", ["1", "2"])
    def test_manage_py(processes, tmp_path):
        (tmp_path / "cassettes").symlink_to(Path("cassettes").absolute())
        (tmp_path / "conftest.py").write_text(Path("conftest.py").read_text())
        (tmp_path / "manage.py").write_text(
            "import conftest, sys\\n"
            "from django.core.management import execute_from_command_line\\n"
            "execute_from_command_line(sys.argv)\\n"
        )
        (tmp_path / "shop").mkdir()
        (tmp_path / "shop" / "__init__.py").touch()
        (tmp_path / "shop" / "tests.py").write_text(textwrap.dedent(TESTS))
        done = subprocess.run(
            [sys.executable, "manage.py", "test", "--parallel", processes],
            cwd=tmp_path, capture_output=True, text=True,
        )
        said = done.stderr
        assert "Ran 9 tests" in said, said
        errors = {line.split()[1] for line in said.splitlines() if line.startswith("ERROR: ")}
        assert errors == MISSED, said
        assert said.count("replay.errors.CassetteNotFound: invoices") >= len(MISSED), said
"""
