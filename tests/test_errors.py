"""The error family: one root, data beside prose, fit to travel between processes."""

from __future__ import annotations

import ast
import copy
import pickle
from pathlib import Path

import pytest

from replay import errors
from replay.errors import (
    CassetteDamaged,
    CassetteNotFound,
    LeakFound,
    LibraryError,
    NetworkWarning,
    Refused,
    ReplayError,
    UpstreamError,
    VersionNotRecorded,
)

FAMILY = sorted(
    (
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ),
    key=lambda kind: kind.__name__,
)
ERRORS = [kind for kind in FAMILY if issubclass(kind, ReplayError)]


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_one_root(kind: type[BaseException]) -> None:
    """Who catches ReplayError catches all; a carrier and a warning stand outside, on purpose."""
    assert (kind in {Refused, NetworkWarning}) is not issubclass(kind, ReplayError)
    assert kind.__doc__


@pytest.mark.parametrize(
    ("parent", "kinds"),
    [
        (
            LibraryError,
            {
                "CassetteConflict",
                "CassetteDamaged",
                "CassetteForeign",
                "CassetteNotFound",
                "CassetteTooNew",
                "CassetteUnsealed",
                "KeyMismatch",
                "LibraryBusy",
                "ScenarioNotRecorded",
                "VersionNotRecorded",
            },
        ),
        (
            CassetteDamaged,
            {
                "CassetteConflict",
                "CassetteForeign",
                "CassetteTooNew",
                "CassetteUnsealed",
                "KeyMismatch",
            },
        ),
        (CassetteNotFound, {"VersionNotRecorded"}),
    ],
)
def test_kinds(parent: type[ReplayError], kinds: set[str]) -> None:
    """Damage is never a kind of "not found", so no handler of the one swallows the other."""
    assert kinds == {k.__name__ for k in ERRORS if issubclass(k, parent) and k is not parent}


@pytest.mark.parametrize(
    ("where", "hint", "expected"),
    [
        ("", "", "it broke"),
        ("a.yaml", "", "it broke\n  where: a.yaml"),
        ("", "mend it", "it broke\n  next: mend it"),
        ("a.yaml", "mend it\nor not", "it broke\n  where: a.yaml\n  next: mend it\n        or not"),
    ],
)
def test_message(where: str, hint: str, expected: str) -> None:
    """The text says what, where and what next, and leaves out what there is not."""
    assert expected == str(ReplayError("it broke", where=where, hint=hint))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_attributes(kind: type[ReplayError]) -> None:
    """Callers read an error's parts instead of parsing its text."""
    error = kind("it broke", where="a.yaml", hint="mend it")
    assert ("it broke", "a.yaml", "mend it") == (error.what, error.where, error.hint)
    assert ("it broke",) == error.args


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_exit_code(kind: type[ReplayError]) -> None:
    """Exit code 4 means that the source did not answer; every other error is 2."""
    assert (4 if kind is UpstreamError else 2) == kind.exit_code


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_errors_travel(protocol: int) -> None:
    """An error sent to another process arrives with its kind, text and attributes."""
    sent = VersionNotRecorded(
        "not there",
        where="lib",
        hint="record it",
        resource="invoices",
        id="in_1",
        nearest=("in_2",),
        recorded=("2024-06-20",),
    )
    got = pickle.loads(pickle.dumps(sent, protocol))  # noqa: S301 - our own bytes
    assert type(sent) is type(got)
    assert vars(sent) == vars(got)
    assert str(sent) == str(got)
    assert ("invoices", "in_1", ("in_2",)) == (got.resource, got.id, got.nearest)
    assert ("2024-06-20",) == got.recorded


def test_leaks_travel() -> None:
    """A leak keeps pointer and kind on its way to another process."""
    got = pickle.loads(pickle.dumps(LeakFound("leak", pointer="/name", kind="name")))  # noqa: S301
    assert ("/name", "name", "leak") == (got.pointer, got.kind, got.what)


def test_refused_passes_exception_handlers() -> None:
    """A client's `except Exception` does not see a refusal, whose text is the error's own."""
    error = CassetteNotFound("not there", hint="record it")
    try:
        with pytest.raises(Refused, match="record it") as caught:
            raise Refused(error)
    except Exception:  # noqa: BLE001 # pragma: no cover
        pytest.fail("a client would have retried")
    assert error is caught.value.error
    assert not isinstance(caught.value, Exception)


def test_no_version_is_recorded_unless_said() -> None:
    """A VersionNotRecorded made without versions has none."""
    assert () == VersionNotRecorded("not there").recorded


ATTRIBUTES = ["what", "where", "hint", "recorded", "args", "exit_code", "foo", "_foo"]


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_error_does_not_change(name: str) -> None:
    """What is caught says what was raised: nothing is set anew, added or taken away."""
    error = VersionNotRecorded("a", where="b", hint="c", recorded=("2024-06-20",))
    before = dict(error.__dict__)
    with pytest.raises(AttributeError, match=rf"VersionNotRecorded\.{name} is set once"):
        setattr(error, name, "other")
    with pytest.raises(AttributeError, match=rf"VersionNotRecorded\.{name} stays as"):
        delattr(error, name)
    assert (before, ("a",)) == (error.__dict__, error.args)


@pytest.mark.parametrize("name", ["error", "args", "foo"])
def test_a_refusal_does_not_change(name: str) -> None:
    """Nor does the carrier of an error."""
    refused = Refused(ReplayError("a"))
    with pytest.raises(AttributeError, match=rf"Refused\.{name} is set once"):
        setattr(refused, name, ())
    with pytest.raises(AttributeError, match=rf"Refused\.{name} stays as"):
        delattr(refused, name)
    assert ("a",) == refused.args


@pytest.mark.parametrize("error", [ReplayError("a", where="b"), Refused(ReplayError("a"))])
def test_what_python_sets_on_exceptions_still_works(error: BaseException) -> None:
    """Causes, contexts, tracebacks, notes, copies and pickles."""
    cause = KeyError()
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 - a refusal is no Exception
        trace = caught.__traceback__
    error.__context__ = cause
    error.__traceback__ = None
    error.__suppress_context__ = False
    error.add_note("note")
    error.add_note("and another")
    assert ["note", "and another"] == error.__notes__
    assert trace is error.with_traceback(trace).__traceback__
    assert cause is error.__cause__
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - ours
        assert (type(error), str(error), error.args) == (type(copied), str(copied), copied.args)
    del error.__notes__


def test_each_error_says_what_to_do_next() -> None:
    own = {kind.__name__ for kind in ERRORS} | {"wrong"}
    # The reason why an answer is not recorded: whoever catches it says what to do.
    own -= {"NotRecordable"}
    silent = []
    for file in sorted(Path(errors.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            called = node.exc.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            given = {keyword.arg for keyword in node.exc.keywords}
            if name in own and node.exc.args and not given & {"hint", None}:
                silent.append(f"{file}:{node.lineno}")
    assert not silent


def test_asking_a_carrier_for_what_other_errors_have_tells_what_it_carries() -> None:
    """Code that catches everything fails at `error.http_status`: that failure is what is read."""
    carrier = Refused(CassetteNotFound("invoices in_1 is not recorded", hint="record it"))
    with pytest.raises(AttributeError, match=r"http_status.*invoices in_1 is not recorded") as told:
        _ = carrier.http_status
    assert "next: record it" in str(told.value)
    assert not hasattr(carrier, "http_status")
    with pytest.raises(AttributeError) as told:
        _ = carrier.__wrapped__
    assert "carries" not in str(told.value)
    assert str(carrier.error) == str(copy.copy(carrier).error)
