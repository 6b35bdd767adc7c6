"""The text report says the verdict first, one line per finding."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, twins

from replay.drift.guide.outline import only
from replay.drift.judge.findings import Comparison, Finding, Grade, Side
from replay.drift.judge.rules import CATALOGUE, Rule, by_id, sentence
from replay.drift.observe.pointers import dotted
from replay.drift.report import report
from replay.errors import printable
from replay.render.terminal import console, show, show_rule, show_rules

SUB = "sub_1MowQVLkdIwHu7ix"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def text(entries: list[Entry], stream: io.StringIO | None = None, **kwargs: Any) -> str:
    """What `show` prints of a comparison."""
    stream = stream or io.StringIO()
    show(report(Shelf(entries), "invoices", (OLD, NEW)), stream, **kwargs)
    return stream.getvalue()


def test_findings_are_lines_under_their_object() -> None:
    """List items are a group of their own; the summary and the next step come last."""
    old = {"object": "invoice", "a": SUB, "paid": True, "l": [{"plan": "x"}], "d": [1]}
    new = {"object": "invoice", "p": {"a": SUB}, "l": [{}], "d": []}
    found_nowhere = "; set in 1 of 1, found nowhere else (1 of 1 pairs agree)"
    assert f"""\
invoices  {OLD} -> {NEW}
objects: 1 old, 1 new, 1 at both versions; twins and pairs of one state: 1
  old -> new
    invoice.a  invoice.p.a  likely; set in 1 of 1
  gone for good
    invoice.l[].plan  set in 1 of 1
    invoice.paid      set in 1 of 1
  all findings
  invoice
    breaking  proven      a moved, probably to p.a (1 of 1 pairs agree)
    breaking  proven      paid removed{found_nowhere}
    info      unobserved  d was always empty in {NEW}
  invoice l[]
    breaking  proven      plan removed{found_nowhere}

3 breaking, 0 warnings, 0 info, 1 unobserved
next: --verbose shows the evidence; replay rules RULE explains a rule
""" == text(twins([old], [new]))


def test_verbose_shows_evidence_witnesses_and_the_recording_that_settles() -> None:
    """All that someone needs who does not believe it."""
    entries = [
        recording({"paid": True, "l": [1]}, OLD, id="in_1A"),
        recording({"l": []}, NEW, id="in_1B"),
    ]
    shown = text(entries, verbose=True)
    assert f"{OLD}        boolean, present 1 of 1, see invoices/in_1A/{OLD}.yaml#0/paid" in shown
    assert f"{NEW}  nothing, present 0 of 1, see invoices/in_1B/{NEW}.yaml#0" in shown
    assert f"settle            replay record invoices in_1A --api-version {OLD}" in shown
    assert "--verbose" not in shown


def test_a_moved_object_shows_its_parts_in_verbose_output() -> None:
    """The migration guide goes down to the leaves."""
    shown = text(twins([{"d": {"a": SUB}}], [{"p": {"d": {"a": SUB}}}]), verbose=True)
    assert "d moved, probably to p.d" in shown
    assert "d.a to p.d.a" in shown


def test_a_few_recordings_that_settle_are_named_and_the_rest_counted() -> None:
    """A wall of commands helps nobody."""
    olds = [{f"l{n}": [n]} | {f"l{m}": [] for m in range(5) if m != n} for n in range(5)]
    news = [{f"l{m}": [] for m in range(5)}]
    shown = text(pools(olds, news))
    assert 3 == shown.count("  replay record invoices")
    assert "and 2 more (--verbose)" in shown
    assert 10 == text(pools(olds, news), verbose=True).count("replay record invoices")


def test_what_is_not_shown_is_no_absence() -> None:
    """A comparison whose findings are filtered away is not called free of drift."""
    stream = io.StringIO()
    show(only(report(Shelf(twins([{"a": 1}], [{}]))), ["warning"]), stream)
    assert "no drift seen" not in stream.getvalue()
    assert "1 breaking, 0 warnings, 0 info" in stream.getvalue()
    assert "not shown (--show): 1" in stream.getvalue()


def test_no_drift_is_said() -> None:
    """And nothing is to be done."""
    shown = text(twins([{"a": 1}], [{"a": 1}]))
    assert "no drift seen" in shown
    assert "next:" not in shown


def test_comparisons_of_other_types_and_expand_sets_are_told_apart() -> None:
    """Each has its own head."""
    entries = [
        recording({"object": "x", "deleted": True}, OLD, id="in_1A", query="?expand[]=y"),
        recording({"object": "x", "deleted": True, "a": 1}, NEW, id="in_1A", query="?expand[]=y"),
        recording({"object": "x"}, OLD, id="in_1B"),
        recording({"object": "x"}, NEW, id="in_1B"),
    ]
    shown = text(entries)
    assert f"invoices  {OLD} -> {NEW}  expand y" in shown
    assert "  x (deleted)\n" in shown
    assert 2 == shown.count(f"invoices  {OLD} -> {NEW}")


def test_a_broken_promise_is_called_one() -> None:
    """Nested one train nothing should break."""
    entries = [
        recording({"a": 1}, "2025-03-31.basil", batch="b"),
        recording({}, "2025-04-30.basil", batch="b"),
    ]
    stream = io.StringIO()
    show(report(Shelf(entries)), stream)
    assert "Stripe promises no breaking change within this train" in stream.getvalue()


def test_pairs_that_moved_on_are_called_so() -> None:
    """Whoever reads `1 of 1 pairs agree` must be able to rely on it."""
    entries = [recording({"status": "a", "x": 1}, OLD), recording({"status": "b"}, NEW)]
    assert "(1 of 1 pairs of differing state agree)" in text(entries)


def test_a_piped_report_has_whole_lines_and_no_colour() -> None:
    """For grep, and for logs."""
    long = "field_" + "x" * 300
    shown = text(twins([{long: 1}], [{}]))
    assert any(long in line and "agree" in line for line in shown.splitlines())
    assert "\x1b" not in shown


def test_a_terminal_gets_colour_and_folded_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines fold under themselves at the width of the terminal."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = text(twins([{"field_" + "x" * 90: 1}], [{}]), Terminal())
    assert "\x1b[" in shown
    assert all(len(line) < 200 for line in shown.splitlines())
    monkeypatch.setenv("NO_COLOR", "1")
    plain_text = text(twins([{"field_" + "x" * 90: 1}], [{}]), Terminal(), verbose=True)
    assert "\x1b[31" not in plain_text
    plain_text = re.sub(r"\x1b\[[0-9;]*m", "", plain_text)
    assert all(len(line) <= 60 for line in plain_text.splitlines())


@pytest.mark.parametrize(
    ("expected", "path"),
    [
        ("lines.data[].plan", "/lines/data/*/plan"),
        ("a/b", "/a~1b"),
        ("the body", ""),
        ('""', "/"),
        ('a.""', "/a/"),
        ("*[]", "/~2/*"),
    ],
)
def test_paths_are_written_for_people(expected: str, path: str) -> None:
    """Dots and brackets, as in code."""
    assert expected == dotted(path)


def test_hostile_names_cannot_write_to_the_terminal() -> None:
    """Escape sequences and line ends are spelled out; markup is no markup."""
    hostile = "x\x1b[31m\n[red]"
    entries = twins([{hostile: {"\u202e": 1}, "l": []}], [{"l": [hostile]}])
    for stream in (io.StringIO(), Terminal()):
        shown = re.sub(r"\x1b\[[0-9;]*m", "", text(entries, stream, verbose=True))
        assert [] == [line for line in shown.splitlines() if not line.isprintable()]
        assert [] == [line for line in shown.splitlines() if line.startswith("[red]")]
    shown = text(entries)
    assert "x\\u001b[31m\\u000a[red] removed" in shown
    assert "a" == printable("a")


@pytest.mark.parametrize("rule", CATALOGUE, ids=lambda rule: rule.id)
def test_every_rule_has_its_words(rule: Rule) -> None:
    """No finding is without a sentence, and it begins with the path."""
    finding = Finding(rule.id, rule.severity, Grade.PROVEN, "/a", Side(), Side(), blind="old")
    compared = Comparison("invoices", "invoice", False, OLD, NEW, (), (1, 1, 1), 1, (finding,))
    path, _, words = sentence(compared, finding).partition(" ")
    assert "a" == path
    assert len(words) > 4
    assert rule.says(compared, finding) == words


@pytest.mark.parametrize(
    ("expected", "old", "new"),
    [
        ("a renamed, probably to b (1 of 1", [{"a": SUB}], [{"b": SUB}]),
        ("a also lives at p.a", [{"a": SUB}], [{"a": SUB, "p": {"a": SUB}}]),
        ("a became optional: always there before, in 1 of 2 now", [{"a": 1}] * 2, [{"a": 1}, {}]),
        ("a became required: in 1 of 2 before, always", [{"a": 1}, {}], [{"a": 1}] * 2),
        (
            "a removed; may be at x.b or y.c; set in 3 of 3",
            [{"a": f"sub_{n}Mo1"} for n in range(3)],
            [{"x": {"b": f"sub_{n}Mo1"}, "y": {"c": f"sub_{n}Mo1"}} for n in range(3)],
        ),
        ("a removed; null in all 1", [{"a": None}], [{}]),
        ("a removed; set in 2 of 3, found nowhere", [{"a": 1}] * 2 + [{}], [{}] * 3),
        (
            "d removed; p.a has d.a, q.b has d.b",
            [{"d": {"a": SUB, "b": SUB[::-1]}}],
            [{"p": {"a": SUB}, "q": {"b": SUB[::-1]}}],
        ),
        (
            "a moved, probably to p.a (1 of 2 pairs agree; in 1 its parent was null, empty or not",
            [{"a": SUB}, {"a": SUB[::-1]}],
            [{"p": {"a": SUB}}, {"p": None}],
        ),
        ("a was a single value, is now a list", [{"a": 1}], [{"a": [1]}]),
        ("a changed its type: integer to boolean", [{"a": 1}], [{"a": True}]),
        ("a has new values: two", [{"a": "one"}], [{"a": "two"}]),
    ],
)
def test_a_finding_is_one_clause(expected: str, old: list[Any], new: list[Any]) -> None:
    """It begins with the path and says what happened."""
    assert expected in text(twins(old, new))


def test_what_only_some_objects_of_a_pool_had_is_no_longer_seen() -> None:
    """How many of the old ones had it, and of how many new ones none has."""
    expected = "a no longer seen: in 1 of 2 before, in none of 2 now"
    assert expected in text(pools([{"a": 1}, {}], [{}, {}]))
    old = {"id": "in_1A", "status": "draft", "sub": SUB, "p": {"sub": SUB}}
    new = {"id": "in_1A", "status": "paid", "p": {"sub": SUB}}
    entries = [recording(old, OLD), recording(new, NEW), recording({}, OLD, id="in_1B")]
    assert "in none of 1 now; probably at p.sub" in text(entries)


def test_a_move_to_another_resource_names_how_it_is_joined() -> None:
    """The reader must know which payment to ask."""
    pi = "pi_3MtwBwLkdIwHu7ix"
    entries = twins([{"payment_intent": pi}], [{}])
    body = {"id": "inpay_1A", "invoice": "in_1A0000", "payment": {"payment_intent": pi}}
    entries.append(recording(body, NEW, id="inpay_1A", resource="invoice_payments"))
    expected = "moved, probably to invoice_payments: payment.payment_intent, joined by its invoice"
    assert expected in text(entries)


def test_rules_are_listed_and_explained() -> None:
    """With an example, and what the reverse gives."""
    stream = io.StringIO()
    show_rules(CATALOGUE, stream)
    assert len(CATALOGUE) == len(stream.getvalue().splitlines())
    stream = io.StringIO()
    show_rule(by_id("field-aliased"), stream)
    assert "  reversed  field-moved. The reverse takes" in stream.getvalue()
    show_rule(by_id("baseline-unused"), stream)
    assert "  reversed  none. It speaks of the baseline file" in stream.getvalue()
    assert not console(stream).is_terminal
