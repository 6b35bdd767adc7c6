"""The decision table, cell by cell, on real recordings."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.runs import another_run
from support.standin import DRAFT, NEW, OLD, PREVIEW, StandIn, error

import replay
from replay.config import Config, resolve
from replay.library import Library
from replay.library.format import seals
from replay.model.cassette import ObjectKey, Request
from replay.model.modes import RecordMode
from replay.recording import repeats
from replay.recording.paced_pool import Pace
from replay.recording.recorder import Outcome, Recorder
from replay.recording.twins import record
from replay.session.session import OpenSession, open_session
from replay.stripe_api.call import retrieve
from replay.stripe_api.routes import by_name

PATH = f"/v1/invoices/{DRAFT}"
FILE = f"invoices/{DRAFT}/{PREVIEW}.yaml"


_sessions: list[OpenSession] = []


def opened(config: Config, **options: bool) -> OpenSession:
    """A session whose connections are closed after the test."""
    _sessions.append(open_session(config, **options))
    return _sessions[-1]


@pytest.fixture(autouse=True)
def connections_are_closed() -> Iterator[None]:
    """Sessions that a test left open, because a refusal was its point, keep no sockets."""
    yield
    while _sessions:
        _sessions.pop().close(failed=True)


class Suite:
    """One library and one source; `ask` is one session that asks for the draft n times."""

    def __init__(self, stand_in: StandIn, library: Path) -> None:
        self.stand_in, self.library = stand_in, library
        self.amount = 0

    def session(self, mode: str) -> OpenSession:
        return opened(resolve(library=self.library, mode=mode, api_base=self.stand_in.url))

    def ask(self, mode: str, times: int = 1, *, failed: bool = False) -> list[str]:
        session = self.session(mode)
        answers = [self.request(session) for _ in range(times)]
        session.close(failed=failed)
        return answers

    def request(self, session: OpenSession, version: str = "") -> str:
        """The number of the live answer that this one was recorded from."""
        headers = (("Stripe-Version", version),) if version else ()
        body = session.answer(Request("GET", self.stand_in.url + PATH, headers)).body.decode()
        return body.split('"attempt_count": ')[1].split(",")[0]

    def count_answers(self) -> None:
        """From now on every live answer differs from the one before, by its number."""
        serve = self.stand_in.objects[PATH]

        def numbered(version: str, expand: list[str]) -> object:
            self.amount += 1
            return {**serve(version, expand), "attempt_count": self.amount}

        self.stand_in.objects[PATH] = numbered


@pytest.fixture
def suite(stand_in: StandIn, library: Path) -> Suite:
    """A suite whose source numbers its answers; the run has re-recorded nothing yet."""
    another_run()
    made = Suite(stand_in, library)
    made.count_answers()
    return made


def test_none_refuses_what_is_absent(suite: Suite) -> None:
    """none x absent: refuse, and ask nobody."""
    suite.library.mkdir()
    with pytest.raises(replay.CassetteNotFound):
        suite.ask("none")
    assert {} == suite.stand_in.hits


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_recording_modes_record_what_is_absent_and_stay_open(suite: Suite, mode: str) -> None:
    """once, new_episodes, all x absent: record, and record again in the same session."""
    assert ["1", "2", "3"] == suite.ask(mode, 3)
    assert ["1", "2", "3", "3"] == suite.ask("none", 4)


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes"])
def test_takes_that_are_left_are_replayed(suite: Suite, mode: str) -> None:
    """none, once, new_episodes x takes left: replay in order."""
    suite.ask("once", 2)
    assert ["1", "2"] == suite.ask(mode, 2)
    assert 2 == suite.stand_in.hits[PATH]


@pytest.mark.parametrize("mode", ["none", "once"])
def test_takes_that_are_used_up_repeat_the_last(suite: Suite, mode: str) -> None:
    """none, once x takes used up: repeat the last."""
    suite.ask("once", 2)
    assert ["1", "2", "2", "2"] == suite.ask(mode, 4)


def test_new_episodes_records_another_take_when_they_are_used_up(suite: Suite) -> None:
    """new_episodes x takes used up: record another take."""
    suite.ask("once", 2)
    assert ["1", "2", "3"] == suite.ask("new_episodes", 3)
    assert ["1", "2", "3"] == suite.ask("none", 3)


def test_all_records_anew_and_keeps_the_old_file_until_it_is_complete(suite: Suite) -> None:
    """all x present: the old file stays until the session ends."""
    suite.ask("once", 3)
    session = suite.session("all")
    assert ["4", "5"] == [suite.request(session) for _ in range(2)]
    assert ["1", "2", "3"] == suite.ask("none", 3)
    session.close()
    assert ["4", "5", "5"] == suite.ask("none", 3)


def test_all_keeps_the_old_file_if_the_test_failed(suite: Suite) -> None:
    """all x present, in a test that raised: its takes are not complete, the old file stays."""
    suite.ask("once", 2)
    before = (suite.library / FILE).read_bytes()
    assert ["3"] == suite.ask("all", failed=True)
    assert before == (suite.library / FILE).read_bytes()


def test_after_a_failed_test_the_next_one_records_anew(suite: Suite) -> None:
    """all x present: a session that recorded nothing leaves the key to the run's next session."""
    suite.ask("once", 2)
    assert ["3"] == suite.ask("all", failed=True)
    assert ["4", "5"] == suite.ask("all", 2)
    assert ["4", "5"] == suite.ask("none", 2)


def test_all_records_anew_once_per_run(suite: Suite) -> None:
    """all x present, later session of the run: replays what the first one recorded."""
    suite.ask("once", 2)
    assert ["3", "4"] == suite.ask("all", 2)
    assert ["3", "4", "5"] == suite.ask("all", 3)
    assert ["3", "4", "5"] == suite.ask("none", 3)


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_sessions_that_overlap_see_one_sequence(suite: Suite, mode: str) -> None:
    """Of two sessions at once neither fetches what the other recorded."""
    if mode == "all":
        suite.ask("once")
    before = suite.amount
    one, other = suite.session(mode), suite.session(mode)
    answers = [suite.request(session) for session in (one, other, other, one, one, other)]
    assert [1, 1, 2, 2, 3, 3] == [int(answer) - before for answer in answers]
    one.close()
    other.close()
    assert answers[::2] == suite.ask("none", 3)


def test_all_keeps_the_twin_of_another_version_as_evidence(suite: Suite) -> None:
    """What a test re-records at one version does not cost the proof of what lay between two."""
    recorder = Recorder(Library(suite.library), suite.stand_in.url)
    calls = [retrieve(by_name("invoice"), [DRAFT], version=version) for version in (OLD, NEW)]
    assert 2 == len([*record(recorder, calls, "sk_test_x", RecordMode.ALL, Pace(1e6))])
    recorder.close()
    session = suite.session("all")
    suite.request(session, NEW)
    session.close()
    library = Library(suite.library)
    served, kept = (
        place.load(ObjectKey("invoices", DRAFT), NEW) for place in (library, library.evidence)
    )
    old = library.load(ObjectKey("invoices", DRAFT), OLD)
    assert served is not None
    assert kept is not None
    assert old is not None
    assert [""] == [take.batch for take in served.interactions]
    assert [take.batch for take in old.interactions] == [take.batch for take in kept.interactions]


def test_only_a_trailing_run_of_identical_takes_is_collapsed(
    stand_in: StandIn, library: Path
) -> None:
    """draft, draft, paid, paid, paid is kept as draft, draft, paid."""
    suite = Suite(stand_in, library)
    session = suite.session("once")
    for status in ("draft", "draft", "paid", "paid", "paid"):
        stand_in.add_invoice(DRAFT, status=status)
        suite.request(session)
    session.close()
    found = replay.Library(library).read(FILE)
    assert found is not None
    bodies = [take.response.body for take in found.interactions]
    assert [True, True, False] == [b'"status": "draft"' in body for body in bodies]


@pytest.mark.parametrize(
    "before", ["", "n", "p", "nn", "pp", "pn"], ids=lambda text: text or "nothing"
)
@pytest.mark.parametrize("asked", ["pnnp", "nppn", "ppn", "nnpp", "pnpnpn"])
@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_pinned_and_unpinned_calls_of_one_object_replay_as_they_were_recorded(
    mode: str, asked: str, before: str, suite: Suite
) -> None:
    """A client that pins and one that does not, in one test, find offline what each recorded."""

    def run(mode: str, pins: str) -> list[str]:
        session = suite.session(mode)
        answers = [suite.request(session, PREVIEW if pin == "p" else "") for pin in pins]
        session.close()
        return answers

    run("once", before)
    recorded = run(mode, asked)
    suite.stand_in.stop()
    assert recorded == run("none", asked)


def test_all_replaces_the_takes_of_clients_that_pin_alike(suite: Suite) -> None:
    """Takes that others recorded of the same object stay for them."""
    session = suite.session("once")
    assert ["1", "2"] == [suite.request(session, version) for version in (PREVIEW, "")]
    session.close()
    session = suite.session("all")
    assert ["3", "4"] == [suite.request(session, PREVIEW) for _ in range(2)]
    session.close()
    session = suite.session("none")
    assert ["3", "4"] == [suite.request(session, PREVIEW) for _ in range(2)]
    assert "2" == suite.request(session, "")


def test_a_repeat_is_not_written_into_another_versions_cassette(
    stand_in: StandIn, library: Path
) -> None:
    """The source answers twice at one version, then at another: each cassette holds its own."""
    old = (409, {"Stripe-Version": OLD}, error(409, "busy"))
    stand_in.script = [old, old]
    suite = Suite(stand_in, library)
    session = suite.session("once")
    for _ in range(3):
        session.answer(Request("GET", stand_in.url + PATH))
    session.close()
    found = {path: [take.response.status for take in cassette.interactions]
             for path, cassette in replay.Library(library).cassettes()}  # fmt: skip
    assert {FILE: [200], f"invoices/{DRAFT}/{OLD}.yaml": [409]} == found


@pytest.mark.parametrize(("mode", "held"), [("new_episodes", 2), ("all", 3)])
def test_what_is_held_does_not_grow_with_answers_that_say_the_same(
    stand_in: StandIn, library: Path, mode: str, held: int
) -> None:
    """Asked 60 times, then something else: as many takes are written, few outcomes were held."""
    suite = Suite(stand_in, library)
    session = suite.session(mode)
    for _ in range(60):
        session.answer(Request("GET", stand_in.url + PATH))
    gc.collect()
    outcomes = [one for one in gc.get_objects() if type(one) is Outcome]
    assert held >= len(outcomes)
    assert 60 == session.counts.recorded
    stand_in.add_invoice(DRAFT, status="paid")
    session.answer(Request("GET", stand_in.url + PATH))
    session.close()
    ((_, cassette),) = replay.Library(library).cassettes()
    bodies = [b'"paid"' in take.response.body for take in cassette.interactions]
    assert [False] * 60 + [True] == bodies


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_a_run_of_repeats_has_an_end(
    stand_in: StandIn, library: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """A server is asked without end: few repeats are written before another take."""
    monkeypatch.setattr(repeats, "MOST_REPEATS", 3)
    session = Suite(stand_in, library).session(mode)
    for _ in range(9):
        session.answer(Request("GET", stand_in.url + PATH))
    stand_in.add_invoice(DRAFT, status="paid")
    session.answer(Request("GET", stand_in.url + PATH))
    session.close()
    ((_, cassette),) = replay.Library(library).cassettes()
    assert 5 == len(cassette.interactions)


def test_an_unchanged_object_rewrites_nothing(stand_in: StandIn, library: Path) -> None:
    """Recording the same answer again leaves the file as it is, in every mode."""
    suite = Suite(stand_in, library)
    suite.ask("once")
    before = (library / FILE).stat()
    for mode in ("once", "new_episodes", "all"):
        another_run()
        suite.ask(mode, 2)
    after = (library / FILE).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_answers_about_the_key_or_the_moment_are_served_but_not_kept(
    stand_in: StandIn, library: Path, status: int
) -> None:
    """One bad key does not poison a library: the client sees the error, the file does not."""
    message = "Invalid API Key provided: sk_test_PRIVATE"
    stand_in.script = [(status, {}, error(status, message))]
    session = Suite(stand_in, library).session("once")
    answer = session.answer(Request("GET", stand_in.url + PATH))
    assert status == answer.status
    assert b"PRIVATE" not in answer.body
    assert 1 == session.counts.unrecorded
    assert [] == list(library.rglob("*.yaml"))
    assert 200 == session.answer(Request("GET", stand_in.url + PATH)).status
    session.close()


def test_an_unknown_id_is_recorded_as_the_error_it_is(stand_in: StandIn, library: Path) -> None:
    """A 404 is a take like any other, its message made of what the policy keeps."""
    suite = Suite(stand_in, library)
    gone = "in_1MtHbELkdIwHu7ixl4OzzPMw"
    session = suite.session("once")
    recorded = session.answer(Request("GET", f"{stand_in.url}/v1/invoices/{gone}"))
    session.close()
    replayed = suite.session("none").answer(Request("GET", f"{stand_in.url}/v1/invoices/{gone}"))
    assert 404 == replayed.status
    assert recorded == replayed
    assert b'"code": "resource_missing"' in replayed.body
    assert b"PRIVATE" not in replayed.body


@pytest.mark.parametrize("status", [400, 402, 403, 404, 409])
def test_errors_about_the_object_are_takes(stand_in: StandIn, library: Path, status: int) -> None:
    """The API's errors are recorded with type, code and status, and replayed in their order."""
    stand_in.script = [(status, {"Stripe-Version": PREVIEW}, error(status, "PRIVATE", "some_code"))]
    suite = Suite(stand_in, library)
    session = suite.session("once")
    request = Request("GET", stand_in.url + PATH)
    recorded = [session.answer(request), session.answer(request)]
    session.close()
    replaying = suite.session("none")
    assert recorded == [replaying.answer(request), replaying.answer(request)]
    assert [status, 200] == [answer.status for answer in recorded]
    assert b'"code": "some_code"' in recorded[0].body
    assert b"PRIVATE" not in recorded[0].body


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"<html>PRIVATE</html>", {"Content-Type": "text/html"}),
        (b'{"id": "a", "id": "b"}', {}),
        (b'{"id": NaN}', {}),
        (b"[]", {}),
        (b"\x1f\x8bPRIVATE", {"Content-Encoding": "gzip"}),
        (b"{}", {"Content-Encoding": "br"}),
    ],
    ids=["html", "duplicate keys", "NaN", "list", "corrupt gzip", "unknown encoding"],
)
def test_what_cannot_be_read_is_served_but_not_recorded(
    stand_in: StandIn, library: Path, body: bytes, headers: dict[str, str]
) -> None:
    """The client gets the answer, nothing is written, the session says why."""
    stand_in.script = [(200, headers, body)]
    stand_in.compress = False
    session = Suite(stand_in, library).session("once")
    assert body == session.answer(Request("GET", stand_in.url + PATH)).body
    assert [] == list(library.rglob("*.yaml"))
    assert "was answered but not recorded" in session.notes[0]
    session.close()


def test_a_redirect_is_neither_followed_nor_kept(stand_in: StandIn, library: Path) -> None:
    """A redirect to another host reaches the client; the key does not reach the other host."""
    stand_in.script = [(302, {"Location": "https://evil.example"}, b"{}")]
    session = Suite(stand_in, library).session("once")
    assert 302 == session.answer(Request("GET", stand_in.url + PATH)).status
    assert {PATH: 1} == stand_in.hits
    assert [] == list(library.rglob("*.yaml"))
    session.close()


@pytest.mark.parametrize("header", ["Bearer sk_live_x", "Basic c2tfbGl2ZV94Og=="])
def test_a_live_key_is_refused_before_it_is_sent(
    stand_in: StandIn, library: Path, header: str
) -> None:
    """A live-mode key goes nowhere without allow_live."""
    session = Suite(stand_in, library).session("once")
    with pytest.raises(replay.LiveDataRefused) as refused:
        session.answer(Request("GET", stand_in.url + PATH, (("Authorization", header),)))
    assert "sk_live" not in str(refused.value)
    assert {} == stand_in.hits


def test_live_mode_data_is_refused(stand_in: StandIn, library: Path) -> None:
    """A body with livemode true is not written without allow_live, and is with it."""
    stand_in.add(PATH, {"id": DRAFT, "object": "invoice", "livemode": True})
    with pytest.raises(replay.LiveDataRefused):
        Suite(stand_in, library).ask("once")
    config = resolve(library=library, mode="once", api_base=stand_in.url)
    opened(config, allow_live=True).answer(Request("GET", stand_in.url + PATH))
    assert 1 == len(list(library.rglob("*.yaml")))


def test_head_is_answered_without_a_body(stand_in: StandIn, library: Path) -> None:
    """HEAD shares the recording of GET and has no body."""
    suite = Suite(stand_in, library)
    suite.ask("once")
    answer = suite.session("none").answer(Request("HEAD", stand_in.url + PATH))
    assert (200, b"") == (answer.status, answer.body)


@pytest.mark.parametrize(
    ("pinned", "expected"),
    [(None, PREVIEW), (OLD, OLD), (NEW, NEW)],
    ids=["unpinned", "old", "new"],
)
def test_a_call_is_answered_at_its_version(
    stand_in: StandIn, library: Path, pinned: str | None, expected: str
) -> None:
    """A pinned call gets its version, an unpinned one what an unpinned call recorded."""
    suite = Suite(stand_in, library)
    session = suite.session("once")
    for version in (OLD, NEW, None):
        session.answer(_request(stand_in, version))
    session.close()
    answer = suite.session("none").answer(_request(stand_in, pinned))
    assert expected == dict(answer.headers)["Stripe-Version"]


def test_a_header_given_twice_does_not_confuse_the_calls_after_it(
    stand_in: StandIn, library: Path
) -> None:
    """Of two version headers the first counts, also for what is known by heart."""
    suite = Suite(stand_in, library)
    session = suite.session("once")
    for version in (OLD, NEW):
        session.answer(_request(stand_in, version))
    session.close()
    replaying = suite.session("none")
    twice = (("Stripe-Version", OLD), ("Stripe-Version", NEW))
    answers = [
        replaying.answer(Request("GET", stand_in.url + PATH, twice)),
        replaying.answer(_request(stand_in, NEW)),
    ]
    assert [OLD, NEW] == [dict(answer.headers)["Stripe-Version"] for answer in answers]


def test_a_version_that_is_not_recorded_names_those_that_are(
    stand_in: StandIn, library: Path
) -> None:
    """The refusal lists the recorded versions and the command for the missing one."""
    suite = Suite(stand_in, library)
    session = suite.session("once")
    session.answer(_request(stand_in, OLD))
    session.close()
    with pytest.raises(replay.VersionNotRecorded) as refused:
        suite.session("none").answer(_request(stand_in, NEW))
    assert (OLD,) == refused.value.recorded
    assert f"replay record invoices {DRAFT} --api-version {NEW}" in str(refused.value)


def _request(stand_in: StandIn, version: str | None) -> Request:
    headers = (("Stripe-Version", version),) if version else ()
    return Request("GET", stand_in.url + PATH, headers)


def test_what_comes_after_the_sessions_end_does_not_go_online(
    stand_in: StandIn, library: Path
) -> None:
    """A thread that is late opens no connection that nobody would close."""
    session = Suite(stand_in, library).session("once")
    session.close()
    with pytest.raises(replay.NoSession, match="has ended"):
        session.answer(_request(stand_in, OLD))
    assert 0 == sum(stand_in.hits.values())


def test_a_damaged_cassette_is_an_error_in_every_mode_and_never_a_live_call(
    stand_in: StandIn, library: Path
) -> None:
    """Corrupt is not missing: nothing goes online, and the file stays as it is."""
    suite = Suite(stand_in, library)
    suite.ask("once")
    file = library / FILE
    damaged = file.read_text().replace('"status": "draft"', '"status": "paid"')
    file.write_text(damaged)
    stand_in.hits.clear()
    for mode in replay.RecordMode:
        with pytest.raises(replay.CassetteUnsealed, match="replay seal"):
            suite.ask(mode)
    assert {} == stand_in.hits
    assert damaged == file.read_text()


def test_nothing_private_is_shown_of_a_session(stand_in: StandIn, library: Path) -> None:
    """No repr of a request, response or session holds the key or a body."""
    session = Suite(stand_in, library).session("once")
    request = Request("GET", stand_in.url + PATH, (("Authorization", "Bearer sk_test_PRIVATE"),))
    response = session.answer(request)
    session.close()
    assert "PRIVATE" not in f"{request!r}{response!r}{session!r}"


def test_a_refusal_holds_no_file(stand_in: StandIn, library: Path) -> None:
    """However often a damaged cassette is asked for, its bytes are not kept with the refusals."""
    suite = Suite(stand_in, library)
    suite.ask("once")
    file = library / FILE
    file.write_text(seals.seal(file.read_text().partition("\n")[2] + "x: " + "[" * 3_000_000))
    session = suite.session("none")
    tracemalloc.start()
    for _ in range(8):
        with pytest.raises(replay.CassetteDamaged, match="nesting deeper"):
            suite.request(session)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 8 == len(session.refusals)
    assert held < 3_000_000
