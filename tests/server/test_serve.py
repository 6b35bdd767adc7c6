"""`replay serve` as a process: how it starts, what it says, how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from support.command import replay_command
from support.served import KEY
from support.standin import DRAFT, NEW, StandIn
from support.waiting import HANGS, wait_until

import replay
from replay.server.running import listen

HEADERS = {"Authorization": f"Bearer {KEY}", "Stripe-Version": NEW}


def listens(url: str) -> bool:
    """Whether something accepts connections there."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


class Process:
    """A running `replay serve`.

    Attributes:
        url: its base address.
    """

    def __init__(self, stack: ExitStack, *args: str, **env: str) -> None:
        read, write = os.pipe()
        command = [
            sys.executable, "-m", "replay", "serve", "--port", "0", "--ready-fd", str(write),
            "--print-url", *args,
        ]  # fmt: skip
        self.process = stack.enter_context(
            subprocess.Popen(
                command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                pass_fds=(write,), env={**os.environ, **env},
            )
        )  # fmt: skip
        stack.callback(self.process.kill)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.url = pipe.read().strip()

    def get(self, id: str = DRAFT) -> httpx.Response:
        """Ask for an invoice."""
        url = f"{self.url}/v1/invoices/{id}"
        return httpx.get(url, headers=HEADERS, trust_env=False, timeout=HANGS)

    def end(self, sent: int) -> tuple[int, str, str]:
        """Exit code and both streams, after a signal."""
        self.process.send_signal(sent)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def start() -> Iterator[Any]:
    """Starts servers."""
    with ExitStack() as stack:
        yield lambda *args, **env: Process(stack, *args, **env)


def test_it_says_where_it_is_and_ends_on_sigterm(start: Any, recorded: Path) -> None:
    """The address on the descriptor and on standard output; the exit code is 0."""
    server = start("--library", str(recorded))
    assert 200 == server.get().status_code
    assert {"status": "ok", "library": "cassettes", "mode": "none"} == httpx.get(
        f"{server.url}/_replay/healthz"
    ).json()
    code, out, err = server.end(signal.SIGTERM)
    assert (0, f"{server.url}\n") == (code, out)
    assert "serving cassettes, mode none" in err
    assert f"{server.url}/_replay/" in err
    assert "stopped: 1 answered, 0 refused" in err
    assert KEY not in out + err


def test_the_page_lists_a_library_in_an_archive(start: Any, recorded: Path, tmp_path: Path) -> None:
    """What it serves, it lists: the same rows as from the folder."""
    with zipfile.ZipFile(tmp_path / "pkg.whl", "w") as made:
        for file in recorded.rglob("*.yaml"):
            made.write(file, Path("cassettes", file.relative_to(recorded)).as_posix())
    servers = [
        start("--library", str(place)) for place in (recorded, tmp_path / "pkg.whl/cassettes")
    ]
    folder, archive = (httpx.get(f"{s.url}/_replay/recorded.json").json() for s in servers)
    assert folder["total"] > 0
    assert folder == archive


def test_ctrl_c_ends_it_with_130(start: Any, recorded: Path) -> None:
    """As every command; without a traceback."""
    code, _, err = start("--library", str(recorded)).end(signal.SIGINT)
    assert 130 == code
    assert "Traceback" not in err


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_answered(start: Any, stand_in: StandIn, sent: int) -> None:
    """The end waits for the live source; new connections are refused meanwhile."""
    import threading

    stand_in.hold = threading.Event()
    server = start("--mode", "once", STRIPE_API_BASE=stand_in.url)
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(server.get()))
    thread.start()
    wait_until(lambda: stand_in.held)
    server.process.send_signal(sent)
    wait_until(lambda: not listens(server.url))  # it has heard the signal
    stand_in.hold.set()
    thread.join(60)
    assert [200] == [answer.status_code for answer in answers]
    assert {signal.SIGTERM: 0, signal.SIGINT: 130}[signal.Signals(sent)] == server.process.wait(60)
    assert (Path("cassettes") / "invoices" / DRAFT / f"{NEW}.yaml").exists()


def test_mode_all_is_written_at_the_end(start: Any, recorded: Path, stand_in: StandIn) -> None:
    """The old file stays until then."""
    stand_in.add_invoice(DRAFT, status="paid")
    path = recorded / "invoices" / DRAFT / f"{NEW}.yaml"
    before = path.read_text("utf-8")
    server = start("--library", str(recorded), "--mode", "all", STRIPE_API_BASE=stand_in.url)
    assert "paid" == server.get().json()["status"]
    assert before == path.read_text("utf-8")
    assert 0 == server.end(signal.SIGTERM)[0]
    cassette = replay.Library(recorded).read(f"invoices/{DRAFT}/{NEW}.yaml")
    assert cassette is not None
    assert [b"paid"] == [
        take.response.body.split(b'"status": "')[1].split(b'"')[0] for take in cassette.interactions
    ]


def test_a_reset_writes_mode_all_or_drops_it(start: Any, recorded: Path, stand_in: StandIn) -> None:
    """`failed=true` is for a suite that failed: its takes are not complete."""
    stand_in.add_invoice(DRAFT, status="paid")
    path = recorded / "invoices" / DRAFT / f"{NEW}.yaml"
    before = path.read_text("utf-8")
    server = start("--library", str(recorded), "--mode", "all", STRIPE_API_BASE=stand_in.url)
    server.get()
    ended = httpx.post(f"{server.url}/_replay/reset?failed=true").json()
    assert 1 == ended["recorded"]
    assert before == path.read_text("utf-8")
    server.get()
    httpx.post(f"{server.url}/_replay/reset")
    assert before != path.read_text("utf-8")


def test_it_listens_on_loopback_alone(start: Any, recorded: Path) -> None:
    """Others are let in on purpose only."""
    server = start("--library", str(recorded))
    parts = urlsplit(server.url)
    assert "127.0.0.1" == parts.hostname
    with socket.socket() as other:
        other.settimeout(1)
        assert 0 != other.connect_ex((_own_address(), parts.port))
    everywhere = start("--library", str(recorded), "--host", "0.0.0.0")  # noqa: S104 - on purpose
    port = urlsplit(everywhere.url).port
    by_address = httpx.get(f"http://{_own_address()}:{port}/_replay/healthz", trust_env=False)
    assert 403 == by_address.status_code
    _, _, err = everywhere.end(signal.SIGTERM)
    assert "others on the network can reach this server" in err


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: a datagram socket only picks a route
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


def test_a_taken_port_is_said(recorded: Path) -> None:
    """With what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = replay_command("serve", "--library", recorded, "--port", port)
    assert 2 == done.code
    assert f"127.0.0.1:{port}" in done.err
    assert "--port 0 takes a free one" in done.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--library", "nowhere"], "there is no library at this path"),
        (["--host", "example.com", "--mode", "once"], "this is not an address to listen at"),
        (["--host", "192.0.2.1", "--mode", "once"], "the server cannot listen there"),
        (["--mode", "sometimes"], "not a record mode"),
        (["--mode", "once", "--api-base", "http://example.com"], "unencrypted"),
        (["--mode", "once", "--api-base", "http://127.0.0.1:18231", "--port", "18231"],
         "the live source is this server itself"),
        (["--mode", "once", "--api-version", "junk"],
         "'junk' is not an API version\n  where: --api-version\n"),
        (["--mode", "once", "--port", "0", "--ready-fd", "987654"], "descriptor cannot be written"),
    ],
)  # fmt: skip
def test_misuse_is_said_before_anything_is_served(args: list[str], said: str) -> None:
    """Exit code 2."""
    done = replay_command("serve", *args)
    assert 2 == done.code
    assert said in done.err
    assert "serving" not in done.err


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_a_library_in_an_archive_is_not_recorded_into(tmp_path: Path, mode: str) -> None:
    """It is refused at the start, and not call by call."""
    with zipfile.ZipFile(tmp_path / "pkg.whl", "w") as made:
        made.writestr("pkg/cassettes/balance/_singleton/unversioned.yaml", "")
    library = tmp_path / "pkg.whl" / "pkg" / "cassettes"
    done = replay_command("serve", "--mode", mode, "--library", library)
    assert 2 == done.code
    assert "a library inside an archive can only be read" in done.err
    assert "serving" not in done.err


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words to copy."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = replay_command("serve")
    assert 2 == done.code
    assert "pip install 'replay-cassettes[server]'" in done.err


def test_small_answers_go_at_once() -> None:
    """A kept connection's answers do not wait for acknowledgements, which clients delay."""
    options = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        options.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def ask() -> None:
        listener = listen("127.0.0.1", 0)
        async with await asyncio.start_server(answer, sock=listener):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            await reader.read()
            writer.close()

    asyncio.run(ask())
    assert options
    assert all(options)
