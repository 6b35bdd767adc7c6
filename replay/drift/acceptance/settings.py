"""A team's own settings for drift: severities by rule and path, the gate, where the baseline is.

The table ``[tool.replay.drift]``::

    fail_on = "warning"            # the least severity that fails
    min_grade = "proven"           # the least grade that fails
    baseline = "drift.json"        # findings that were accepted, beside the configuration file

    [tool.replay.drift.severity]
    field-added = "warning"        # by rule

    [[tool.replay.drift.paths]]    # by path, which wins over the rule; of several the last
    path = "/lines/data/*/plan"    # with all below it
    resource = "invoice"           # optional
    rule = "field-removed"         # optional
    severity = "info"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from replay.drift.judge.findings import Comparison, Grade, Severity, breaks_promise
from replay.drift.judge.rules import RULES
from replay.errors import ConfigError
from replay.model.cassette import NOTHING
from replay.model.strict_toml import Table
from replay.stripe_api.routes import by_name

GATES = ("breaking", "warning", "info", "never")
GRADES = ("proven", "likely", "unobserved")
_SETTINGS = ("fail_on", "min_grade", "baseline", "severity", "paths")
_KEYS = ("path", "resource", "rule", "severity")


@dataclass(frozen=True, slots=True)
class Override:
    """The severity of findings at a path and below it.

    Attributes:
        path: the JSON pointer, ``*`` for any list item or map value.
        resource: only of this resource path; None for all.
        rule: only of this rule; None for all.
    """

    path: str
    severity: Severity
    resource: str | None = None
    rule: str | None = None

    def matches(self, resource: str, rule: str, path: str) -> bool:
        """Whether it applies to a finding."""
        return (
            self.resource in (None, resource)
            and self.rule in (None, rule)
            and (path == self.path or path.startswith(f"{self.path}/"))
        )


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """How findings are weighed, and which of them fail a build.

    Attributes:
        severities: rule -> severity, in place of the catalogue's.
        overrides: by path; of several that match, the last one counts.
        fail_on: the least severity that fails, or ``never``.
        min_grade: the least grade that fails.
        baseline: the baseline file; None where none is named.
    """

    severities: Mapping[str, Severity] = field(default_factory=lambda: NOTHING)
    overrides: tuple[Override, ...] = ()
    fail_on: str = "breaking"
    min_grade: str = "likely"
    baseline: Path | None = None

    @property
    def gate(self) -> tuple[Severity | None, Grade]:
        """The least severity (None for none) and the least grade that fail."""
        severity = None if self.fail_on == "never" else Severity[self.fail_on.upper()]
        return severity, Grade[self.min_grade.upper()]

    def severity(self, resource: str, rule: str, path: str, given: Severity) -> Severity:
        """The severity of a finding, which the comparison gave the severity `given`."""
        found = self.severities.get(rule, given)
        for override in self.overrides:
            if override.matches(resource, rule, path):
                found = override.severity
        return found

    def weigh(self, comparison: Comparison) -> Comparison:
        """A comparison whose findings have these settings' severities."""
        if not self.severities and not self.overrides:
            return comparison
        done = []
        for finding in comparison.findings:
            resource, rule, path = comparison.resource, finding.rule, finding.path
            severity = self.severity(resource, rule, path, finding.severity)
            weighed = replace(finding, severity=severity)
            broken = breaks_promise(weighed, comparison.old, comparison.new)
            done.append(replace(weighed, broken_promise=broken))
        return replace(comparison, findings=tuple(sorted(done, key=lambda f: f.order)))


def read_settings(table: Table | None) -> DriftSettings:
    """The settings of the configuration's table.

    Args:
        table: the table; None where there is none.

    Raises:
        ConfigError: something that cannot be used; names file, line and the nearest name that can.
    """
    if table is None:
        return DriftSettings()
    table.only(_SETTINGS)
    severities = table.table("severity")
    severities.only(RULES, "rule")
    return DriftSettings(
        {rule: _severity(severities, rule) for rule in severities.values},
        tuple(_override(entry) for entry in table.tables("paths")),
        table.choice("fail_on", GATES, "breaking"),
        table.choice("min_grade", GRADES, "likely"),
        Path(table.file).parent / _filled(table, "baseline") if "baseline" in table else None,
    )


def pointer(path: str) -> str:
    """A path that is written as reports print it (``lines.data[].plan``), or is one already."""
    if path.startswith("/"):
        return path
    return "/" + path.replace("[]", ".*").strip(".").replace(".", "/")


def _override(entry: Table) -> Override:
    entry.only(_KEYS)
    for name in ("path", "severity"):
        if name not in entry:
            raise entry.wrong(f"{name} is missing", hint=f'add a line: {name} = "…"')
    return Override(
        pointer(_filled(entry, "path")),
        _severity(entry, "severity"),
        _resource(entry) if "resource" in entry else None,
        entry.choice("rule", RULES) if "rule" in entry else None,
    )


def _severity(table: Table, name: str) -> Severity:
    return Severity[table.choice(name, [str(severity) for severity in Severity]).upper()]


def _filled(table: Table, name: str) -> str:
    value = table.text(name)
    if not value:
        raise table.wrong(f"{name} is empty", name, hint="write a value, or remove the line")
    return value


def _resource(entry: Table) -> str:
    try:
        return by_name(_filled(entry, "resource")).resource
    except ConfigError as error:
        raise entry.wrong(error.what, "resource", hint=error.hint) from error
