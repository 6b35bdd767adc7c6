"""The JSON Schema of a parsed cassette says what the reader does."""

from __future__ import annotations

import copy
import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from support.proof import proved, proved_slowly
from support.takes import CASSETTES, cassette, document

from replay.library.format import codec
from replay.library.format.fields import Unfit
from replay.library.format.forms import ACCOUNT, BATCH, CLASSES, POLICY, SOURCE, TIME
from replay.library.format.schema import Later, to_cassette
from replay.model.cassette import Cassette, ObjectKey
from replay.stripe_api.headers import REQUEST_HEADERS, RESPONSE_HEADERS, is_kept_status, phrases

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
    cassette(
        key=ObjectKey("customers/sources", "card_1", ("cus_1",), "acct-0123456789abcdef", "a=b"),
        unconfirmed=("", "/a"),
        equal_values={"/a": "id-1"},
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
    assert _reads(changed) in {VALIDATOR.is_valid(changed), None}, (place, how, value)


def _reads(changed: Any) -> bool | None:
    """Whether the reader takes a document; None if it breaks a rule that the schema cannot say."""
    try:
        made = to_cassette(changed)
    except Later:
        return False
    except Unfit as error:
        return None if re.search(_BEYOND, str(error)) else False
    assert made == codec.loads(codec.dumps(made).encode(), "x.yaml")
    return True


_BEYOND = (
    "resource is none that|is not that of the call that|has another API version than|not an API"
    "|the reason phrase of its status"
)
"""The rules between fields, and of the table of paths: a schema cannot say them."""


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("cassette", "resource"), "janes"),
        (("cassette", "id"), "card_2"),
        (("cassette", "api_version"), "2024-06-21"),
        (("interactions", 0, "request", "uri"), "https://api.stripe.com/v1/charges/ch_1"),
        (("interactions", 0, "response", "status", "message"), "Not Found"),
    ],
)
def test_rules_beyond_the_schema(place: tuple[Any, ...], value: str) -> None:
    """The schema's text names them, and the reader has them."""
    changed: Any = copy.deepcopy(WHOLE)
    at = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    assert VALIDATOR.is_valid(changed)
    with pytest.raises(Unfit, match=_BEYOND):
        to_cassette(changed)
    assert {"resource", "request", "api_version", "message"} <= {*re.findall(r"\w+", TOLD)}


TOLD = SCHEMA["description"]


def test_it_has_the_forms_that_recording_has() -> None:
    """Header names and values, statuses and reason phrases are those of the one home they have."""
    for name, forms in (("sent", REQUEST_HEADERS), ("received", RESPONSE_HEADERS)):
        told = SCHEMA["$defs"][name]["properties"]
        assert {key: _pattern(form) for key, form in forms.items()} == {
            key: line["items"]["pattern"] for key, line in told.items()
        }
    take = SCHEMA["$defs"]["interaction"]["properties"]
    status = take["response"]["properties"]["status"]["properties"]
    assert {text for code in range(200, 600) if is_kept_status(code) for text in phrases(code)} == {
        *status["message"]["enum"]
    }
    for name, form in (("recorded_at", TIME), ("source", SOURCE), ("batch", BATCH)):
        assert f"^(?:{form})$" == take[name]["pattern"]
    head = SCHEMA["properties"]["cassette"]["properties"]
    assert (f"^{POLICY}$", f"^{ACCOUNT}$") == (
        head["policy"]["pattern"],
        head["account"]["pattern"],
    )
    of_version = _pattern(REQUEST_HEADERS["Stripe-Version"]).strip("^$")
    assert f"^(?:unversioned|{of_version})$" == head["api_version"]["pattern"]
    classes = take["redacted"]["additionalProperties"]["pattern"]
    assert CLASSES == {*re.findall("[a-z0-9_]+", classes)}
    codes = Draft202012Validator(status["code"])
    assert [codes.is_valid(n) for n in range(700)] == [is_kept_status(n) for n in range(700)]


def _pattern(form: re.Pattern[str]) -> str:
    return f"^{form.pattern.removesuffix(chr(92) + 'Z')}$"


def test_later_versions_are_valid_for_nobody() -> None:
    """Version 2 is neither valid nor read."""
    for version in (2, 0, "1", True, None, 1.5):
        changed = {**WHOLE, "version": version}
        assert (False, False) == (VALIDATOR.is_valid(changed), _reads(changed))


@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_has_none(code: int) -> None:
    """No answer may be read in two ways: some clients would take the body, others break on it."""
    changed: Any = copy.deepcopy(WHOLE)
    response = changed["interactions"][0]["response"]
    response["status"] = {"code": code, "message": ""}
    assert response["body"]["string"]
    assert not VALIDATOR.is_valid(changed)
    with pytest.raises(Unfit, match="its status has none"):
        to_cassette(changed)
    response["body"]["string"] = ""
    assert VALIDATOR.is_valid(changed)
    to_cassette(changed)


@pytest.mark.parametrize("at", ["", "cassette", "take", "request", "response", "status", "body"])
def test_unknown_keys_are_refused(at: str) -> None:
    """What replay would not write is refused wherever it stands."""
    changed: Any = copy.deepcopy(WHOLE)
    take = changed["interactions"][0]
    places = {
        "": changed,
        "cassette": changed["cassette"],
        "take": take,
        **take,
        **take["response"],
    }
    places[at]["x-new"] = 1
    assert (False, False) == (VALIDATOR.is_valid(changed), _reads(changed))
