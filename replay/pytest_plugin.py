"""The pytest plugin's entry: options, marker and fixtures.

pytest imports this module in every run of every project that has replay installed, so it imports
little. The other half (`testing.plugin`) is loaded when a test of the run needs it.
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

from replay.testing import options
from replay.testing.collecting import is_library, refuse_misspelt
from replay.testing.options import MARKER, VERSION

if TYPE_CHECKING:
    from replay.session.session import Session
    from replay.testing.plugin import Run
    from replay.testing.server_fixture import ReplayServer

_RUN = "replay_cassettes_run"
_PARTIAL = "replay_cassettes_partial"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and settings."""
    options.add(parser)


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
    options.check(config)
    version = config.getoption("--replay-api-version")
    if version is not None:
        # Also for `use_cassettes`, and for processes that tests start.
        before = os.environ.get(VERSION)
        os.environ[VERSION] = version
        config.add_cleanup(lambda: _set_version(before))


def _set_version(version: str | None) -> None:
    if version is None:
        os.environ.pop(VERSION, None)
    else:
        os.environ[VERSION] = version


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say if the run may go online, or is answered at another API version."""
    mode, version = config.getoption("--replay-mode"), os.environ.get(VERSION)
    parts = [f"mode {mode}"] if mode else []
    if version:
        parts.append(f"API version {version}, regardless of pins")
    return f"replay: {', '.join(parts)}" if parts else None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Do not look for tests in libraries."""
    return True if collection_path.is_dir() and is_library(str(collection_path)) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note whether the project uses replay, before ``-k`` and ``-m`` deselect marked tests."""
    options.note_use(config, items)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Note that this is not a full run."""
    if items:
        setattr(items[0].config, _PARTIAL, "tests were deselected")


def pytest_warning_recorded(warning_message: warnings.WarningMessage, when: str) -> None:
    """Refuse a misspelt marker: its test would go online."""
    if when == "collect" and warning_message.category is pytest.PytestUnknownMarkWarning:
        refuse_misspelt(warning_message)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Load the other half of the plugin if a test of this run needs it."""
    config = session.config
    if not config.option.collectonly and (
        options.unused_action(config) != "off"
        or options.blocks_network(config)
        or options.uses_replay(config)
        or options.tracked_file(config) is not None
        or os.environ.get(VERSION)
        or any(options.needs_session(item) for item in session.items)
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
    """Notes that this is not a full run if a whole module is skipped."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            setattr(self._config, _PARTIAL, "a module was skipped")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Find the cassettes that no test used; a worker of xdist leaves that to its controller."""
    if hasattr(session.config, "replay_summary"):
        from replay.testing.summary import finish

        finish(session, getattr(session.config, _PARTIAL, ""))


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Report refusals in sessions that `use_cassettes` opened in a fixture or in ``setUp``."""
    if call.excinfo is not None and "replay.testing.decorator" in sys.modules:
        with _as_compiled(item.config.pluginmanager):
            from replay.testing.tracebacks import report_refusal

        report_refusal(item, call)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist its run; also a worker that replaces a crashed one."""
    from replay.session import run_id

    node.workerinput[_RUN] = run_id.name()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Add the counts of a pytest-xdist worker to those of the run."""
    from replay.testing.summary import merge

    merge(node.config, getattr(node, "workeroutput", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how many calls were played, recorded and refused, and the notes of the run."""
    if hasattr(config, "replay_summary"):
        from replay.testing.summary import summarise

        summarise(terminalreporter, config)


@contextmanager
def _as_compiled(plugins: Any) -> Iterator[None]:
    """Load modules without pytest's import hook, which rewrites the asserts in a plugin's package.

    replay's asserts explain nothing to a user. With the hook, loading takes half as long again; in
    a fresh environment, where no rewritten module is cached yet, five times as long.
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
