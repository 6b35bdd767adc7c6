"""Mode `all` in processes beside each other: a call is re-recorded once, and no take is lost."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Protocol

import pytest
import requests
from support import forks
from support.clients import HEADERS
from support.standin import DRAFT, StandIn
from support.waiting import wait_until

import replay

PATH = f"/v1/invoices/{DRAFT}"

PROGRAM = """
import sys, replay, requests
library, base, path = sys.argv[1:4]
print("began", flush=True)
for word in sys.stdin:
    match word.strip():
        case "open":
            context = replay.use_cassettes(library, mode="all", api_base=base)
            context.__enter__()
            print("opened", flush=True)
        case "ask":
            found = requests.get(base + path, headers={headers!r}, timeout=90)
            print(found.json()["attempt_count"], flush=True)
        case "close":
            context.__exit__(None, None, None)
            print("closed", flush=True)
        case "fail":
            context.__exit__(OSError, OSError(), None)
            print("failed", flush=True)
"""


class Process:
    """A real process that does as it is told, a step at a time."""

    def __init__(self, library: Path, base: str, run: str) -> None:
        program = PROGRAM.replace("{headers!r}", repr(HEADERS))
        self.process = forks.Piped(
            ["-c", program, str(library), base, PATH],
            env={**os.environ, "REPLAY_RUN": run}, imported=forks.REPLAY,
        )  # fmt: skip
        assert "began" == self.read()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def read(self) -> str:
        return self.process.stdout.readline().strip()

    def tell(self, word: str) -> None:
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def told(self, *words: str) -> list[str]:
        """What it answers to each word."""
        found = []
        for word in words:
            self.tell(word)
            found.append(self.read())
        return found


class Begin(Protocol):
    """Starts a process that works for a run."""

    def __call__(self, run: str = ...) -> Process: ...


@pytest.fixture
def gate() -> Iterator[Event]:
    """Live answers wait for it."""
    event = Event()
    event.set()
    yield event
    event.set()


@pytest.fixture
def begin(stand_in: StandIn, library: Path, gate: Event) -> Iterator[Begin]:
    """Starts processes beside a library that has one take; every live answer has a new number."""
    serve, numbers = stand_in.objects[PATH], itertools.count(1)

    def numbered(version: str, expand: list[str]) -> object:
        number = next(numbers)
        gate.wait(60)
        return {**serve(version, expand), "attempt_count": number}

    stand_in.objects[PATH] = numbered
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(stand_in.url + PATH, headers=HEADERS, timeout=5)
    with ExitStack() as stack:
        yield lambda run="one": stack.enter_context(Process(library, stand_in.url, run))


def offline(library: Path, stand_in: StandIn, times: int) -> list[str]:
    with replay.use_cassettes(library, mode="none", api_base=stand_in.url):
        answers = [
            requests.get(stand_in.url + PATH, headers=HEADERS, timeout=5) for _ in range(times)
        ]
    return [str(answer.json()["attempt_count"]) for answer in answers]


@pytest.mark.parametrize("last", ["short", "long"])
def test_two_at_the_same_time_fetch_each_take_once(
    begin: Begin, library: Path, stand_in: StandIn, last: str
) -> None:
    """What one fetched the other replays, though neither has ended; the whole is kept."""
    short, long = begin(), begin()
    assert ["opened", "2"] == short.told("open", "ask")
    assert ["opened", "2", "3"] == long.told("open", "ask", "ask")
    assert ["1", "1"] == offline(library, stand_in, 2)
    for ends in (long, short) if last == "short" else (short, long):
        assert ["closed"] == ends.told("close")
    assert ["2", "3", "3"] == offline(library, stand_in, 3)


def test_two_that_ask_in_turns_see_one_sequence(
    begin: Begin, library: Path, stand_in: StandIn
) -> None:
    """Each asks the source for what is not there yet, and is given what the other recorded."""
    one, other = begin(), begin()
    assert ["opened", "2"] == one.told("open", "ask")
    assert ["opened", "2", "3"] == other.told("open", "ask", "ask")
    assert ["3", "4"] == one.told("ask", "ask")
    assert ["4", "5", "closed"] == other.told("ask", "ask", "close")
    assert ["closed"] == one.told("close")
    assert ["2", "3", "4", "5", "5"] == offline(library, stand_in, 5)


def test_many_at_once_fetch_once(
    begin: Begin, library: Path, stand_in: StandIn, gate: Event
) -> None:
    """Five processes that ask at the same moment share one answer."""
    gate.clear()
    processes = [begin() for _ in range(5)]
    assert [["opened"]] * 5 == [process.told("open") for process in processes]
    for process in processes:
        process.tell("ask")
    wait_until(lambda: stand_in.hits[PATH] == 2)
    gate.set()
    assert ["2"] * 5 == [process.read() for process in processes]
    assert [["closed"]] * 5 == [process.told("close") for process in processes]
    assert 2 == stand_in.hits[PATH]
    assert ["2", "2"] == offline(library, stand_in, 2)


def test_a_killed_process_holds_nobody_up(
    begin: Begin, library: Path, stand_in: StandIn, gate: Event
) -> None:
    """What it recorded before is used by the others; what it was about to fetch, they fetch."""
    killed, other = begin(), begin()
    assert ["opened", "2"] == killed.told("open", "ask")
    gate.clear()
    killed.tell("ask")
    wait_until(lambda: stand_in.hits[PATH] == 3)
    killed.process.kill()
    killed.process.wait()
    gate.set()
    assert ["opened", "2", "4", "closed"] == other.told("open", "ask", "ask", "close")
    assert ["2", "4", "4"] == offline(library, stand_in, 3)


def test_what_a_failed_session_alone_recorded_is_withdrawn(
    begin: Begin, library: Path, stand_in: StandIn
) -> None:
    """The old takes stay, and the next session of the run, such as a repeated test, fetches."""
    failed, other = begin(), begin()
    assert ["opened", "2", "3", "failed"] == failed.told("open", "ask", "ask", "fail")
    assert ["1", "1"] == offline(library, stand_in, 2)
    assert ["opened", "4", "closed"] == other.told("open", "ask", "close")
    assert ["4", "4"] == offline(library, stand_in, 2)


def test_what_a_failed_session_recorded_stays_for_who_replayed_it(
    begin: Begin, library: Path, stand_in: StandIn
) -> None:
    """A session that saw the takes of one that failed meanwhile keeps them when it ends well."""
    failed, other, later = begin(), begin(), begin()
    assert ["opened", "2", "3"] == failed.told("open", "ask", "ask")
    assert ["opened", "2"] == other.told("open", "ask")
    assert ["failed"] == failed.told("fail")
    assert ["closed"] == other.told("close")
    assert ["2", "3", "3"] == offline(library, stand_in, 3)
    assert ["opened", "2", "3", "closed"] == later.told("open", "ask", "ask", "close")


def test_what_a_process_beside_recorded_anew_is_replayed_and_added_to(
    begin: Begin, library: Path, stand_in: StandIn
) -> None:
    """A process that comes to a call later asks the source for what is not there yet alone."""
    first, second, third = begin(), begin(), begin()
    assert ["opened", "2", "closed"] == first.told("open", "ask", "close")
    assert ["opened", "2", "3", "closed"] == second.told("open", "ask", "ask", "close")
    assert ["opened", "2", "3", "closed"] == third.told("open", "ask", "ask", "close")
    assert ["2", "3", "3"] == offline(library, stand_in, 3)


def test_a_call_that_was_not_recorded_before_is_recorded_once(
    begin: Begin, library: Path, stand_in: StandIn
) -> None:
    """Also what no process found a recording of is fetched once."""
    next(library.rglob("*.yaml")).unlink()
    first, second = begin(), begin()
    assert ["opened", "2", "opened", "2"] == [
        *first.told("open", "ask"),
        *second.told("open", "ask"),
    ]
    assert ["3", "3"] == [*first.told("ask"), *second.told("ask")]
    assert ["closed", "closed"] == [*first.told("close"), *second.told("close")]
    assert ["2", "3", "3"] == offline(library, stand_in, 3)


def test_another_run_records_anew(begin: Begin, library: Path, stand_in: StandIn) -> None:
    """What an earlier run re-recorded is re-recorded by the next one, even if that is shorter."""
    assert ["opened", "2", "3", "closed"] == begin().told("open", "ask", "ask", "close")
    assert ["opened", "4", "closed"] == begin("two").told("open", "ask", "close")
    assert ["4", "4"] == offline(library, stand_in, 2)


def test_two_runs_at_the_same_time_do_not_mix(
    begin: Begin, library: Path, stand_in: StandIn
) -> None:
    """Each fetches for itself, and the one that ends last is kept, whole."""
    one, two = begin(), begin("two")
    assert ["opened", "2"] == one.told("open", "ask")
    assert ["opened", "3", "4"] == two.told("open", "ask", "ask")
    assert ["5", "closed"] == one.told("ask", "close")
    assert ["2", "5"] == offline(library, stand_in, 2)
    assert ["closed"] == two.told("close")
    assert ["3", "4"] == offline(library, stand_in, 2)


def test_what_ends_in_an_answer_that_is_not_kept_keeps_the_old_file(
    library: Path, stand_in: StandIn
) -> None:
    """Offline, the last take would answer where the live call failed."""

    def record(mode: str, *failures: bool) -> None:
        with replay.use_cassettes(library, mode=mode, api_base=stand_in.url):
            for failing in failures:
                if failing:
                    stand_in.script.append((500, {}, {"error": {}}))
                found = requests.get(stand_in.url + PATH, headers=HEADERS, timeout=5)
                assert failing == (found.status_code == 500)

    def held() -> list[bytes]:
        return [path.read_bytes() for path in library.glob("invoices/**/*.yaml")]

    record("once", False, False)
    before = held()
    stand_in.add_invoice(DRAFT, status="void")
    record("all", False, True)
    assert before == held()
    record("all", True, False)
    assert before != held()
