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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from replay.drift.judge.findings import Comparison, Grade, Severity, breaks_promise
from replay.drift.judge.rules import RULES
from replay.errors import ConfigError
from replay.model.cassette import NOTHING
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
            broken = breaks_promise(severity, finding.grade, comparison.old, comparison.new)
            done.append(replace(finding, severity=severity, broken_promise=broken))
        return replace(comparison, findings=tuple(sorted(done, key=lambda f: f.order)))


def read_settings(table: Any, where: str) -> DriftSettings:
    """The settings of the configuration's table.

    Args:
        table: the table; None where there is none.
        where: the file that it stands in.

    Raises:
        ConfigError: something that cannot be used; names the nearest name that can.
    """
    at = f"{where}: drift"
    if table is None:
        return DriftSettings()
    settings = _table(table, at, _SETTINGS)
    baseline = settings.get("baseline")
    severities = settings.get("severity", {})
    paths = settings.get("paths", [])
    if not isinstance(paths, list):
        raise ConfigError("the paths are no list of tables", where=f"{at}.paths")
    return DriftSettings(
        {
            rule: Severity[_choice(value, _names(Severity), f"{at}.severity.{rule}").upper()]
            for rule, value in _table(severities, f"{at}.severity", RULES).items()
        },
        tuple(_override(row, f"{at}.paths[{n}]") for n, row in enumerate(paths)),
        _choice(settings.get("fail_on", "breaking"), GATES, f"{at}.fail_on"),
        _choice(settings.get("min_grade", "likely"), GRADES, f"{at}.min_grade"),
        None if baseline is None else Path(where).parent / _text(baseline, f"{at}.baseline"),
    )


def pointer(path: str) -> str:
    """A path that is written as reports print it (``lines.data[].plan``), or is one already."""
    if path.startswith("/"):
        return path
    return "/" + path.replace("[]", ".*").strip(".").replace(".", "/")


def _override(row: Any, at: str) -> Override:
    settings = _table(row, at, _KEYS)
    for name in ("path", "severity"):
        if name not in settings:
            raise ConfigError(f"{name} is missing", where=at)
    resource, rule = settings.get("resource"), settings.get("rule")
    return Override(
        pointer(_text(settings["path"], f"{at}.path")),
        Severity[_choice(settings["severity"], _names(Severity), f"{at}.severity").upper()],
        None if resource is None else _resource(_text(resource, f"{at}.resource"), at),
        None if rule is None else _choice(rule, RULES, f"{at}.rule"),
    )


def _resource(name: str, at: str) -> str:
    try:
        return by_name(name).resource
    except ConfigError as error:
        raise ConfigError(error.what, where=f"{at}.resource", hint=error.hint) from error


def _table(value: Any, at: str, known: Iterable[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError("this is no table", where=at)
    for name in value:
        if name not in known:
            raise _unknown(f"{name!r} is no setting", name, known, at)
    return value


def _choice(value: Any, known: Iterable[str], at: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise _unknown(f"{value!r} cannot be used here", str(value), known, at)
    return value


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigError("this is no text", where=at)
    return value


def _unknown(what: str, name: str, known: Iterable[str], at: str) -> ConfigError:
    near = get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]}?" if near else "use one of: " + ", ".join(known)
    return ConfigError(what, where=at, hint=hint)


def _names(severities: Iterable[Severity]) -> tuple[str, ...]:
    return tuple(str(severity) for severity in severities)
