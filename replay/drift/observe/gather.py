"""Gathers the evidence of libraries, in one process or in several.

The libraries are read once, and a second time where bodies hold objects of a type that was also
recorded by itself: only the first reading says which types those are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import active_count
from typing import Protocol

from replay.drift.observe.corpus import Corpus, Stratum, by_object
from replay.drift.observe.selection import Selection
from replay.library import Library
from replay.library.names import served
from replay.model.cassette import Cassette

SPREAD_FROM = 4000
"""With fewer cassettes, one process has read them all before others have started."""

_SHARES = 4  # per process, so that none waits long for the last one

Places = dict[Stratum, set[tuple[str, str]]]

Progress = Callable[[int], None]
"""Called with the number of cassettes that have been read since the last call."""


class Recordings(Protocol):
    """Where recordings come from; `replay.library.Library` is one."""

    def cassettes(self, resource: str | None = None) -> Iterator[tuple[str, Cassette]]:
        """Cassettes with their paths below the library, sorted by path."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources to gather from, and how to.

    Attributes:
        library: the recordings.
        older: another library that holds the old side; None where there is none.
        source: only recordings that this host answered.
        processes: how many processes may be used, where they pay and both libraries are folders.
        progress: called with the number of cassettes read since the last call.
    """

    library: Recordings
    older: Recordings | None = None
    source: str | None = None
    processes: int = 1
    progress: Progress | None = None


def gather(sources: Sources, selection: Selection) -> Corpus:
    """All evidence for a selection, nested objects included.

    Raises:
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    corpus = _read(sources, selection, None)
    places = corpus.nested_places()
    if places:
        corpus.merge(_read(sources, selection, places))
    corpus.finish(places)
    return corpus


def _read(sources: Sources, selection: Selection, places: Places | None) -> Corpus:
    library, older = sources.library, sources.older
    progress = sources.progress if places is None else None
    folders = isinstance(library, Library) and (older is None or isinstance(older, Library))
    if sources.processes > 1 and folders:
        named = _named(sources)
        if len(named) >= SPREAD_FROM:
            return _spread(sources, selection, places, named, progress)
    corpus = Corpus(selection, sources.source)
    entries = _watched(library.cassettes(), progress)
    before = _watched(older.cassettes(), progress) if older is not None else ()
    for files in by_object(entries, before):
        _count(corpus, files, places)
    return corpus


def _watched(
    entries: Iterable[tuple[str, Cassette]], progress: Progress | None
) -> Iterator[tuple[str, Cassette]]:
    for entry in entries:
        if progress is not None:
            progress(1)
        yield entry


def _count(
    corpus: Corpus, files: Sequence[tuple[str, Cassette, bool]], places: Places | None
) -> None:
    if places is None:
        corpus.add(files)
    elif files[0][1].key.resource in {stratum.resource for stratum in places}:
        corpus.add_nested(files, places)


# In several processes. What they count is added up; the order of adding changes nothing.

Names = tuple[tuple[str, bool], ...]


def _named(sources: Sources) -> list[tuple[str, bool]]:
    found = [(path, False) for path in _paths(sources.library)]
    found += [(path, True) for path in _paths(sources.older)]
    return sorted(found, key=lambda entry: (served(entry[0]), entry))


def _paths(library: Recordings | None) -> list[str]:
    return library.paths() if isinstance(library, Library) else []


def _spread(
    sources: Sources,
    selection: Selection,
    places: Places | None,
    named: Sequence[tuple[str, bool]],
    progress: Progress | None,
) -> Corpus:
    # Imported here: small comparisons do without them.
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    both = sources.library, sources.older
    libraries = tuple(
        (str(one.root), one.follow_links) if isinstance(one, Library) else ("", False)
        for one in both
    )
    share = _Share(libraries, selection, sources.source, places)
    corpus = Corpus(selection, sources.source)
    shares = _shares(named, sources.processes * _SHARES)
    with ProcessPoolExecutor(sources.processes, mp_context=get_context(_method())) as pool:
        for names, found in zip(shares, pool.map(share, shares), strict=True):
            corpus.merge(found)
            if progress is not None:
                progress(len(names))
    return corpus


def _method() -> str:
    # A fork starts sooner, but is safe only where there is no other thread.
    forks = sys.platform == "linux" and active_count() == 1
    return "fork" if forks else "spawn"


def _shares(named: Sequence[tuple[str, bool]], count: int) -> list[Names]:
    """Cut sorted paths into shares of about one size. All cassettes of one object stay together."""
    shares: list[list[tuple[str, bool]]] = [[]]
    least = len(named) / count
    top = served(named[0][0]).rpartition("/")[0] + "/"
    for path, older in named:
        # A folder may hold other folders, so a cut is possible only outside the topmost one.
        folder = served(path).rpartition("/")[0] + "/"
        if not folder.startswith(top):
            top = folder
            if len(shares[-1]) >= least:
                shares.append([])
        shares[-1].append((path, older))
    return [tuple(share) for share in shares]


@dataclass(frozen=True, slots=True)
class _Share:
    """Counts some cassettes in a process of its own."""

    libraries: tuple[tuple[str, bool], ...]
    selection: Selection
    source: str | None
    places: Places | None

    def __call__(self, names: Names) -> Corpus:
        libraries = [Library(root, follow_links=links) for root, links in self.libraries]

        def entries(older: bool) -> Iterator[tuple[str, Cassette]]:
            for path, is_older in names:
                if is_older is older:
                    cassette = libraries[older].read(path)
                    if cassette is not None:
                        yield path, cassette

        corpus = Corpus(self.selection, self.source)
        for files in by_object(entries(False), entries(True)):
            _count(corpus, files, self.places)
        return corpus
