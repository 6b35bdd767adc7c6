"""A fork beside threads that open sessions: the child can open sessions of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from support.standin import DRAFT

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
