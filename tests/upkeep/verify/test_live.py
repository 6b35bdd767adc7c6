"""`replay verify --live`: what the source answers differently now, without writing a byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from support.command import Done, replay_command
from support.shelves import copied
from support.standin import DRAFT, OLD, PREVIEW, StandIn, error, generated, invoice

import replay
from replay.drift.observe.marks import marks_of
from replay.drift.observe.shape import ShapeBuilder
from replay.library.library import storage_of
from replay.upkeep.verify.live import changed, shape_changes

OTHER = generated("in", "other")
FILE = f"invoices/{DRAFT}/{PREVIEW}.yaml"


def record(source: StandIn, library: Path) -> None:
    source.add_invoice(OTHER)
    source.lists["/v1/invoices"] = [f"/v1/invoices/{OTHER}"]
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        for path in (DRAFT, f"{DRAFT}?expand[]=payments", OTHER):
            requests.get(f"{source.url}/v1/invoices/{path}", timeout=5)
        old = {"Stripe-Version": OLD}
        requests.get(f"{source.url}/v1/invoices/{OTHER}", headers=old, timeout=5)
        requests.get(f"{source.url}/v1/invoices?limit=3", timeout=5)


@pytest.fixture(autouse=True)
def recorded(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """./cassettes with two invoices, one with an expand set too, and a list."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_abcdefghijklmnop")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)
    stand_in.add_invoice(OTHER)
    stand_in.lists["/v1/invoices"] = [f"/v1/invoices/{OTHER}"]
    copied(record, Path("cassettes"))


def verify(*options: object) -> Done:
    """Run it, and hold it to its promise that it writes nothing."""

    def tree() -> dict[str, tuple[bytes, int]]:
        return {
            str(path): (path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns)
            for path in [Path("cassettes"), *sorted(Path("cassettes").rglob("*"))]
        }

    before = tree()
    done = replay_command("verify", "--live", "--rate", 1000, *options)
    assert before == tree()
    assert "PRIVATE" not in done.out + done.err
    return done


def test_nothing_changed(stand_in: StandIn) -> None:
    """Every call is asked for once, at its recorded version, and exit 0 says that all agree."""
    done = verify()
    told = "4 cassettes in cassettes, 5 calls compared with the live source: no findings\n"
    assert (0, told) == (done.code, done.out)
    assert {f"/v1/invoices/{DRAFT}": 2, f"/v1/invoices/{OTHER}": 2, "/v1/invoices": 1} == (
        stand_in.hits
    )
    assert {OLD, PREVIEW} == {headers["stripe-version"] for headers in stand_in.seen}
    assert 0 == verify("--shape").code


def test_not_even_a_lock_is_taken() -> None:
    """A library without a folder for locks gets none."""
    shutil.rmtree("cassettes/.replay")
    assert 0 == verify().code
    assert not Path("cassettes/.replay").exists()


def test_an_object_that_moved_on(stand_in: StandIn) -> None:
    """Fields are named, values are not; --shape keeps quiet about state."""
    stand_in.add_invoice(DRAFT, status="paid", person="PRIVATE Other")
    done = verify()
    assert 1 == done.code
    assert f"{FILE}: changed: since " in done.out
    assert "/status" in done.out
    assert "(expand payments)" in done.out
    assert "mode all" in done.out
    quiet = verify("--shape")
    assert (0, True) == (quiet.code, "no findings" in quiet.out)


def changing(stand_in: StandIn, change: Callable[[Any], None]) -> None:
    """Serve the draft with something changed in it."""

    def body(version: str, expand: list[str]) -> Any:
        made = invoice(DRAFT, version, status="draft")
        change(made)
        return made

    stand_in.objects[f"/v1/invoices/{DRAFT}"] = body


def test_a_field_that_goes_or_comes(stand_in: StandIn) -> None:
    """What --shape is for: a field that was removed, one that came, a type that changed."""

    def change(made: Any) -> None:
        del made["currency"]
        made["brand_new_field"] = None
        made["total"] = "12"

    changing(stand_in, change)
    done = verify("--shape", "--format", "json")
    assert 1 == done.code
    (row,) = [r for r in done.json["findings"] if "expand" not in r["detail"]]
    assert (FILE, "changed") == (row["path"], row["rule"])
    for told in ("/currency removed", "/brand_new_field added", "/total is str, was int"):
        assert told in row["detail"]


def test_gone(stand_in: StandIn) -> None:
    """An object that the source has no more, or only as a stub, is gone either way."""
    del stand_in.objects[f"/v1/invoices/{DRAFT}"]
    stand_in.add(f"/v1/invoices/{OTHER}", {"id": OTHER, "object": "invoice", "deleted": True})
    stand_in.lists["/v1/invoices"] = []
    for options in ((), ("--shape",)):
        done = verify(*options, "--format", "json")
        assert 1 == done.code
        assert {FILE, *(f"invoices/{OTHER}/{v}.yaml" for v in (OLD, PREVIEW))} == {
            row["path"] for row in done.json["findings"] if row["rule"] == "gone"
        }


def test_a_recorded_error_that_is_none_any_more(stand_in: StandIn) -> None:
    """A status other than the recorded one is a change."""
    lost = generated("in", "lost")
    with replay.use_cassettes("cassettes", mode="once"):
        requests.get(f"{stand_in.url}/v1/invoices/{lost}", timeout=5)
    assert 0 == verify().code
    stand_in.add_invoice(lost)
    assert "status 200, recorded was 404" in verify().out


def test_a_source_that_is_silent(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is exit 4, and no finding; a finding beside it is exit 1."""
    import replay.recording.twins

    monkeypatch.setattr(replay.recording.twins, "ATTEMPTS", 1)
    headers = {"Stripe-Should-Retry": "false"}
    stand_in.script = [(503, headers, error(503, "PRIVATE down"))] * 5
    done = verify()
    assert (4, 5) == (done.code, done.out.count("not compared: the source answers status 503"))
    stand_in.script = [(403, headers, error(403, "PRIVATE may not"))]
    assert 4 == verify().code
    stand_in.script = [(429, headers, error(429, "PRIVATE slow"))]
    del stand_in.objects[f"/v1/invoices/{DRAFT}"]
    assert 1 == verify().code
    stand_in.stop()
    done = verify()
    assert (4, True) == (done.code, "the live source did not answer" in done.out)


def test_a_key_that_is_not_accepted(stand_in: StandIn) -> None:
    """One 401 ends it: exit 2, and no more calls than were under way."""
    stand_in.script = [(401, {}, error(401, "Invalid API Key PRIVATE"))] * 9
    done = verify()
    assert (2, True) == (done.code, "does not accept the key" in done.err)
    assert "STRIPE_API_KEY" in done.err


def test_answers_that_cannot_be_kept(stand_in: StandIn) -> None:
    """What recording would not keep is not compared, and says why."""
    stand_in.script = [(200, {}, b"[1]")] * 5
    done = verify()
    assert (4, 5) == (done.code, done.out.count("not compared: the answer is not a JSON object"))


def test_a_source_that_is_no_api(stand_in: StandIn) -> None:
    """Where nothing, or not all, could be compared, it is not clean: exit 4, and how many."""
    page: dict[str, str] = {"Content-Type": "text/html"}
    stand_in.script = [(200, page, b"<html>PRIVATE</html>")] * 5
    done = verify()
    assert 4 == done.code
    assert "0 calls compared with the live source, 5 not: no findings" in done.out
    stand_in.script = [(200, page, b"<html>PRIVATE</html>")]
    done = verify()
    assert 4 == done.code
    assert "4 calls compared with the live source, 1 not: no findings" in done.out


def test_contexts(stand_in: StandIn) -> None:
    """Recordings of a context are asked for in it where it is named, with or without an account."""
    account, context = "acct_1MtHbELkdIwHu7ix", "acct_2MtHbELkdIwHu7iy"
    asked = {"Stripe-Account": account, "Stripe-Context": context}
    with replay.use_cassettes("cassettes", mode="once"):
        for names in (["Stripe-Context"], list(asked)):
            headers = {name: asked[name] for name in names}
            requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", headers=headers, timeout=5)
    stand_in.seen.clear()
    done = verify()
    assert (4, 2) == (done.code, done.out.count("name it, --context CONTEXT"))
    stand_in.seen.clear()
    assert 0 == verify("--context", context, "--account", account).code
    assert [(None, context), (account, context)] == sorted(
        ((h.get("stripe-account"), h["stripe-context"]) for h in stand_in.seen
         if "stripe-context" in h),
        key=str, reverse=True,
    )  # fmt: skip


def test_connected_accounts(stand_in: StandIn) -> None:
    """Recordings of a connected account are asked for where it is named, else passed over."""
    account = "acct_1MtHbELkdIwHu7ix"
    with replay.use_cassettes("cassettes", mode="once"):
        requests.get(
            f"{stand_in.url}/v1/invoices/{DRAFT}", headers={"Stripe-Account": account}, timeout=5
        )
    done = verify()
    assert (4, True) == (done.code, "name it, --account ACCT" in done.out)
    assert account not in done.out
    stand_in.seen.clear()
    assert 0 == verify("--account", account).code
    assert [account] == [h["stripe-account"] for h in stand_in.seen if "stripe-account" in h]


def test_pseudonyms_are_not_asked_for(stand_in: StandIn) -> None:
    """What no source knows by its recorded name is not asked for."""
    from dataclasses import replace

    from support.writing import unchecked

    from replay.library import Library
    from replay.redaction.pseudonyms import masked_id

    library = Library("cassettes")
    made = library.read(FILE)
    assert made is not None
    hidden = masked_id(DRAFT)
    takes = tuple(
        replace(take, request=replace(take.request, uri=take.request.uri.replace(DRAFT, hidden)))
        for take in made.interactions
    )
    renamed = replace(made, key=replace(made.key, id=hidden), interactions=takes)
    storage_of(library).write(renamed, unchecked)
    shutil.rmtree(library.path(made.key, made.api_version).parent)
    done = verify()
    assert 4 == done.code
    assert "recorded under a pseudonym" in done.out


def test_unversioned_recordings_are_asked_without_a_version(stand_in: StandIn) -> None:
    """Where the source named no version, none is asked for."""
    stand_in.default_version = None
    plain = generated("in", "plain")
    stand_in.add_invoice(plain)
    with replay.use_cassettes("bare", mode="once"):
        requests.get(f"{stand_in.url}/v1/invoices/{plain}", timeout=5)
    stand_in.seen.clear()
    assert 0 == replay_command("verify", "--live", "--library", "bare").code
    assert "stripe-version" not in stand_in.seen[0]


def test_damaged_cassettes_are_found_and_not_asked_for(stand_in: StandIn) -> None:
    """A file that cannot be used is a finding of its own."""
    path = Path("cassettes", FILE)
    path.write_bytes(path.read_bytes()[:-1])
    done = verify()
    assert (1, True) == (done.code, f"{FILE}: unsealed" in done.out)
    assert f"/v1/invoices/{DRAFT}" not in stand_in.hits


def test_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of --live without it, no key, a live key: exit 2, and nobody is asked."""
    for option in (
        "--shape",
        "--allow-live",
        "--account=acct_1",
        "--context=c",
        "--api-base=http://127.0.0.1:1",
    ):
        assert 2 == replay_command("verify", option).code
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_" + "a" * 16)
    done = verify()
    assert (2, True) == (done.code, "live-mode key" in done.err)
    monkeypatch.delenv("STRIPE_API_KEY")
    assert (2, True) == (verify().code, "there is no API key" in verify().err)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["/a"]),
        ({"a": 1}, {"a": True}, ["/a"]),
        ({"a": 1, "b": 2}, {"b": 2, "c": 3}, ["/a removed", "/c added"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ["/a/1/b"]),
        ({"a": [1]}, {"a": [1, 2]}, ["/a"]),
        ({"a": {"b": 1}}, {"a": None}, ["/a"]),
        ({}, None, ["the body"]),
    ],
)
def test_changed(old: Any, new: Any, expected: list[str]) -> None:
    """Differences are pointers, deepest where both sides have the parent."""
    assert expected == list(changed(old, new))


def shape(body: Any) -> Any:
    builder = ShapeBuilder()
    builder.add(marks_of(body), "", 0)
    return builder.shape()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1, "status": "draft"}, {"a": 2, "status": "void"}, []),
        ({"a": None}, {"a": 5}, []),
        ({"a": {"b": 1}}, {"a": None}, []),
        ({"a": []}, {"a": [{"b": 1}]}, []),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}, []),
        ({"metadata": {"x": "1"}}, {"metadata": {"y": "2"}}, []),
        ({"a": "cus_1AbCdEfGh"}, {"a": {"id": "cus_1AbCdEfGh"}}, ["/a is obj, was str"]),
        ({"a": 1}, {"a": "1"}, ["/a is str, was int"]),
        ({"a": {"b": 1, "c": 1}}, {"a": {"b": 1}}, ["/a/c removed"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 1}]}, ["/a/*/c added"]),
        ({"a": {}, "b": 1}, {"a": {}, "c": 1}, ["/b removed", "/c added"]),
    ],
)
def test_shape_changes(old: Any, new: Any, expected: list[str]) -> None:
    """State, nulls, list lengths and users' keys are no change of shape; fields and kinds are."""
    assert expected == shape_changes(shape(old), shape(new))
