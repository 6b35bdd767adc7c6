"""Reports for what shows checks keep the formats that those tools read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from support.recordings import NEW, OLD, Entry, Shelf, pools, recording, twins

from replay.drift.judge.findings import Finding, Report, Severity
from replay.drift.judge.rules import RULES
from replay.drift.report import report
from replay.render.checks import to_github, to_junit, to_sarif

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
