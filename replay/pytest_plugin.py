"""The pytest plugin's entry: options, marker, fixture. What they do is loaded when a test needs it.

pytest imports this module in every run of every project that has replay installed. A run without
a marked test loads nothing else.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from replay.testing.collecting import is_library, refuse_misspelt
from replay.testing.options import (
    MARKER,
    MODES,
    UNUSED,
    USED_FIELDS,
    blocks,
    tracked,
    unused,
    wants,
)

if TYPE_CHECKING:
    from replay.session.session import Session
    from replay.testing.plugin import Run
    from replay.testing.server_fixture import ReplayServer

_RUN = "replay_cassettes_run"
_VERSION = "REPLAY_API_VERSION"
_PARTIAL = "replay_cassettes_partial"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and settings."""
    group = parser.getgroup("replay-cassettes", "replay: recorded calls to Stripe's API")
    group.addoption(
        "--replay-mode",
        choices=MODES,
        help="record mode of marked tests, but for those whose marker says mode='none'",
    )
    group.addoption(
        "--replay-library", metavar="PATH", help="library of marked tests whose marker names none"
    )
    group.addoption(
        "--replay-api-version",
        metavar="VERSION",
        help="API version that answers, whatever clients pin, all that names none itself; "
        "as REPLAY_API_VERSION",
    )
    group.addoption(
        "--replay-track-fields",
        metavar="FILE",
        nargs="?",
        const=USED_FIELDS,
        help="note in FILE which fields of answers the run reads, for replay diff --used "
        f"(default: {USED_FIELDS}; write it with =)",
    )
    group.addoption(
        "--replay-block-network",
        action="store_true",
        help="refuse calls to the API from unmarked tests too (ini: replay_block_network)",
    )
    group.addoption(
        "--replay-unused",
        choices=UNUSED,
        help="cassettes that no test of a full run played: off, list them, or fail "
        "(ini: replay_unused)",
    )
    parser.addini("replay_block_network", "as --replay-block-network", type="bool", default=False)
    parser.addini("replay_unused", "as --replay-unused: off, warn or fail", default="off")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; a worker belongs to its controller's run."""
    config.pluginmanager.register(_Skips(config))
    run = getattr(config, "workerinput", {}).get(_RUN)
    if run is not None:
        from replay.session import run_id

        run_id.join(run)
    config.addinivalue_line(
        "markers",
        f"{MARKER}(library=None, *, mode=None, api_version=None, api_base=None, ...): answer this "
        "test's calls to Stripe's API from a library of cassettes; options of use_cassettes.",
    )
    version = config.getoption("--replay-api-version")
    _check_version(version)
    if version is not None:
        # Also for `use_cassettes`, and for processes that tests start.
        before = os.environ.get(_VERSION)
        os.environ[_VERSION] = version
        config.add_cleanup(lambda: _set_version(before))
    track = tracked(config)
    if track is not None and (track.is_dir() or ".py" in Path(track.name.split("::")[0]).suffix):
        # pytest reads a path of tests behind it as its value.
        raise pytest.UsageError(
            f"{track.name} is no file of used fields: write --replay-track-fields=FILE, or put "
            "--replay-track-fields last"
        )
    unused = config.getini("replay_unused")
    if unused not in UNUSED:
        raise pytest.UsageError(f"replay_unused = {unused}: use one of {', '.join(UNUSED)}")


def _check_version(given: str | None) -> None:
    variable = os.environ.get(_VERSION)
    for where, version in (("--replay-api-version", given), (_VERSION, variable)):
        if version:
            from replay.errors import ConfigError
            from replay.stripe_api.versions import checked_version

            try:
                checked_version(version, where)
            except ConfigError as error:
                raise pytest.UsageError(str(error)) from error


def _set_version(version: str | None) -> None:
    if version is None:
        os.environ.pop(_VERSION, None)
    else:
        os.environ[_VERSION] = version


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say so where a run may go online, or is answered at another version."""
    mode, version = config.getoption("--replay-mode"), os.environ.get(_VERSION)
    parts = [f"mode {mode}"] if mode else []
    if version:
        parts.append(f"API version {version}, whatever clients pin")
    return f"replay: {', '.join(parts)}" if parts else None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Look for no tests among cassettes."""
    return True if collection_path.is_dir() and is_library(str(collection_path)) else None


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Remember that the run is not a full one."""
    if items:
        setattr(items[0].config, _PARTIAL, "tests were deselected")


def pytest_warning_recorded(warning_message: warnings.WarningMessage, when: str) -> None:
    """Refuse a marker that is ours but for a slip: its test would go online."""
    if when == "collect" and warning_message.category is pytest.PytestUnknownMarkWarning:
        refuse_misspelt(warning_message)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load the plugin's other half if a test of this run needs it."""
    config = session.config
    if not config.option.collectonly and (
        unused(config) != "off"
        or blocks(config)
        or tracked(config) is not None
        or os.environ.get(_VERSION)
        or any(wants(item) for item in session.items)
    ):
        _run(config)


@pytest.fixture
def cassettes(request: pytest.FixtureRequest) -> Session:
    """The running test's session; one with the defaults where the test is not marked."""
    return _run(request.config).session_of(request.node)


@pytest.fixture(scope="session")
def replay_server_url(request: pytest.FixtureRequest) -> str:
    """The base address of the run's replay server, for programs that are started once."""
    return _run(request.config).server().url


@pytest.fixture
def replay_server(request: pytest.FixtureRequest) -> ReplayServer:
    """A replay server, answered by the running test's session: url, host and port."""
    run = _run(request.config)
    run.session_of(request.node)
    return run.server()


class _Skips:
    """Remembers that the run is not a full one where a whole module is skipped."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            setattr(self._config, _PARTIAL, "a module was skipped")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Settle which cassettes were not used, or leave that to the controller of the workers."""
    if hasattr(session.config, "replay_account"):
        from replay.testing.summary import finish

        finish(session, getattr(session.config, _PARTIAL, ""))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist which run it works for: also one in a crashed one's place."""
    from replay.session import run_id

    node.workerinput[_RUN] = run_id.name()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Add up what a worker of pytest-xdist did."""
    from replay.testing.summary import merge

    merge(node.config, getattr(node, "workeroutput", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line on what was played, recorded and refused, and what is worth knowing beside."""
    if hasattr(config, "replay_account"):
        from replay.testing.summary import summarise

        summarise(terminalreporter, config)


@contextmanager
def _as_compiled(plugins: Any) -> Iterator[None]:
    """Load modules without pytest's hook, which rewrites asserts in all of a plugin's package.

    Ours explain nothing, and loading so many that way takes half as long again; where the rewritten
    ones are not kept yet, as in a fresh environment, five times as long.
    """
    finders, hook = sys.meta_path, plugins.rewrite_hook
    if hook not in finders:
        yield
        return
    place = finders.index(hook)
    del finders[place]
    try:
        yield
    finally:
        finders.insert(place, hook)


def _run(config: pytest.Config) -> Run:
    found: Run | None = config.pluginmanager.get_plugin(_RUN)
    if found is None:
        with _as_compiled(config.pluginmanager):
            from replay.testing.plugin import Run

        found = Run(config)
        config.pluginmanager.register(found, _RUN)
    return found
