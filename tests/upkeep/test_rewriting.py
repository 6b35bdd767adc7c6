"""Commands that rewrite a cassette lose nothing that is recorded into it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.standin import DRAFT, OLD, StandIn
from support.writing import unchecked

from replay.config import resolve
from replay.errors import LibraryError
from replay.library import Library
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.model.cassette import Request
from replay.redaction.policy import default_policy, with_team
from replay.session.session import open_session
from replay.upkeep.merge import merge
from replay.upkeep.reredact import redact_again
from replay.upkeep.seal import seal

POLICY = default_policy()


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> Path:
    """The cassette of an invoice."""
    session = open_session(resolve(library=library, mode="once", api_base=stand_in.url))
    request = Request("GET", f"{stand_in.url}/v1/invoices/{DRAFT}", (("Stripe-Version", OLD),))
    session.answer(request)
    session.close()
    (path,) = library.rglob("*.yaml")
    return path


def edited(path: Path) -> None:
    """An edit without a seal."""
    path.write_text(path.read_text().replace('"draft"', '"void"'))


def conflicted(path: Path) -> None:
    """Two recordings between the marks of a merge."""
    text = path.read_text()
    other = seals.seal(text.partition("\n")[2].replace('"draft"', '"void"'))
    path.write_text(f"<<<<<<< ours\n{text}=======\n{other}>>>>>>> theirs\n")


STRICTER = with_team('[[redact]]\ntype = "invoice"\npath = "amount_due"\n', "p")


def whole(path: Path) -> None:
    """Nothing is wrong with it."""


@pytest.mark.parametrize(
    ("prepare", "work"),
    [
        (edited, lambda path: seal(path, POLICY)),
        (conflicted, lambda path: merge(path, POLICY)),
        (whole, lambda path: redact_again(path, STRICTER)),
    ],
    ids=["seal", "seal --merge", "seal --redact"],
)
def test_what_is_recorded_meanwhile_stays(
    prepare: Callable[[Path], None], work: Callable[[Path], object], recorded: Path
) -> None:
    """The command that waited for a recording says so, and leaves the file as that made it."""
    library = Library(recorded.parents[2])
    made = codec.loads(recorded.read_bytes(), str(recorded))
    prepare(recorded)
    with ThreadPoolExecutor(1) as pool:
        with storage_of(library).lock(made.key):
            waiting = pool.submit(work, recorded)
            time.sleep(0.5)
            assert not waiting.done()
            takes = [
                replace(take, recorded_at="2030-01-01T00:00:00Z") for take in made.interactions
            ]
            storage_of(library).write(
                replace(made, interactions=(*made.interactions, *takes)), unchecked
            )
            written = recorded.read_bytes()
        with pytest.raises(LibraryError, match="has changed in the meantime") as caught:
            waiting.result(20)
    assert str(recorded) == caught.value.where
    assert "run the command again" == caught.value.hint
    assert written == recorded.read_bytes()
    assert 2 == len(codec.loads(written, "").interactions)
