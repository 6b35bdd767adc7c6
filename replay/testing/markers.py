"""A test's settings: from its markers, the command line, then the defaults of `use_cassettes`."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pytest

from replay.config import DEFAULTS, ENVIRONMENT, resolve
from replay.errors import ConfigError, ReplayError
from replay.model.modes import RecordMode
from replay.testing.decorator import OPTIONS, Cassettes, project_of, settings_folder
from replay.testing.options import MARKER

if TYPE_CHECKING:
    from replay.session.scenario.store import ScenarioOptions
    from replay.session.session import OpenSession


class MarkerSettings:
    """The settings of the tests of one run.

    An option of a marker wins over the same option of a marker further out (test, class, module).
    ``--replay-mode`` wins over every marker except ``mode="none"``: such a test never goes online.
    The other command-line options count where no marker gives the option.
    """

    def __init__(self, config: pytest.Config) -> None:
        given = {
            name: config.getoption(f"--replay-{name.replace('_', '-')}")
            for name in ("mode", "library", "api_version")
        }
        self._command_line = {name: value for name, value in given.items() if value is not None}
        # Relative paths start at the root, if there is one, from whichever folder pytest is run.
        self._folder = str(config.invocation_params.dir)
        self._root = str(config.rootpath if config.inipath else config.invocation_params.dir)
        self._writes: str | None = config.getini("replay_writes") or None
        self._made: dict[tuple[Any, ...], Cassettes] = {}

    def session_of(
        self, node: pytest.Item | pytest.Collector, test: ScenarioOptions
    ) -> OpenSession:
        """A new session with a node's settings; `test` names the scenario, if they ask for one.

        Raises:
            ConfigError: an option that does not exist or cannot be used.
        """
        return self.of(node).session(test)

    def lacks_scenario(self, item: pytest.Item) -> bool:
        """Whether a test's writes are a scenario that is not recorded yet."""
        try:
            return self.of(item).lacks_scenario(item.nodeid)
        except ReplayError:  # the test itself says what is wrong
            return False

    def of(self, node: pytest.Item | pytest.Collector) -> Cassettes:
        """The object that opens the sessions of a test.

        Raises:
            ConfigError: an option that does not exist or cannot be used.
        """
        settings = merged(node)
        if self._writes is not None and not {"other_calls", "scenario"} & settings.keys():
            settings.setdefault("writes", self._writes)
        project = project_of(str(node.path))
        key = project, *settings.items()
        try:
            found = self._made.get(key)
        except TypeError:  # a value that no option can have: `Cassettes` says which
            return Cassettes(**settings, directory=self._folder, project=project)
        if found is None:
            found = self._made[key] = self._make(settings, project)
        return found

    def _make(self, settings: dict[str, Any], project: str) -> Cassettes:
        from_line = {**self._command_line}
        if settings.get("mode") == RecordMode.NONE:
            from_line.pop("mode", None)
        elif "mode" in from_line:
            settings["mode"] = from_line["mode"]
        if "library" in settings:
            base, library = self._root, os.fspath(settings["library"])
        elif "library" in from_line:
            base, library = self._folder, from_line["library"]
        else:
            # `resolve` reads what the environment or a configuration file names.
            library = resolve(directory=settings_folder(project, self._folder)).library
            given = os.environ.get(ENVIRONMENT["library"]) or library != DEFAULTS["library"]
            base = self._folder if given else self._root
        settings["library"] = os.path.join(base, library)  # noqa: PTH118 - keeps absolute ones
        return Cassettes(**{**from_line, **settings}, directory=self._folder, project=project)


def merged(node: pytest.Item | pytest.Collector) -> dict[str, Any]:
    """The options of a node's markers, each from the closest marker that gives it.

    Raises:
        ConfigError: an option that does not exist; says which one was probably meant.
    """
    settings: dict[str, Any] = {}
    for marker in node.iter_markers(MARKER):
        given = dict(zip(OPTIONS, marker.args[:1], strict=False))
        if len(marker.args) > 1 or given.keys() & marker.kwargs.keys():
            raise ConfigError(
                "the cassettes marker takes one positional argument, the library",
                where=node.nodeid,
                hint="name the others: " + ", ".join(OPTIONS[1:]),
            )
        for name, value in {**given, **marker.kwargs}.items():
            if name not in OPTIONS:
                near = get_close_matches(name, OPTIONS, n=1)
                raise ConfigError(
                    f"the cassettes marker has no option {name!r}",
                    where=node.nodeid,
                    hint=f"did you mean {near[0]}?" if near else "options: " + ", ".join(OPTIONS),
                )
            if value is not None:
                settings.setdefault(name, value)
    return settings
