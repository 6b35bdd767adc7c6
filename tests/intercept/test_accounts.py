"""Stripe-Account and Stripe-Context separate recordings, in sessions, on disk and in messages."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from support.clients import stripe_client
from support.standin import DRAFT, NEW, StandIn

import replay
from replay.stripe_api.call import account_label

ACCOUNT, CONTEXT = "acct_1PRIVATEaccount00", "acct_1PRIVATEcontext00"
ASKED: dict[str, dict[str, str]] = {
    "none": {},
    "account": {"Stripe-Account": ACCOUNT},
    "context": {"Stripe-Context": CONTEXT},
    "both": {"Stripe-Account": ACCOUNT, "Stripe-Context": CONTEXT},
    "context named as the account": {"Stripe-Context": ACCOUNT},
}
PATH = f"/v1/invoices/{DRAFT}"


@pytest.fixture
def told(stand_in: StandIn) -> StandIn:
    """A source that answers each account and context with amounts of its own."""
    serve = stand_in.objects[PATH]

    def own(version: str, expand: list[str]) -> object:
        asked = stand_in.seen[-1]
        number = list(ASKED.values()).index(
            {name: asked[name.lower()] for name in ("Stripe-Account", "Stripe-Context")
             if name.lower() in asked}
        )  # fmt: skip
        return {**serve(version, expand), "attempt_count": number}

    stand_in.objects[PATH] = own
    return stand_in


def ask(base: str) -> dict[str, int]:
    return {
        name: requests.get(
            base + PATH, headers={**headers, "Stripe-Version": NEW}, timeout=5
        ).json()["attempt_count"]
        for name, headers in ASKED.items()
    }


def test_each_account_and_context_is_recorded_and_replayed_by_itself(
    told: StandIn, library: Path
) -> None:
    """Five calls for one ID that differ by account and context alone have five cassettes."""
    with replay.use_cassettes(library, mode="once", api_base=told.url) as session:
        recorded = ask(told.url)
    assert {name: n for n, name in enumerate(ASKED)} == recorded
    assert 5 == session.counts.recorded
    told.stop()
    with replay.use_cassettes(library, api_base=told.url):
        assert recorded == ask(told.url)
    files = [path.relative_to(library).as_posix() for path in library.rglob("*.yaml")]
    assert 5 == len(files)
    assert 2 == sum(path.startswith("_accounts/acct-") for path in files) + 1
    assert 3 == sum(path.startswith("_accounts/ctx-") for path in files)
    text = "".join(path.read_text() for path in library.rglob("*.yaml"))
    assert "PRIVATE" not in text + repr(files) + repr(session)


def test_the_sdks_own_options_separate_recordings(told: StandIn, library: Path) -> None:
    """stripe_account and stripe_context, of the client or of a call."""
    plain = stripe_client(told.url, None, stripe_version=NEW)
    client = stripe_client(told.url, None, stripe_version=NEW, stripe_context=CONTEXT)

    def counts() -> list[int]:
        return [
            plain.v1.invoices.retrieve(DRAFT).attempt_count,
            plain.v1.invoices.retrieve(DRAFT, options={"stripe_account": ACCOUNT}).attempt_count,
            client.v1.invoices.retrieve(DRAFT).attempt_count,
        ]

    with replay.use_cassettes(library, mode="once", api_base=told.url):
        assert [0, 1, 2] == counts()
    told.stop()
    with replay.use_cassettes(library, api_base=told.url):
        assert [0, 1, 2] == counts()


@pytest.mark.parametrize(
    ("name", "says", "hint"),
    [
        ("account", "of a connected account is not recorded", "--account ACCT"),
        ("context", "of this Stripe-Context is not recorded", "--context CTX"),
    ],
)
def test_another_accounts_recording_does_not_answer(
    told: StandIn, library: Path, name: str, says: str, hint: str
) -> None:
    """The refusal says whose it would be, how to record it, and no account's name."""
    headers = {"Stripe-Version": NEW}
    with replay.use_cassettes(library, mode="once", api_base=told.url):
        requests.get(told.url + PATH, headers=headers, timeout=5)
    with (
        pytest.raises(replay.CassetteNotFound, match=says) as refused,
        replay.use_cassettes(library, api_base=told.url),
    ):
        requests.get(told.url + PATH, headers={**headers, **ASKED[name]}, timeout=5)
    assert hint in refused.value.hint
    assert "PRIVATE" not in str(refused.value)


def test_the_source_is_told_whose_data_is_asked_for(told: StandIn, library: Path) -> None:
    """A recording passes account and context on, and writes neither."""
    with replay.use_cassettes(library, mode="once", api_base=told.url):
        requests.get(told.url + PATH, headers=ASKED["both"], timeout=5)
    assert (ACCOUNT, CONTEXT) == tuple(
        told.seen[-1][name] for name in ("stripe-account", "stripe-context")
    )


def test_labels_tell_kinds_apart_and_are_the_same_everywhere() -> None:
    """An account and a context of the same name are two; nothing of a name can be read."""
    assert "" == account_label("")
    assert "acct-3ecd8d1f83a49e05" == account_label("acct_1")
    assert account_label("", "acct_1").startswith("ctx-")
    labels = {account_label("a", "b"), account_label("a\0b"), account_label("", "b")}
    assert 3 == len(labels)
