"""Which scenario a test or a fixture has: its name, and why it cannot be recorded."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from replay.session.scenario.store import ScenarioOptions
    from replay.testing.markers import MarkerSettings

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_PLAIN = (str, int, float, bool, type(None), bytes, complex)


def scenario_of(item: pytest.Item) -> ScenarioOptions:
    """The scenario of a test, named by its node ID from the root."""
    from replay.session.scenario.store import ScenarioOptions

    command = f"pytest --replay-mode=all {shlex.quote(item.nodeid)}"
    return ScenarioOptions(item.nodeid, command=command, why_not=_why_not(item))


def scenario_of_fixture(
    fixture: pytest.FixtureDef[Any], request: pytest.FixtureRequest, settings: MarkerSettings
) -> ScenarioOptions:
    """The scenario of a fixture of a wider scope.

    It is recorded again if a test of this run that uses it has to be recorded: the test cannot use
    what is no more at the live source.
    """
    from replay.session.scenario.store import ScenarioOptions

    scope = request.node.nodeid or fixture.baseid
    name = "::".join(filter(None, (scope, fixture.argname)))
    values = f"[{vars(request).get('param_index', 0)}]" if hasattr(request, "param") else ""
    why = ""
    workers = getattr(request.config, "workerinput", {}).get("workercount", 1)
    if workers > 1:
        why = (
            f"the fixture {fixture.argname} has the scope {fixture.scope}, and each of"
            f" {workers} workers would record it: record without pytest-xdist (-n 0)"
        )
    command = "pytest --replay-mode=all " + shlex.quote(scope.partition("::")[0] or ".")
    below = [
        item for item in request.session.items
        if fixture.argname in getattr(item, "fixturenames", ())
        and item.nodeid.startswith(request.node.nodeid)
    ]  # fmt: skip
    return ScenarioOptions(
        name + values, command=command, why_not=why, fixture=fixture.argname,
        fresh=any(settings.lacks_scenario(item) for item in below),
    )  # fmt: skip


def _why_not(item: pytest.Item) -> str:
    """Why a test's scenario would not be found again; empty where it would."""
    function = getattr(item, "obj", None)
    if getattr(function, "is_hypothesis_test", False):
        return "Hypothesis calls this test many times, each with other values"
    if _UUID.search(item.nodeid):
        return "its name holds a random ID: give the parameters names with ids=…"
    spec: Any = getattr(item, "callspec", None)
    values = spec.params if spec is not None else {}
    for name, value in values.items():
        unnamed = re.search(rf"(?:\[|-){re.escape(name)}\d+(?:-|\])", item.nodeid)
        if unnamed and not isinstance(value, _PLAIN):
            return f"its parameter {name} has no name of its own: give it one with ids=…"
    return ""
