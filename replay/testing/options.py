"""The plugin's command-line options and ini settings: how they are declared, checked and read.

Light: the plugin's entry module imports it in every pytest run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

MARKER = "cassettes"
SERVERS = ("replay_server", "replay_server_url")
"""The fixtures that need the replay server."""

VERSION = "REPLAY_API_VERSION"
"""The variable that ``--replay-api-version`` sets for the run."""

_MODES = ("none", "once", "new_episodes", "all")
AGE = re.compile(r"([0-9]{1,5})d(,fail)?")
"""A number of days, and what happens where a recording is older."""

_WRITES = ("", "block", "scenario")
_UNUSED = ("off", "warn", "fail")
_USED_FIELDS = "used-fields.json"
_USES = "replay_cassettes_used"
_TABLE = re.compile(rb"^\s*\[+\s*tool\s*\.\s*replay\b", re.MULTILINE)


def add(parser: pytest.Parser) -> None:
    """Declare the options and settings."""
    group = parser.getgroup("replay-cassettes", "replay: recorded calls to Stripe's API")
    group.addoption(
        "--replay-mode",
        choices=_MODES,
        help="record mode of marked tests, but for those whose marker says mode='none'",
    )
    group.addoption(
        "--replay-library", metavar="PATH", help="library of marked tests whose marker names none"
    )
    group.addoption(
        "--replay-api-version",
        metavar="VERSION",
        help="answer at this API version, regardless of clients' pins, where no marker or "
        "decorator names a version; as REPLAY_API_VERSION",
    )
    group.addoption(
        "--replay-track-fields",
        metavar="FILE",
        nargs="?",
        const=_USED_FIELDS,
        help="note in FILE which fields of answers the run reads, and in which lines of code, for "
        "replay diff --used "
        f"(default: {_USED_FIELDS}; write it with =)",
    )
    group.addoption(
        "--replay-block-network",
        action="store_true",
        help="refuse calls to the API from unmarked tests, also where nothing else says that the "
        "project uses replay (ini: replay_block_network)",
    )
    group.addoption(
        "--replay-max-age",
        metavar="AGE",
        help="list the tests that played an older recording than this, such as 90d; 90d,fail fails "
        "the run for them. Nothing is recorded again by itself (ini: replay_max_age)",
    )
    group.addoption(
        "--replay-unused",
        choices=_UNUSED,
        help="cassettes that no test of a full run played: off, list them, or fail "
        "(ini: replay_unused)",
    )
    parser.addini(
        "replay_block_network",
        "whether calls to the API from unmarked tests are refused (default: true, where the "
        "project has settings of replay or a collected test is marked)",
        type="bool",
        default=None,
    )
    parser.addini(
        "replay_writes",
        "scenario: writes of marked tests are recorded in order, and played again; block refuses "
        "them (default: block)",
        default="",
    )
    parser.addini("replay_max_age", "as --replay-max-age: 90d, or 90d,fail", default="")
    parser.addini("replay_unused", "as --replay-unused: off, warn or fail", default="off")


def check(config: pytest.Config) -> None:
    """Check the values of replay's options that pytest does not check itself.

    Raises:
        UsageError: a value cannot be used.
    """
    variable = os.environ.get(VERSION)
    for where, version in (
        ("--replay-api-version", config.getoption("--replay-api-version")),
        (VERSION, variable),
    ):
        if version:
            _check_version(version, where)
    file = tracked_file(config)
    if file is not None and (file.is_dir() or ".py" in Path(file.name.split("::")[0]).suffix):
        # pytest takes a path of tests that follows the option as the option's value.
        raise pytest.UsageError(
            f"{file.name} is not a file of used fields: write --replay-track-fields=FILE, or put "
            "--replay-track-fields last"
        )
    for where, age in (
        ("--replay-max-age", config.getoption("--replay-max-age")),
        ("replay_max_age", config.getini("replay_max_age")),
    ):
        if age and not AGE.fullmatch(age):
            raise pytest.UsageError(f"{where} = {age}: write a number of days: 90d, or 90d,fail")
    writes = config.getini("replay_writes")
    if writes not in _WRITES:
        raise pytest.UsageError(f"replay_writes = {writes}: use scenario or block")
    unused = config.getini("replay_unused")
    if unused not in _UNUSED:
        raise pytest.UsageError(f"replay_unused = {unused}: use one of {', '.join(_UNUSED)}")


def _check_version(version: str, where: str) -> None:
    from replay.errors import ConfigError
    from replay.stripe_api.versions import checked_version

    try:
        checked_version(version, where)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


def needs_session(item: pytest.Item) -> bool:
    """Whether a test gets a session: it has the marker, or asks for a fixture of the plugin."""
    return item.get_closest_marker(MARKER) is not None or not {MARKER, *SERVERS}.isdisjoint(
        getattr(item, "fixturenames", ())
    )


def note_use(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Note whether the project uses replay, from all collected tests, before any is deselected.

    It does if it has settings of replay's, or if a test is marked.
    """
    marked = any(needs_session(item) for item in items)
    setattr(config, _USES, marked or _is_configured(config))


def uses_replay(config: pytest.Config) -> bool:
    """Whether the project uses replay, as `note_use` found."""
    return bool(getattr(config, _USES, False))


def blocks_network(config: pytest.Config) -> bool:
    """Whether calls of unmarked tests to the API are refused: by default, where replay is used.

    ``replay_block_network = false`` lets them through.
    """
    if config.getoption("--replay-block-network"):
        return True
    asked = config.getini("replay_block_network")
    return asked if isinstance(asked, bool) else uses_replay(config)


def _is_configured(config: pytest.Config) -> bool:
    """Whether the project has settings of replay's: in pytest's configuration, or of its own."""
    others = any(config.getini(name) for name in ("replay_writes", "replay_max_age"))
    if config.getini("replay_unused") != "off" or others:
        return True
    for folder in (config.rootpath, *config.rootpath.parents):
        settings = folder / "pyproject.toml"
        if (folder / "replay.toml").is_file() or _has_table(settings):
            return True
        if settings.is_file() or (folder / ".git").exists():
            return False  # the project's own folder
    return False


def _has_table(path: Path) -> bool:
    # Settings that are broken are told when they are read, by the first test that needs them.
    with suppress(OSError):
        return _TABLE.search(path.read_bytes()) is not None
    return False


def tracked_file(config: pytest.Config) -> Path | None:
    """The file in which the fields that the run reads are noted; None: they are not noted."""
    named = config.getoption("--replay-track-fields")
    return config.invocation_params.dir / named if named else None


def unused_action(config: pytest.Config) -> str:
    """The action for cassettes that no test played: ``off``, ``warn`` or ``fail``."""
    return str(config.getoption("--replay-unused") or config.getini("replay_unused"))
