"""The counts of a run, added up over workers, and the cassettes that it did not use.

Unused cassettes are known only after a full run in which every marked test ran. Otherwise a
cassette may belong to a test that did not run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from replay.errors import ReplayError
from replay.intercept import current_session
from replay.library import Library
from replay.library.location import display_path
from replay.model.cassette import ObjectKey
from replay.session import run_id
from replay.session.session import OpenSession
from replay.testing import recording_age
from replay.testing.options import unused_action
from replay.upkeep.prune import write_unused

_OUTPUT = "replay_cassettes"
_SHOWN = 10
_COUNTS = ("played", "recorded", "refused", "unrecorded", "skipped", "overridden", "unmarked",
           "writes_sent")  # fmt: skip
"""The counts of a `Summary` that are added up over processes."""

_fields = attrgetter(*(each.name for each in fields(ObjectKey)))  # `astuple` copies deeply

_runs: list[Summary] = []
"""The runs of pytest in this process, one inside another; the innermost is the last."""

Key = tuple[Any, ...]
"""An object key's fields, then the API version: what travels between processes."""


@dataclass
class Summary:
    """The counts and notes of a run.

    Attributes:
        played, recorded, refused: numbers of calls.
        unrecorded: how many calls were answered by the live source, and not recorded.
        notes: the notes of sessions, and how many sessions had each.
        used: by library, whose cassettes answered or were recorded.
        linked: the libraries whose links are followed.
        skipped: how many marked tests were skipped.
        overridden: how many calls an override answered.
        unmarked: how many calls of tests without a session went to Stripe's API.
        writes_sent: how many writes were let through to the live API.
        old: test -> the oldest recording that it played, if that is too old.
        partial: why this is not a full run; empty where it is one.
        unused: the cassettes that no test used; None where that cannot be said.
    """

    played: int = 0
    recorded: int = 0
    refused: int = 0
    unrecorded: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    used: dict[str, set[Key]] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    skipped: int = 0
    overridden: int = 0
    unmarked: int = 0
    writes_sent: int = 0
    old: dict[str, str] = field(default_factory=dict)
    partial: str = ""
    unused: list[str] | None = None

    def add(self, session: OpenSession, *, library: bool = True) -> None:
        """Count a session that has ended."""
        counts = session.counts
        self.played += counts.played
        self.recorded += counts.recorded
        self.overridden += counts.overridden
        self.unrecorded += counts.unrecorded
        self.writes_sent += counts.writes_sent
        self.add_refusals(session.refusals)
        if session.notes:
            self.notes.update(session.notes)
        if library:
            used = self.used.setdefault(str(session.library.root), set())
            if session.library.follow_links:
                self.linked.add(str(session.library.root))
            calls = session.calls
            used.update([(*_fields(one.call.key), one.api_version) for one in calls])
            # Recorded by mistake (a typo, another account's key), it looks like Stripe answering.
            self.notes.update(
                [
                    f"{one.call.key} at {one.api_version} is a recorded error "
                    f"({one.take.response.status}): if that is a mistake, mode all asks again"
                    for one in calls
                    if one.take.response.status >= 400
                ]
            )

    def add_refusals(self, refusals: Iterable[ReplayError]) -> None:
        """Count refusals, also those of threads that have outlived their test."""
        self.refused += len([*refusals])
        while current_session.orphan_refusals:
            error = current_session.orphan_refusals.popleft()
            self.refused += 1
            self.notes[f"a thread outlived its test, and was refused: {error.what}"] += 1

    def pack(self) -> dict[str, Any]:
        """This summary in types that travel between processes."""
        return {
            "counts": [getattr(self, name) for name in _COUNTS],
            "notes": dict(self.notes),
            "used": {root: list(keys) for root, keys in self.used.items()},
            "linked": list(self.linked),
            "old": self.old,
            "partial": self.partial,
        }

    def unpack(self, packed: Mapping[str, Any]) -> None:
        """Add another process's summary."""
        for name, count in zip(_COUNTS, packed["counts"], strict=True):
            setattr(self, name, getattr(self, name) + count)
        self.notes.update(packed["notes"])
        for root, keys in packed["used"].items():
            self.used.setdefault(root, set()).update(map(tuple, keys))
        self.linked.update(packed["linked"])
        self.old.update(packed["old"])
        self.partial = self.partial or packed["partial"]


def summary_of(config: pytest.Config) -> Summary:
    """The run's summary, made when first asked for."""
    found: Summary | None = getattr(config, "replay_summary", None)
    if found is None:
        found = config.replay_summary = Summary()  # type: ignore[attr-defined]  # where the entry looks
        _runs.append(found)
        config.add_cleanup(_end_run)
    return found


def _end_run() -> None:
    # After the last fixtures. A run of pytest inside a test ends nothing.
    summary = _runs.pop()
    if not _runs and run_id.is_own(run_id.current()):
        from replay.session import run_folder

        run_folder.end(summary.used)


def merge(config: pytest.Config, output: Mapping[str, Any]) -> None:
    """Add what a worker sent at its end; a crashed one sends nothing."""
    packed = output.get(_OUTPUT)
    if packed is not None:
        summary_of(config).unpack(packed)
    elif not output:
        summary_of(config).partial = "a worker crashed"


def finish(session: pytest.Session, partial: str) -> None:
    """Settle the summary at the run's end; changes the exit status of a run that passed only."""
    config = session.config
    summary = summary_of(config)
    summary.partial = summary.partial or partial
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = summary.pack()
        return
    limit = recording_age.limit_of(config)
    if limit is not None and limit.fails and summary.old and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    wanted = unused_action(config)
    if wanted == "off":
        return
    summary.partial = summary.partial or _partial(session, summary)
    if summary.partial:
        return
    unused = _unused(summary)
    for library, paths in unused.items():
        with suppress(ReplayError):  # one inside an archive, or write-protected
            write_unused(library, paths)
    summary.unused = [
        f"{display_path(library.root)}/{path}" for library, paths in unused.items()
        for path in paths
    ]  # fmt: skip
    if summary.unused and wanted == "fail":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def summarise(reporter: Any, config: pytest.Config) -> None:
    """Write the summary."""
    summary = summary_of(config)
    wanted = unused_action(config)
    parts = [
        f"{summary.played} played", f"{summary.recorded} recorded", f"{summary.refused} refused",
    ]  # fmt: skip
    if summary.overridden:
        parts.append(f"{summary.overridden} overridden")
    if summary.unrecorded:
        parts.append(f"{summary.unrecorded} answered but not recorded")
    if summary.writes_sent:
        parts.append(f"{summary.writes_sent} writes sent to the live API")
    if summary.unmarked:
        parts.append(f"{summary.unmarked} online from unmarked tests")
    if summary.old:
        parts.append(f"{len(summary.old)} tests played old recordings")
    if summary.unused is not None:
        parts.append(f"{len(summary.unused)} unused")
    elif wanted != "off":
        parts.append(f"unused not looked for: {summary.partial}")
    if reporter.verbosity >= -1 and (
        wanted != "off"
        or summary.used
        or summary.refused
        or summary.unrecorded
        or summary.overridden
        or summary.unmarked
        or summary.writes_sent
    ):
        reporter.ensure_newline()
        reporter.write_line("replay: " + ", ".join(parts))
        for note, count in summary.notes.most_common(_SHOWN):
            reporter.write_line(f"  {note}" + (f" ({count} tests)" if count > 1 else ""))
        if len(summary.notes) > _SHOWN:
            reporter.write_line(f"  and {len(summary.notes) - _SHOWN} more notes")
    if summary.old:
        recording_age.report(reporter, config, summary.old)
    if summary.unused:
        failing = wanted == "fail"
        reporter.section("unused cassettes", red=failing, yellow=not failing)
        for path in summary.unused:
            reporter.write_line(path)
        reporter.write_line(
            "no test of this run played them: remove them with replay prune, or set"
            " replay_unused = off"
        )


def _partial(session: pytest.Session, summary: Summary) -> str:
    """Why a run is not a full one; empty where it is."""
    config = session.config
    option = config.option
    if session.exitstatus != pytest.ExitCode.OK:
        return "the run did not pass"
    if summary.skipped:
        return (
            "1 marked test was skipped"
            if summary.skipped == 1
            else f"{summary.skipped} marked tests were skipped"
        )
    if any(getattr(option, name, None) for name in ("lf", "stepwise", "keyword", "markexpr")):
        return "tests were selected"
    if any(arg.startswith(("--ignore", "--deselect")) for arg in config.invocation_params.args):
        return "tests were left out"
    if config.args_source is pytest.Config.ArgsSource.ARGS and not _covers(config):
        return "tests were named"
    return ""


def _covers(config: pytest.Config) -> bool:
    """Whether the paths on the command line hold all tests that a run without them would."""
    here = config.invocation_params.dir
    roots = [config.rootpath / path for path in config.getini("testpaths")] or [here]
    modules = config.getoption("pyargs")
    given = [
        ((modules and _module_path(arg)) or here / arg).resolve()
        for arg in config.args
        if "::" not in arg
    ]
    return all(any(root.resolve().is_relative_to(path) for path in given) for root in roots)


def _module_path(name: str) -> Path | None:
    """The file of a module, or the folder of a package, as `pytest --pyargs` finds it."""
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = [*(spec.submodule_search_locations or ()), *filter(None, [spec.origin])]
    return Path(folders[0]) if folders else None


def _unused(summary: Summary) -> dict[Library, list[str]]:
    found: dict[Library, list[str]] = {}
    for root in sorted(summary.used):
        library = Library(root, follow_links=root in summary.linked)
        if not Path(root).is_dir():
            continue
        used = summary.used[root]
        known = {
            library.path(ObjectKey(*fields), version).relative_to(root).as_posix()
            for *fields, version in used
        }
        # Cassettes of vcrpy's are read as none: this run cannot say whether they were used.
        found[library] = [
            path for path in library.paths()
            if path not in known and not _is_used(library, path, used)
        ]  # fmt: skip
    return found


def _is_used(library: Library, path: str, used: set[Key]) -> bool:
    # A sibling's ID that differs in case only has a folder of another name.
    try:
        cassette = library.read(path)
    except ReplayError:
        return False
    return cassette is None or (*_fields(cassette.key), cassette.api_version) in used
