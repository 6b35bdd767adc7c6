"""Makes the report of a library: its comparisons, what would settle the rest, its matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from replay.drift.acceptance.settings import Policy
from replay.drift.judge.compare import compare, samples, with_findings
from replay.drift.judge.findings import Comparison, Finding, Grade, Matrix, Report, Row
from replay.drift.judge.relocate import GONE, elsewhere, wanted
from replay.drift.judge.retyped import retyped
from replay.drift.observe.corpus import Corpus, Part
from replay.drift.observe.gather import Cassettes, Sources, Tell, gather
from replay.drift.observe.marks import ANY, parent
from replay.drift.observe.selection import Epoch, Selection, epoch_order
from replay.drift.observe.shape import Shape, is_map
from replay.errors import ConfigError
from replay.model.cassette import ObjectKey
from replay.stripe_api.call import Call
from replay.stripe_api.routes import by_resource
from replay.stripe_api.versions import require_version, version_order


def report(
    library: Cassettes,
    resource: str | None = None,
    versions: tuple[str, str] | None = None,
    source: str | None = None,
    *,
    since: str = "",
    before: str = "",
    older: Cassettes | None = None,
    policy: Policy | None = None,
    matrix: bool = False,
    processes: int = 1,
    tell: Tell | None = None,
) -> Report:
    """Compare what a library holds.

    Args:
        library: the recordings.
        resource: only this resource path, such as ``invoices``; None for all.
        versions: old and new; None for every neighbouring pair.
        source: only recordings that this host answered.
        since: neighbouring pairs from this version on.
        before: a day; compares the recordings of one version (named twice in `versions`) made
            before it with the later ones.
        older: another library that holds the old side.
        policy: the severities to use in place of the catalogue's.
        matrix: whether to make the matrices of fields against versions.
        processes: how many processes may be used, where they pay.
        tell: called with a number whenever so many cassettes have been read.

    Raises:
        ConfigError: old and new are one version or none at all, or `since` has no place in their
            order.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    selection = Selection(versions, since, before, libraries=older is not None)
    if versions is not None and versions[0] == versions[1] and not before and older is None:
        raise ConfigError(
            "a version cannot drift from itself", where=" ".join(versions), hint="name two versions"
        )
    corpus = gather(Sources(library, older, source, processes, tell), selection)
    places = ("--same-version", "") if before else ("OLD", "NEW")
    every = [version for seen in corpus.recorded.values() for version in seen]
    for version, where in zip(versions or (), places, strict=False):
        require_version(version, every, where)
    if since:
        require_version(since, every, "--since")
        if not version_order(since)[0]:
            raise ConfigError(
                f"{since!r} carries no date, so no version is later",
                where="--since",
                hint="name a version with a date; recorded are: "
                + ", ".join(sorted(set(every), key=version_order)),
            )
    found: list[tuple[Part, Comparison]] = []
    parts = [part for part in sorted(corpus.observed) if resource in (None, part.resource)]
    for part in parts:
        for old, new in selection.pairs(corpus.observed[part]):
            compared = _joined(library, corpus, part, (old, new))
            found.append((part, _settled(corpus, part, compared)))
    found = retyped(corpus, found, resource)
    done = [(policy or Policy()).weighed(comparison) for comparison in _once(corpus, found)]
    done.sort(key=lambda c: (c.resource, version_order(c.old), version_order(c.new)))
    recorded = {
        name: tuple(sorted(seen, key=version_order))
        for name, seen in sorted(corpus.recorded.items())
        if resource in (None, name)
    }
    # One that has what was asked for at one of the versions, where there is such a one.
    keys = [key for key in corpus.objects.values() if resource in (None, key.resource)]
    example = min(keys, key=lambda key: (key not in corpus.versions, str(key)), default=None)
    made = matrices(corpus, parts) if matrix else ()
    return Report(tuple(done), recorded, example, made, _stubs(corpus, parts))


def _stubs(corpus: Corpus, parts: Sequence[Part]) -> dict[str, tuple[str, ...]]:
    living: dict[str, set[Epoch]] = {}
    deleted: dict[str, set[Epoch]] = {}
    for part in parts:
        seen = deleted if part.deleted else living
        seen.setdefault(part.resource, set()).update(corpus.observed[part])
    only = {
        resource: sorted(epochs - living[resource], key=epoch_order)
        for resource, epochs in deleted.items()
        if resource in living
    }
    return {
        resource: tuple(f"{epoch.version} {epoch.span}".strip() for epoch in epochs)
        for resource, epochs in only.items()
        if epochs
    }


def _once(corpus: Corpus, found: Sequence[tuple[Part, Comparison]]) -> list[Comparison]:
    """The comparisons without what objects inside them tell themselves, as bad and as sure."""
    own: dict[tuple[str, tuple[str, ...], str, str], list[Finding]] = {}
    for part, comparison in found:
        for finding in comparison.findings:
            told = part.type, _sides(comparison), finding.path, finding.rule
            own.setdefault(told, []).append(finding)

    def told_inside(part: Part, comparison: Comparison, finding: Finding) -> bool:
        return any(
            one.severity >= finding.severity and one.grade >= finding.grade
            for place, type in corpus.nested.get(part, ())
            if finding.path.startswith(f"{place}/")
            for one in own.get(
                (type, _sides(comparison), finding.path[len(place) :], finding.rule), ()
            )
        )

    done = []
    for part, comparison in found:
        findings = [
            finding for finding in comparison.findings if not told_inside(part, comparison, finding)
        ]
        done.append(replace(comparison, findings=tuple(findings)))
    return done


def _sides(comparison: Comparison) -> tuple[str, ...]:
    return comparison.old, comparison.new, *comparison.spans


def _joined(
    library: Cassettes, corpus: Corpus, part: Part, both: tuple[Epoch, Epoch]
) -> Comparison:
    comparison = compare(corpus, part, *both)
    lost = wanted(comparison.findings, samples(corpus, part, *both))
    if not lost:
        return comparison
    # Resource by resource: none of the part's own recordings is opened again.
    others = (
        (file, cassette)
        for resource in sorted(corpus.recorded.keys() - {part.resource})
        for file, cassette in library.cassettes(resource)
        if cassette.api_version == comparison.new
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
    which nobody can name from here. Empty too where the blind side is in the past, or the object
    lay inside another recording.
    """
    if finding.rule == "name-redacted":
        return ""  # no recording ever shows a name
    shown = finding.witnesses[0 if finding.blind == "new" else 1]
    key = corpus.objects[shown.partition("#")[0]]
    if key.resource != part.resource or key.query is not None:
        return ""
    old, new = comparison.spans
    epochs = {Epoch(comparison.old, old), Epoch(comparison.new, new)}
    if corpus.versions[key] >= epochs and finding.rule not in GONE:
        return ""
    if any(comparison.spans):
        return _command(key, part.expand, comparison.new) if finding.blind == "new" else ""
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
    named = dict.fromkeys((old, new)) if versions else (old, new)
    asked = "".join(f" --api-version {version}" for version in named)
    return line or f"replay record {resource or 'RESOURCE'} ID{asked}"


def _command(key: ObjectKey, expand: tuple[str, ...], *versions: str) -> str:
    if key.account:
        return ""  # the label of a connected account does not name it
    return Call(by_resource(key.resource), key, expand).command(*dict.fromkeys(versions))


def matrices(corpus: Corpus, parts: Sequence[Part]) -> tuple[Matrix, ...]:
    """The matrices of some parts, once all recordings were counted."""
    return tuple(_matrix(corpus, part) for part in parts)


def _matrix(corpus: Corpus, part: Part) -> Matrix:
    epochs = sorted(corpus.observed[part], key=epoch_order)
    shapes = [corpus.observed[part][epoch].total for epoch in epochs]
    paths = {path for shape in shapes for path in shape if path and _is_field(shape, path)}
    rows = tuple(Row(path, tuple(_cell(shape, path) for shape in shapes)) for path in sorted(paths))
    versions = tuple(f"{epoch.version} {epoch.span}".strip() for epoch in epochs)
    return Matrix(part.resource, part.type, part.deleted, part.expand, versions, rows)


def _is_field(shape: Shape, path: str) -> bool:
    # The values of maps are no fields; the items of a list are what their fields hang from.
    above = path
    while above:
        above = parent(above)
        if is_map(shape, above):
            return False
    return not path.endswith(f"/{ANY}")


def _cell(shape: Shape, path: str) -> tuple[int, int] | None:
    stat, above = shape.get(path), shape.get(parent(path))
    if above is None or not above.parents:
        return None
    return (stat.seen if stat is not None else 0), above.parents
