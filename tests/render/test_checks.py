"""Reports for what shows checks keep the formats that those tools read."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, twins

from replay.drift.judge.findings import Finding, Report, Severity, UsedAt
from replay.drift.judge.rules import RULES
from replay.drift.report import report
from replay.render.checks import to_github, to_junit, to_sarif
from replay.render.html import to_html
from replay.render.machine import to_json
from replay.render.markdown import to_markdown
from replay.render.terminal import show
from replay.render.words import readers

HOSTILE = 'x\n::error::<b>&"\x1b\ud800'


# The published JSON schema of SARIF 2.1.0, as the npm package @microsoft/jest-sarif 1.0.0-beta.0
# (MIT) carries it: no property that it does not name is allowed.
SARIF = json.loads((Path(__file__).parent / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))


def many() -> Report:
    """A report with findings of many kinds, one of them accepted."""
    entries = twins(
        [{"gone": 1, HOSTILE: 1, "l": [1], "known": 1, "tag": "one"}] * 5,
        [{"l": [], "new": 1, "tag": "one"}] * 4 + [{"l": [], "new": 1, "tag": "two"}],
    )
    made = report(Shelf(entries))
    (comparison,) = made.comparisons
    findings = tuple(
        replace(f, accepted="we know") if f.path == "/known" else f for f in comparison.findings
    )
    return replace(made, comparisons=(replace(comparison, findings=findings),))


def breaks(finding: Finding) -> bool:
    """The usual gate."""
    return finding.fails(Severity.BREAKING)


def test_sarif_is_valid_and_names_rules_places_and_fingerprints() -> None:
    """Code scanning tells findings apart by their fingerprints, and shows accepted ones as such."""
    made = many()
    document = json.loads(to_sarif(made, "my cassettes"))
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert list(RULES) == [rule["id"] for rule in rules]
    results = {result["properties"]["path"]: result for result in run["results"]}
    assert len(results) == len(list(made.findings()))
    for result in results.values():
        assert result["ruleId"] == rules[result["ruleIndex"]]["id"]
    gone = results["/gone"]
    assert ("error", "proven") == (gone["level"], gone["properties"]["grade"])
    place = gone["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert f"my%20cassettes/invoices/in_1A0000/{NEW}.yaml" == place
    assert ("none", "open") == (results["/l"]["level"], results["/l"]["kind"])
    assert [{"kind": "external", "justification": "we know"}] == results["/known"]["suppressions"]
    assert "warning" == results["/tag"]["level"]


@pytest.mark.parametrize("entries", [[], twins([{}], [{}])])
def test_sarif_of_nothing_is_valid(entries: list[Entry]) -> None:
    """No finding is a result too."""
    document = json.loads(to_sarif(report(Shelf(entries)), "cassettes"))
    jsonschema.validate(document, SARIF)
    assert [] == document["runs"][0]["results"]


def test_a_finding_without_witnesses_has_no_place() -> None:
    """What the baseline finds stands in no recording."""
    made = many()
    (comparison,) = made.comparisons
    lone = tuple(replace(finding, witnesses=("", "")) for finding in comparison.findings)
    made = replace(made, comparisons=(replace(comparison, findings=lone),))
    document = json.loads(to_sarif(made, "cassettes"))
    jsonschema.validate(document, SARIF)
    assert all("locations" not in result for result in document["runs"][0]["results"])
    assert "file=" not in to_github(made, "cassettes")
    assert "yaml#" not in to_junit(made, breaks)


def test_junit_has_a_case_per_finding() -> None:
    """What fails the gate fails, what is accepted or unobserved is skipped, the rest passes."""
    text = to_junit(many(), breaks)
    (suite,) = ElementTree.fromstring(text)  # noqa: S314 - replay's own output
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "skipped", "errors")}
    assert {"tests": 6, "failures": 2, "skipped": 2, "errors": 0} == counts
    cases = {case.attrib["name"].split()[1]: [child.tag for child in case] for case in suite}
    assert ["failure"] == cases["gone"]
    assert ["skipped"] == cases["l"] == cases["known"]
    assert [] == cases["new"] == cases["tag"]
    assert f"{OLD}: invoices/in_1A0000/{OLD}.yaml#0/gone" in text


def test_junit_shows_no_drift_as_a_case_that_passes() -> None:
    """A suite without cases is an error to some readers."""
    entries = [*twins([{}], [{}]), recording({}, OLD, id="in_9A", query="?expand[]=a")]
    entries.append(recording({}, NEW, id="in_9A", query="?expand[]=a"))
    suites = ElementTree.fromstring(to_junit(report(Shelf(entries)), breaks))  # noqa: S314
    assert [["no drift seen"]] * 2 == [[case.attrib["name"] for case in suite] for suite in suites]
    assert f"invoices {OLD} -> {NEW} expand a" in {suite.attrib["name"] for suite in suites}


def test_junit_says_what_would_settle_an_unobserved_finding() -> None:
    """The command, where there is one."""
    made = report(Shelf(pools([{"l": [1]}], [{"l": []}])))
    assert "replay record invoices in_1A0000" in to_junit(made, breaks)


def test_github_gets_one_line_per_open_finding_the_worst_first() -> None:
    """A hostile name starts no command of its own."""
    lines = to_github(many(), "cassettes").splitlines()
    assert ["error", "error", "warning", "notice", "notice"] == [
        line.split(" ")[0].strip(":") for line in lines
    ]
    assert all(line.startswith("::") and "we know" not in line for line in lines)
    file = f"file=cassettes/invoices/in_1A0000/{NEW}.yaml,line=1"
    assert f"::error {file},title=field-removed gone::invoices {OLD} -> {NEW}: gone" in lines[0]
    assert "\\u000a%3A%3Aerror%3A%3A" in lines[1]


def test_github_gets_no_error_for_what_is_not_used_where_only_use_fails() -> None:
    """An annotation is red only for what makes the exit code 1."""
    made = many()
    (comparison,) = made.comparisons
    marked = tuple(replace(one, used=one.path == "/gone") for one in comparison.findings)
    made = replace(made, comparisons=(replace(comparison, findings=marked),))
    for only_used, levels in ((False, {"error", "warning", "notice"}), (True, {"error", "notice"})):
        lines = to_github(made, "cassettes", only_used=only_used).splitlines()
        assert levels == {line.split(" ")[0].strip(":") for line in lines}
        red = [line for line in lines if line.startswith("::error")]
        assert (1 if only_used else 2) == len(red)
        assert all("gone" in line for line in red[:1])


def test_percent_signs_and_colons_of_a_property_are_spelled_out() -> None:
    """As GitHub reads them back."""
    (line,) = to_github(report(Shelf(twins([{"50%, a:b": 1}], [{}]))), "c").splitlines()
    assert "title=field-removed 50%25%2C a%3Ab::" in line


def read_by_code() -> Report:
    """A report in which a line of code and a test read what is gone."""
    made = many()
    (comparison,) = made.comparisons
    tests = ("tests/test_a.py::test_one", "tests/test_a.py::test_two")
    at = (
        UsedAt("billing/views.py", 42, 5, tests, in_test=False),
        UsedAt("tests/test_a.py", 7, 1, tests[:1], in_test=True),
    )
    findings = tuple(
        replace(f, used=True, used_at=at) if f.path == "/gone" else f for f in comparison.findings
    )
    return replace(made, comparisons=(replace(comparison, findings=findings),))


@pytest.mark.parametrize(("more", "said"), [(1, "and 1 more line"), (2, "and 2 more lines")])
def test_lines_that_are_not_shown_are_counted(more: int, said: str) -> None:
    """Three are shown."""
    at = tuple(UsedAt("a.py", n, 1, (), in_test=False) for n in range(3 + more))
    (comparison,) = many().comparisons
    assert said == readers(replace(comparison.findings[0], used_at=at))[-1]


def test_github_annotates_the_line_that_reads() -> None:
    """Not the cassette, which nobody reviews; the lines are named in the message too."""
    (line,) = [row for row in to_github(read_by_code(), "lib").splitlines() if "gone" in row]
    assert line.startswith("::error file=billing/views.py,line=42,title=field-removed gone::")
    assert "%0Abilling/views.py:42, read by test_one and 1 more" in line
    assert "%0Atests/test_a.py:7 (the test itself)" in line


def test_sarif_places_a_finding_at_the_lines_that_read() -> None:
    """Each line is a location; what the recordings show is related to it."""
    document = json.loads(to_sarif(read_by_code(), "lib"))
    jsonschema.validate(document, SARIF)
    (gone,) = [r for r in document["runs"][0]["results"] if r["properties"]["path"] == "/gone"]
    places = [place["physicalLocation"] for place in gone["locations"]]
    assert [("billing/views.py", 42), ("tests/test_a.py", 7)] == [
        (place["artifactLocation"]["uri"], place["region"]["startLine"]) for place in places
    ]


@pytest.mark.parametrize("ci", [False, True])
def test_a_comment_links_the_line(ci: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the commit that is checked, where GitHub names it; else to the file."""
    place = {"SERVER_URL": "https://code.example", "REPOSITORY": "a/b", "SHA": "c0ffee"}
    for name, value in place.items():
        monkeypatch.setenv(f"GITHUB_{name}", value if ci else "")
    start = "https://code.example/a/b/blob/c0ffee/" if ci else ""
    link = f"<br>[billing/views.py:42]({start}billing/views.py#L42), read by test\\_one and 1 more"
    assert link in to_markdown(read_by_code())


def test_the_other_formats_name_the_line() -> None:
    """The terminal below the finding, the page as a link, JSON with the whole of it."""
    made = read_by_code()
    out = StringIO()
    show(made, out)
    assert "      at        billing/views.py:42, read by test_one and 1 more\n" in out.getvalue()
    assert '<a href="billing/views.py#L42"><code>billing/views.py:42, read by' in to_html(made, {})
    (gone,) = [f for f in json.loads(to_json(made))["comparisons"][0]["findings"] if f["used"]]
    first = {"file": "billing/views.py", "line": 42, "column": 5, "in_test": False}
    tests = ["tests/test_a.py::test_one", "tests/test_a.py::test_two"]
    assert {**first, "tests": tests} == gone["used_at"][0]
