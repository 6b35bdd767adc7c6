"""A test's settings: its markers, the command line, then what `use_cassettes` falls back to."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Any

import pytest

from replay.config import DEFAULTS, ENVIRONMENT, resolve
from replay.errors import ConfigError
from replay.model.modes import RecordMode
from replay.testing.decorator import OPTIONS, Cassettes
from replay.testing.options import MARKER


class Settings:
    """Settles tests' settings for one run.

    An option of a marker wins over the same option of a marker further out (test, class, module).
    ``--replay-mode`` wins over all markers but those that say ``none``: such a test is never to
    go online. The other command-line options stand in where no marker says anything.
    """

    def __init__(self, config: pytest.Config) -> None:
        given = {
            name: config.getoption(f"--replay-{name.replace('_', '-')}")
            for name in ("mode", "library", "api_version")
        }
        self._given = {name: value for name, value in given.items() if value is not None}
        # Paths mean the same from whatever folder pytest is run, if there is a root to start from.
        self._here = str(config.invocation_params.dir)
        self._root = str(config.rootpath if config.inipath else config.invocation_params.dir)
        self._settled: dict[tuple[tuple[str, Any], ...], Cassettes] = {}

    def of(self, node: pytest.Item | pytest.Collector) -> Cassettes:
        """What opens the sessions of a test.

        Raises:
            ConfigError: an option that does not exist or cannot be used.
        """
        settings = merged(node)
        key = tuple(settings.items())
        try:
            found = self._settled.get(key)
        except TypeError:  # a value that no option can have: `Cassettes` says which
            return Cassettes(**settings, directory=self._here)
        if found is None:
            found = self._settled[key] = self._settle(settings)
        return found

    def _settle(self, settings: dict[str, Any]) -> Cassettes:
        from_line = {**self._given}
        if settings.get("mode") == RecordMode.NONE:
            from_line.pop("mode", None)
        elif "mode" in from_line:
            settings["mode"] = from_line["mode"]
        if "library" in settings:
            base, library = self._root, os.fspath(settings["library"])
        elif "library" in from_line:
            base, library = self._here, from_line["library"]
        else:
            # What the environment or a configuration file names is settled by `resolve`.
            library = resolve(directory=self._here).library
            given = os.environ.get(ENVIRONMENT["library"]) or library != DEFAULTS["library"]
            base = self._here if given else self._root
        settings["library"] = os.path.join(base, library)  # noqa: PTH118 - keeps absolute ones
        return Cassettes(**{**from_line, **settings}, directory=self._here)


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
