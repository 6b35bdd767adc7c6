"""Mode `all` in processes beside each other: a call is recorded anew once, and no take is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from support.clients import HEADERS
from support.standin import DRAFT, StandIn

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
            found = requests.get(base + path, headers={headers!r}, timeout=5)
            print(found.json()["attempt_count"], flush=True)
        case "close":
            context.__exit__(None, None, None)
            print("closed", flush=True)
"""


class Process:
    """A real process that does as it is told, a step at a time."""

    def __init__(self, library: Path, base: str) -> None:
        program = PROGRAM.replace("{headers!r}", repr(HEADERS))
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(library), base, PATH],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert "began" == self.read()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=30)

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def told(self, *words: str) -> list[str]:
        """What it answers to each word."""
        assert self.process.stdin is not None
        found = []
        for word in words:
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()
            found.append(self.read())
        return found


@pytest.fixture
def begin(stand_in: StandIn, library: Path) -> Iterator[Callable[[], Process]]:
    """Starts processes beside a library that has one take; every live answer has a new number."""
    serve, count = stand_in.objects[PATH], 0

    def numbered(version: str, expand: list[str]) -> object:
        nonlocal count
        count += 1
        return {**serve(version, expand), "attempt_count": count}

    stand_in.objects[PATH] = numbered
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        requests.get(stand_in.url + PATH, headers=HEADERS, timeout=5)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Process(library, stand_in.url))


def offline(library: Path, stand_in: StandIn, times: int) -> list[str]:
    with replay.use_cassettes(library, mode="none", api_base=stand_in.url):
        answers = [
            requests.get(stand_in.url + PATH, headers=HEADERS, timeout=5) for _ in range(times)
        ]
    return [str(answer.json()["attempt_count"]) for answer in answers]


def test_a_shorter_sequence_does_not_replace_a_longer_one_of_the_run(
    begin: Callable[[], Process], library: Path, stand_in: StandIn
) -> None:
    """Of two that record a call anew at the same time the longer one is kept, if it ends first."""
    short, long = begin(), begin()
    assert ["opened", "2"] == short.told("open", "ask")
    assert ["opened", "3", "4", "closed"] == long.told("open", "ask", "ask", "close")
    assert ["closed"] == short.told("close")
    assert ["3", "4", "4"] == offline(library, stand_in, 3)


def test_a_longer_sequence_replaces_a_shorter_one_of_the_run(
    begin: Callable[[], Process], library: Path, stand_in: StandIn
) -> None:
    """Of two that record a call anew at the same time the longer one is kept, if it ends last."""
    short, long = begin(), begin()
    assert ["opened", "2"] == long.told("open", "ask")
    assert ["opened", "3", "closed"] == short.told("open", "ask", "close")
    assert ["4", "closed"] == long.told("ask", "close")
    assert ["2", "4", "4"] == offline(library, stand_in, 3)


def test_what_a_process_beside_recorded_anew_is_replayed_and_added_to(
    begin: Callable[[], Process], library: Path, stand_in: StandIn
) -> None:
    """A process that comes to a call later asks the source for what is not there yet alone."""
    first, second, third = begin(), begin(), begin()
    assert ["opened", "2", "closed"] == first.told("open", "ask", "close")
    assert ["opened", "2", "3", "closed"] == second.told("open", "ask", "ask", "close")
    assert ["opened", "2", "3", "closed"] == third.told("open", "ask", "ask", "close")
    assert ["2", "3", "3"] == offline(library, stand_in, 3)


def test_a_call_that_was_not_recorded_before_is_recorded_once(
    begin: Callable[[], Process], library: Path, stand_in: StandIn
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


def test_a_process_that_begins_later_is_another_run(
    begin: Callable[[], Process], library: Path, stand_in: StandIn
) -> None:
    """What an earlier run recorded anew is recorded anew by the next one, though it be shorter."""
    assert ["opened", "2", "3", "closed"] == begin().told("open", "ask", "ask", "close")
    assert ["opened", "4", "closed"] == begin().told("open", "ask", "close")
    assert ["4", "4"] == offline(library, stand_in, 2)
