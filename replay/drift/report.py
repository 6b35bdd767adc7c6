"""Makes the report of a library: comparisons, matrices, and the recordings that are missing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from replay.drift.acceptance.settings import DriftSettings
from replay.drift.guide.witnesses import Witnesses
from replay.drift.judge.compare import compare, retyped, samples, with_findings
from replay.drift.judge.findings import Comparison, Finding, Grade, Matrix, Report, Row, Sides
from replay.drift.judge.other_resources import elsewhere
from replay.drift.judge.relocate import GONE
from replay.drift.judge.steps import with_steps
from replay.drift.observe.corpus import Corpus, Stratum, stratum_of
from replay.drift.observe.gather import Progress, Recordings, Sources, gather
from replay.drift.observe.nested import read_take
from replay.drift.observe.pairs import Take
from replay.drift.observe.pointers import ANY, parent, unescape
from replay.drift.observe.selection import ALL, Epoch, Selection, epoch_order
from replay.drift.observe.shape import Shape, is_map
from replay.drift.observe.steps import Steps
from replay.errors import ConfigError
from replay.library import Library
from replay.model.cassette import Cassette, ObjectKey
from replay.stripe_api.call import Call
from replay.stripe_api.relations import moved_out
from replay.stripe_api.routes import by_resource
from replay.stripe_api.versions import require_version, version_order


def report(
    library: Recordings,
    resource: str | None = None,
    versions: tuple[str, str] | None = None,
    source: str | None = None,
    *,
    since: str = "",
    before: str = "",
    older: Recordings | None = None,
    settings: DriftSettings | None = None,
    matrix: bool = False,
    one_account: bool = False,
    processes: int = 1,
    progress: Progress | None = None,
) -> Report:
    """Compare what a library holds.

    Args:
        library: the recordings.
        resource: only this resource path, such as ``invoices``; None for all.
        versions: old and new; None for every neighbouring pair.
        source: only recordings that this host answered.
        since: only neighbouring pairs from this version on; empty for all.
        before: a day as ``YYYY-MM-DD``. With it, `versions` names one version twice: its
            recordings made before that day are compared with the later ones.
        older: another library, which holds the old side.
        settings: the severities to use in place of the catalogue's.
        matrix: whether to make the matrices of fields against versions.
        one_account: whether both libraries are recordings of one account. Else the objects of one
            and those of the other prove nothing, apart from those that both have.
        processes: how many processes may be used, where they pay.
        progress: called with the number of cassettes read since the last call.

    Raises:
        ConfigError: old and new are the same version, one of them is not a version, or `since`
            carries no date.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    selection = Selection(versions, since, before, libraries=older is not None)
    if versions is not None and versions[0] == versions[1] and not before and older is None:
        raise ConfigError(
            "a version cannot drift from itself", where=" ".join(versions), hint="name two versions"
        )
    corpus = gather(Sources(library, older, source, processes, progress), selection)
    steps = Steps(library, older, source)
    places = ("--same-version", "") if before else ("OLD", "NEW")
    every = [version for seen in corpus.recorded.values() for version in seen]
    every += steps.versions
    for version, where in zip(versions or (), places, strict=False):
        require_version(version, every, where)
    if since:
        require_version(since, every, "--since", since=True)
        if not version_order(since)[0]:
            raise ConfigError(
                f"{since!r} carries no date, so no version is later",
                where="--since",
                hint="name a version with a date; recorded are: "
                + ", ".join(sorted(set(every), key=version_order)),
            )
    strata = [
        stratum for stratum in sorted(corpus.observed) if resource in (None, stratum.resource)
    ]
    witnesses = Witnesses(library if older is None else older, library)
    compared = _compared(library, corpus, strata, older, one_account or older is None, witnesses)
    found = [(stratum, _with_commands(corpus, stratum, one)) for stratum, one in compared]
    found = retyped(corpus, found, resource)
    # Once more: what became a move into another resource, or changed its type, came after.
    found = [(stratum, witnesses.confirmed(one)) for stratum, one in found]
    found = with_steps(found, steps.pairs(selection), corpus, resource)
    weigh = (settings or DriftSettings()).weigh
    done = [weigh(comparison) for comparison in _once(corpus, found)]
    done.sort(key=lambda c: (c.resource, version_order(c.old), version_order(c.new)))
    recorded = {
        name: tuple(sorted(seen, key=version_order))
        for name, seen in sorted(corpus.recorded.items())
        if resource in (None, name)
    }
    # An object that is recorded at one of the versions asked for, where there is one.
    keys = [key for key in corpus.objects.values() if resource in (None, key.resource)]
    example = min(keys, key=lambda key: (key not in corpus.versions, str(key)), default=None)
    made = matrices(corpus, strata) if matrix else ()
    expanded = _expanded(corpus, strata, selection)
    return Report(tuple(done), recorded, example, made, _stubs(corpus, strata), expanded)


def _expanded(corpus: Corpus, strata: Sequence[Stratum], selection: Selection) -> dict[str, Sides]:
    """The resources whose sides cannot be compared because each has other expand sets."""
    found: dict[str, Sides] = {}
    for resource in {stratum.resource for stratum in strata if not stratum.deleted}:
        own = [stratum for stratum in strata if stratum.resource == resource]
        sides: dict[Epoch, set[tuple[str, ...]]] = {}
        for stratum in own:
            for epoch in corpus.observed[stratum]:
                sides.setdefault(epoch, set()).add(stratum.expand)
        possible = selection.pairs(sides)
        if possible and not any(selection.pairs(corpus.observed[stratum]) for stratum in own):
            shown = sorted({epoch for pair in possible for epoch in pair}, key=epoch_order)
            found[resource] = tuple((one.label, tuple(sorted(sides[one]))) for one in shown)
    return dict(sorted(found.items()))


def _stubs(corpus: Corpus, strata: Sequence[Stratum]) -> dict[str, tuple[str, ...]]:
    living: dict[str, set[Epoch]] = {}
    deleted: dict[str, set[Epoch]] = {}
    for stratum in strata:
        seen = deleted if stratum.deleted else living
        seen.setdefault(stratum.resource, set()).update(corpus.observed[stratum])
    only = {
        resource: sorted(epochs - living[resource], key=epoch_order)
        for resource, epochs in deleted.items()
        if resource in living
    }
    return {
        resource: tuple(epoch.label for epoch in epochs)
        for resource, epochs in only.items()
        if epochs
    }


def _once(corpus: Corpus, found: Sequence[tuple[Stratum, Comparison]]) -> list[Comparison]:
    """The comparisons, without findings that a nested object's own comparison has too.

    Its finding must be as severe and as sure.
    """
    own: dict[tuple[str, tuple[Epoch, Epoch], str, str], list[Finding]] = {}
    for stratum, comparison in found:
        for finding in comparison.findings:
            named = stratum.type, comparison.epochs, finding.path, finding.rule
            own.setdefault(named, []).append(finding)

    def reported_below(stratum: Stratum, comparison: Comparison, finding: Finding) -> bool:
        return any(
            one.severity >= finding.severity and one.grade >= finding.grade
            for place, type in corpus.nested.get(stratum, ())
            if finding.path.startswith(f"{place}/")
            for one in own.get(
                (type, comparison.epochs, finding.path[len(place) :], finding.rule), ()
            )
        )

    done = []
    for stratum, comparison in found:
        findings = [
            finding
            for finding in comparison.findings
            if not reported_below(stratum, comparison, finding)
        ]
        done.append(replace(comparison, findings=tuple(findings)))
    return done


def _compared(
    library: Recordings,
    corpus: Corpus,
    strata: Sequence[Stratum],
    older: Recordings | None,
    one_account: bool,
    witnesses: Witnesses,
) -> list[tuple[Stratum, Comparison]]:
    """The comparisons of some strata."""
    places = [
        (stratum, both)
        for stratum in strata
        for both in corpus.selection.pairs(corpus.observed[stratum])
    ]
    before = _OldSide(library if older is None else older, corpus, older is not None)
    found = []
    for stratum, both in places:
        lone = partial(before.takes, stratum, both[0])
        compared = compare(corpus, stratum, *both, lone, one_account=one_account)
        found.append((witnesses.confirmed(compared), samples(corpus, stratum, *both)))
    expanded = any(stratum.expand for stratum in corpus.observed)
    moved = elsewhere(library, found, set(corpus.recorded), expanded=expanded)
    return [
        (stratum, with_findings(comparison, findings))
        for (stratum, _), (comparison, _), findings in zip(places, found, moved, strict=True)
    ]


@dataclass(frozen=True)
class _OldSide:
    """The recordings of the old sides, which are read again where an answer depends on all of them.

    Attributes:
        library: where they are.
        corpus: the evidence.
        apart: whether they are a library of their own.
    """

    library: Recordings
    corpus: Corpus
    apart: bool

    def takes(self, stratum: Stratum, epoch: Epoch) -> Iterator[Take]:
        """The recordings of a stratum in an epoch."""
        for file, cassette in self._at(epoch.version, stratum.resource):
            for number, interaction in enumerate(cassette.interactions):
                version, when = cassette.api_version, interaction.recorded_at
                if self.corpus.selection.epoch(version, when, self.apart) == epoch:
                    take = read_take(file, number, interaction)
                    if take and stratum_of(stratum.resource, interaction, take) == stratum:
                        yield take

    def _at(self, version: str, resource: str) -> Iterator[tuple[str, Cassette]]:
        if not isinstance(self.library, Library) or ";" in version:
            yield from self.library.cassettes(resource)
            return
        for path in self._paths:
            named = path.endswith(f"/{version}.yaml")
            cassette = self.library.read(path, resource) if named else None
            if cassette is not None:
                yield path, cassette

    @cached_property
    def _paths(self) -> list[str]:
        return self.library.paths() if isinstance(self.library, Library) else []


def _with_commands(corpus: Corpus, stratum: Stratum, comparison: Comparison) -> Comparison:
    """A comparison whose findings name the recording that would settle what is not known."""
    done = tuple(
        replace(finding, settle=_command_for(corpus, stratum, comparison, finding))
        if finding.grade is Grade.UNOBSERVED
        else _with_list(corpus, stratum, comparison, finding)
        for finding in comparison.findings
    )
    return replace(comparison, findings=done)


def _with_list(
    corpus: Corpus, stratum: Stratum, comparison: Comparison, finding: Finding
) -> Finding:
    """A removal that says which list has the field now, where no recording of the list is there."""
    if finding.rule not in GONE or finding.to is not None:
        return finding
    field = unescape(finding.path.split("/")[1])
    for relation in moved_out(stratum.resource, comparison.old, comparison.new):
        new = comparison.epochs[1]
        if field in relation.fields and not any(
            new in epochs
            for other, epochs in corpus.observed.items()
            if other.resource == relation.list_resource
        ):
            words = f"{relation.list_resource} may have it now; none is recorded"
            command = f"replay upgrade {shlex.quote(comparison.new)} --from "
            command += f"{shlex.quote(comparison.old)} --resource {stratum.resource}"
            detail = f"{finding.detail}; {words}" if finding.detail else words
            return replace(finding, detail=detail, settle=command)
    return finding


def _command_for(corpus: Corpus, stratum: Stratum, comparison: Comparison, finding: Finding) -> str:
    """The command that records, at both versions, the object that shows more.

    Empty where that object is recorded at both versions already: then another one is needed,
    which nobody can name from here. Empty too where the side that showed nothing is in the past,
    or the object was nested in another recording.
    """
    if finding.rule == "name-redacted":
        return ""  # no recording ever shows a name
    shown = finding.witnesses[0 if finding.blind == "new" else 1]
    key = corpus.objects[shown.partition("#")[0]]
    if key.resource != stratum.resource or key.query is not None:
        return ""
    if corpus.versions[key] >= {*comparison.epochs} and finding.rule not in GONE:
        return ""
    if comparison.slices != (ALL, ALL):
        return _command(key, stratum.expand, comparison.new) if finding.blind == "new" else ""
    return _command(key, stratum.expand, comparison.old, comparison.new)


def command_to_record(found: Report, versions: tuple[str, str] | None, resource: str | None) -> str:
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


def matrices(corpus: Corpus, strata: Sequence[Stratum]) -> tuple[Matrix, ...]:
    """The matrices of some strata: fields against versions."""
    return tuple(_matrix(corpus, stratum) for stratum in strata)


def _matrix(corpus: Corpus, stratum: Stratum) -> Matrix:
    epochs = sorted(corpus.observed[stratum], key=epoch_order)
    shapes = [corpus.observed[stratum][epoch].total for epoch in epochs]
    paths = {path for shape in shapes for path in shape if path and _is_field(shape, path)}
    rows = tuple(Row(path, tuple(_cell(shape, path) for shape in shapes)) for path in sorted(paths))
    versions = tuple(epoch.label for epoch in epochs)
    return Matrix(stratum.resource, stratum.type, stratum.deleted, stratum.expand, versions, rows)


def _is_field(shape: Shape, path: str) -> bool:
    # The values of maps and the items of lists are not fields.
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
