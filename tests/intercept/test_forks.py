"""A fork beside threads that open sessions: the child can open sessions of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from support.standin import DRAFT, StandIn

import replay
from replay.intercept import current_session, installation
from replay.library import library as library_module
from replay.session import run_folder

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]

SAMPLES = Path(__file__).parents[2] / "cassettes"
URL = f"https://api.stripe.com/v1/invoices/{DRAFT}"
LOCKS = {
    "hooks": installation._lock,
    "patches": installation._patches.lock,
    "sessions": current_session._changing,
    "cassettes": library_module._cache_lock,
    "runs": run_folder._changing,
}


def forked() -> int:
    """The exit status of a child that opens a session; of its alarm, where it hangs."""
    child = os.fork()
    if not child:
        signal.alarm(5)
        status = 1
        try:
            with replay.use_cassettes(SAMPLES):
                pass
            for lock in LOCKS.values():
                with lock:
                    status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_a_lock_that_a_thread_holds_is_free_in_the_child(lock: Any) -> None:
    """The fork waits for the thread: parent and child go on with a lock that nobody holds."""
    held = threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    assert 0 == forked()
    thread.join(5)
    with lock:
        assert not thread.is_alive()


def test_forks_beside_threads_that_open_sessions() -> None:
    """Each child of many ends, while threads open and close sessions all the time."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            with replay.use_cassettes(SAMPLES):
                requests.get(URL, headers={"Stripe-Version": "2024-06-20"}, timeout=5)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert {0} == {forked() for _ in range(20)}
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


SESSION_LOCKS = {
    "counting": lambda session: session._counting,
    "writing": lambda session: session._writing,
    "calls": lambda session: session._stores[-1]._table._lock,
    "one call": lambda session: next(iter(session._stores[-1]._table)).lock,
    "connections": lambda session: session._recorder._opening,
    "IDs": lambda session: session._recorder._ids._lock,
}


def answered_in_child(url: str) -> tuple[int, float]:
    """The exit status of a child that asks in the parent's session, and the seconds it took."""
    start = time.monotonic()
    child = os.fork()
    if not child:
        signal.alarm(10)
        status = 1
        try:
            answer = requests.get(url, headers=KEY, timeout=5)
            status = 0 if answer.json()["id"] == DRAFT else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1], time.monotonic() - start


KEY = {"Stripe-Version": "2024-06-20", "Authorization": "Bearer sk_test_x"}


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "all"])
@pytest.mark.parametrize("lock", SESSION_LOCKS.values(), ids=SESSION_LOCKS)
def test_a_lock_of_an_open_session_is_free_in_the_child(
    lock: Any, mode: str, tmp_path: Path, stand_in: StandIn
) -> None:
    """Whichever lock of the session a thread holds at the fork, the child gets its answer."""
    path = f"/v1/invoices/{DRAFT}"
    url = URL if mode == "none" else stand_in.url + path
    library = SAMPLES if mode == "none" else tmp_path / "lib"
    held, over = threading.Event(), threading.Event()
    with replay.use_cassettes(library, mode=mode, api_base=stand_in.url):
        session = current_session.open_sessions()[-1]
        requests.get(url, headers=KEY, timeout=5)

        def hold() -> None:
            with lock(session):
                held.set()
                over.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(5)
        try:
            status, seconds = answered_in_child(url)
        finally:
            over.set()
            thread.join(5)
        assert 0 == status
        assert seconds < 8
        assert DRAFT == requests.get(url, headers=KEY, timeout=5).json()["id"]


def test_a_call_that_a_thread_is_fetching_is_fetched_by_the_child(
    tmp_path: Path, stand_in: StandIn
) -> None:
    """It does not wait for an answer that only comes to the parent's thread."""
    url = f"{stand_in.url}/v1/invoices/{DRAFT}"
    stand_in.hold = threading.Event()
    with replay.use_cassettes(tmp_path / "lib", mode="once", api_base=stand_in.url):
        thread = threading.Thread(target=requests.get, args=[url], kwargs={"headers": KEY})
        thread.start()
        while not stand_in.held:
            time.sleep(0.01)
        threading.Timer(0.3, stand_in.hold.set).start()
        status, _ = answered_in_child(url)
        thread.join(10)
    assert 0 == status


UNFINISHED = """
import importlib.abc, importlib.machinery, os, signal, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import replay

class Halt(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1] and threading.current_thread() is first:
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            self.loader, spec.loader = spec.loader, self
            return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        there.set()
        go_on.wait(60)
        self.loader.exec_module(module)

there, go_on = threading.Event(), threading.Event()
sys.meta_path.insert(0, Halt())
first = threading.Thread(target=lambda: replay.use_cassettes)
first.start()
assert there.wait(30)
for _ in range(2):
    child = os.fork()
    if not child:
        signal.alarm(20)
        with replay.use_cassettes(sys.argv[2]) as session:
            ours = threading.Thread(target=lambda: replay.Library)
            ours.start()
            ours.join()
        os._exit(session.counts.played)
    assert os.waitpid(child, 0)[1] == 0
go_on.set()
first.join(60)
assert not first.is_alive()
with replay.use_cassettes(sys.argv[2]):
    pass
"""


@pytest.mark.parametrize("module", ["replay.testing.decorator", "replay.config", "difflib"])
def test_a_child_imports_what_another_thread_did_not_finish(module: str) -> None:
    """The thread that uses replay for the first time is in an import when another one forks.

    In one of replay's modules, or in another that these import.
    """
    done = subprocess.run(
        [sys.executable, "-c", UNFINISHED, module, str(SAMPLES)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
