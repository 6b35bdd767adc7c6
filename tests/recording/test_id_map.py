"""IDs as pseudonyms: one function of the ID, over bodies, addresses, file names and questions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import stripe
from support.standin import DRAFT, OLD, StandIn, generated

import replay
from replay.config import resolve
from replay.errors import ConfigError, PolicyError
from replay.recording.id_map import IdMap
from replay.redaction.policy import with_team
from replay.redaction.policy_source import PolicySource
from replay.redaction.pseudonyms import masked_id, pseudonym
from replay.redaction.redactor import redact

CUSTOMER = generated("cus", DRAFT)


@pytest.fixture
def source():
    with StandIn() as server:
        body = {"id": CUSTOMER, "object": "customer", "name": "PRIVATE Jenny", "livemode": False}
        server.add(f"/v1/customers/{CUSTOMER}", body)
        page = {"object": "list", "data": [body], "has_more": False, "url": "/v1/customers"}
        server.add("/v1/customers", page)
        yield server


@pytest.fixture(autouse=True)
def setting(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "true")


def client() -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_x", max_network_retries=0, stripe_version=OLD)


def walk_through() -> list[str]:
    invoice = client().v1.invoices.retrieve(DRAFT)
    customer = client().v1.customers.retrieve(str(invoice.customer))
    return [invoice.id, customer.id, str(customer.name)]


def written(root: Path) -> str:
    files = [path for path in root.rglob("*") if path.is_file()]
    return "\n".join(f"{path}\n{path.read_text('utf-8')}" for path in files)


def test_no_real_id_is_written_and_either_name_is_answered(source, tmp_path):
    """A test asks for the real ID, then for the pseudonym that the answer gave it."""
    with replay.use_cassettes(tmp_path / "lib", mode="once", api_base=source.url):
        recorded = walk_through()
    with replay.use_cassettes(tmp_path / "lib"):
        assert recorded == walk_through()
        assert recorded[0] == client().v1.invoices.retrieve(masked_id(DRAFT)).id
    assert [masked_id(DRAFT), masked_id(CUSTOMER), pseudonym(CUSTOMER, "name")] == recorded
    assert {DRAFT, CUSTOMER} & set(written(tmp_path / "lib").replace("'", " ").split()) == set()
    assert DRAFT not in written(tmp_path / "lib")
    assert CUSTOMER not in written(tmp_path / "lib")


def test_a_collection_is_kept_under_pseudonyms_too(source, tmp_path):
    real = {"starting_after": CUSTOMER}
    with replay.use_cassettes(tmp_path / "lib", mode="once", api_base=source.url):
        client().v1.customers.list(real)
    with replay.use_cassettes(tmp_path / "lib"):
        page = client().v1.customers.list({"starting_after": masked_id(CUSTOMER)})
        assert page.data == client().v1.customers.list(real).data
    assert CUSTOMER not in written(tmp_path / "lib")


def test_a_pseudonym_whose_id_is_unknown_cannot_be_fetched(source, tmp_path):
    """The answer that named it came from a cassette, so nobody knows the way back."""
    with replay.use_cassettes(tmp_path / "lib", mode="once", api_base=source.url):
        client().v1.invoices.retrieve(DRAFT)
    with (
        pytest.raises(ConfigError, match="not known in this run"),
        replay.use_cassettes(tmp_path / "lib", mode="once", api_base=source.url),
    ):
        walk_through()


def test_a_library_with_real_ids_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "false")
    with replay.use_cassettes(tmp_path / "lib", mode="once", api_base=source.url):
        client().v1.invoices.retrieve(DRAFT)
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "true")
    with (
        pytest.raises(ConfigError, match="real IDs"),
        replay.use_cassettes(tmp_path / "lib"),
    ):
        client().v1.invoices.retrieve(DRAFT)


def test_a_raw_view_would_show_what_is_hidden(source, tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with (
        pytest.raises(ConfigError, match="pseudonymise_ids"),
        replay.use_cassettes(tmp_path, mode="once", api_base=source.url, live_view="raw"),
    ):
        pass


def test_redacting_twice_is_redacting_once():
    policy = with_team("", "", masks_ids=True)
    body = {"id": DRAFT, "object": "invoice", "customer": CUSTOMER, "customer_email": "a@b.example",
            "description": "x", "lines": {"object": "list", "url": f"/v1/invoices/{DRAFT}/lines"},
            "error": None}  # fmt: skip
    once = redact(body, owner=f"invoices {DRAFT}", policy=policy)
    again = redact(once.body, owner=f"invoices {masked_id(DRAFT)}", policy=policy)
    assert once.body == again.body
    assert () == again.originals
    assert once.redacted == again.redacted
    assert {masked_id(DRAFT): DRAFT, masked_id(CUSTOMER): CUSTOMER} == once.ids
    assert "id" == once.redacted["/lines/url"]


def test_an_error_names_the_pseudonym():
    policy = with_team("", "", masks_ids=True)
    body = {"error": {"message": f"No such invoice: '{DRAFT}'", "code": "resource_missing"}}
    result = redact(body, owner=f"invoices {DRAFT}", policy=policy)
    assert f"No such invoice: '{masked_id(DRAFT)}'" == result.body["error"]["message"]


@pytest.mark.parametrize("masks", [False, True])
def test_other_stand_ins_are_the_same_whether_ids_are_shown_or_not(masks):
    body = {"id": CUSTOMER, "object": "customer", "name": "Greta"}
    policy = with_team("", "", masks_ids=masks)
    assert pseudonym(CUSTOMER, "name") == redact(body, owner="x", policy=policy).body["name"]


def test_a_pseudonym_keeps_the_prefix_and_is_its_own():
    masked = masked_id("cs_test_a1QaTestAbCdEf01")
    assert masked.startswith("cs_test_Redacted")
    assert masked == masked_id(masked)


def test_the_way_back_is_never_shown():
    names = IdMap()
    names.remember({masked_id(DRAFT): DRAFT})
    assert "<IdMap of 1 IDs>" == repr(names)


def test_the_teams_file_stands_beside_the_configuration(tmp_path, monkeypatch):
    monkeypatch.delenv("REPLAY_PSEUDONYMISE_IDS")
    project = tmp_path / "project"
    project.mkdir()
    (project / "replay.toml").write_text("pseudonymise_ids = true\n")
    (project / "replay-policy.toml").write_text('[[keep]]\npath = "number"\npattern = "A-1"\n')
    monkeypatch.chdir(project)
    config = resolve()
    assert (str(project / "replay-policy.toml"), True) == (config.policy, config.pseudonymise_ids)
    assert PolicySource.of(config).load().label != PolicySource().load().label


def test_the_teams_file_can_be_named(tmp_path, monkeypatch):
    project = tmp_path / "named"
    project.mkdir()
    (project / "replay.toml").write_text('policy = "rules/own.toml"\n')
    monkeypatch.chdir(project)
    with pytest.raises(ConfigError, match=r"no policy file .*own\.toml"):
        resolve()
    (project / "rules").mkdir()
    (project / "rules" / "own.toml").write_text("")
    assert str(project / "rules" / "own.toml") == resolve().policy


def test_a_switch_is_true_or_false(monkeypatch):
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "ja")
    with pytest.raises(ConfigError, match="must be true or false"):
        resolve()


def test_a_policy_file_that_is_no_text_is_an_error(tmp_path):
    file = tmp_path / "p.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="cannot be read"):
        PolicySource(str(file)).load()


def test_a_kept_metadata_value_survives_a_recording(source, tmp_path, monkeypatch):
    """The whole way: configuration, recording, gate, file."""
    (tmp_path / "replay.toml").write_text("")
    (tmp_path / "replay-policy.toml").write_text(
        '[[keep]]\ntype = "invoice"\nmetadata = "team"\npattern = "PRIVATE (?:blue|red)"\n'
    )
    sub = tmp_path / "sub"
    sub.mkdir()
    monkeypatch.chdir(sub)
    with replay.use_cassettes(tmp_path / "lib", mode="once", api_base=source.url):
        invoice = client().v1.invoices.retrieve(DRAFT)
    assert "PRIVATE blue" == json.loads(str(invoice))["metadata"]["team"]
    assert "PRIVATE blue" in written(tmp_path / "lib")


def stand_ins(session):
    return {(str(one.call.key), one.api_version): one.take.redacted for one in session.calls}


def test_a_session_says_which_pointers_are_stand_ins(source, tmp_path):
    with replay.use_cassettes(tmp_path / "lib", mode="once", api_base=source.url) as session:
        assert () == session.calls
        client().v1.customers.retrieve(CUSTOMER)
    name = f"customers {masked_id(CUSTOMER)}"
    expected = {(name, OLD): {"/id": "id", "/name": "name"}}
    assert expected == stand_ins(session)
    with replay.use_cassettes(tmp_path / "lib") as again:
        client().v1.customers.retrieve(CUSTOMER)
    assert expected == stand_ins(again)
