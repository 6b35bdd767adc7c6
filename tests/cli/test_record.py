"""`replay record`, against a live source on loopback."""

from __future__ import annotations

import json
import signal
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.command import replay_command
from support.paced import Command, Watched, watching
from support.standin import DRAFT, NEW, OLD, PAYMENT, PREVIEW, StandIn, error, generated
from support.waiting import wait_until

import replay
from replay.recording.paced_pool import WORKERS

GONE = "in_1MtHbELkdIwHu7ixl4OzzPMw"


@pytest.fixture(autouse=True)
def live(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of someone who records from the stand-in."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_PRIVATEkey")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)


def cassette(path: str) -> replay.model.cassette.Cassette:
    found = replay.Library("cassettes").read(path)
    assert found is not None
    return found


def test_a_recorded_404_is_named_when_it_is_kept(stand_in: StandIn) -> None:
    """A second run says what it keeps and how to ask again, and exits as before."""
    assert 1 == replay_command("record", "invoice", GONE).code
    done = replay_command("record", "invoice", GONE)
    assert 1 == done.code
    assert "kept       invoices" in done.out
    assert "it is an error (404): --mode all asks again" in done.out
    (row,) = replay_command("record", "invoice", GONE, "--format", "json").json["results"]
    assert ("kept", 404) == (row["status"], row["http"])
    stand_in.add_invoice(GONE)
    assert 0 == replay_command("record", "invoice", GONE, "--mode", "all").code
    done = replay_command("record", "invoice", GONE)
    assert 0 == done.code
    assert "error" not in done.out


@pytest.mark.parametrize(
    ("resource", "id", "meant"),
    [
        ("invoice", generated("cus", "typo"), "replay record customers"),
        ("customers", generated("in", "typo"), "replay record invoices"),
        ("subscription", generated("sub_sched", "typo"), "replay record subscription_schedules"),
        ("payment_intents", generated("cs_test", "typo"), "replay record checkout/sessions"),
        ("invoices", generated("tmr", "typo"), "replay record terminal/readers"),
        ("billing/meters", generated("acct", "typo"), "replay record accounts"),
        ("payouts", generated("src", "typo"), "replay record sources"),
        ("transfers", generated("trr", "typo"), "replay record transfers/reversals PARENT/"),
        ("invoices", generated("il_tmp", "typo"), "name an ID of invoices"),
    ],
)
def test_an_id_of_another_resource_is_refused_before_the_call(
    resource: str, id: str, meant: str, stand_in: StandIn
) -> None:
    """The source is not asked, nothing is recorded, and the hint is the command that works."""
    done = replay_command("record", resource, DRAFT if resource == "invoice" else id, id)
    assert 2 == done.code
    assert f"next: {meant}" in done.err
    assert meant.startswith("name") or f"{meant} {id}".replace("/ ", "/") in done.err
    assert not stand_in.hits
    assert not Path("cassettes").exists()


@pytest.mark.parametrize(
    ("arguments", "next_"),
    [
        ([generated("cus", "typo")], f"customers {generated('cus', 'typo')}"),
        ([generated("mtr_test", "x")], f"billing/meters {generated('mtr_test', 'x')}"),
        (["invoice", f"https://dashboard.stripe.com/test/invoices/{DRAFT}?x=1"],
         f"replay record invoices {DRAFT}"),
        (["invoice", f"/v1/invoices/{DRAFT}"], f"replay record invoices {DRAFT}"),
        (["invoice", f"{DRAFT},{GONE}"], f"replay record invoices {DRAFT} {GONE}"),
    ],
)  # fmt: skip
def test_what_is_no_id_in_an_ids_place_is_refused_before_the_call(
    arguments: list[str], next_: str, stand_in: StandIn
) -> None:
    """An ID without its resource, an address, several IDs: the hint is what was meant."""
    done = replay_command("record", *arguments)
    assert 2 == done.code
    assert next_ in done.err.partition("next:")[2]
    assert not stand_in.hits


def test_show_names_the_resource_of_an_id(stand_in: StandIn) -> None:
    """It does not offer to record what `record` refuses."""
    replay_command("record", "invoice", DRAFT)
    done = replay_command("show", "customer", DRAFT)
    assert 2 == done.code
    assert f"next: replay show invoices {DRAFT}\n" in done.err


@pytest.mark.parametrize(
    ("resource", "id"),
    [
        ("coupon", "in_TheNameOfACoupon2026"),
        ("product", "cus_AProductNamedByAPerson1"),
        ("charge", "py_1MtHbELkdIwHu7ixl4OzzPMv"),
        ("payment_method", "card_1MtHbELkdIwHu7ixl4OzzPMv"),
        ("payment_method", "src_1MtHbELkdIwHu7ixl4OzzPMv"),
        ("payout", "tr_1MtHbELkdIwHu7ixl4OzzPMv"),
        ("refund", "pyr_1MtHbELkdIwHu7ixl4OzzPMv"),
        ("v2/core/accounts", "acct_1MtHbELkdIwHu7ixl"),
        ("billing/meters", "mtr_test_61MtHbELkdIwHu7ixl4"),
        ("customer", "in_house"),
    ],
)
def test_an_id_that_may_be_of_the_resource_is_asked_for(
    resource: str, id: str, stand_in: StandIn
) -> None:
    """People choose IDs, and some resources answer with objects of more prefixes than one."""
    replay_command("record", resource, id)
    assert 1 == sum(stand_in.hits.values())


@pytest.mark.parametrize(
    ("version", "meant"),
    [
        ("2025-03-31", "2025-03-31.basil"),
        ("2026-01-28", "2026-01-28.clover"),
        ("2025-13-99", "2025-03-31.basil"),
        ("2025-03-31.basill", "2025-03-31.basil"),
        ("2025-02-30.acacia", "2024-09-30.acacia"),
    ],
)
def test_a_version_that_there_cannot_be_is_refused_before_the_call(
    version: str, meant: str, stand_in: StandIn
) -> None:
    """No train, no day of the calendar, a misspelt train: the error says what was meant."""
    done = replay_command("record", "invoice", DRAFT, "--api-version", version)
    assert 2 == done.code
    assert f"did you mean {meant}?" in done.err
    assert not stand_in.hits


def test_versions_of_an_object_are_recorded_as_twins(stand_in: StandIn) -> None:
    """Two --api-version options record two cassettes of one batch."""
    done = replay_command("record", "invoice", DRAFT, "--api-version", OLD, "--api-version", NEW)
    assert 0 == done.code, done.err
    assert "2 recorded, 0 unchanged, 0 kept, 0 refused in cassettes" in done.out
    takes = [cassette(f"invoices/{DRAFT}/{v}.yaml").interactions[0] for v in (OLD, NEW)]
    assert 1 == len({take.batch for take in takes})
    assert takes[0].batch
    assert [OLD, NEW] == [take.pinned for take in takes]


def test_singular_and_plural_and_other_resources(stand_in: StandIn) -> None:
    """An unpinned invoice payment is kept at the version that answered."""
    assert 0 == replay_command("record", "invoice_payment", PAYMENT).code
    assert 0 == replay_command("record", "invoice_payments", PAYMENT).code
    assert 1 == stand_in.hits[f"/v1/invoice_payments/{PAYMENT}"]
    recorded = cassette(f"invoice_payments/{PAYMENT}/{PREVIEW}.yaml")
    assert [None] == [take.pinned for take in recorded.interactions]
    stand_in.add("/v1/balance", {"object": "balance", "livemode": False, "available": []})
    assert 0 == replay_command("record", "balance").code
    assert (Path("cassettes") / "balance" / "_singleton" / f"{PREVIEW}.yaml").exists()


def test_nested_objects_are_named_parent_slash_id(stand_in: StandIn) -> None:
    """A tax ID of a customer is recorded below the customer."""
    customer, tax_id = generated("cus", "a"), generated("txi", "a")
    body = {"id": tax_id, "object": "tax_id", "livemode": False}
    stand_in.add(f"/v1/customers/{customer}/tax_ids/{tax_id}", body)
    done = replay_command("record", "customers/tax_ids", f"{customer}/{tax_id}")
    assert 0 == done.code, done.err
    recorded = cassette(f"customers/{customer}/tax_ids/{tax_id}/{PREVIEW}.yaml")
    assert (customer,) == recorded.key.parents


def test_expand_is_part_of_what_is_recorded(stand_in: StandIn) -> None:
    """The expanded and the plain object are two call keys of one cassette."""
    for arguments in ([], ["--expand", "payments"]):
        done = replay_command("record", "invoice", DRAFT, "--api-version", NEW, *arguments)
        assert "1 recorded" in done.out
    recorded = cassette(f"invoices/{DRAFT}/{NEW}.yaml")
    assert [False, True] == [b'"payments"' in t.response.body for t in recorded.interactions]


def test_what_is_recorded_is_kept_unless_another_mode_asks(stand_in: StandIn) -> None:
    """once keeps, new_episodes adds what changed, all re-records; unchanged writes nothing."""
    path = f"invoices/{DRAFT}/{PREVIEW}.yaml"
    assert "1 recorded" in replay_command("record", "invoice", DRAFT).out
    assert "1 kept" in replay_command("record", "invoice", DRAFT).out
    for mode in ("new_episodes", "all"):
        assert "1 unchanged" in replay_command("record", "invoice", DRAFT, "--mode", mode).out
    assert 1 == len(cassette(path).interactions)
    stand_in.add_invoice(DRAFT, status="paid")
    assert "1 recorded" in replay_command("record", "invoice", DRAFT, "--mode=new_episodes").out
    assert 2 == len(cassette(path).interactions)
    assert "1 recorded" in replay_command("record", "invoice", DRAFT, "--mode", "all").out
    assert 1 == len(cassette(path).interactions)


def test_twins_are_written_together_or_not_at_all(stand_in: StandIn) -> None:
    """Unchanged twins rewrite nothing; lone recordings become twins when asked for together."""
    for version in (OLD, NEW):
        replay_command("record", "invoice", DRAFT, "--api-version", version)
    both = ("record", "invoice", DRAFT, "--api-version", OLD, "--api-version", NEW, "--mode=all")
    assert "2 recorded" in replay_command(*both).out
    batches = {cassette(f"invoices/{DRAFT}/{v}.yaml").interactions[0].batch for v in (OLD, NEW)}
    assert 1 == len(batches)
    assert "2 unchanged" in replay_command(*both).out
    after = {cassette(f"invoices/{DRAFT}/{v}.yaml").interactions[0].batch for v in (OLD, NEW)}
    assert batches == after


def test_a_kept_recording_beside_a_new_one_is_said_to_be_no_twin(stand_in: StandIn) -> None:
    """once with one version present warns that the pair is not back to back."""
    replay_command("record", "invoice", DRAFT, "--api-version", OLD)
    done = replay_command("record", "invoice", DRAFT, "--api-version", OLD, "--api-version", NEW)
    assert "1 recorded, 0 unchanged, 1 kept" in done.out
    assert "not fetched back to back" in done.err


def test_ids_come_from_a_file_too(stand_in: StandIn, tmp_path: Path) -> None:
    """--ids-from reads one ID per line, without comments and repeats; many run concurrently."""
    ids = [stand_in.add_invoice(generated("in", str(n))) for n in range(30)]
    file = tmp_path / "ids.txt"
    file.write_text("# invoices\n" + "\n".join([*ids, ids[0], ""]))
    done = replay_command("record", "invoice", "--ids-from", file, "--rate", 1000)
    assert "30 recorded, 0 unchanged, 0 kept, 0 refused" in done.out
    assert 30 == sum(stand_in.hits.values())


def test_a_failed_id_does_not_cost_the_others(stand_in: StandIn) -> None:
    """Exit 1 if one object could not be recorded; the others are."""
    other = stand_in.add_invoice(generated("in", "live"))
    body = {"id": other, "object": "invoice", "livemode": True}
    stand_in.add(f"/v1/invoices/{other}", body)
    done = replay_command("record", "invoice", DRAFT, other, "--format", "json")
    assert 1 == done.code
    assert {"recorded": 1, "unchanged": 0, "kept": 0, "refused": 1} == done.json["summary"]
    refused = next(r for r in done.json["results"] if r["status"] == "refused")
    assert (other, "the answer is live-mode data") == (refused["id"], refused["reason"])
    assert ["invoices/" + DRAFT] == [
        p.parent.relative_to("cassettes").as_posix() for p in Path("cassettes").rglob("*.yaml")
    ]


def test_an_unknown_id_is_recorded_as_an_error_and_said_so(stand_in: StandIn) -> None:
    """A 404 is recorded, the summary says that the answer is an error, and a typo exits 1."""
    done = replay_command("record", "invoice", GONE, DRAFT)
    assert 1 == done.code
    assert "2 recorded" in done.out
    assert "the answer is an error: status 404" in done.out


def test_a_refused_key_is_named_and_not_shown(stand_in: StandIn) -> None:
    """A 401 is not recorded, exits 1 and never prints the key that it echoes."""
    stand_in.script = [(401, {}, error(401, "Invalid API Key provided: sk_test_PRIVATEkey"))]
    done = replay_command("record", "invoice", DRAFT)
    assert 1 == done.code
    assert "status 401" in done.err
    assert "check STRIPE_API_KEY" in done.err
    assert "PRIVATE" not in done.out + done.err


def test_it_comes_back_when_the_source_asks_for_it(stand_in: StandIn) -> None:
    """429 with Retry-After and 503 are tried again; stripe-should-retry overrides the status."""
    stand_in.script = [
        (429, {"Retry-After": "0"}, error(429, "slow down")),
        (503, {}, error(503, "busy")),
        (404, {"Stripe-Should-Retry": "true"}, error(404, "not yet")),
    ]
    done = replay_command("record", "invoice", DRAFT)
    assert 0 == done.code, done.err
    assert 4 == stand_in.hits[f"/v1/invoices/{DRAFT}"]
    assert 200 == cassette(f"invoices/{DRAFT}/{PREVIEW}.yaml").interactions[0].response.status


def test_ids_from_a_windows_file(stand_in: StandIn, tmp_path: Path) -> None:
    """A BOM and CRLF line ends are no part of an ID."""
    (tmp_path / "ids.txt").write_bytes(b"\xef\xbb\xbf" + DRAFT.encode() + b"\r\n")
    assert 0 == replay_command("record", "invoice", "--ids-from", "ids.txt").code


def test_it_does_not_come_back_when_the_source_forbids_it(stand_in: StandIn) -> None:
    """stripe-should-retry: false ends it at the first 500."""
    stand_in.script = [(500, {"Stripe-Should-Retry": "false"}, error(500, "broken"))]
    assert 1 == replay_command("record", "invoice", DRAFT).code
    assert 1 == stand_in.hits[f"/v1/invoices/{DRAFT}"]


def test_a_source_that_does_not_answer_exits_4(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens: exit 4, with the host and what to check."""
    monkeypatch.setattr("replay.recording.twins.ATTEMPTS", 1)
    stand_in.stop()
    done = replay_command("record", "invoice", DRAFT)
    assert 4 == done.code
    assert "did not answer" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["invoice"], "there is no ID to record"),
        (["invoise", DRAFT], "did you mean invoice"),
        (["invoice", DRAFT, "--mode", "none"], "mode none records nothing"),
        (["invoice", DRAFT, "--mode", "al"], "use one of: none, once"),
        (["invoice", "a/b"], "takes 1 IDs, not 2"),
        (["invoice", DRAFT, "--api-version", "zz zz"], "a version looks like"),
        (["invoice", DRAFT, "--expand", "Not A Field"], "not a field that can be expanded"),
        (["invoice", DRAFT, "--api-base", "http://api.example.com"], "use https"),
        (["balance", "x"], "has no ID"),
    ],
)
def test_misuse_exits_2_and_says_what_to_do(
    arguments: list[str], says: str, stand_in: StandIn
) -> None:
    """Arguments that cannot work ask nobody."""
    done = replay_command("record", *arguments)
    assert 2 == done.code
    assert says in done.err
    assert {} == stand_in.hits


def test_without_a_key_it_says_where_the_key_comes_from(
    monkeypatch: pytest.MonkeyPatch, stand_in: StandIn
) -> None:
    """The key comes from the environment, never from an argument."""
    monkeypatch.delenv("STRIPE_API_KEY")
    done = replay_command("record", "invoice", DRAFT)
    assert (2, True) == (done.code, "export STRIPE_API_KEY=" in done.err)


def test_a_live_key_needs_allow_live(monkeypatch: pytest.MonkeyPatch, stand_in: StandIn) -> None:
    """sk_live_ is refused before it is sent, and allowed when asked for."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_live_PRIVATE")
    refused = replay_command("record", "invoice", DRAFT)
    assert (1, {}) == (refused.code, stand_in.hits)
    assert "sk_live" not in refused.out + refused.err
    assert 0 == replay_command("record", "invoice", DRAFT, "--allow-live").code


def test_only_the_key_and_the_version_reach_the_source(stand_in: StandIn) -> None:
    """Nothing that identifies a person or machine is sent along."""
    replay_command("record", "invoice", DRAFT, "--api-version", NEW)
    sent = stand_in.seen[0]
    assert ("Bearer sk_test_PRIVATEkey", NEW) == (sent["authorization"], sent["stripe-version"])
    standard = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert {"authorization", "stripe-version"} == set(sent) - standard
    assert "replay-cassettes" == sent["user-agent"]


def test_a_connected_account_is_recorded_under_its_label(stand_in: StandIn) -> None:
    """--account asks for the account and keeps its ID out of the library."""
    account = generated("acct", "a")
    done = replay_command("record", "invoice", DRAFT, "--account", account)
    assert 0 == done.code, done.err
    assert account == stand_in.seen[0]["stripe-account"]
    files = [str(path) for path in Path("cassettes").rglob("*.yaml")]
    assert all(account not in file + Path(file).read_text() for file in files)
    assert files[0].startswith("cassettes/_accounts/acct-")


def test_json_is_one_document(stand_in: StandIn) -> None:
    """--format json prints the results with their paths."""
    done = replay_command("record", "invoice", DRAFT, "--api-version", NEW, "--format=json")
    assert f"invoices/{DRAFT}/{NEW}.yaml" == json.loads(done.out)["results"][0]["path"]


def test_a_retry_after_holds_all_calls(stand_in: StandIn) -> None:
    """The source says when to come back, to all: until then no other call has its turn."""
    ids = [stand_in.add_invoice(generated("in", f"held{n}")) for n in range(8)]
    stand_in.script = [(429, {"Retry-After": "1"}, error(429, "slow down"))]
    stand_in.hold, stand_in.free = threading.Event(), 1
    watched = Watched()

    def note(what: str, value: Any) -> None:
        watched.note(what, value)
        if what == "holds":
            stand_in.hold.set()

    with watching(note):
        done = replay_command("record", "invoice", *ids, "--rate", "100")
    assert 0 == done.code, done.err
    ((told, until),) = watched.holds
    assert len(ids) + 1 == len(watched.turns)  # the first call came back
    # The others that had their turn before it was told: one for each other worker.
    assert len([turn for turn in watched.turns if turn < told]) <= WORKERS
    assert [] == [turn for turn in watched.turns if told <= turn < until]
    assert until >= told + 0.9


def test_ctrl_c_says_what_was_recorded(stand_in: StandIn) -> None:
    """What was fetched is kept and listed, nothing else is begun, and how to go on is said."""
    ids = [stand_in.add_invoice(generated("in", f"stopped{n}")) for n in range(40)]
    stand_in.hold, stand_in.free = threading.Event(), 6
    running = Command("record", "invoice", *ids, "--rate", "100")
    wait_until(lambda: stand_in.held == WORKERS)
    running.stop(signal.SIGINT)
    stand_in.hold.set()
    code, out, err = running.end()
    assert 130 == code, err
    kept = len(list(Path("cassettes").rglob("*.yaml")))
    assert 6 + WORKERS == kept
    assert f"{kept} recorded, 0 unchanged, 0 kept, 0 refused" in out
    assert f"interrupted: {kept} of 40 calls were made" in err
    assert "Traceback" not in err
    again = replay_command("record", "invoice", *ids, "--mode", "once", "--rate", "100")
    assert f"{40 - kept} recorded, 0 unchanged, {kept} kept" in again.out


@pytest.mark.parametrize("command", ["record", "upgrade", "verify"])
def test_what_is_loaded_on_first_use_is_loaded_before_the_first_turn(
    stand_in: StandIn, command: str
) -> None:
    """A call that loaded modules after its turn would go out together with the next one."""
    ids = [stand_in.add_invoice(generated("in", f"n{n}")) for n in range(6)]
    if command != "record":
        done = replay_command("record", "invoice", *ids, "--api-version", OLD, "--rate", "900")
        assert 0 == done.code, done.err
    stand_in.hits.clear()
    options = {
        "record": ["invoice", *ids],
        "upgrade": [NEW, "--yes"],
        "verify": ["--live"],
    }
    running = Command(command, *options[command], "--rate", "100")
    code, _, err = running.end()
    assert 0 == code, err
    assert [] == running.watched.loaded
    assert sum(stand_in.hits.values()) == len(running.watched.turns) >= 6
    assert running.watched.keep(100)


def test_a_context_is_recorded_under_its_label(stand_in: StandIn) -> None:
    """--context asks in the context, and keeps its name out of the library."""
    context = generated("acct", "b")
    done = replay_command("record", "invoice", DRAFT, "--context", context)
    assert 0 == done.code, done.err
    assert context == stand_in.seen[0]["stripe-context"]
    assert "stripe-account" not in stand_in.seen[0]
    files = [str(path) for path in Path("cassettes").rglob("*.yaml")]
    assert files[0].startswith("cassettes/_accounts/ctx-")
    assert all(context not in file + Path(file).read_text() for file in files)
    done = replay_command("record", "invoice", DRAFT, "--context", context)
    assert "1 kept" in done.out


def test_ids_that_are_no_text_are_misuse(stand_in: StandIn) -> None:
    """A list in another encoding is named with its option; nothing is asked for."""
    Path("ids.txt").write_bytes(f"{DRAFT}\n# caf\u00e9\n".encode("latin-1"))
    done = replay_command("record", "invoice", "--ids-from", "ids.txt")
    assert (2, True) == (done.code, "--ids-from ids.txt" in done.err), done.err
    assert not stand_in.hits


@pytest.mark.parametrize("place", ["lib.zip/cassettes", "file", "file/cassettes"])
def test_a_place_that_cannot_be_recorded_into_is_misuse(stand_in: StandIn, place: str) -> None:
    """An archive, or a file in the folder's place, is named before the source is asked."""
    with zipfile.ZipFile("lib.zip", "w") as made:
        made.writestr("cassettes/README", "")
    Path("file").touch()
    done = replay_command("record", "invoice", DRAFT, "--library", place)
    assert (2, True) == (done.code, "error: a" in done.err), done.err
    assert not stand_in.hits


def test_a_broken_policy_ends_the_command_before_any_call(stand_in: StandIn) -> None:
    """One error, with file and line: not one refusal for each object."""
    Path("replay-policy.toml").write_text("version = 1\n", "utf-8")
    done = replay_command("record", "invoice", DRAFT, generated("in", "other"))
    assert 2 == done.code
    assert 1 == done.err.count("unknown section 'version'")
    assert "replay-policy.toml:1" in done.err
    assert not stand_in.hits
