"""A scenario of payments whose amounts say which recording it is of."""

from __future__ import annotations

from pathlib import Path

from replay.config import resolve
from replay.library import Library
from replay.library.library import storage_of
from replay.library.scenarios import ScenarioFiles
from replay.model.cassette import Request
from replay.session.scenario.store import ScenarioOptions
from replay.session.session import open_session

NAME = "tests/test_pay.py::test_pay"


def record(url: str, library: Path | str, amounts: tuple[int, ...], mode: str = "all") -> None:
    """One session that records the scenario: a payment of each amount."""
    config = resolve(library=library, mode=mode, api_base=url)
    session = open_session(config, scenario=ScenarioOptions(NAME))
    try:
        for amount in amounts:
            body = f"amount={amount}&currency=eur".encode()
            headers = (("Content-Type", "application/x-www-form-urlencoded"),)
            session.answer(Request("POST", f"{url}/v1/payment_intents", headers, body))
    except BaseException:
        session.close(failed=True)
        raise
    session.close()


def amounts(library: Path | str) -> tuple[int, ...] | None:
    """What the scenario's steps send; None without a file; an error if it is not whole."""
    found = ScenarioFiles(storage_of(Library(library)), NAME).recorded()
    assert len(found) <= 1
    if not found:
        return None
    sent = tuple(int(str(step.sends["amount"])) for step in found[0].steps)
    for number, step in zip(sent, found[0].steps, strict=True):
        assert f'"amount": {number},'.encode() in step.answer.body
    return sent
