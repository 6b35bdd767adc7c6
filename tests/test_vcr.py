"""vcrpy's own decorators with replay's persister registered: redacted, sealed, written whole."""

from __future__ import annotations

import asyncio
import gc
import json
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import urllib3
import vcr
from support.clients import CLIENTS, HEADERS, stripe_client
from support.standin import DRAFT, NEW, StandIn, error, generated, invoice

import replay
import replay.vcr
from replay.library.format import codec, seals

PATH = f"/v1/invoices/{DRAFT}"


def recorder(**options: Any) -> vcr.VCR:
    """A VCR with the persister, as its documentation shows."""
    made = vcr.VCR(**options)
    made.register_persister(replay.vcr.Persister())
    return made


@pytest.fixture(autouse=True)
def the_stand_in_is_the_api(monkeypatch: pytest.MonkeyPatch, stand_in: StandIn) -> None:
    """The persister keeps calls to the configured base."""
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers={**HEADERS, **headers}, timeout=5)


@pytest.mark.parametrize(
    "name", ["requests", "urllib3", "httpx", "httpx_async", "aiohttp", "http_client", "urllib",
             "stripe_requests"]
)  # fmt: skip
def test_a_recording_is_redacted_sealed_and_replayed(
    name: str, stand_in: StandIn, tmp_path: Path
) -> None:
    """Through each client: nothing private in the file, which answers offline as replay would."""
    tape = tmp_path / "tapes" / "invoice.yaml"
    with recorder().use_cassette(str(tape)):
        assert CLIENTS[name](stand_in.url, DRAFT)["customer_name"].startswith("PRIVATE")
    stand_in.stop()
    text = tape.read_text("ascii")
    assert "PRIVATE" not in text
    assert text.startswith("# replay vcr 1 sha256:")
    with recorder(record_mode="none").use_cassette(str(tape)):
        found = CLIENTS[name](stand_in.url, DRAFT)
    assert replay.pseudonym(found["customer"], "email") == found["customer_email"]
    assert [tape] == [path for path in tape.parent.iterdir() if path.is_file()]


def test_plain_vcrpy_reads_the_file(stand_in: StandIn, tmp_path: Path) -> None:
    """The seal is a comment to every other reader."""
    tape = str(tmp_path / "invoice.yaml")
    with recorder().use_cassette(tape):
        get(stand_in.url + PATH)
    with vcr.use_cassette(tape, record_mode="none"):
        assert DRAFT == get(stand_in.url + PATH).json()["id"]
    assert 1 == sum(stand_in.hits.values())


def test_writes_are_kept_without_their_bodies(stand_in: StandIn, tmp_path: Path) -> None:
    """A POST replays by its address; what it sent, which may be private, is in no file."""
    tape = tmp_path / "write.yaml"
    form = {"description": "PRIVATE text"}
    with recorder().use_cassette(str(tape)):
        requests.post(stand_in.url + PATH, data=form, timeout=5)
    stand_in.stop()
    assert "PRIVATE" not in tape.read_text()
    with recorder(record_mode="none").use_cassette(str(tape)):
        assert DRAFT == requests.post(stand_in.url + PATH, data=form, timeout=5).json()["id"]


def test_the_sdk_pages_and_retries_offline(stand_in: StandIn, tmp_path: Path) -> None:
    """Lists, errors and their order: the SDK sees what it saw while recording."""
    ids = [stand_in.add_invoice(generated("in", str(n))) for n in range(5)]
    stand_in.lists = {"/v1/invoices": [f"/v1/invoices/{id}" for id in ids]}
    stand_in.script = [(409, {"Stripe-Version": NEW}, error(409, "PRIVATE", "lock_timeout"))]

    def page() -> list[str]:
        client = stripe_client(stand_in.url, None, stripe_version=NEW, max_network_retries=1)
        return [i.id for i in client.v1.invoices.list({"limit": 2}).auto_paging_iter()]

    tape = tmp_path / "list.yaml"
    with recorder().use_cassette(str(tape)):
        assert ids == page()
    stand_in.stop()
    assert "PRIVATE" not in tape.read_text()
    with recorder(record_mode="none").use_cassette(str(tape)):
        assert ids == page()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace("draft", "paid"), "its seal does not fit its text"),
        (lambda text: text[: len(text) // 2], "its seal does not fit its text"),
        (lambda text: "", "is empty"),
        (lambda text: "<<<<<<< HEAD\n" + text, "unresolved git merge conflict"),
        (lambda text: "interactions: [\n", "not one that vcrpy can read"),
        (lambda text: text.replace("# replay vcr 1 ", "# replay vcr 2 "), "has format 2"),
    ],
    ids=["edited", "cut", "emptied", "conflict", "no cassette", "too new"],
)
def test_damage_is_an_error_and_never_a_live_call(
    stand_in: StandIn, tmp_path: Path, spoil: Callable[[str], str], says: str
) -> None:
    """Where vcrpy records over what it cannot read, nothing goes online and the file stays."""
    tape = tmp_path / "invoice.yaml"
    with recorder().use_cassette(str(tape)):
        get(stand_in.url + PATH)
    stand_in.hits.clear()
    tape.write_text(spoiled := spoil(tape.read_text()))
    with (
        pytest.raises(replay.CassetteDamaged, match=says),
        recorder(record_mode="new_episodes").use_cassette(str(tape)),
    ):
        get(stand_in.url + PATH)
    assert {} == stand_in.hits
    assert spoiled == tape.read_text()


def test_an_edit_without_the_first_line_is_sealed_by_the_next_recording(
    stand_in: StandIn, tmp_path: Path
) -> None:
    """What the error says to do about one's own edit works."""
    tape = tmp_path / "invoice.yaml"
    with recorder().use_cassette(str(tape)):
        get(stand_in.url + PATH)
    edited = tape.read_text().replace('"draft"', '"paid"')
    tape.write_text(edited.partition("\n")[2])
    with recorder(record_mode="new_episodes").use_cassette(str(tape)):
        assert "paid" == get(stand_in.url + PATH).json()["status"]
        get(f"{stand_in.url}/v1/invoice_payments/inpay_1M3USa2eZvKYlo2CBjuwbq0N")
    takes, _ = codec.loads_vcr(tape.read_bytes(), str(tape))
    assert [b'"paid"' in take.response.body for take in takes] == [True, True]


def test_an_old_recording_is_read_and_redacted_by_the_next_write(
    stand_in: StandIn, tmp_path: Path
) -> None:
    """A suite's cassettes from before go on replaying; adding to one redacts all of it."""
    tape = tmp_path / "old.yaml"
    with vcr.use_cassette(str(tape)):
        get(stand_in.url + PATH)
    assert "PRIVATE" in tape.read_text()
    stand_in.hits.clear()
    with recorder(record_mode="none").use_cassette(str(tape)):
        assert DRAFT == get(stand_in.url + PATH).json()["id"]
    assert {} == stand_in.hits
    with recorder(record_mode="new_episodes").use_cassette(str(tape)):
        get(f"{stand_in.url}/v1/invoices/{stand_in.add_invoice(generated('in', 'new'))}")
    assert "PRIVATE" not in tape.read_text()
    assert 2 == len(codec.loads_vcr(tape.read_bytes(), str(tape))[0])


def test_what_cannot_be_kept_is_left_out_with_a_warning(stand_in: StandIn, tmp_path: Path) -> None:
    """Other hosts' calls, private parameters, and what is no JSON: said, and in no file."""
    tape = tmp_path / "mixed.yaml"
    with StandIn() as other:
        with warnings.catch_warnings(record=True) as warned, recorder().use_cassette(str(tape)):
            warnings.simplefilter("always")
            get(stand_in.url + PATH)
            get(other.url + PATH)
            get(f"{stand_in.url}/v1/customers?email=PRIVATE%40example.net")
            get(f"{stand_in.url}/v1/customers/PRIVATE-chosen")
            stand_in.script = [(200, {}, b"<html>PRIVATE</html>")]
            get(stand_in.url + PATH, **{"Accept-Encoding": "identity"})
        told = " ".join(str(each.message) for each in warned)
    assert "calls to other hosts than Stripe's" in told
    assert "the value of email may be private" in told
    assert "not JSON that can be read" in told
    assert "PRIVATE" not in tape.read_text() + told
    assert 1 == len(codec.loads_vcr(tape.read_bytes(), str(tape))[0])


def test_nothing_of_an_old_recording_is_lost(stand_in: StandIn, tmp_path: Path) -> None:
    """An old file that holds another host's calls is not rewritten without them."""
    tape = tmp_path / "old.yaml"
    with StandIn() as other:
        with vcr.use_cassette(str(tape)):
            get(other.url + PATH)
        before = tape.read_bytes()
        with (
            pytest.raises(replay.ConfigError, match="would leave out: calls to other hosts"),
            recorder(record_mode="new_episodes").use_cassette(str(tape)),
        ):
            get(stand_in.url + PATH)
    assert before == tape.read_bytes()


def test_live_data_is_refused_unless_asked_for(stand_in: StandIn, tmp_path: Path) -> None:
    """A live-mode key or body keeps the whole file from being written."""
    tape = tmp_path / "live.yaml"
    stand_in.add(PATH, {**invoice(DRAFT, NEW), "livemode": True})
    for headers in ({"Authorization": "Bearer sk_live_x"}, {}):
        with pytest.raises(replay.LiveDataRefused), recorder().use_cassette(str(tape)):
            get(stand_in.url + PATH, **headers)
    assert not tape.exists()
    allowed = vcr.VCR()
    allowed.register_persister(replay.vcr.Persister(allow_live=True))
    with allowed.use_cassette(str(tape)):
        get(stand_in.url + PATH)
    assert "PRIVATE" not in tape.read_text()


def test_a_leak_is_not_written(stand_in: StandIn, tmp_path: Path) -> None:
    """The gate reads the final text: what else a suite puts into a cassette is searched too."""
    tape = tmp_path / "leak.yaml"
    name = invoice(DRAFT, NEW)["customer_email"]

    def record() -> None:
        with recorder().use_cassette(str(tape)) as cassette:
            get(stand_in.url + PATH)
            cassette.get_metadata("who", name)

    with pytest.raises(replay.LeakFound):
        record()
    assert not tape.exists()


def test_metadata_and_times_stay(stand_in: StandIn, tmp_path: Path) -> None:
    """Adding to a cassette keeps vcrpy's metadata, and the time of what is not new."""
    tape = tmp_path / "invoice.yaml"
    with recorder().use_cassette(str(tape)) as cassette:
        cassette.get_metadata("seed", 7)
        get(stand_in.url + PATH)
    stamped = tape.read_text().replace("recorded_at: '2", "recorded_at: '1")
    tape.write_text(seals.seal(stamped.partition("\n")[2], "vcr"))
    with recorder(record_mode="new_episodes").use_cassette(str(tape)) as cassette:
        assert 7 == cassette.get_metadata("seed", 8)
        get(f"{stand_in.url}/v1/invoices/{stand_in.add_invoice(generated('in', 'new'))}")
    takes, extra = codec.loads_vcr(tape.read_bytes(), str(tape))
    assert ["1", "2"] == [take.recorded_at[0] for take in takes]
    assert {"seed": 7} == extra["metadata"]


@pytest.mark.parametrize("way", ["json", "ids"])
def test_settings_that_cannot_be_used_are_refused(
    stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Another serializer, and pseudonyms for IDs in addresses, are errors; nothing is written."""
    if way == "ids":
        monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "true")
    tape = tmp_path / "invoice.yaml"
    options = {"serializer": "json"} if way == "json" else {}
    with (
        pytest.raises(replay.ConfigError, match=r"writes YAML|changes the IDs"),
        recorder(**options).use_cassette(str(tape)),
    ):
        get(stand_in.url + PATH)
    assert not tape.exists()


def test_a_refused_recording_leaves_no_patch_behind(stand_in: StandIn, tmp_path: Path) -> None:
    """vcrpy forgets its patches where a persister raises: the next cassette still records."""
    patched = urllib3.connectionpool.HTTPConnectionPool
    before = patched.ConnectionCls
    stand_in.add(PATH, {**invoice(DRAFT, NEW), "livemode": True})
    failures = []
    for _ in range(2):
        with (
            pytest.raises(replay.LiveDataRefused) as failed,
            recorder().use_cassette(str(tmp_path / "live.yaml")),
        ):
            get(stand_in.url + PATH)
        failures.append(failed)  # keeps the frames, as a test runner does
    assert before is patched.ConnectionCls
    stand_in.add_invoice(DRAFT)
    with recorder().use_cassette(str(tmp_path / "next.yaml")) as cassette:
        failures.clear()
        gc.collect()
        get(stand_in.url + PATH)
    assert 1 == len(cassette.requests)


def test_concurrent_tests_of_one_folder_do_not_disturb_each_other(
    stand_in: StandIn, tmp_path: Path
) -> None:
    """Cassettes that are written beside each other at the same time are all there, whole."""
    persister = replay.vcr.Persister()
    with recorder().use_cassette(str(tmp_path / "0.yaml")) as cassette:
        get(stand_in.url + PATH)
    interactions = {"requests": cassette.requests, "responses": cassette.responses}
    yaml = vcr.VCR().serializers["yaml"]

    with ThreadPoolExecutor(8) as pool:
        paths = [tmp_path / f"{n}.yaml" for n in range(1, 17)]
        list(pool.map(lambda path: persister.save_cassette(path, interactions, yaml), paths))
    bodies = {
        json.loads(codec.loads_vcr(path.read_bytes(), str(path))[0][0].response.body)["id"]
        for path in tmp_path.glob("*.yaml")
    }
    assert {DRAFT} == bodies
    assert 17 == len(list(tmp_path.glob("*.yaml")))


VERBS = ["payment_methods/{pm}/attach", "payment_methods/{pm}/detach", "charges/{ch}/capture",
         "payment_intents/{pi}/capture", "invoices/{in}/pay", "ephemeral_keys", "account_links",
         "account_sessions", "customers/{cus}/funding_instructions", "coupons/SUMMER-25",
         "prices/price_gold", "subscription_items/{si}/usage_records", "orders/{or}/submit",
         "test_helpers/customers/{cus}/fund_cash_balance", "accounts/{acct}/login_links",
         "terminal/readers/{tmr}/process_payment_intent"]  # fmt: skip


def test_writes_replay_whatever_their_verb(stand_in: StandIn, tmp_path: Path) -> None:
    """Words of the API in an address are nobody's secret, also where only a write has them."""
    ids = {p: generated(p, "x") for p in ("pm", "ch", "pi", "in", "cus", "si", "or", "acct", "tmr")}
    paths = [f"/v1/{verb.format(**ids)}" for verb in VERBS] + ["/v2/billing/meter_event_session"]
    for path in paths:
        stand_in.add(path, {"object": "invoice", "id": DRAFT, "description": "PRIVATE"})
    tape = tmp_path / "writes.yaml"
    with warnings.catch_warnings(), recorder().use_cassette(str(tape)):
        warnings.simplefilter("error")
        for path in paths:
            requests.post(stand_in.url + path, timeout=5)
    stand_in.stop()
    assert "PRIVATE" not in tape.read_text()
    with recorder(record_mode="none").use_cassette(str(tape)):
        for path in paths:
            assert DRAFT == requests.post(stand_in.url + path, timeout=5).json()["id"]


def test_a_write_that_may_name_a_person_is_left_out_and_shown_once(
    stand_in: StandIn, tmp_path: Path
) -> None:
    """What is neither a word of the API nor an ID is private; the warning has its place."""
    tape, customer = tmp_path / "writes.yaml", generated("cus", "x")
    with warnings.catch_warnings(record=True) as warned, recorder().use_cassette(str(tape)):
        warnings.simplefilter("always")
        get(stand_in.url + PATH)
        for part in ("PRIVATE-1", "PRIVATE-2"):
            requests.post(f"{stand_in.url}/v1/customers/{customer}/attach/{part}", timeout=5)
        requests.post(f"{stand_in.url}/v1/customers?email=PRIVATE", timeout=5)
    assert [
        f"{tape}: not recorded: POST /v1/customers/{{id}}/attach/…: the part shown as … may be"
        " private: the policy does not keep it",
        f"{tape}: not recorded: POST /v1/customers: a parameter may be private:"
        " the policy does not keep it",
    ] == sorted((str(each.message) for each in warned), key=len, reverse=True)
    assert "PRIVATE" not in tape.read_text()


def test_the_sdk_on_aiohttp_replays_what_it_recorded(stand_in: StandIn, tmp_path: Path) -> None:
    """It names methods in lower case, and vcrpy compares them exactly."""
    made = recorder(cassette_library_dir=str(tmp_path))

    async def ask() -> int:
        async with aiohttp.ClientSession() as session:
            url = f"{stand_in.url}/v1/invoice_payments/inpay_1M3USa2eZvKYlo2CBjuwbq0N"
            async with session.request("get", url) as answer:
                return answer.status

    for mode in ("once", "none"):
        with made.use_cassette("lower.yaml", record_mode=mode):
            assert 200 == asyncio.run(ask())
    assert 1 == sum(stand_in.hits.values())
