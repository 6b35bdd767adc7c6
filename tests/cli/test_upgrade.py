"""`replay upgrade`, against a live source on loopback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe
from support.command import Done, replay_command
from support.paced import Command, Watched, watching
from support.standin import DRAFT, NEW, OLD, PAYMENT, StandIn, error, generated, invoice
from support.waiting import wait_until
from support.written import NEW as PAY_NEW
from support.written import PAY, written

import replay
from replay.errors import VersionNotRecorded
from replay.model.cassette import ObjectKey
from replay.recording.paced_pool import WORKERS
from replay.stripe_api.call import account_label

LISTS = "/v1/invoice_payments"
COMMAND = ["upgrade", NEW, "--yes"]
PROCESS = [sys.executable, "-m", "replay", *COMMAND]


@pytest.fixture(autouse=True)
def live(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of someone who records from the stand-in."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_PRIVATEkey")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)


def record(*ids: str, options: tuple[str, ...] = ()) -> None:
    done = replay_command("record", "invoice", *ids, "--api-version", OLD, *options)
    assert 0 == done.code, done.err


def upgrade(*options: str) -> Done:
    return replay_command("upgrade", NEW, "--yes", *options)


def became(done: Done) -> dict[tuple[str, ...], str]:
    return {(row["id"], *row["expand"]): row["became"] for row in done.json["results"]}


def take(
    version: str, id: str = DRAFT, place: str = "cassettes"
) -> replay.model.cassette.Interaction:
    cassette = replay.Library(place).load(ObjectKey("invoices", id), version)
    assert cassette is not None, (id, version, place)
    return cassette.interactions[-1]


def asked(stand_in: StandIn, before: Counter[str] | None = None) -> int:
    """How many objects were asked for; lists that are fetched along have tests of their own."""
    hits = stand_in.hits - (before or Counter())
    return sum(count for path, count in hits.items() if path != LISTS)


def files(root: str = "cassettes") -> dict[str, bytes]:
    found = Path(root).rglob("*.yaml")
    return {str(p): p.read_bytes() for p in found if "_collection" not in p.parts}


def test_each_call_gets_its_twin(stand_in: StandIn) -> None:
    """Every object is fetched at both versions in one batch, with the expand sets it has."""
    other = stand_in.add_invoice(generated("in", "a"))
    record(DRAFT, other)
    record(other, options=("--expand", "payments"))
    replay_command("record", "invoice_payment", PAYMENT, "--api-version", OLD)
    before = asked(stand_in)
    done = upgrade()
    assert 0 == done.code, done.err
    assert "4 twins, 0 moved on, 0 gone, 0 deleted, 0 kept, 0 refused in cassettes" in done.out
    assert 11 == asked(stand_in) - before  # once more for each that differs
    for id in (DRAFT, other):
        assert take(OLD, id).batch == take(NEW, id).batch != ""
    assert b'"payments"' in take(NEW, other).response.body
    assert not Path("cassettes/_evidence").exists()


def test_dry_run_says_what_it_would_do(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run prints calls and time, needs no key, asks nobody and writes nothing."""
    record(*(stand_in.add_invoice(generated("in", str(n))) for n in range(3)))
    before, written = asked(stand_in), files()
    monkeypatch.delenv("STRIPE_API_KEY")
    done = replay_command("upgrade", NEW, "--dry-run", "--rate", "0.1")
    assert 0 == done.code, done.err
    assert f"fetch  3 invoices at {OLD} and {NEW}" in done.out
    assert f"fetch  3 invoice_payments by invoice at {NEW}" in done.out
    assert "9 calls, at least 1 min 30 s at 0.1 calls per second" in done.out
    assert before == asked(stand_in)
    assert written == files()


def test_without_a_terminal_it_has_to_be_agreed_to(stand_in: StandIn) -> None:
    """Where nobody can be asked, and --yes is not given, nothing goes online."""
    record(DRAFT)
    before = asked(stand_in)
    done = replay_command("upgrade", NEW)
    assert 2 == done.code
    assert f"fetch  1 invoices at {OLD} and {NEW}" in done.out
    assert "add --yes" in done.err
    assert before == asked(stand_in)


@pytest.mark.parametrize(("answer", "code", "calls"), [("y\n", 0, 3), ("n\n", 2, 0)])
def test_on_a_terminal_it_asks(stand_in: StandIn, answer: str, code: int, calls: int) -> None:
    """A person sees the plan and decides."""
    record(DRAFT)
    before = asked(stand_in)
    here, there = pty.openpty()
    process = subprocess.Popen(PROCESS[:-1], stdin=there, stderr=there, stdout=subprocess.PIPE)
    os.close(there)
    os.write(here, answer.encode())
    out, _ = process.communicate(timeout=30)
    os.close(here)
    assert code == process.returncode
    assert b"3 calls" in out
    assert calls == asked(stand_in) - before


def test_what_moved_on_stays_and_its_twin_is_evidence(stand_in: StandIn) -> None:
    """A test keeps its old recording; the comparison has twins all the same, and says proven."""
    record(DRAFT)
    old = files()
    stand_in.add_invoice(DRAFT, status="paid")
    done = upgrade()
    assert 0 == done.code, done.err
    assert f"moved on  invoices {DRAFT} from {OLD}: differs from its recording of" in done.out
    assert old.items() <= files().items()
    beside = take(OLD, place="cassettes/_evidence")
    assert beside.batch == take(NEW).batch != ""
    with replay.use_cassettes("cassettes"):
        client = stripe.StripeClient("sk_test_x", stripe_version=OLD)
        assert "draft" == client.v1.invoices.retrieve(DRAFT).status
    report = replay_command("diff", OLD, NEW, "--format", "json").json
    (comparison,) = report["comparisons"]
    assert {"old": 1, "new": 1, "paired": 1} == comparison["objects"]
    found = {finding["path"]: finding for finding in comparison["findings"]}
    assert "proven" == found["/charge"]["grade"]
    witness = f"_evidence/invoices/{DRAFT}/{OLD}.yaml#0/charge"
    assert witness == found["/charge"]["witnesses"]["old"]
    page = replay_command("diff", OLD, NEW, "--format", "html")
    assert f"_evidence/invoices/{DRAFT}" in page.out


def test_evidence_is_never_served(stand_in: StandIn) -> None:
    """Neither a session nor `replay list` takes evidence for a recording."""
    record(DRAFT)
    stand_in.add_invoice(DRAFT, status="paid")
    upgrade()
    Path(f"cassettes/invoices/{DRAFT}/{OLD}.yaml").unlink()
    client = stripe.StripeClient("sk_test_x", stripe_version=OLD)
    with pytest.raises(VersionNotRecorded), replay.use_cassettes("cassettes"):
        client.v1.invoices.retrieve(DRAFT)
    listed = replay_command("list", "--format", "json").json
    rows = [row for row in listed["cassettes"] if row["resource"] == "invoices"]
    assert [NEW] == [row["api_version"] for row in rows]
    assert 1 == listed["evidence"]
    assert "and 1 in cassettes/_evidence, compared and not served" in replay_command("list").err


def test_evidence_is_scanned_and_sealed(stand_in: StandIn) -> None:
    """The scanner reads evidence like any cassette, and finds what an edit put there."""
    record(DRAFT)
    stand_in.add_invoice(DRAFT, status="paid")
    upgrade()
    assert 0 == replay_command("scan", "cassettes").code
    path = Path(f"cassettes/_evidence/invoices/{DRAFT}/{OLD}.yaml")
    assert 0 == replay_command("seal", path).code
    path.write_text(path.read_text().replace("redacted+", "jenny.rosen+"))
    assert 1 == replay_command("scan", "cassettes").code


def test_a_second_run_fetches_only_what_is_missing(stand_in: StandIn) -> None:
    """What has twins is kept, evidence counts as such; --again fetches everything again."""
    other = stand_in.add_invoice(generated("in", "a"))
    record(DRAFT, other)
    stand_in.add_invoice(DRAFT, status="paid")
    upgrade()
    written = files()
    record(stand_in.add_invoice(generated("in", "b")))
    before = stand_in.hits.copy()
    done = upgrade("--format", "json")
    assert 3 == asked(stand_in, before)
    assert {(generated("in", "b"),): "twins"} == became(done)
    assert {DRAFT, other} == {row["id"] for row in done.json["kept"]}
    assert written.items() <= files().items()
    before = stand_in.hits.copy()
    done = upgrade("--again", "--format", "json")
    assert 9 == asked(stand_in, before)
    assert "moved on" == became(done)[DRAFT,]
    assert take(NEW, other).batch == take(OLD, other).batch


def test_the_old_name_of_again_still_works(stand_in: StandIn) -> None:
    """`--anew` does what `--again` does, says so, and is no longer in the help."""
    record(DRAFT)
    upgrade()
    before = stand_in.hits.copy()
    done = upgrade("--anew")
    assert 3 == asked(stand_in, before)
    assert "It goes in replay 0.3: use --again." in done.err
    assert "--anew" not in replay_command("upgrade", "--help").out


def test_twins_are_not_torn_apart(stand_in: StandIn) -> None:
    """An object whose new version alone moved on keeps its twins; today's go beside them."""
    record(DRAFT)
    upgrade()
    before = files()

    def drifted(version: str, expand: list[str]) -> Any:
        body = invoice(DRAFT, version, status="draft")
        return body if version == OLD else {**body, "auto_advance": True}

    stand_in.objects[f"/v1/invoices/{DRAFT}"] = drifted
    done = upgrade("--again")
    assert "1 moved on" in done.out
    assert before.items() <= files().items()
    beside = [take(version, place="cassettes/_evidence") for version in (OLD, NEW)]
    assert beside[0].batch == beside[1].batch != take(NEW).batch


LATER = "2025-08-27.basil"


def proven() -> set[str]:
    """The paths of what is proven between the old and the new version."""
    done = replay_command("diff", OLD, NEW, "--min-grade", "proven", "--format", "json")
    return {row["path"] for one in done.json["comparisons"] for row in one["findings"]
            if row["grade"] == "proven"}  # fmt: skip


@pytest.mark.parametrize("how", ["upgrade", "again", "all", "new_episodes", "moved on"])
def test_the_proof_between_two_versions_outlives_a_third(stand_in: StandIn, how: str) -> None:
    """What comes after an upgrade leaves its twins: fetches of the middle version go beside."""

    def older(version: str, expand: list[str]) -> Any:
        # One count differs: so two recordings of different days prove nothing.
        body = invoice(DRAFT, OLD if version == OLD else NEW, status="draft")
        body = {name: value for name, value in body.items() if name != "due_date"}
        if version != OLD:
            return {**body, "attempt_count": 1}
        return {**body, "attempt_count": 0, "due_date": 1_700_000_000}

    stand_in.objects[f"/v1/invoices/{DRAFT}"] = older
    record(DRAFT)
    upgrade()
    assert "/due_date" in (before := proven())
    if how == "moved on":
        stand_in.objects[f"/v1/invoices/{DRAFT}"] = lambda version, expand: {
            **older(version, expand), "auto_advance": True
        }  # fmt: skip
        how = "all"
    if how in {"all", "new_episodes"}:
        versions = ("--api-version", NEW, "--api-version", LATER)
        done = replay_command("record", "invoice", DRAFT, *versions, "--mode", how)
        assert take(NEW).batch == take(LATER).batch
    else:
        done = replay_command("upgrade", LATER, "--yes")
        if how == "again":
            done = replay_command("upgrade", LATER, "--yes", "--again", "--from", OLD)
    assert 0 == done.code, done.err
    assert before == proven()
    assert 0 == replay_command("scan", "cassettes").code


def test_gone_and_deleted_are_named_and_nothing_is_written(stand_in: StandIn) -> None:
    """The old recordings of what the source lost stay, and the exit code says so."""
    gone, deleted = (stand_in.add_invoice(generated("in", name)) for name in "gd")
    record(gone, deleted, DRAFT)
    before = files()
    del stand_in.objects[f"/v1/invoices/{gone}"]
    stand_in.add(f"/v1/invoices/{deleted}", {"id": deleted, "object": "invoice", "deleted": True})
    done = upgrade()
    assert 1 == done.code
    assert f"gone      invoices {gone} from {OLD}: the source does not have it" in done.err
    assert f"deleted   invoices {deleted} from {OLD}: it was deleted since" in done.err
    assert "1 twins, 0 moved on, 1 gone, 1 deleted, 0 kept, 0 refused" in done.out
    changed = {path for path, text in files().items() if before.get(path) != text}
    assert {f"cassettes/invoices/{DRAFT}/{version}.yaml" for version in (OLD, NEW)} == changed


def test_a_recorded_error_is_left_unless_asked_for(stand_in: StandIn) -> None:
    """By mistake it would spread; a 404 that a test expects is there at the new version, too."""
    record(DRAFT)
    missing = generated("in", "never")
    assert 1 == replay_command("record", "invoice", missing, "--api-version", OLD).code
    stand_in.hits.clear()
    done = upgrade()
    assert 0 == done.code, done.err
    assert f"leave  1 that answered with an error: invoices {missing}" in done.out
    assert "if your tests expect these errors, fetch them too: --errors" in done.out
    assert "1 twins" in done.out
    assert {f"/v1/invoices/{DRAFT}", LISTS} == set(stand_in.hits)
    done = upgrade("--errors")
    assert 0 == done.code, done.err
    assert 404 == take(NEW, missing).response.status
    assert "it is an error (404), as before" in done.out


def test_an_expand_that_the_new_version_refuses_is_recorded(stand_in: StandIn) -> None:
    """Then the new version answers the test with the error that Stripe will answer with."""
    record(DRAFT, options=("--expand", "charge"))
    look_up = stand_in._look_up

    def strict(handler: Any, path: str, query: str) -> Any:
        status, headers, body = look_up(handler, path, query)
        if "charge" in query and headers.get("Stripe-Version") == NEW:
            return 400, headers, error(400, "This property cannot be expanded (charge).")
        return status, headers, body

    stand_in._look_up = strict  # type: ignore[method-assign]  # a stricter source
    done = upgrade()
    assert 1 == done.code
    assert f"{NEW} answers status 400: it may not know what is expanded" in done.err
    assert 400 == take(NEW).response.status


def test_a_version_that_the_source_refuses_writes_nothing(stand_in: StandIn) -> None:
    """A target that is no version of the source leaves the library as it was."""
    record(DRAFT)
    before = files()
    stand_in.script = [
        (200, {"Stripe-Version": OLD}, invoice(DRAFT, OLD, status="draft")),
        (400, {}, error(400, "Invalid Stripe API version: 2025-03-31.bazil")),
    ]
    done = upgrade()
    assert 1 == done.code
    assert f"{NEW} answers status 400" in done.err
    assert before == files()


def test_a_source_that_answers_at_another_version_is_refused(stand_in: StandIn) -> None:
    """An answer counts for the version that it was asked for, or not at all."""
    record(DRAFT)
    before = files()
    stand_in.script = [(200, {"Stripe-Version": NEW}, invoice(DRAFT, NEW, status="draft"))]
    done = upgrade()
    assert f"the source answered at {NEW}, and was asked for {OLD}" in done.err
    assert before == files()


def test_accounts_have_to_be_named(stand_in: StandIn) -> None:
    """Recordings hold a label in place of the account: the plan says so, --account gives it."""
    record(DRAFT, options=("--account", "acct_1PRIVATE"))
    done = upgrade()
    assert 1 == done.code
    assert "1 that belongs to a connected account that is not named" in done.out
    assert "--account ACCT" in done.out
    done = upgrade("--account", "acct_1PRIVATE")
    assert 0 == done.code, done.err
    assert "acct_1PRIVATE" == stand_in.seen[-1]["stripe-account"]
    assert not any(b"acct_1PRIVATE" in text for text in files().values())


def test_contexts_have_to_be_named(stand_in: StandIn) -> None:
    """What was asked for in a context is fetched in it."""
    url = f"https://api.stripe.com/v1/invoices/{DRAFT}"
    headers = {
        "Authorization": "Bearer sk_test_x",
        "Stripe-Version": OLD,
        "Stripe-Context": "ctx/1",
    }
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        assert 200 == requests.get(url, headers=headers, timeout=5).status_code
    assert 2 == upgrade("--account", "ctx/1").code
    done = upgrade("--context", "ctx/1")
    assert 0 == done.code, done.err
    assert "ctx/1" == stand_in.seen[-1]["stripe-context"]
    assert "stripe-account" not in stand_in.seen[-1]


def test_what_has_no_version_is_named(stand_in: StandIn) -> None:
    """A recording that no version can be asked for is left, and said to be."""
    stand_in.default_version = None
    assert 0 == replay_command("record", "invoice", DRAFT).code
    done = upgrade()
    assert 1 == done.code
    assert "leave  1 that is recorded without an API version: invoices" in done.out


def test_lists_are_fetched_too(stand_in: StandIn) -> None:
    """A recorded list is asked for again with its own parameters."""
    ids = [stand_in.add_invoice(generated("in", str(n))) for n in range(3)]
    stand_in.lists["/v1/invoices"] = [f"/v1/invoices/{id}" for id in ids]
    client = stripe.StripeClient(
        "sk_test_x", stripe_version=OLD, base_addresses={"api": stand_in.url}
    )
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        assert ids[:2] == [one.id for one in client.v1.invoices.list({"limit": 2}).data]
    done = upgrade()
    assert 0 == done.code, done.err
    assert f"fetch  1 invoices lists at {OLD} and {NEW}" in done.out
    client = stripe.StripeClient("sk_test_x", stripe_version=NEW)
    with replay.use_cassettes("cassettes"):
        page = client.v1.invoices.list({"limit": 2})
        assert "subscription_details" == page.data[0].parent.type


def test_which_old_version(stand_in: StandIn) -> None:
    """Each call's newest version before the target; --from names another, and ids restrict."""
    other = stand_in.add_invoice(generated("in", "a"))
    record(DRAFT, other)
    record(DRAFT, options=("--api-version", "2023-10-16"))
    done = replay_command("upgrade", NEW, "--dry-run", "--format", "json").json
    assert {OLD} == {row["old"] for row in done["results"]}
    done = replay_command("upgrade", NEW, "--from", "2023-10-16", "--dry-run", "--format", "json")
    assert [(DRAFT, "2023-10-16")] == [(row["id"], row["old"]) for row in done.json["results"]]
    done = replay_command("upgrade", NEW, other, "--dry-run", "--format", "json")
    assert [other] == [row["id"] for row in done.json["results"]]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["2022-11-15"], 3, "nothing of cassettes can be fetched at an older version"),
        (["basil"], 2, "'basil' is not an API version"),
        ([NEW, "--from", NEW], 2, "old and new are one version"),
        ([NEW, "in_nobody"], 2, "not recorded: in_nobody"),
        ([NEW, "--library", "nowhere"], 2, "there is no library at this path"),
        ([NEW, "--resource", "invoicez"], 2, "did you mean"),
    ],
)
def test_misuse_is_told(arguments: list[str], code: int, message: str) -> None:
    """What cannot be done says why, and fetches nothing."""
    record(DRAFT)
    done = replay_command("upgrade", *arguments, "--yes")
    assert code == done.code
    assert message in done.err


def test_pseudonyms_cannot_be_fetched(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that hides its IDs says so, object by object, and how to go on."""
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "true")
    replay_command("record", "invoice", DRAFT, "--api-version", OLD)
    done = upgrade()
    assert 1 == done.code
    assert "1 that is recorded under a pseudonym" in done.out
    assert "REPLAY_API_VERSION=… pytest --replay-mode=once" in done.out


def test_a_key_that_is_not_accepted_ends_the_run(stand_in: StandIn) -> None:
    """Nobody wants a thousand times the same 401."""
    record(*(stand_in.add_invoice(generated("in", str(n))) for n in range(40)))
    before = asked(stand_in)
    stand_in._look_up = lambda *_: (401, {}, error(401, "Invalid API Key"))  # type: ignore[method-assign]
    done = upgrade()
    assert 1 == done.code
    assert "check STRIPE_API_KEY" in done.err
    assert "not reached:" in done.err
    assert asked(stand_in) - before < 30


def test_live_mode_is_refused(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live-mode key fetches nothing."""
    record(DRAFT)
    before = asked(stand_in)
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_" + "x" * 24)
    done = upgrade()
    assert 1 == done.code
    assert "live-mode key" in done.err
    assert before == asked(stand_in)


def test_a_source_that_is_away(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 4, and the library is as it was."""
    record(DRAFT)
    before = files()
    stand_in.stop()
    monkeypatch.setattr("replay.recording.twins.ATTEMPTS", 1)
    done = upgrade()
    assert 4 == done.code
    assert before == files()


def test_what_has_twins_is_counted_as_kept(stand_in: StandIn) -> None:
    """In JSON as in text, also of a dry run; and no time is told for no calls."""
    record(DRAFT, stand_in.add_invoice(generated("in", "b")))
    assert 0 == upgrade().code
    for options in ((), ("--dry-run",)):
        done = upgrade("--format", "json", *options).json
        assert (2, 2) == (len(done["kept"]), done["summary"]["kept"])
    told = upgrade("--dry-run").out
    assert ("  nothing to fetch\n", False) == (told[-19:], "calls" in told)


def test_a_library_of_the_new_version(stand_in: StandIn) -> None:
    """What is recorded at VERSION alone is said to be: there is nothing to upgrade."""
    replay_command("record", "invoice", DRAFT, "--api-version", NEW)
    done = upgrade("--dry-run")
    assert 3 == done.code
    assert "leave  1 that is recorded at the new version already, and at no older one" in done.out
    assert "nothing to fetch" in done.out
    assert f"all is recorded at {NEW}" in done.err
    assert "old version" not in done.out + done.err


@pytest.mark.parametrize("option", ["--account", "--context"])
def test_an_account_that_nothing_is_recorded_of(stand_in: StandIn, option: str) -> None:
    """It is refused, nobody is asked, and the labels that there are are named."""
    record(DRAFT)
    stand_in.hits.clear()
    done = upgrade(option, "acct_1Mistyped")
    assert (2, True) == (done.code, "nothing here is of a connected account" in done.err)
    record(DRAFT, options=("--account", "acct_1PRIVATE"))
    stand_in.hits.clear()
    done = upgrade(option, "acct_1Mistyped", "--account", "acct_1PRIVATE")
    assert (2, {}) == (done.code, stand_in.hits)
    assert "nothing is recorded of acct_1Mistyped\n" in done.err
    assert f"the labels {account_label('acct_1PRIVATE')}," in done.err


def test_a_rate_that_is_no_number(stand_in: StandIn) -> None:
    """NaN is neither too small nor too large, and no pace either."""
    for command in (("upgrade", NEW), ("record", "invoice", DRAFT), ("verify", "--live")):
        done = replay_command(*command, "--rate", "nan")
        assert (2, True) == (done.code, "is not a number of calls" in done.err), command
    assert {} == stand_in.hits


def test_the_rate_is_kept(stand_in: StandIn) -> None:
    """Calls of all workers together are spread, and none goes out without a turn."""
    record(*(stand_in.add_invoice(generated("in", str(n))) for n in range(5)))
    watched = Watched()
    with watching(watched.note):
        upgrade("--rate", "50")
    assert 20 == len(watched.turns)
    assert watched.keep(50)


def test_rate_limits_are_waited_for(stand_in: StandIn) -> None:
    """A 429 is asked again."""
    record(DRAFT)
    stand_in.script = [(429, {"Retry-After": "0"}, error(429, "slow down"))]
    assert "1 twins" in upgrade().out


def test_an_interrupted_run_goes_on_where_it_stopped(stand_in: StandIn) -> None:
    """Ctrl-C keeps what is done and says what is left; both runs fetch each object once."""
    ids = [stand_in.add_invoice(generated("in", str(n))) for n in range(30)]
    record(*ids)
    before = asked(stand_in)
    stand_in.hold, stand_in.free = threading.Event(), 11
    running = Command(*COMMAND, "--rate", "100", "--no-confirm")
    wait_until(lambda: stand_in.held == WORKERS)
    running.stop(signal.SIGINT)
    stand_in.hold.set()
    code, out, err = running.end()
    assert 130 == code
    assert "not reached:" in err
    assert "what was done so far is kept" in err
    twins = int(out.splitlines()[-1].partition(" twins")[0])
    assert 0 < twins < 30
    library = replay.Library("cassettes")
    written = [p for p, c in library.cassettes("invoices") if c.api_version == NEW]
    assert twins == len(written)
    done = upgrade("--rate", "1000", "--no-confirm")
    assert f"{30 - twins} twins, 0 moved on, 0 gone, 0 deleted, {twins} kept" in done.out
    assert 60 == asked(stand_in) - before


def test_a_killed_run_leaves_a_whole_library(stand_in: StandIn) -> None:
    """After SIGKILL every file is whole, and the next run finishes the work."""
    record(*(stand_in.add_invoice(generated("in", str(n))) for n in range(20)))
    stand_in.hold, stand_in.free = threading.Event(), 8
    running = Command(*COMMAND)
    wait_until(lambda: stand_in.held)
    running.process.kill()
    running.end()
    stand_in.hold.set()
    assert len(list(replay.Library("cassettes").cassettes())) >= 20
    assert 0 == upgrade("--rate", "1000").code
    batches = [
        [take(version, generated("in", str(n))).batch for version in (OLD, NEW)] for n in range(20)
    ]
    assert all(old == new != "" for old, new in batches)


def test_two_runs_at_once_lose_nothing(stand_in: StandIn) -> None:
    """Two processes share the work: each object has twins, and none is fetched twice."""
    ids = [stand_in.add_invoice(generated("in", str(n))) for n in range(12)]
    record(*ids)
    before = asked(stand_in)
    both = [
        subprocess.Popen(PROCESS, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert 0 == process.returncode, err
    assert 36 == asked(stand_in) - before
    for id in ids:
        assert take(OLD, id).batch == take(NEW, id).batch != ""


def test_a_damaged_cassette_stops_it_before_it_begins(stand_in: StandIn) -> None:
    """What cannot be read is never taken for missing."""
    record(DRAFT)
    before = asked(stand_in)
    path = Path(f"cassettes/invoices/{DRAFT}/{OLD}.yaml")
    path.write_text(path.read_text().replace("draft", "void!"))
    done = upgrade()
    assert 2 == done.code
    assert "replay seal" in done.err
    assert before == asked(stand_in)


def test_an_answer_that_leaks_is_not_written(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate looks at upgrades as at all recordings."""
    record(DRAFT)
    before = files()

    def hit(*_: object, **__: object) -> None:
        raise replay.errors.LeakFound("the gate found something", where="a test")

    monkeypatch.setattr("replay.redaction.gate.gate", hit)
    done = upgrade()
    assert 1 == done.code
    assert "the gate found something" in done.err
    assert before == files()


def test_scenarios_that_lack_the_version(stand_in: StandIn) -> None:
    """Tests record them: they are named with the command, and nothing is sent for them."""
    written()
    later = "2025-09-30.clover"
    done = replay_command("upgrade", later, "--yes")
    assert 3 == done.code
    assert f"1 scenario is not recorded at {later}: {PAY}\n" in done.out
    command = f"pytest --replay-mode=all --replay-api-version {later} tests/test_pay.py\n"
    assert f"record them with their tests: {command}" in done.out
    assert 0 == sum(stand_in.hits.values())
    record(DRAFT)
    done = replay_command("upgrade", later, "--yes", "--format", "json")
    assert (0, [PAY]) == (done.code, done.json["scenarios"]), done.err
    assert "not recorded at" not in replay_command("upgrade", later, DRAFT, "--dry-run").out
    assert "not recorded at" not in replay_command("upgrade", PAY_NEW, "--dry-run").out
