"""What the sessions of one run share in mode `all`: none loses what another one saw."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support import forks
from support.command import replay_command
from support.runs import another_run
from support.standin import DRAFT, StandIn
from support.waiting import HANGS

import replay
from replay.config import resolve
from replay.model.cassette import Request
from replay.recording import clock
from replay.session.session import OpenSession, open_session

PATH = f"/v1/invoices/{DRAFT}"

RECORD = """
import replay, requests
with replay.use_cassettes({lab.place!r}, mode="all", api_base={lab.stand_in.url!r}):
    print(requests.get({lab.stand_in.url!r} + {path!r}, timeout=5).json()["attempt_count"])
"""


class Lab:
    """A library that has one take of an invoice, and a source whose answers say a number."""

    def __init__(self, stand_in: StandIn, library: Path) -> None:
        self.stand_in, self.library, self.place = stand_in, library, str(library)
        self.number, self.step = 1, 1
        self.go_on = threading.Event()
        self.go_on.set()
        self.opened: list[OpenSession] = []
        serve = stand_in.objects[PATH]

        def numbered(version: str, expand: list[str]) -> object:
            self.go_on.wait(60)
            number, self.number = self.number, self.number + self.step
            return {**serve(version, expand), "attempt_count": number}

        stand_in.objects[PATH] = numbered
        session = self.open("once")
        self.ask(session)
        session.close()
        stand_in.hits.clear()

    def open(self, mode: str = "all") -> OpenSession:
        self.opened.append(
            open_session(resolve(library=self.library, mode=mode, api_base=self.stand_in.url))
        )
        return self.opened[-1]

    def ask(self, session: OpenSession, times: int = 1) -> list[int]:
        request = Request("GET", self.stand_in.url + PATH)
        bodies = [session.answer(request).body.decode() for _ in range(times)]
        return [int(body.split('"attempt_count": ')[1].split(",")[0]) for body in bodies]

    def offline(self, times: int) -> list[int]:
        return self.ask(self.open("none"), times)


@pytest.fixture
def lab(stand_in: StandIn, library: Path) -> Iterator[Lab]:
    made = Lab(stand_in, library)
    yield made
    for session in made.opened:
        session.close(failed=True)
    another_run(library)


def test_what_a_passed_session_saw_stays_when_another_fails(lab: Lab) -> None:
    """The one that fetched fails after the one that replayed has passed: nobody fetches again."""
    fails, passes = lab.open(), lab.open()
    assert ([2], [2]) == (lab.ask(fails), lab.ask(passes))
    passes.close()
    fails.close(failed=True)
    later = lab.open()
    assert [2] == lab.ask(later)
    later.close()
    assert [2] == lab.offline(1)


def test_what_an_open_session_saw_stays_when_another_fails(lab: Lab) -> None:
    """The one that fetched fails while the one that replayed goes on."""
    fails, goes_on = lab.open(), lab.open()
    assert ([2], [2]) == (lab.ask(fails), lab.ask(goes_on))
    assert [3] == lab.ask(fails)
    fails.close(failed=True)
    later = lab.open()
    assert [2] == lab.ask(later)
    later.close()
    assert [3] == lab.ask(goes_on)
    goes_on.close()
    assert [2, 3] == lab.offline(2)


def test_a_repeated_test_asks_the_source_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries in one run, the source says the same twice and then something else."""
    lab.step = 0
    for second in range(2):
        monkeypatch.setattr(clock, "now", lambda second=second: f"2026-01-28T02:05:0{second}Z")
        session = lab.open()
        assert [2] == lab.ask(session)
        session.close(failed=True)
    lab.number = 9
    session = lab.open()
    assert [9] == lab.ask(session)
    session.close()
    assert [9] == lab.offline(1)


def test_repeats_are_shared_too(lab: Lab) -> None:
    """Six sessions that ask twice fetch twice; a change that comes later is seen by all of them."""
    lab.step = 0
    for _ in range(6):
        session = lab.open()
        assert [2, 2] == lab.ask(session, 2)
        session.close()
    assert 2 == lab.stand_in.hits[PATH]
    lab.number = 5
    one, other = lab.open(), lab.open()
    assert ([2, 2, 5], [2, 2, 5, 5]) == (lab.ask(one, 3), lab.ask(other, 4))
    one.close()
    other.close()
    assert [2, 2, 5, 5] == lab.offline(4)


def test_versions_with_features_are_shared(lab: Lab) -> None:
    """An API version may have spaces in it."""
    lab.stand_in.default_version = "2023-10-16; feature_beta=v1"
    one, other = lab.open(), lab.open()
    assert ([2, 3], [2]) == (lab.ask(one, 2), lab.ask(other))
    one.close()
    other.close()
    assert 2 == lab.stand_in.hits[PATH]


def test_a_process_that_a_test_starts_works_for_its_run(lab: Lab) -> None:
    """A subprocess that records the same call replays what its parent recorded."""
    session = lab.open()
    assert [2] == lab.ask(session)
    program = RECORD.format(lab=lab, path=PATH)
    done = forks.run(["-c", program])
    assert ("2", "") == (done.stdout.strip(), done.stderr)
    assert [3] == lab.ask(session)
    session.close()
    assert [2, 3] == lab.offline(2)


def test_nothing_is_left_of_a_run_that_has_ended(lab: Lab) -> None:
    """Beside the recordings there is no copy of them, when the process ends that began the run."""
    environment = {**os.environ, "REPLAY_RUN": ""}
    program = RECORD.format(lab=lab, path=PATH)
    done = forks.run(["-c", program], env=environment)
    assert ("2", "") == (done.stdout.strip(), done.stderr)
    assert [2] == lab.offline(1)
    assert [] == list((lab.library / ".replay" / "rerecorded").iterdir())


def test_what_a_killed_run_left_goes_with_the_next(lab: Lab) -> None:
    """Its takes are nobody's any more; those of a run that is still at work stay."""
    program = f"""
import os, replay, requests
with replay.use_cassettes({str(lab.library)!r}, mode="all", api_base={lab.stand_in.url!r}):
    requests.get({lab.stand_in.url + PATH!r}, timeout=5)
    print("asked", flush=True)
    if input() == "die": os._exit(1)
"""
    left = lab.library / ".replay" / "rerecorded"
    environment = {**os.environ, "REPLAY_RUN": ""}
    for word, stays in (("die", False), ("end", True)):
        with forks.Piped(["-c", program], env=environment) as process:
            assert "asked\n" == process.stdout.readline()
            (theirs,) = [path for path in left.iterdir() if path.is_dir()]
            if not stays:
                process.communicate(word)
            session = lab.open()
            lab.ask(session)
            session.close(failed=True)
            assert stays == theirs.exists()
            another_run(lab.library)
            if stays:
                process.communicate(word)


def test_redacting_anew_leaves_no_older_copy(lab: Lab) -> None:
    """`replay seal --redact` removes what runs re-recorded under a looser policy."""
    lab.ask(lab.open())
    assert list((lab.library / ".replay" / "rerecorded").rglob("*.yaml"))
    assert 0 == replay_command("seal", "--redact", lab.library).code
    assert not (lab.library / ".replay" / "rerecorded").exists()


def test_a_folder_of_runs_that_cannot_be_read_is_named(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is replay's own, and says where and what to do."""
    runs, read = lab.library / ".replay" / "rerecorded", Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path == runs:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    session = lab.open()
    with pytest.raises(replay.LibraryError, match=os.strerror(errno.EIO)) as caught:
        lab.ask(session)
    assert str(runs) == caught.value.where
    assert caught.value.hint
    session.close(failed=True)


def test_a_link_does_not_lead_out_of_the_library(lab: Lab, tmp_path: Path) -> None:
    """Nothing is recorded through a link that a checkout brought along."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (lab.library / ".replay" / "rerecorded").symlink_to(outside)
    with pytest.raises(replay.LibraryError, match="leads out of the library"):
        lab.ask(lab.open())
    assert [] == list(outside.iterdir())


def test_a_session_ends_while_a_fetch_that_nobody_waits_for_hangs(lab: Lab) -> None:
    """An event loop that gave a call up is not held by it, whether the test passed or not."""

    async def ask() -> None:
        with replay.use_cassettes(lab.library, mode="all", api_base=lab.stand_in.url):
            async with httpx.AsyncClient() as client:
                await client.get(lab.stand_in.url + PATH)
                lab.go_on.clear()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await client.get(lab.stand_in.url + PATH)
        assert not lab.go_on.is_set()  # the session has ended, and the answer is yet to come

    asyncio.run(ask())
    lab.go_on.set()
    assert [2] == lab.offline(1)


def test_the_first_calls_of_many_threads_go_together(lab: Lab) -> None:
    """None waits for what its own process holds."""
    session = lab.open()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: lab.ask(session)[0], range(8), timeout=HANGS))
    session.close()
    assert set(answers) == set(lab.offline(len(set(answers))))


def test_a_process_that_is_started_before_the_first_call_works_for_the_run(lab: Lab) -> None:
    """The session names the run when it opens; its parent replays what the subprocess fetched."""
    session = lab.open()
    program = RECORD.format(lab=lab, path=PATH)
    done = forks.run(["-c", program])
    assert ("2", "") == (done.stdout.strip(), done.stderr)
    assert [2, 3] == lab.ask(session, 2)
    session.close()
    another_run(lab.library)
    assert [] == list((lab.library / ".replay" / "rerecorded").iterdir())
    assert [2, 3] == lab.offline(2)


def test_a_failed_session_of_one_run_does_not_replace_what_another_run_kept(lab: Lab) -> None:
    """Nothing was recorded when both began, and the one that fails goes on after the other."""
    (file,) = lab.library.glob("invoices/*/*.yaml")
    file.unlink()
    fails = lab.open()
    assert [2] == lab.ask(fails)
    environment = {**os.environ, "REPLAY_RUN": "another"}
    program = RECORD.format(lab=lab, path=PATH)
    done = forks.run(["-c", program], env=environment)
    assert ("3", "") == (done.stdout.strip(), done.stderr)
    assert [4] == lab.ask(fails)
    fails.close(failed=True)
    assert [3, 3] == lab.offline(2)


def test_a_pseudonym_that_an_earlier_session_was_given_is_known(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second session replays the list, and asks for an object by the ID that stands there."""
    stand_in.lists = {"/v1/invoices": [PATH]}
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "true")
    monkeypatch.setenv("REPLAY_LIBRARY", str(tmp_path / "masked"))
    for _ in range(2):
        session = open_session(resolve(mode="all", api_base=stand_in.url))
        listed = session.answer(Request("GET", f"{stand_in.url}/v1/invoices?limit=1"))
        id = json.loads(listed.body)["data"][0]["id"]
        assert id != DRAFT
        found = session.answer(Request("GET", f"{stand_in.url}/v1/invoices/{id}"))
        assert id == json.loads(found.body)["id"]
        session.close()
    another_run(tmp_path / "masked")


def test_what_is_damaged_there_is_told_with_the_way_out(lab: Lab) -> None:
    """It is in no version control: the file is named, and may be removed."""
    lab.ask(lab.open())
    (file,) = (lab.library / ".replay" / "rerecorded").rglob("*.yaml")
    file.write_text(file.read_text() + "x: 1\n")
    session, hits = lab.open(), lab.stand_in.hits[PATH]
    with pytest.raises(replay.CassetteDamaged, match="remove it") as caught:
        lab.ask(session)
    assert (str(file), hits) == (caught.value.where, lab.stand_in.hits[PATH])
    file.unlink()
    assert [3] == lab.ask(lab.open())
