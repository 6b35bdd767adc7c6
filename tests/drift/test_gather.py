"""Evidence adds up: whatever is counted apart, in however many processes, is counted once."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import pytest
from support.recordings import NEW, OLD, Entry, Shelf, recording, takes, twins
from support.writing import unchecked

from replay.drift.judge.findings import Grade
from replay.drift.observe import gather as gathering
from replay.drift.observe.corpus import Corpus
from replay.drift.observe.gather import Sources, _Share, _shares, gather
from replay.drift.observe.selection import Epoch, Selection
from replay.drift.report import report
from replay.library import Library
from replay.library.library import storage_of
from replay.render.machine import to_json

CHARGE = {"id": "ch_1A", "object": "charge"}


def entries() -> list[Entry]:
    """Recordings of all kinds: twins, other takes, pools, nested and deleted objects, events."""
    found = twins([{"a": n, "b": [n]} for n in range(9)], [{"b": [{"c": n}]} for n in range(9)])
    found.append(
        takes(
            *(recording({"id": "in_7A", "status": s, "x": 1}, OLD, id="in_7A") for s in ("a", "b"))
        )
    )
    found.append(recording({"id": "in_7A", "status": "b"}, NEW, id="in_7A"))
    found.append(recording({"id": "in_8A", "status": "c"}, OLD, id="in_8A"))
    found.append(recording({"id": "in_8A", "status": "d"}, NEW, id="in_8A"))
    for version in (OLD, NEW):
        both = (recording({"y": 1}, version, id="in_3A", query=q) for q in ("", "?expand[]=charge"))
        found.append(takes(*both))
    for version, type in ((OLD, "a"), (NEW, "b")):
        found.append(recording({"object": type}, version, id="in_4A", batch="b"))
    found.append(recording({**CHARGE, "paid": True}, OLD, id="ch_1A", resource="charges"))
    for version in (OLD, NEW):
        body = {"id": "in_9A", "charge": {**CHARGE, version[:4]: 1}}
        found.append(recording(body, version, id="in_9A", batch="b", query="?expand[]=charge"))
        event = {"object": "event", "api_version": version, "data": {"object": CHARGE}}
        found.append(recording(event, version, id=f"evt_{version[:4]}", resource="events"))
    return found


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A library on disk."""
    made = Library(tmp_path / "cassettes")
    for _, cassette in entries():
        storage_of(made).write(cassette, unchecked)
    return made


@pytest.mark.parametrize("threads", [0, 1])
def test_several_processes_give_the_same_bytes_as_one(
    threads: int, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one library and with two, forked or not; every cassette is counted once."""
    monkeypatch.setattr(gathering, "active_count", lambda: 1 + threads)
    forks = sys.platform == "linux" and not threads
    assert ("fork" if forks else "spawn") == gathering._method()
    older = Library(tmp_path / "older")
    for _, cassette in twins([{"z": n} for n in range(4)], [{}] * 4):
        storage_of(older).write(cassette, unchecked)
    alone = to_json(report(library, matrix=True)), to_json(report(library, older=older))
    monkeypatch.setattr(gathering, "SPREAD_FROM", 1)
    told: list[int] = []
    together = (
        to_json(report(library, matrix=True, processes=2, progress=told.append)),
        to_json(report(library, older=older, processes=2)),
    )
    assert alone == together
    assert len(library.paths()) == sum(told) > len(told)


def test_nobody_forks_a_process_with_threads() -> None:
    """What another thread holds at that moment would be held for ever in the new process."""
    methods: list[str] = []
    thread = Thread(target=lambda: methods.append(gathering._method()))
    thread.start()
    thread.join()
    assert ["spawn"] == methods


def test_few_cassettes_and_other_sources_are_read_by_one_process(library: Library) -> None:
    """Where more do not pay, or cannot open it."""
    told: list[int] = []
    report(library, processes=2, progress=told.append)
    assert [1] * len(library.paths()) == told
    report(Shelf(entries()), processes=2, progress=told.append)
    assert [1] * len(told) == told


def test_shares_add_up_and_survive_the_way_between_processes(library: Library) -> None:
    """Cut anywhere between two objects, merged in any order."""
    whole = gather(Sources(library), Selection())
    named = [(path, False) for path in library.paths()]
    share = _Share(((str(library.root), False), ("", False)), Selection(), None, None)
    corpus = Corpus()
    for names in reversed(_shares(named, 5)):
        corpus.merge(pickle.loads(pickle.dumps(share(names))))  # noqa: S301 - our own
    places = corpus.nested_places()
    inside = replace(share, places=places)
    for names in _shares(named, 3):
        corpus.merge(pickle.loads(pickle.dumps(inside(names))))  # noqa: S301 - our own
    corpus.finish(places)
    assert whole.versions == corpus.versions
    assert whole.objects == corpus.objects
    for stratum, epochs in whole.observed.items():
        for epoch, observed in epochs.items():
            other = corpus.observed[stratum][epoch]
            assert observed.total == other.total
            assert observed.objects == other.objects
            shown = observed.calendar(), other.calendar()
            assert shown[0].first_seen("/a") == shown[1].first_seen("/a")
    for stratum, both in whole.paired.items():
        for pair, paired in both.items():
            other_pairs = corpus.paired[stratum][pair]
            assert paired.objects == other_pairs.objects
            for pair_events, counted in (
                (paired.controlled, other_pairs.controlled),
                (paired.loose, other_pairs.loose),
            ):
                assert (pair_events.pairs, pair_events.in_both) == (counted.pairs, counted.in_both)
                assert pair_events._events == counted._events
            places_of = [[p.old.place for p in found.samples] for found in (paired, other_pairs)]
            assert places_of[0] == places_of[1]


def test_a_cassette_that_went_is_not_counted(library: Library) -> None:
    """Between the listing and the reading."""
    share = _Share(((str(library.root), False), ("", False)), Selection(), None, None)
    assert {} == share((("invoices/in_0/none.yaml", False),)).observed


def test_shares_never_cut_an_object() -> None:
    """Not even where its folder holds other folders."""
    paths = ["a/1.yaml", "a/2.yaml", "a/b/1.yaml", "a/c/1.yaml", "a/z.yaml", "d/1.yaml", "e/1.yaml"]
    shares = _shares([(path, False) for path in paths], 7)
    assert [paths[:5], ["d/1.yaml"], ["e/1.yaml"]] == [[p for p, _ in share] for share in shares]


def test_what_waits_to_be_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no two bodies are alike, memory stays flat and the sum is the same."""
    from replay.drift.observe import marks, pair_events, shape

    olds = [{f"f{n}": n, "t": n} for n in range(30)]
    news = [{f"g{n}": n, "t": str(n)} for n in range(30)]
    many = to_json(report(Shelf(twins(olds, news))))
    monkeypatch.setattr(shape, "_BODIES", 3)
    monkeypatch.setattr(pair_events, "_WAITING", 3)
    monkeypatch.setattr(marks, "_CACHED", 3)
    assert many == to_json(report(Shelf(twins(olds, news))))


def test_nested_evidence_is_of_the_versions_asked_for() -> None:
    """Neither of other versions, nor of what is no object, nor of a payload in another version."""
    found = [
        *entries(),
        recording({"error": {}}, OLD, id="in_6A", status=404),
        recording({"id": "in_5A"}, "2020-08-27", id="in_5A"),
    ]
    event = {"object": "event", "api_version": "2020-08-27", "data": {"object": CHARGE}}
    found.append(recording(event, OLD, id="evt_1A", resource="events"))
    corpus = gather(Sources(Shelf(found)), Selection((OLD, NEW)))
    assert {Epoch(OLD), Epoch(NEW)} == {
        epoch for seen in corpus.observed.values() for epoch in seen
    }
    lone = gather(Sources(Shelf([found[-1]])), Selection((NEW, "2020-08-27")))
    assert {"charges"} == {stratum.resource for stratum in lone.observed}


def test_a_removal_that_new_recordings_confirm_after_the_day_stays() -> None:
    """They are as late as the addition, and still do not have it."""

    def dated(entry: Entry, day: str) -> Entry:
        file, cassette = entry
        made = tuple(replace(t, recorded_at=f"{day}T00:00:00Z") for t in cassette.interactions)
        return file, replace(cassette, interactions=made)

    ((_, finding),) = report(
        Shelf(
            [
                dated(recording({}, OLD, id="in_1A"), "2026-01-01"),
                dated(recording({"b": 1}, OLD, id="in_1B"), "2026-02-01"),
                dated(recording({}, NEW, id="in_1C"), "2026-03-01"),
            ]
        )
    ).findings()
    assert ("field-unseen", Grade.LIKELY) == (finding.rule, finding.grade)


def test_what_would_settle_a_comparison_of_dates_is_one_recording_from_now() -> None:
    """The past cannot be recorded; what lay inside something else cannot be named."""
    old, new = recording({"l": [1]}, OLD, id="in_1A"), recording({"l": []}, OLD, id="in_1B")
    for day, expected in (
        (("2026-01-01", "2026-03-01"), f"replay record invoices in_1A --api-version {OLD}"),
        (("2026-03-01", "2026-01-01"), ""),
    ):
        made = [
            (file, replace(c, interactions=tuple(
                replace(t, recorded_at=f"{when}T00:00:00Z") for t in c.interactions
            )))
            for (file, c), when in zip((old, new), day, strict=True)
        ]  # fmt: skip
        ((_, finding),) = report(Shelf(made), versions=(OLD, OLD), before="2026-02-01").findings()
        assert expected == finding.settle
    inside = [
        recording(
            {"object": "event", "api_version": OLD, "data": {"object": {**CHARGE, "l": [1]}}},
            OLD, id="evt_1A", resource="events",
        ),
        recording({**CHARGE, "id": "ch_2A", "l": []}, NEW, id="ch_2A", resource="charges"),
    ]  # fmt: skip
    ((_, lone),) = report(Shelf(inside), "charges").findings()
    assert "" == lone.settle


def test_a_since_without_a_date_is_misuse() -> None:
    """It has no place in the order of versions."""
    from replay.errors import ConfigError

    with pytest.raises(ConfigError):
        report(Shelf([]), since="unversioned")


def test_evidence_beside_a_library_is_counted_with_its_object(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twins of which one is evidence make a pair, in one process and in several."""
    old = recording({"id": "in_6A", "status": "draft"}, OLD, id="in_6A")
    twin, new = (
        recording({"id": "in_6A", "status": "paid"}, v, id="in_6A", batch="d") for v in (OLD, NEW)
    )
    for _, cassette in (old, new):
        storage_of(library).write(cassette, unchecked)
    storage_of(library.evidence).write(twin[1], unchecked)
    studied = Library(library.root, with_evidence=True)
    assert [f"_evidence/{old[0]}", old[0], new[0]] == [p for p in studied.paths() if "6A" in p]
    plain, whole = (
        report(one, "invoices", (OLD, NEW)).comparisons[0] for one in (library, studied)
    )
    assert (plain.objects, plain.controlled + 1) == (whole.objects, whole.controlled)
    monkeypatch.setattr(gathering, "SPREAD_FROM", 1)
    monkeypatch.setattr(gathering, "_SHARES", 50)
    assert to_json(report(studied)) == to_json(report(studied, processes=2))


@dataclass
class Counting(Shelf):
    """A library in memory that counts how often it is walked."""

    walks: int = 0

    def cassettes(self, resource: str | None = None) -> Iterator[Entry]:
        """As of the library."""
        self.walks += 1
        return super().cassettes(resource)


@pytest.mark.parametrize("resources", [2, 10])
def test_one_walk_follows_what_all_comparisons_lost(resources: int) -> None:
    """However many resources and versions lost an ID, the library is walked as often."""
    names = ("invoices", "charges", "refunds", "payouts", "prices", "disputes", "coupons")
    names += ("customers", "setup_intents", "subscriptions")
    versions = ("2024-04-10", OLD, NEW)
    lost = ("pi_1A2B3C4D5E6F", "sub_1A2B3C4D5E6F")
    entries = []
    for resource in names[:resources]:
        id = f"xx_1{resource.replace('_', '').title()}"
        for n, version in enumerate(versions):
            body = {"id": id, **{f"ref_{k}": lost[k] for k in range(n, 2)}}
            entries.append(recording(body, version, id=id, resource=resource, batch="x"))
        payment = {"id": f"inpay_1{resources}{resource.title()}", "of": id, "ref_0": lost[0]}
        entries.append(recording(payment, OLD, id=payment["id"], resource="invoice_payments"))
    library = Counting(entries)
    found = report(library)
    moved = [
        (comparison.resource, finding.path)
        for comparison in found.comparisons
        for finding in comparison.findings
        if finding.rule == "field-moved-resource"
    ]
    assert sorted((name, "/ref_0") for name in names[:resources]) == sorted(moved)
    assert library.walks <= 3
