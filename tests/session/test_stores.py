"""The question that a session asks of its stores, and what it does with each answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from support.standin import DRAFT, PREVIEW, StandIn, error
from support.waiting import wait_until

import replay
from replay.config import resolve
from replay.errors import CallRefused, UpstreamError
from replay.model.cassette import Interaction, Request, Response
from replay.recording.recorder import Outcome
from replay.session.session import Counts, open_session
from replay.session.store import CallFetch, Fetch, Served, Store
from replay.stripe_api.call import read_call

URL = f"https://api.stripe.com/v1/invoices/{DRAFT}"
TAKE = Interaction(
    Request("GET", URL), Response(200, "OK", (), b"{}"), "2026-01-02T03:04:05Z", "api.stripe.com"
)


class Written(CallFetch):
    """A fetch of the store below; it writes down what it is told."""

    def __init__(self, request: Request) -> None:
        super().__init__(read_call(request))
        self.told: list[Outcome] = []
        self.meanwhile: Interaction | None = None
        self.released = 0

    def lock(self) -> AbstractContextManager[object]:
        return nullcontext()

    def recorded_meanwhile(self) -> Interaction | None:
        return self.meanwhile

    def tell(self, outcome: Outcome) -> None:
        self.told.append(outcome)

    def release(self) -> None:
        self.released += 1


class Answers:
    """A third store: it gives what it was made with."""

    fetches = True

    def __init__(self, said: Interaction | Fetch | Exception | None) -> None:
        self.said = said
        self.ended: list[bool] = []

    def next(self, request: Request) -> Interaction | Fetch | None:
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    def after_fork(self) -> None:
        pass

    def served(self) -> Iterator[Served]:
        if isinstance(self.said, Interaction):
            yield Served(read_call(Request("GET", URL)), PREVIEW, self.said)

    def close(self, *, failed: bool) -> None:
        self.ended.append(failed)


def test_a_third_store_is_asked_first_and_answers(tmp_path: Path) -> None:
    """What it answers is played and listed; the library is not looked at."""
    answer = TAKE
    store: Store = Answers(answer)
    session = open_session(resolve(library=tmp_path / "none", mode="none"), first=[store])
    assert answer.response == session.answer(Request("GET", URL))
    assert Counts(1, 0, 0, 0) == session.counts
    assert [answer] == [served.take for served in session.calls]


def test_a_store_that_has_nothing_to_say_leaves_the_call_to_the_next(tmp_path: Path) -> None:
    """The library refuses what it does not have."""
    session = open_session(resolve(library=tmp_path, mode="none"), first=[Answers(None)])
    with pytest.raises(replay.CassetteNotFound):
        session.answer(Request("GET", URL))


def test_a_refusal_of_a_store_is_the_sessions(tmp_path: Path) -> None:
    """It is noted, and the next store is not asked."""
    refusal = CallRefused("not this one")
    session = open_session(resolve(library=tmp_path, mode="none"), first=[Answers(refusal)])
    with pytest.raises(CallRefused, match="not this one"):
        session.answer(Request("GET", URL))
    assert [refusal] == session.refusals


def test_a_store_is_told_what_the_live_source_answered(stand_in: StandIn, tmp_path: Path) -> None:
    """Also what is not kept; then the next caller may fetch."""
    request = Request("GET", f"{stand_in.url}/v1/invoices/{DRAFT}")
    fetch = Written(request)
    settings = resolve(library=tmp_path, mode="once", api_base=stand_in.url)
    session = open_session(settings, first=[Answers(fetch)])
    session.answer(request)
    assert [PREVIEW] == [outcome.version for outcome in fetch.told]
    assert 1 == fetch.released
    stand_in.script.append((500, {}, error(500, "later")))
    again = Written(request)
    session._stores[0].said = again  # type: ignore[attr-defined]  # the store above
    session.answer(request)
    assert [None] == [outcome.take for outcome in again.told]
    assert Counts(0, 1, 0, 1) == session.counts
    session.close()


def test_what_was_recorded_while_a_fetch_waited_is_played(tmp_path: Path) -> None:
    """Nothing is fetched then: the source of this session does not exist."""
    fetch = Written(Request("GET", URL))
    fetch.meanwhile = TAKE
    settings = resolve(library=tmp_path, mode="once", api_base="http://127.0.0.1:9")
    session = open_session(settings, first=[Answers(fetch)])
    assert fetch.meanwhile.response == session.answer(Request("GET", URL))
    assert ([], Counts(1, 0, 0, 0)) == (fetch.told, session.counts)


def test_all_stores_are_closed_though_one_fails(tmp_path: Path) -> None:
    """The first error is raised when all are closed."""

    class Broken(Answers):
        def close(self, *, failed: bool) -> None:
            super().close(failed=failed)
            raise UpstreamError("cannot be written")

    stores = [Broken(None), Answers(None)]
    session = open_session(resolve(library=tmp_path, mode="none"), first=stores)
    with pytest.raises(UpstreamError, match="cannot be written"):
        session.close(failed=True)
    assert [[True], [True]] == [store.ended for store in stores]


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_calls_that_waited_for_anothers_fetch_are_counted(
    stand_in: StandIn, library: Path, mode: str
) -> None:
    """Eight threads ask at once, one fetches: one is recorded and seven are played."""
    stand_in.add_invoice(DRAFT)
    stand_in.hold = threading.Event()
    settings = resolve(library=library, mode=mode, api_base=stand_in.url)
    session = open_session(settings)
    request = Request("GET", f"{stand_in.url}/v1/invoices/{DRAFT}")
    table = session._stores[0]._table  # type: ignore[attr-defined]  # the store of the mode
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(session.answer, request) for _ in range(8)]
        playback = table.of(request)
        wait_until(lambda: playback.pending is not None and 7 == _waiters(playback.pending))
        stand_in.hold.set()
        bodies = {waited.result().body for waited in waiting}
    session.close()
    assert 1 == len(bodies)
    assert Counts(7, 1, 0, 0) == session.counts
    assert 1 == sum(stand_in.hits.values())


def _waiters(fetch: Fetch) -> int:
    return len(fetch.answered._condition._waiters)  # type: ignore[attr-defined]  # of a `Future`


def test_calls_that_waited_for_an_answer_that_is_not_kept_are_counted_as_such(
    stand_in: StandIn, library: Path
) -> None:
    """They are answered, and nothing is recorded."""
    stand_in.hold = threading.Event()
    stand_in.script.append((500, {}, error(500, "later")))
    session = open_session(resolve(library=library, mode="once", api_base=stand_in.url))
    request = Request("GET", f"{stand_in.url}/v1/invoices/{DRAFT}")
    table = session._stores[0]._table  # type: ignore[attr-defined]  # the store of the mode
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(session.answer, request) for _ in range(2)]
        playback = table.of(request)
        wait_until(lambda: playback.pending is not None and 1 == _waiters(playback.pending))
        stand_in.hold.set()
        assert [500, 500] == [waited.result().status for waited in waiting]
    assert Counts(0, 0, 0, 2) == session.counts
    session.close()


def test_who_waited_is_told_when_the_fetch_is_interrupted() -> None:
    """Only who fetches is interrupted itself."""
    fetch = Written(Request("GET", URL))
    assert [True, False] == [fetch.claim(), fetch.claim()]
    fetch.fail(KeyboardInterrupt())
    with pytest.raises(UpstreamError, match="interrupted"):
        fetch.answered.result()


@pytest.mark.parametrize("name", ["tally", "stand_ins", "served", "used"])
def test_old_names_keep_working_for_this_version(tmp_path: Path, name: str) -> None:
    """Each says what to use now."""
    session = open_session(resolve(library=tmp_path, mode="none"), first=[Answers(TAKE)])
    session.answer(Request("GET", URL))
    with pytest.warns(DeprecationWarning, match=rf"session\.{name} .* use session\.(calls|counts)"):
        assert getattr(session, name)
