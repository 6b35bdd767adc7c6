"""Which takes answer a call: the version resolution table, and what a refusal tells."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from support.takes import cassette
from support.writing import unchecked

from replay.errors import CassetteDamaged, CassetteNotFound, VersionNotRecorded
from replay.library import Library
from replay.library.library import storage_of
from replay.library.lookup import Recorded, find, takes_of
from replay.model.cassette import Cassette, Interaction, Request
from replay.redaction.policy_source import DEFAULT
from replay.session.not_recorded import refusal
from replay.stripe_api.call import Call, retrieve
from replay.stripe_api.routes import by_name

A, B, C = "2023-10-16", "2024-06-20", "2025-03-31.basil"
INVOICE = by_name("invoice")
ID = "in_1ObjectAbCdEf1"


def require(library: Library, call: Call) -> Recorded:
    """The takes that answer a call, or the refusal raised."""
    found = find(library, call)
    if found is None:
        raise refusal(library, call, DEFAULT)
    return found


def call(version: str | None = None, *expand: str, id: str = ID) -> Call:
    """A client's call."""
    return retrieve(INVOICE, [id], expand=expand, version=version)


def take(
    pinned: str | None, *expand: str, day: int = 1, total: int = 0, id: str = ID
) -> Interaction:
    """A take as it was asked for: with a version, or without."""
    headers = (("Stripe-Version", pinned),) if pinned else ()
    asked = Request("GET", call(None, *expand, id=id).uri, headers)
    made = cassette({"id": ID, "total": total}).interactions[0]
    return replace(made, request=asked, recorded_at=f"2026-01-{day:02}T00:00:00Z")


def answered(version: str, takes: Iterable[Interaction]) -> tuple[Interaction, ...]:
    """Takes as a version answered them."""
    stated = (("Stripe-Version", version),)
    return tuple(replace(t, response=replace(t.response, headers=stated)) for t in takes)


def record(library: Library, version: str, takes: Iterable[Interaction], id: str = ID) -> Cassette:
    """Write takes at the version that answered."""
    label = "stripe-1 sha256:0123456789ab"
    made = Cassette(call(id=id).key, version, label, answered(version, takes))
    with storage_of(library).lock(made.key):
        storage_of(library).write(made, unchecked)
    return made


PINNED = {"A": [take(A)], "B": [take(B)]}
ONE_UNPINNED = {"A": [take(A)], "B": [take(None)]}
TWO_UNPINNED = {"A": [take(None, day=9)], "B": [take(None, day=3)]}
MIXED = {"A": [take(A), take(None, day=5)], "B": [take(None, day=4), take(B, day=9)]}
ELSEWHERE = {"B": [take(A)]}  # asked at A, answered in B
BOTH = {"A": [take(A)], "B": [take(A), take(B)]}
ONLY = {"A": [take(A)]}
LENT = {"A": [take(None), take(None, day=2)]}
PARTLY = {"A": [take(A, "payments"), take(None)]}
EXPANDED = {"A": [take(A, "payments")], "B": [take(B)]}

NAMES = {"A": A, "B": B, "C": C}

TABLE = [
    # recorded, the session's version, the client's version, expand -> cassette, numbers of takes
    ("the pinned one", PINNED, None, A, (), ("A", [0])),
    ("the other pinned one", PINNED, None, B, (), ("B", [0])),
    ("the session's wins over the client's", PINNED, B, A, (), ("B", [0])),
    ("the session's wins over no pin", PINNED, A, None, (), ("A", [0])),
    ("the session's, though it is not recorded", PINNED, C, A, (), None),
    ("pinned and not recorded", PINNED, None, C, (), None),
    ("unpinned and several", PINNED, None, None, (), None),
    ("unpinned prefers what was unpinned", ONE_UNPINNED, None, None, (), ("B", [0])),
    ("unpinned prefers the latest recording", TWO_UNPINNED, None, None, (), ("A", [0])),
    ("unpinned: the latest takes that were unpinned too", MIXED, None, None, (), ("A", [1])),
    ("pinned: the takes that were pinned too", MIXED, None, A, (), ("A", [0])),
    ("pinned: unpinned takes where there are no others", LENT, None, A, (), ("A", [0, 1])),
    ("unpinned: pinned takes where there are no others", ONLY, None, None, (), ("A", [0])),
    ("pinned takes of another expand set are no others", PARTLY, None, A, (), ("A", [1])),
    ("the source answered in another version", ELSEWHERE, None, A, (), ("B", [0])),
    ("the version it answered in", ELSEWHERE, None, B, (), ("B", [0])),
    ("the version itself wins over one asked for", BOTH, None, A, (), ("A", [0])),
    ("expanded", EXPANDED, None, A, ("payments",), ("A", [0])),
    ("expanded at another version", EXPANDED, None, B, ("payments",), None),
    ("not expanded at another version", EXPANDED, None, A, (), None),
    ("unpinned with expand: one fits", EXPANDED, None, None, ("payments",), ("A", [0])),
    ("unpinned without expand: one fits", EXPANDED, None, None, (), ("B", [0])),
    ("another expand set", EXPANDED, None, None, ("customer",), None),
    ("nothing recorded", {}, None, None, (), None),
    ("nothing recorded, pinned", {}, None, A, (), None),
    ("nothing recorded, session", {}, A, None, (), None),
]


@pytest.mark.parametrize(
    ("recorded", "session", "pinned", "expand", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_resolution(
    recorded: dict[str, list[Interaction]],
    session: str | None,
    pinned: str | None,
    expand: tuple[str, ...],
    expected: tuple[str, list[int]] | None,
    library: Path,
) -> None:
    """Each row of the table: which cassette's takes answer, or that none do."""
    lib = Library(library)
    for name, takes in recorded.items():
        record(lib, NAMES[name], takes)
    if expected is None:
        with pytest.raises(VersionNotRecorded if recorded else CassetteNotFound):
            require(lib, call(session or pinned, *expand))
    else:
        name, numbers = expected
        takes = answered(NAMES[name], [recorded[name][n] for n in numbers])
        assert Recorded(NAMES[name], takes) == require(lib, call(session or pinned, *expand))


def test_takes_of() -> None:
    """A cassette's takes are told apart by their expand sets, in whichever spelling and order."""
    spelled = take(A, "payments", "customer", day=2)
    spelled = replace(
        spelled, request=Request("GET", call().uri + "?expand[0]=payments&expand[]=customer")
    )
    takes = (take(A), spelled, take(A, "payments", day=3), take(A, day=4))
    made = Cassette(call().key, A, "stripe-1 sha256:0123456789ab", takes)
    assert (take(A), take(A, day=4)) == takes_of(made, call())
    assert (spelled,) == takes_of(made, call(None, "customer", "payments"))
    assert () == takes_of(made, call(None, "customer"))


def test_nothing_recorded(library: Path) -> None:
    """The refusal names the nearest IDs, and the line that would record this call."""
    lib = Library(library)
    for id in ("in_1Objecu", "in_1Objexx", "in_9"):
        record(lib, A, [take(A, id=id)], id=id)
    with pytest.raises(CassetteNotFound) as caught:
        require(lib, call(B))
    error = caught.value
    assert type(error) is CassetteNotFound
    assert f"invoices {ID} is not recorded" == error.what
    assert "library cassettes" == error.where
    assert ("invoices", ID, ("in_1Objecu", "in_1Objexx", "in_9")) == (
        error.resource,
        error.id,
        error.nearest,
    )
    assert [
        "recorded invoices with the nearest IDs: in_1Objecu, in_1Objexx, in_9",
        f"record it: replay record invoices {ID} --api-version {B} --library cassettes",
    ] == error.hint.splitlines()


def test_nothing_recorded_at_all(library: Path) -> None:
    """Without neighbours there is the line to record alone, also for an unpinned call."""
    with pytest.raises(CassetteNotFound) as caught:
        require(Library(library), call(None, "payments"))
    assert () == caught.value.nearest
    expected = f"record it: replay record invoices {ID} --expand payments --library cassettes"
    assert expected == caught.value.hint


def test_other_versions_recorded(library: Path) -> None:
    """The refusal lists the versions that are recorded."""
    lib = Library(library)
    record(lib, B, [take(B)])
    record(lib, A, [take(A)])
    with pytest.raises(VersionNotRecorded) as caught:
        require(lib, call(C))
    assert f"invoices {ID} is not recorded at API version {C}" == caught.value.what
    assert (A, B) == caught.value.recorded
    assert [
        f"recorded: {A}, {B}",
        f"record it: replay record invoices {ID} --api-version {C} --library cassettes",
        f"or answer every call at a version that is recorded: REPLAY_API_VERSION={B} or "
        f"use_cassettes(api_version={B!r})",
        f"or record the whole library at this version: replay upgrade {C} --library cassettes",
    ] == caught.value.hint.splitlines()


def test_several_versions_and_no_pin(library: Path) -> None:
    """An unpinned call with a choice is told how to choose."""
    lib = Library(library)
    record(lib, A, [take(A)])
    record(lib, B, [take(B)])
    with pytest.raises(VersionNotRecorded) as caught:
        require(lib, call())
    assert "recorded at several API versions, and the call names none" in caught.value.what
    assert (A, B) == caught.value.recorded
    assert [
        f"recorded: {A}, {B}",
        "choose one: use_cassettes(api_version=…), REPLAY_API_VERSION=… or "
        "replay serve --api-version …",
    ] == (caught.value.hint.splitlines())


@pytest.mark.parametrize(
    ("pinned", "expand", "what", "recorded"),
    [
        (
            A,
            ("payments",),
            "with expand payments",
            "recorded with expand customer, tax, without expand",
        ),
        (
            None,
            ("payments",),
            "with expand payments",
            "recorded with expand customer, tax, without expand",
        ),
        (B, (), "without expand", "recorded with expand payments"),
    ],
)
def test_other_expand_sets_recorded(
    pinned: str | None, expand: tuple[str, ...], what: str, recorded: str, library: Path
) -> None:
    """The refusal lists the expand sets that are recorded at the version."""
    lib = Library(library)
    record(lib, A, [take(A), take(A, "tax", "customer", day=2)])
    if pinned == B:
        record(lib, B, [take(B, "payments")])
    with pytest.raises(VersionNotRecorded) as caught:
        require(lib, call(pinned, *expand))
    assert f"invoices {ID} is not recorded {what}" == caught.value.what
    lines = caught.value.hint.splitlines()
    assert recorded == lines[0]
    assert lines[1].startswith(f"record it: replay record invoices {ID}")


def test_hint_is_safe_to_paste(tmp_path: Path) -> None:
    """The line to record is one command for a shell, whatever the library is called."""
    lib = Library(tmp_path / "my lib; ls")
    with pytest.raises(CassetteNotFound) as caught:
        require(lib, retrieve(by_name("coupon"), ["SUMMER-10"]))
    line = caught.value.hint.removeprefix("record it: ")
    assert ["replay", "record", "coupons", "SUMMER-10", "--library", "my lib; ls"] == shlex.split(
        line
    )


@pytest.mark.parametrize("id", ["jane@mail.example", "cus_jane.doe@mail.example", "cus_jane"])
def test_an_id_that_a_person_chose_is_not_shown(id: str, library: Path) -> None:
    """A refusal repeats no ID that may be private, and no command that could not record it."""
    library.mkdir()
    with pytest.raises(CassetteNotFound, match="may be private") as caught:
        require(Library(library), retrieve(by_name("customer"), [id]))
    assert "jane" not in str(caught.value)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_version_that_cannot_be_gets_no_command(recorded: bool, library: Path) -> None:
    """`replay record` would refuse it, too: the hint is the version that was meant."""
    lib = Library(library)
    if recorded:
        record(lib, A, [take(A)])
    with pytest.raises(CassetteNotFound) as caught:
        require(lib, call("2025-03-31"))
    assert "did you mean 2025-03-31.basil?" in caught.value.hint
    assert "replay record" not in caught.value.hint
    assert "" == caught.value.command


@pytest.mark.parametrize("id", ["in_1MtHbELk", "1MtHbELkdIwHu7ixl4OzzPMv", "in-1MtHbELkdIwHu7ix"])
def test_a_typo_names_what_is_recorded(id: str, library: Path) -> None:
    """The ID is not shown, since a person may have chosen it; those of the library are."""
    lib = Library(library)
    record(lib, A, [take(A)])
    with pytest.raises(CassetteNotFound, match="does not look like one that Stripe made") as caught:
        require(lib, retrieve(by_name("invoice"), [id]))
    assert f"if it is a typo: recorded invoices with the nearest IDs: {ID}" in caught.value.hint
    assert (ID,) == caught.value.nearest


def test_a_connected_account_is_part_of_the_command(library: Path) -> None:
    """What is missing for an account is not recorded by the command without it."""
    library.mkdir()
    missing = retrieve(by_name("invoice"), ["in_1MtHbELkdIwHu7ixl4OzzPMv"], account="acct_1")
    with pytest.raises(CassetteNotFound, match="of a connected account") as caught:
        require(Library(library), missing)
    assert "--account ACCT" in caught.value.hint


@pytest.mark.parametrize("pinned", [A, B, None])
def test_damage_is_never_missing(pinned: str | None, library: Path) -> None:
    """A damaged cassette of the object is an error of its own, not a call to record."""
    lib = Library(library)
    record(lib, A, [take(A)])
    lib.path(call().key, A).write_text("damaged")
    with pytest.raises(CassetteDamaged):
        require(lib, call(pinned))
