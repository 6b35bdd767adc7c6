"""Makes the report of a library: which comparisons there are, and what would settle the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from replay.call import Call
from replay.cassette import Cassette, ObjectKey
from replay.drift.compare import compare, samples, with_findings
from replay.drift.corpus import Corpus, Part, collect
from replay.drift.elsewhere import elsewhere, wanted
from replay.drift.findings import Comparison, Finding, Grade, Report
from replay.drift.versions import version_order
from replay.errors import ConfigError
from replay.routes import by_resource


class Cassettes(Protocol):
    """Where recordings come from; `replay.library.Library` is one."""

    def cassettes(self, resource: str | None = None) -> Iterator[tuple[str, Cassette]]:
        """Cassettes with their paths below the library, sorted by path."""


def report(
    library: Cassettes,
    resource: str | None = None,
    versions: tuple[str, str] | None = None,
    source: str | None = None,
) -> Report:
    """Compare what a library holds.

    Args:
        library: the recordings.
        resource: only this resource path, such as ``invoices``; None for all.
        versions: old and new; None for every neighbouring pair.
        source: only recordings that this host answered.

    Raises:
        ConfigError: old and new are one version.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    if versions is not None and versions[0] == versions[1]:
        raise ConfigError(
            "a version cannot drift from itself", where=" ".join(versions), hint="name two versions"
        )
    corpus = collect(library.cassettes(resource), versions, source)
    found = [
        _settled(corpus, part, _joined(library, corpus, part, compare(corpus, part, old, new)))
        for part in sorted(corpus.observed)
        for old, new in _pairs(corpus, part, versions)
    ]
    found.sort(key=lambda c: (c.resource, version_order(c.old), version_order(c.new)))
    recorded = {
        name: tuple(sorted(seen, key=version_order))
        for name, seen in sorted(corpus.recorded.items())
    }
    return Report(tuple(found), recorded, next(iter(corpus.objects.values()), None))


def _pairs(
    corpus: Corpus, part: Part, versions: tuple[str, str] | None
) -> Sequence[tuple[str, str]]:
    seen = corpus.observed[part]
    if versions is not None:
        return [versions] if all(version in seen for version in versions) else []
    return list(pairwise(sorted(seen, key=version_order)))


def _joined(library: Cassettes, corpus: Corpus, part: Part, comparison: Comparison) -> Comparison:
    lost = wanted(comparison.findings, samples(corpus, part, comparison.old, comparison.new))
    if not lost:
        return comparison
    others = (
        (file, cassette)
        for file, cassette in library.cassettes()
        if cassette.api_version == comparison.new and cassette.key.resource != part.resource
    )
    return with_findings(comparison, elsewhere(comparison.findings, lost, others))


def _settled(corpus: Corpus, part: Part, comparison: Comparison) -> Comparison:
    done = tuple(
        replace(finding, settle=_settle(corpus, part, comparison, finding))
        if finding.grade is Grade.UNOBSERVED
        else finding
        for finding in comparison.findings
    )
    return replace(comparison, findings=done)


def _settle(corpus: Corpus, part: Part, comparison: Comparison, finding: Finding) -> str:
    """The recording that would settle an unobserved finding: the richer side's object, again.

    Empty where that object is recorded at both versions already: then another one is needed,
    which nobody can name from here.
    """
    shown = finding.witnesses[0 if finding.blind == "new" else 1]
    key = corpus.objects[shown.partition("#")[0]]
    if corpus.versions[key] >= {comparison.old, comparison.new}:
        return ""
    return _command(key, part.expand, comparison.old, comparison.new)


def recording(found: Report, versions: tuple[str, str] | None, resource: str | None) -> str:
    """The command that would give a report something to compare.

    Args:
        found: a report without comparisons.
        versions: the versions that were asked for.
        resource: the resource that was asked for, as the user wrote it.
    """
    old, new = versions or ("VERSION", "VERSION")
    if found.example is not None and not versions:
        old = found.recorded[found.example.resource][-1]
    line = _command(found.example, (), old, new) if found.example is not None else ""
    asked = f"replay record {resource or 'RESOURCE'} ID --api-version {old} --api-version {new}"
    return line or asked


def _command(key: ObjectKey, expand: tuple[str, ...], *versions: str) -> str:
    if key.account:
        return ""  # the label of a connected account does not name it
    return Call(by_resource(key.resource), key, expand).command(*versions)
