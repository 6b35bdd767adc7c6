"""`replay diff OLD NEW --id ID` as users run it: one object at two versions."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from support.command import replay_command
from support.recordings import NEW, OLD, Entry, recording
from support.writing import shelve

from replay.drift.object_diff import ObjectDiff, Recording, object_diff
from replay.library import Library
from replay.model.cassette import ObjectKey
from replay.render.object_diff import FORMAT, show_object

ROOT = Path(__file__).parents[2]
ID = "in_1A"
LINES = [{"id": "il_b", "n": 2}, {"id": "il_a", "n": 1}]


def record(*entries: Entry) -> None:
    """Write into the library in the usual place."""
    shelve(Path("cassettes"), entries)


@pytest.fixture(autouse=True)
def recorded() -> None:
    """Twins: a value changed, one went, one came, and the lines stand in another order."""
    old = {"n": 1, "gone": True, "same": "x", "email": "one", "l": list(reversed(LINES))}
    new = {
        "n": 2,
        "email": "two",
        "same": "x",
        "l": [{**LINES[0], "n": 3}, LINES[1]],
        "p": {"q": []},
    }
    stand_in = {"/email": "email"}
    record(
        recording(old, batch="b", redacted=stand_in),
        recording(new, NEW, batch="b", redacted=stand_in),
    )


def run(*arguments: object) -> Any:
    """Run the command."""
    return replay_command("diff", OLD, NEW, "--id", ID, *arguments)


def test_a_person_reads_what_differs_value_by_value() -> None:
    """By list item, with stand-ins marked, and it never fails a build."""
    done = run()
    assert (0, "") == (done.code, done.err)
    expected = f"""\
invoices in_1A  {OLD} -> {NEW}
twins: fetched back to back on 2026-01-01
  changed    email     "one" (stand-in: email) -> "two" (stand-in: email)
  removed    gone      true
  reordered  l         ["il_a", "il_b"] -> ["il_b", "il_a"]
  changed    n         1 -> 2
  added      p.q       []
  l[il_b]
    changed    n         2 -> 3
3 changed, 1 removed, 1 added, 1 reordered, 4 unchanged
a stand-in replaces a private value, and tells nothing of it but whose it is
next: --verbose shows the values that both versions have
"""
    assert expected == done.out


def test_the_manuals_example_is_what_the_sample_library_shows() -> None:
    """Line by line, in order; the manual leaves some out."""
    page = (ROOT / "docs" / "drift.md").read_text("utf-8")
    block = page.partition("## One object, value by value")[2].split("```")[1]
    command, *lines = block.splitlines()[1:]
    arguments = command.removeprefix("$ replay ").split()
    left = iter(replay_command(*arguments, "--library", ROOT / "cassettes").out.splitlines())
    assert len(lines) > 10
    for line in lines:
        assert line.strip() == "…" or line in left, line


def test_verbose_shows_what_is_the_same_too() -> None:
    """Every value of the object."""
    done = run("--verbose")
    assert '  unchanged  same      "x"\n' in done.out
    assert '  l[il_a]\n    unchanged  id        "il_a"\n    unchanged  n         1\n' in done.out
    assert "next:" not in done.out


def test_a_machine_reads_every_value_with_its_pointer() -> None:
    """In both bodies."""
    document = run("--format", "json").json
    assert (FORMAT, "invoices", ID, [], True, True) == tuple(
        document[name] for name in ("format", "resource", "id", "expand", "twins", "same_state")
    )
    assert {
        "version": NEW,
        "file": f"invoices/{ID}/{NEW}.yaml",
        "take": 0,
        "recorded_at": "2026-01-01T00:00:00Z",
        "source": "api.stripe.com",
    } == document["new"]
    by_path = {one["path"]: one for one in document["differences"]}
    assert {
        "kind": "changed",
        "path": "l[il_b].n",
        "old": {"pointer": "/l/1/n", "value": 2, "stand_in": None},
        "new": {"pointer": "/l/0/n", "value": 3, "stand_in": None},
    } == by_path["l[il_b].n"]
    assert "email" == by_path["email"]["new"]["stand_in"]
    assert by_path["gone"]["new"] is None
    assert ["l[il_a].id", "l[il_a].n", "l[il_b].id", "same"] == [
        one["path"] for one in document["unchanged"]
    ]


def test_the_result_goes_to_a_file_where_one_is_named() -> None:
    """In either format."""
    for format_ in ("text", "json"):
        assert "" == run("--format", format_, "--output", "out").out
        assert run("--format", format_).out == Path("out").read_text("utf-8")


def test_no_difference_says_so() -> None:
    """Neither is a stand-in explained where none is shown."""
    record(recording({"n": 1}, id="in_2A"), recording({"n": 1}, NEW, id="in_2A"))
    done = replay_command("diff", OLD, NEW, "--id", "in_2A")
    assert "nothing says that the object changed in between\n  no value differs\n" in done.out
    assert "0 changed, 0 removed, 0 added, 1 unchanged\n" in done.out
    assert "stand-in" not in done.out


def test_other_recordings_and_expand_sets_are_named() -> None:
    """What moved on in between is no matter of versions."""
    expand = "?expand[]=customer"
    record(
        recording({"n": 1}, id="in_2A", query=expand),
        recording({"n": 2}, NEW, id="in_2A", query=expand),
    )
    lines = replay_command("diff", OLD, NEW, "--id", "in_2A").out.splitlines()
    assert f"invoices in_2A  {OLD} -> {NEW}  expand customer" == lines[0]
    assert (
        "recorded on 2026-01-01 and 2026-01-01: the object may have changed in between" == lines[1]
    )


def test_a_terminal_gets_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each kind."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    found = object_diff(Library("cassettes"), ID, (OLD, NEW))
    assert isinstance(found, ObjectDiff)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    show_object(found, stream)
    assert "\x1b[31mremoved" in stream.getvalue()
    assert "\x1b[32madded" in stream.getvalue()


def test_a_version_that_is_not_recorded_is_nothing_to_compare() -> None:
    """Exit code 3, which version, and the command that records it."""
    done = replay_command("diff", "2024-06-21", NEW, "--id", ID)
    assert (3, "") == (done.code, done.out)
    assert (
        f"nothing to compare: invoices {ID}: it is not recorded at 2024-06-21\n"
        "  2024-06-21 is not recorded: did you mean 2024-06-20?\n"
        f"  recorded: at {OLD}, {NEW}\n"
        f"  next: replay record invoices {ID} --api-version 2024-06-21 --api-version {NEW}"
        " --library cassettes\n"
    ) == done.err


def test_an_unknown_id_is_misuse_that_names_the_nearest() -> None:
    """A slip of a letter."""
    done = replay_command("diff", OLD, NEW, "--id", "in_1B")
    assert 2 == done.code
    assert "no recording has this ID, which may be private" in done.err
    assert f"did you mean {ID}?" in done.err


def test_another_expand_set_is_named_with_its_option() -> None:
    """It is shown where the option is given; without --id, the option is misuse."""
    for query in ("", "?expand[]=customer"):
        record(
            recording({"n": 1}, id="in_2A" if query else "in_3A", query=query),
            recording({"n": 2}, NEW, id="in_2A" if query else "in_3A", query=query),
        )
    assert 3 == replay_command("diff", OLD, NEW, "--id", "in_3A", "--expand", "customer").code
    done = replay_command("diff", OLD, NEW, "--id", "in_2A", "--expand", "customer")
    assert (0, "expand customer") == (done.code, done.out.splitlines()[0][-15:])
    misuse = replay_command("diff", OLD, NEW, "--expand", "customer")
    assert (2, True) == (misuse.code, "--expand goes with --id." in misuse.err)
    made = ObjectDiff(
        ObjectKey("invoices", ID), (), (("customer", "charge"),),
        Recording(OLD, "a", 0, "2026", "x"), Recording(NEW, "b", 0, "2026", "x"),
        True, True, (), (),
    )  # fmt: skip
    stream = io.StringIO()
    show_object(made, stream)
    told = "also recorded at both versions: --expand customer --expand charge"
    assert told in stream.getvalue()


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("--id takes two versions", ["--id", ID]),
        ("--id takes two versions", ["--id", ID, "--since", OLD]),
        ("--id is empty", [OLD, NEW, "--id", ""]),
        ("--id is a look at one object", [OLD, NEW, "--id", ID, "--matrix"]),
        ("--id is a look at one object", [OLD, NEW, "--id", ID, "--fail-on", "info"]),
        ("--id is a look at one object", [OLD, NEW, "--id", ID, "--used", "used.json"]),
        ("--format html has no objects", [OLD, NEW, "--id", ID, "--format", "html"]),
    ],
)
def test_what_goes_with_no_object_is_misuse(message: str, arguments: list[str]) -> None:
    """Rather than left aside in silence."""
    done = replay_command("diff", *arguments)
    assert 2 == done.code
    assert message in done.err


def test_a_resource_finds_one_of_several_objects() -> None:
    """Under any of its names."""
    record(
        recording({"n": 1}, id="gold", resource="plans"),
        recording({"n": 2}, NEW, id="gold", resource="plans"),
        recording({"n": 3}, id="gold", resource="coupons"),
    )
    assert 2 == replay_command("diff", OLD, NEW, "--id", "gold").code
    done = replay_command("diff", OLD, NEW, "--id", "gold", "--resource", "plan")
    assert "changed    n         1 -> 2\n" in done.out
