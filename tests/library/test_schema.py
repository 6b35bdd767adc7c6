"""The JSON Schema of a parsed cassette says what the reader does, and unknown keys survive."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.command import replay_command
from support.proof import proved, proved_slowly
from support.standin import DRAFT, PREVIEW, StandIn
from support.takes import CASSETTES, TRAPS, cassette, document
from support.writing import unchecked

import replay
from replay.library import Library
from replay.library.format import codec
from replay.library.format.schema import Later, Unfit, to_cassette
from replay.library.library import storage_of
from replay.model.cassette import Cassette
from replay.stripe_api.headers import REASON, REQUEST_HEADERS, RESPONSE_HEADERS, is_kept_status

SCHEMA = json.loads((files("replay.library") / "cassette.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
SAMPLES = sorted((Path(__file__).parents[2] / "cassettes").rglob("*.yaml"))


def test_it_is_a_schema_and_ships() -> None:
    """The file in the package is a valid schema of its draft, and the manual names it."""
    Draft202012Validator.check_schema(SCHEMA)
    page = Path(__file__).parents[2] / "docs" / "cassette-format.md"
    named = 'files("replay.library") / "cassette.schema.json"'
    assert named in page.read_text("utf-8")  # where `SCHEMA` was read from


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.parent.name[-6:] + path.stem)
def test_samples_are_valid(path: Path) -> None:
    """Every cassette of the sample library validates."""
    VALIDATOR.validate(yaml.safe_load(path.read_bytes()))


@proved_slowly
@given(CASSETTES)
def test_what_is_written_is_valid(made: Cassette) -> None:
    """Whatever is written, as another reader parses it, validates."""
    VALIDATOR.validate(yaml.safe_load(codec.dumps(made)))


ANYTHING = st.sampled_from(
    [None, True, 0, 1, 2, 99, 100, 599, 600, "", "x", "\u00e9", "a\x85", "a\nb", "\x00", [], ["x"],
     [1], {}, {"x": "y"},
     {"a\x7f": "b"}, {"a": "b\u2028"}, ["a\tb"],
     {"x": 1}, {"x": ["y"]}]
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [place for name in value for place in _places(value[name], (*path, name))]
    elif isinstance(value, list):
        found += [place for n, item in enumerate(value) for place in _places(item, (*path, n))]
    return found


WHOLE = document(
    replace(
        cassette(extra={"x-take": 1}, unconfirmed=("", "/a"), equal_values={"/a": "id-1"}),
        key=replace(cassette().key, resource="customers/sources", parents=("cus_1",), account="a"),
        extra={"x-top": [1]},
        cassette_extra={"x-head": None},
    )
)
PLACES = _places(WHOLE)


@proved
@given(st.sampled_from(PLACES), st.sampled_from(["set", "drop", "add"]), ANYTHING)
def test_schema_and_reader_agree(place: tuple[Any, ...], how: str, value: Any) -> None:
    """A document with any one change is valid exactly where the reader takes it."""
    changed: Any = copy.deepcopy(WHOLE)
    at = changed
    for step in place[:-1]:
        at = at[step]
    if how == "add":
        target = at[place[-1]] if place else changed
        if isinstance(target, dict):
            target["unknown"] = value
        elif isinstance(target, list):
            target.append(value)
    elif not place:
        changed = value
    elif how == "drop":
        del at[place[-1]]
    else:
        at[place[-1]] = value
    assert VALIDATOR.is_valid(changed) == _reads(changed), (place, how, value)


def _reads(changed: Any) -> bool:
    try:
        made = to_cassette(changed)
    except Later:
        return False
    except Unfit as error:
        # The one rule between two fields, which a schema cannot say.
        return "more IDs than the resource" in str(error)
    assert made == codec.loads(codec.dumps(made).encode(), "x.yaml")
    return True


def test_it_has_the_forms_that_recording_has() -> None:
    """Header names and values, statuses and reason phrases are those of the one home they have."""
    for name, forms in (("sent", REQUEST_HEADERS), ("received", RESPONSE_HEADERS)):
        told = SCHEMA["$defs"][name]["properties"]
        assert {key: _pattern(form) for key, form in forms.items()} == {
            key: line["items"]["pattern"] for key, line in told.items()
        }
    response = SCHEMA["$defs"]["interaction"]["properties"]["response"]["properties"]
    status = response["status"]["properties"]
    assert _pattern(REASON) == status["message"]["pattern"]
    codes = Draft202012Validator(status["code"])
    assert [codes.is_valid(n) for n in range(700)] == [is_kept_status(n) for n in range(700)]


def _pattern(form: re.Pattern[str]) -> str:
    return f"^{form.pattern.removesuffix(chr(92) + 'Z')}$"


def test_later_versions_are_valid_for_nobody() -> None:
    """Version 2 is neither valid nor read."""
    for version in (2, 0, "1", True, None, 1.5):
        changed = {**WHOLE, "version": version}
        assert (False, False) == (VALIDATOR.is_valid(changed), _reads(changed))


EXTRA = {"owner": "billing", "tags": ["a", {"b": None}], "trap": list(TRAPS[:12]), "big": 2**70}


def _edited(add: Callable[[Cassette], Cassette]) -> Path:
    """Put keys of a later release into the draft's recording, and seal it as a person would."""
    library = Library("cassettes")
    path = f"invoices/{DRAFT}/{PREVIEW}.yaml"
    made = library.read(path)
    assert made is not None
    storage_of(library).write(add(made), unchecked)
    assert 0 == replay_command("seal", Path("cassettes", path)).code
    return Path("cassettes", path)


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_has_none(code: int) -> None:
    """No answer may be read in two ways: some clients would take the body, others break on it."""
    changed: Any = copy.deepcopy(WHOLE)
    response = changed["interactions"][0]["response"]
    response["status"]["code"] = code
    assert response["body"]["string"]
    assert not VALIDATOR.is_valid(changed)
    with pytest.raises(Unfit, match="its status has none"):
        to_cassette(changed)
    response["body"]["string"] = ""
    assert VALIDATOR.is_valid(changed)
    to_cassette(changed)


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_unknown_keys_survive_a_recording(stand_in: StandIn, mode: str) -> None:
    """A real re-recording keeps unknown keys at the top, in the head, and of takes that stay."""

    def record(how: str, times: int = 1) -> None:
        with replay.use_cassettes("cassettes", mode=how, api_base=stand_in.url):
            for _ in range(times):
                requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", timeout=5)

    record("once")
    path = _edited(
        lambda made: replace(
            made,
            extra={"x-top": EXTRA},
            cassette_extra={"x-head": EXTRA},
            interactions=tuple(replace(t, extra={"x-take": EXTRA}) for t in made.interactions),
        )
    )
    stand_in.add_invoice(DRAFT, status="paid")
    record(mode, times=2)
    written = yaml.safe_load(path.read_bytes())
    assert EXTRA == written["x-top"] == written["cassette"]["x-head"]
    assert '"status": "paid"' in written["interactions"][-1]["response"]["body"]["string"]
    kept = [take.get("x-take") for take in written["interactions"]]
    assert ([EXTRA, None] if mode == "new_episodes" else [None]) == kept
    VALIDATOR.validate(written)
    assert 0 == replay_command("verify", "--deep").code


@pytest.mark.parametrize("at", ["request", "response", "status", "body"])
def test_unknown_keys_elsewhere_are_refused(at: str) -> None:
    """Where a rewrite would lose a key, the cassette is refused, before anything is lost."""
    changed: Any = copy.deepcopy(WHOLE)
    take = changed["interactions"][0]
    target = take[at] if at in take else take["response"][at]
    target["x-new"] = 1
    assert (False, False) == (VALIDATOR.is_valid(changed), _reads(changed))
