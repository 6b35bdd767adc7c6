"""Twins that differ are looked at once more, and values that moved are noted without being told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command import Done, replay_command
from support.standin import NEW, OLD, StandIn, error, generated

from replay.drift.observe.nested import read_take
from replay.drift.observe.pairs import Pair, pairs
from replay.library import Library
from replay.model.cassette import Interaction, ObjectKey
from replay.recording.second_look import changes

ID = generated("in", "second")
MIDDLE = "2024-12-18.acacia"
SECRET = "PRIVATE-91-7781-x"
FUTURE = "wobble_1Q8aZxYkLkdIwHu7ix0000AB"
"""An ID whose prefix nobody knows yet: the policy replaces it."""

Answers = Callable[[str, int], Any]
"""The body for a version and the number of the call, from 0."""


@pytest.fixture(autouse=True)
def live(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of someone who records from the stand-in."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_PRIVATEkey")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)


def serve(stand_in: StandIn, answers: Answers) -> None:
    """Serve an invoice that may change from call to call."""
    counting, calls = threading.Lock(), iter(range(100))

    def body(version: str, _: list[str]) -> Any:
        with counting:
            made = answers(version, next(calls))
        return made if "error" in made else {"id": ID, "object": "invoice", **made}

    stand_in.objects[f"/v1/invoices/{ID}"] = body


def record(*options: str) -> Done:
    versions = (part for version in (OLD, NEW) for part in ("--api-version", version))
    done = replay_command("record", "invoice", ID, *versions, "--mode", "all", *options)
    assert 0 == done.code, done.err
    return done


def take(version: str = OLD) -> Interaction:
    cassette = Library("cassettes").load(ObjectKey("invoices", ID), version)
    assert cassette is not None
    return cassette.interactions[-1]


def pair(old: str = OLD, new: str = NEW) -> Pair:
    sides = [read_take("x", 0, take(version)) for version in (old, new)]
    (found,) = pairs([side for side in sides[:1] if side], [side for side in sides[1:] if side])
    return found


def paid_after(calls: int) -> Answers:
    """An invoice that somebody pays after some calls, and that loses a field at the new version."""

    def answers(version: str, number: int) -> Any:
        paid = number >= calls
        made: dict[str, Any] = {
            "status": "paid" if paid else "open",
            "status_transitions": {"paid_at": 1_700_000_000 if paid else None},
            **({"paid_out_of_band": True} if paid else {}),
        }
        return made | ({"attempted": True} if version == OLD else {})

    return answers


RACE = ("/status", "/status_transitions/paid_at", "/paid_out_of_band")


@pytest.mark.parametrize(("calls", "unconfirmed"), [(9, ()), (0, ()), (1, RACE), (2, RACE)])
def test_only_what_the_second_answer_confirms_is_the_version(
    stand_in: StandIn, calls: int, unconfirmed: tuple[str, ...]
) -> None:
    """A payment between the fetches is named place by place; the lost field is confirmed."""
    serve(stand_in, paid_after(calls))
    record()
    assert unconfirmed == take().unconfirmed
    assert 3 == stand_in.hits[f"/v1/invoices/{ID}"]
    twins = pair()
    assert twins.is_confirmed("/attempted")
    assert twins.is_confirmed("/status") == (not unconfirmed)
    assert None is take(NEW).unconfirmed
    assert 1 == len(list(Path("cassettes").rglob(f"{OLD}.yaml")))  # a mark, no take


def test_upgrade_looks_once_more_too(stand_in: StandIn) -> None:
    """The plan says so, the result counts it, and the mark lies with the old recording."""
    serve(stand_in, paid_after(9))
    replay_command("record", "invoice", ID, "--api-version", OLD)
    serve(stand_in, paid_after(1))
    done = replay_command("upgrade", NEW, "--yes")
    assert 0 == done.code, done.err
    assert "one more for each object whose versions differ" in done.out
    assert "1 differ, and were fetched once more at the old version: 1 had changed" in done.out
    assert RACE == take().unconfirmed
    done = replay_command("upgrade", NEW, "--yes", "--again", "--format", "json")
    assert done.json["results"][0]["unconfirmed"] == []


@pytest.mark.parametrize("command", ["record", "upgrade"])
def test_without_confirmation_nothing_is_asked_once_more(stand_in: StandIn, command: str) -> None:
    """With --no-confirm two calls are made, no mark is written, and nothing is confirmed."""
    serve(stand_in, paid_after(9))
    if command == "record":
        record("--no-confirm")
    else:
        replay_command("record", "invoice", ID, "--api-version", OLD)
        stand_in.hits.clear()
        done = replay_command("upgrade", NEW, "--yes", "--no-confirm")
        assert "one more" not in done.out
    assert 2 == stand_in.hits[f"/v1/invoices/{ID}"]
    assert None is take().unconfirmed
    assert not pair().is_confirmed("/attempted")


def test_twins_that_do_not_differ_are_not_asked_again(stand_in: StandIn) -> None:
    """One request for each object that differs, none for the others."""
    serve(stand_in, lambda version, number: {"status": "open", "description": SECRET})
    record()
    assert 2 == stand_in.hits[f"/v1/invoices/{ID}"]
    assert None is take().unconfirmed


def test_an_object_that_is_gone_confirms_nothing(stand_in: StandIn) -> None:
    """A second answer of another status leaves the whole body in doubt; the twins stay."""
    gone = error(404, "No such invoice", "resource_missing", "id")

    def then_gone(version: str, number: int) -> Any:
        if number == 1:  # the next answer, whatever is asked
            stand_in.script = [(404, {"Stripe-Version": OLD}, gone)]
        return paid_after(9)(version, number)

    serve(stand_in, then_gone)
    record()
    assert ("",) == take().unconfirmed
    assert not pair().is_confirmed("/attempted")


def test_a_second_look_that_fails_costs_no_twins(stand_in: StandIn) -> None:
    """If the source does not answer once more, the twins are kept as without a second look."""
    refused = error(401, "Invalid API Key", None, None)

    def then_refused(version: str, number: int) -> Any:
        if number == 1:
            stand_in.script = [(401, {}, refused)]
        return paid_after(9)(version, number)

    serve(stand_in, then_refused)
    record()
    assert None is take().unconfirmed
    assert take().batch == take(NEW).batch != ""


def test_of_several_versions_each_earlier_one_is_looked_at(stand_in: StandIn) -> None:
    """Of three versions in a batch, the two that a later one differs from are asked once more."""
    lacks = {OLD: 0, MIDDLE: 1, NEW: 2}
    names = ("attempted", "auto_advance")
    serve(
        stand_in,
        lambda version, number: dict.fromkeys(names[lacks[version] :], True),
    )
    record("--api-version", MIDDLE)
    assert 5 == stand_in.hits[f"/v1/invoices/{ID}"]
    assert [(), None, ()] == [take(version).unconfirmed for version in (OLD, MIDDLE, NEW)]


def test_recording_again_adds_the_mark_once(stand_in: StandIn) -> None:
    """Twins without a mark get one; with it, recording the same answers again writes nothing."""
    serve(stand_in, paid_after(9))
    record("--no-confirm")
    batch = take().batch
    assert "2 recorded" in record().out
    assert () == take().unconfirmed
    assert batch != take().batch
    before = {path: path.read_bytes() for path in Path("cassettes").rglob("*.yaml")}
    assert "2 unchanged" in record().out
    assert before == {path: path.read_bytes() for path in Path("cassettes").rglob("*.yaml")}


@pytest.mark.parametrize(
    ("first", "second", "places"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, ["/a"]),
        ({"a": None}, {"a": {"b": 1}}, ["/a"]),
        ({"a": [1, 2]}, {"a": [1]}, ["/a"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["/a/1/b"]),
        ({"a": 1}, {}, ["/a"]),
        ({}, {"m": {"x": 1}}, ["/m"]),
        ({"m": {}}, {"m": {"redacted_0a1b2c3d": 1}}, ["/m"]),
        ({"m": {"a/b": 1}}, {"m": {"a/b": 2}}, ["/m"]),
    ],
)
def test_places_are_as_deep_as_both_sides_go(first: Any, second: Any, places: list[str]) -> None:
    """A place is told only in words that a recording may hold."""
    assert places == list(changes(first, second))


def test_values_of_tomorrow_are_followed_without_being_told(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaced values that moved are noted as places; an ID is told from other text."""
    old = {"wobble": FUTURE, "purchase_reference": SECRET, "footer": "PRIVATE footer text"}
    new = {
        "parent": {"wobble_details": {"wobble": FUTURE}},
        "reference": {"text": SECRET},
        "footer": "PRIVATE footer text",
    }
    serve(stand_in, lambda version, number: old if version == OLD else new)
    record()
    assert pair().equal_places == {
        "/wobble": ("/parent/wobble_details/wobble", "id-1"),
        "/purchase_reference": ("/reference/text", "text-2"),
    }
    written = b"".join(path.read_bytes() for path in Path("cassettes").rglob("*.yaml"))
    assert b"PRIVATE" not in written
    assert FUTURE.encode() not in written
    # The notes say nothing without the twin: one that is replaced belongs to no batch.
    serve(stand_in, lambda version, number: {**new, "attempted": True})
    done = replay_command("record", "invoice", ID, "--api-version", NEW, "--mode", "all")
    assert 0 == done.code
    assert {} == pair().equal_places


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"tip": SECRET}, {"tip": SECRET}),
        ({"tip": SECRET}, {"top": SECRET, "tap": SECRET}),
        ({"tip": SECRET, "top": SECRET}, {"tap": SECRET}),
        ({"tip": "short"}, {"top": "short"}),
        ({"tip": "not_supported_here"}, {"top": "not_supported_here"}),
        ({"tip": 999_999}, {"top": 999_999}),
        ({"subscription": "sub_1MowQVLkdIwHu7ixeRlqHVzs"}, {"sub": "sub_1MowQVLkdIwHu7ixeRlqHVzs"}),
    ],
)
def test_what_could_be_coincidence_is_not_noted(stand_in: StandIn, old: Any, new: Any) -> None:
    """A value in its place, in two places, of few characters, a word, or one that is kept."""
    serve(stand_in, lambda version, number: old if version == OLD else new)
    record()
    assert {} == take().equal_values == take(NEW).equal_values
