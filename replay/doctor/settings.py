"""The settings in force, and where each comes from: option, variable, file and line, or default."""

from __future__ import annotations

import os
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from replay.config import ENVIRONMENT, Config, drift_table, resolve, sources
from replay.doctor.report import Row, Section, Trouble
from replay.errors import ConfigError
from replay.model.modes import RecordMode
from replay.stripe_api.live_mode import is_live_key

_OTHERS = ("STRIPE_API_KEY", "REPLAY_RUN", "CI", "NO_COLOR", "PYTEST_ADDOPTS",
           "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")  # fmt: skip
"""Other variables that change what replay or a test run does. Their values are not shown."""


def settings(library: str | None, api_base: str | None) -> tuple[Section, Config | None]:
    """The section of settings; and the configuration, if it can be used.

    Args:
        library, api_base: the options of the command.

    Raises:
        ConfigError: an option that cannot be used.
    """
    troubles: list[Trouble] = []
    config: Config | None = None
    try:
        found = sources(library=library, api_base=api_base)
    except ConfigError as error:
        troubles.append(Trouble.of(error))
        found = sources(library=library, api_base=api_base, file=False)
    else:
        try:
            config = resolve(library=library, api_base=api_base)
        except ConfigError as error:
            if error.where in {"library", "api_base"}:  # an option of the command: misuse
                raise
            troubles.append(Trouble.of(error))
    rows = [
        Row(name, _shown(name, value), _where(name, where))
        for name in ENVIRONMENT
        for value, where in [found[name]]
    ]
    mode, where = found["mode"]
    if config is not None and config.mode is not RecordMode.NONE:
        rows = [Row(r.name, r.value, r.note, good=r.name != "mode") for r in rows]
        troubles.append(
            Trouble(
                f"the mode is {mode}: calls that are not recorded go online",
                where=_where("mode", where),
                next=_undo("mode", where),
            )
        )
    with suppress(ConfigError):  # told above, or by `replay diff`
        table = drift_table()
        if table is not None:
            rows += [
                Row(f"drift.{name}", "is set", _where(name, table.where(name)))
                for name in table.values
            ]
    return Section("settings", "settings", tuple(rows), tuple(troubles)), config


def variables() -> Section:
    """The other variables that are set: their names. And those that nothing reads."""
    names = [*_OTHERS, *(name.lower() for name in _OTHERS if name.endswith("_PROXY"))]
    rows = [Row(name, "is set") for name in names if os.environ.get(name)]
    troubles: list[Trouble] = []
    if is_live_key(os.environ.get("STRIPE_API_KEY", "")):
        troubles.append(
            Trouble(
                "the API key is a live-mode key, which recording refuses",
                where="environment variable STRIPE_API_KEY",
                next="export STRIPE_API_KEY=<a restricted test-mode key that may read>",
            )
        )
    if os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        troubles.append(
            Trouble(
                "pytest loads no plugin by itself: marked tests get no session, and go online",
                where="environment variable PYTEST_DISABLE_PLUGIN_AUTOLOAD",
                next="pytest -p replay.pytest_plugin",
            )
        )
    places = {"environment variable PYTEST_ADDOPTS": os.environ.get("PYTEST_ADDOPTS", "")}
    for file in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        with suppress(OSError, UnicodeDecodeError):
            for number, line in enumerate(Path(file).read_text("utf-8").splitlines(), 1):
                places[f"{file}:{number}"] = line
    for place, text in places.items():
        if "no:replay_cassettes" in text:
            troubles.append(
                Trouble(
                    "pytest is told to leave replay's plugin out: marked tests go online",
                    where=place,
                    next="take out: -p no:replay_cassettes",
                )
            )
    known = [*ENVIRONMENT.values(), *_OTHERS]
    for name in sorted(os.environ):
        near = get_close_matches(name, known, n=1, cutoff=0.8)
        if near and name.startswith("REPLAY_") and name not in known:
            troubles.append(
                Trouble(
                    f"nothing reads this variable; did you mean {near[0]}?",
                    where=f"environment variable {name}",
                    next=f"unset {name}",
                )
            )
    return Section(
        "variables", "environment variables (their values are not shown)",
        tuple(rows), tuple(troubles),
    )  # fmt: skip


def _shown(name: str, value: str) -> str:
    if not value:
        return "none"
    if name in {"library", "policy"}:
        with suppress(ValueError):
            return str(Path(value).absolute().relative_to(Path.cwd()))
    return value


def _where(name: str, where: str) -> str:
    where = where.removesuffix(f": {name}")
    if where.startswith("environment "):
        return where.removeprefix("environment ")
    if where in {"library", "api_base"}:
        return f"option --{where.replace('_', '-')}"
    with suppress(ValueError):
        file, _, line = where.rpartition(":")
        return f"{Path(file).relative_to(Path.cwd())}:{line}"
    return where


def _undo(name: str, where: str) -> str:
    variable = ENVIRONMENT[name]
    if where.endswith(variable):
        return f"unset {variable}"
    return f"{variable}=none pytest …, or take the line out of the file"
