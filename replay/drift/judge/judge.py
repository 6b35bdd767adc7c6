"""Decides which drift rule, if any, applies to each path that differs between two shapes.

At each path, presence is judged first, then null, then JSON types, then formats and values. Parents
are judged before their children; changes that a parent's finding explains are not reported again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from replay.drift.judge.evidence import ENOUGH, Evidence
from replay.drift.judge.findings import TYPES, Finding, Grade, Severity
from replay.drift.observe.marks import MAPS, UNNAMED, has_fields
from replay.drift.observe.pointers import ANY, key, parent
from replay.drift.observe.shape import Shape, Stat, is_map, names_below

_TAG = "/type"

_FREE = frozenset({"currency", "country", "id", "locale", "object"})
"""Keys whose values do not form a closed set, or are judged elsewhere."""

_SHOWN = 5


def judge(evidence: Evidence, candidates: Iterable[str]) -> list[Finding]:
    """Judge paths at which the two sides differ.

    Returns:
        at most one finding for each change, in the order of paths.
    """
    judged = _Judge(evidence)
    paths = set(candidates)
    paths |= {parent(path) for path in paths if path.endswith(("/object", f"/{ANY}"))}
    for path in sorted(paths, key=_after_parents):
        judged.look(path)
    return judged.findings


def _after_parents(path: str) -> list[tuple[bool, str]]:
    # A tag comes after the keys that it selects: they explain its new values.
    return [(segment == "type", segment) for segment in path.split("/")]


class _Judge:
    """Judges path after path, and remembers which findings explain the paths below them.

    In its methods, `a` and `b` are what the old and the new side show at a path, `x` and `y` the
    types or values there, null left out, and `of_a` and `of_b` how often the path could have been.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.old, self.new = evidence.old, evidence.new
        self.findings: list[Finding] = []
        self._closed: set[str] = set()
        self._branches: set[str] = set()

    def look(self, path: str) -> None:
        """Judge one path, after those above it."""
        if self._explained(path):
            return
        a, b = self.old.get(path), self.new.get(path)
        if key(path) == UNNAMED:
            if a is None or b is None:
                blind = "old" if a is None else "new"
                finding = self.evidence.unobserved("name-redacted", path, blind)
                places = (place.removesuffix(f"/{UNNAMED}") for place in finding.witnesses)
                self.findings.append(replace(finding, witnesses=(next(places), next(places))))
            return
        if a is None or b is None:
            self._closed.add(path)
            self._absent(path, a, b)
            return
        if path and self._remapped(path, a, b):
            self._closed.add(path)
            finding = self.evidence.finding("map-became-record", path, "remapped")
            sides = ("map", "record") if is_map(self.old, path) else ("record", "map")
            self.findings.append(replace(finding, detail=" to ".join(sides)))
            return
        if path and not path.endswith(f"/{ANY}"):
            self.findings += self._presence(path, a, b)
        found = list(self._values(path, a, b))
        unlisted = self._unlisted(path)
        if unlisted is not None:
            self.findings += [*found, unlisted]
            self._closed.add(path)
            return
        self.findings += found
        if bool(a.parents) != bool(b.parents):
            # Nothing below can be compared. Where the types have not changed, that is the finding.
            if not found and a.kinds & b.kinds - {"null"}:
                blind = "old" if b.parents else "new"
                self.findings.append(self.evidence.unobserved("subtree-unobserved", path, blind))
            self._closed.add(path)
        elif ("arr" in a.kinds) != ("arr" in b.kinds) or self._other_objects(path):
            self._closed.add(path)

    def _explained(self, path: str) -> bool:
        """Whether a finding above a path stands for it, or the path is a map's value."""
        above = path
        while above:
            above = parent(above)
            if above in self._closed or is_map(self.old, above) or is_map(self.new, above):
                return True
        return False

    def _absent(self, path: str, a: Stat | None, b: Stat | None) -> None:
        """Report a path that only one side has."""
        evidence, above = self.evidence, parent(path)
        if path.endswith(f"/{ANY}"):
            blind = "old" if a is None else "new"
            rule = "list-element-unobserved"
            self.findings.append(evidence.unobserved(rule, above, blind, f"/{ANY}"))
            return
        tags = self._tag_counts(path)
        # A tag that went too, or that the version renamed, chooses nothing.
        tag = above + _TAG
        chosen = tags is not None and tag not in evidence.replaced
        if a is None:
            if chosen and tags and tags[0] == 0 and tag in self.old:
                self._branches.add(path)
                self.findings.append(evidence.finding("branch-added", path, "gained"))
                return
            pool = evidence.pool_presence(path)
            self.findings.append(evidence.finding("field-added", path, "gained", pool=pool))
            return
        if chosen and tags and tags[1] == 0 and tag in self.new:
            self._branches.add(path)
            self.findings.append(evidence.finding("branch-unseen", path, "lost"))
            return
        of_a = self.old[above].parents
        self.findings.append(self._removed(path, a.seen >= (min(of_a, tags[0]) if tags else of_a)))

    def _removed(self, path: str, always: bool) -> Finding:
        """A finding that only the old version has a path; there, it is always or sometimes."""
        evidence = self.evidence
        lost = evidence.controlled.count("lost", path)
        if lost:
            grade = Grade.PROVEN if always or lost >= ENOUGH else Grade.LIKELY
            return replace(evidence.finding("field-removed", path, "lost"), grade=grade)
        named, pool = evidence.named_by(path), evidence.pool_presence(path)
        if not named and pool > Grade.UNOBSERVED:
            return evidence.finding("field-removed", path, "lost", pool=pool)
        rule = "field-removed" if always else "field-unseen"
        why = f"{named} names it in old recordings only" if named else ""
        return evidence.finding(rule, path, "lost", severity=Severity.WARNING, detail=why)

    def _presence(self, path: str, a: Stat, b: Stat) -> Iterator[Finding]:
        """Whether a path that both sides have became optional or required."""
        above = parent(path)
        of_a, of_b = self.old[above].parents, self.new[above].parents
        tags = self._tag_counts(path)
        if tags is not None:
            of_a, of_b = min(of_a, tags[0]), min(of_b, tags[1])
        always_a, always_b = a.seen >= of_a, b.seen >= of_b
        if always_a and not always_b and not self.evidence.ruled_out("lost", path):
            yield self._by_twins("became-optional", path, "lost", Severity.WARNING)
        if always_b and not always_a and not self.evidence.ruled_out("gained", path):
            yield self.evidence.finding("became-required", path, "gained")

    def _values(self, path: str, a: Stat, b: Stat) -> Iterator[Finding]:
        """Changes of the values: null or no longer null, other types, other formats."""
        evidence = self.evidence
        x, y = a.kinds - {"null"}, b.kinds - {"null"}
        if not x and not y:
            return
        null_a, null_b = "null" in a.kinds, "null" in b.kinds
        if not y and evidence.count("nulled", path):
            yield self._by_twins("became-nullable", path, "nulled", Severity.INFO)
        elif not x and evidence.count("denulled", path):
            yield evidence.finding("became-non-null", path, "denulled")
        elif not x or not y:
            subtree = bool((x | y) & {"obj", "arr"})
            rule = "subtree-unobserved" if subtree else "null-only"
            yield evidence.unobserved(rule, path, "new" if x else "old")
        else:
            if null_b and not null_a and not evidence.ruled_out("nulled", path):
                yield self._by_twins("became-nullable", path, "nulled", Severity.INFO)
            if null_a and not null_b and not evidence.ruled_out("denulled", path):
                yield evidence.finding("became-non-null", path, "denulled")
            if x != y:
                yield from self._kinds(path, a, b)
            else:
                yield from _same_kinds(evidence, path, self._branches)

    def _by_twins(self, rule: str, path: str, what: str, otherwise: Severity) -> Finding:
        """A finding that breaks only where twins show it: an edit, or another object, looks alike.

        Args:
            rule: the rule's ID.
            path: the path.
            what: the event of pairs that shows it.
            otherwise: the severity where fewer than three twins do.
        """
        if self.evidence.twins(what, path) >= ENOUGH:
            return self.evidence.finding(rule, path, what)
        found = self.evidence.finding(rule, path, what, severity=otherwise)
        return replace(found, grade=min(found.grade, Grade.LIKELY))

    def _unless_chance(self, what: str, path: str, pool: Grade) -> Severity | None:
        """A warning where neither a pair nor the pools show a change; else the rule's severity."""
        return None if pool or self.evidence.count(what, path) else Severity.WARNING

    def _unlisted(self, path: str) -> Finding | None:
        """A finding where a single object takes the place of a list envelope, or the reverse."""
        a, b = self.old[path], self.new[path]
        listed = _is_listing(self.old, path), _is_listing(self.new, path)
        if not path or listed[0] == listed[1] or not a.kinds & b.kinds >= {"obj"}:
            return None
        data = f"{path}/data"
        what = (
            "retyped"
            if data in self.old and data in self.new
            else "lost"
            if listed[0]
            else "gained"
        )
        rule = "list-to-scalar" if listed[0] else "scalar-to-list"
        pool = self.evidence.pool_presence(data) if what != "retyped" else Grade.UNOBSERVED
        severity = self._unless_chance(what, data, pool)
        shown = self.evidence.finding(rule, data, what, pool=pool, severity=severity)
        place = self.evidence.finding(rule, path)
        return replace(shown, path=path, old=place.old, new=place.new)

    def _kinds(self, path: str, a: Stat, b: Stat) -> Iterator[Finding]:
        """The change of the types, which are not the same on both sides."""
        evidence = self.evidence
        x, y = a.kinds - {"null"}, b.kinds - {"null"}
        detail = f"{_types(self.old, path, x)} to {_types(self.new, path, y)}"
        if x | y <= {"int", "num"} and not any(
            evidence.happened(what, path) for what in ("retyped", "widened", "narrowed")
        ):
            return  # 25 and 25.5 are one type, unless one object shows both
        pool = evidence.pool_kinds(path)
        if x & y:
            rule, event = ("type-widened", "widened") if y - x else ("type-narrowed", "narrowed")
            what = next((one for one in (event, "retyped") if evidence.happened(one, path)), event)
            if not evidence.ruled_out(what, path):
                # Not always against never: some of the new values are as before.
                pool = min(pool, Grade.LIKELY)
                severity = self._unless_chance(what, path, pool) if y - x else None
                yield evidence.finding(
                    rule, path, what, pool=pool, severity=severity, detail=detail
                )
            return
        rule, severity = _retyped(self.old, self.new, path, a, b)
        severity = self._unless_chance("retyped", path, pool) or severity
        yield evidence.finding(rule, path, "retyped", pool=pool, severity=severity, detail=detail)

    def _tag_counts(self, path: str) -> tuple[int, int] | None:
        """How often the parent's tag selects this key on either side; None where none does."""
        counts = []
        for shape in (self.old, self.new):
            stat = shape.get(parent(path) + _TAG)
            tokens = stat.tokens() if stat is not None else {}
            counts.append((tokens or {}).get(key(path), 0))
        return (counts[0], counts[1]) if any(counts) else None

    def _remapped(self, path: str, a: Stat, b: Stat) -> bool:
        """Whether a map became a record, or the reverse."""
        below = f"{path}/{ANY}"
        if key(path) in MAPS or (below in self.old) == (below in self.new):
            return False
        if not a.parents or not b.parents or "arr" in a.kinds | b.kinds:
            return False
        x, y = names_below(self.old, path), names_below(self.new, path)
        return (x == {ANY} and has_fields(y)) or (y == {ANY} and has_fields(x))

    def _other_objects(self, path: str) -> bool:
        """Report an object whose `object` value is another one.

        Returns:
            whether that explains what differs below.
        """
        tag = f"{path}/object"
        a, b = self.old.get(tag), self.new.get(tag)
        x, y = (stat.tokens() if stat is not None else None for stat in (a, b))
        if not path or not x or not y or x.keys() == y.keys() or tag in self.evidence.replaced:
            return False
        fresh, gone = sorted(y.keys() - x.keys()), sorted(x.keys() - y.keys())
        events = [f"str:token:{value}" for value in fresh or sorted(y)]
        what = next((event for event in events if self.evidence.happened(event, tag)), events[0])
        rule = "branch-added" if fresh else "branch-unseen"
        detail = ", ".join(fresh or gone)
        self.findings.append(self.evidence.finding(rule, tag, what, detail=detail))
        return not self.evidence.controlled.in_both.get(path)


def _retyped(old: Shape, new: Shape, path: str, a: Stat, b: Stat) -> tuple[str, Severity | None]:
    """The rule where the two sides have no type in common, and its severity if not the usual."""
    x, y = a.kinds - {"null"}, b.kinds - {"null"}
    if x == {"int"} and y == {"str"} and b.styles() <= {"decimal", "integer"}:
        return "int-to-decimal-string", None
    if {*x, *y} == {"int", "str"}:
        times, texts = (a, b) if x == {"int"} else (b, a)
        if texts.styles() == {"iso-time"} and "int" not in times.marks:
            return "format-changed", Severity.BREAKING
    list_a, list_b = _is_list(old, path, x), _is_list(new, path, y)
    if list_a and _is_single(list_b, y):
        return "list-to-scalar", None
    if list_b and _is_single(list_a, x):
        return "scalar-to-list", None
    if {*x, *y} == {"str", "obj"}:
        ids, objects = (a, new) if x == {"str"} else (b, old)
        if ids.styles() == {"id"} and f"{path}/id" in objects:
            return "expand-changed", None
    return "type-changed", None


def _is_list(shape: Shape, path: str, kinds: frozenset[str]) -> bool:
    return kinds == {"arr"} or (kinds == {"obj"} and _is_envelope(shape, path))


def _is_single(listed: bool, kinds: frozenset[str]) -> bool:
    return not listed and "arr" not in kinds


def _is_listing(shape: Shape, path: str) -> bool:
    """Whether an object is a list envelope, also by its `object` value."""
    tag = shape.get(f"{path}/object")
    tokens = tag.tokens() if tag is not None else None
    return _is_envelope(shape, path) and {*(tokens or {"": 0})} <= {"list", "search_result"}


def _is_envelope(shape: Shape, path: str) -> bool:
    """Whether an object has the form of a list envelope: ``{"object": …, "data": […]}``."""
    data = shape.get(f"{path}/data")
    return data is not None and "arr" in data.marks and f"{path}/object" in shape


def _types(shape: Shape, path: str, kinds: frozenset[str]) -> str:
    """Types in words, such as ``integer or string``."""
    if kinds == {"obj"} and _is_envelope(shape, path):
        return "list envelope"
    words = {**TYPES, "arr": "list"}  # beside "list envelope", that is what people call it
    return " or ".join(word for kind, word in words.items() if kind in kinds)


# Paths that have the same types on both sides: ID prefixes, formats, enum-like values.


def _same_kinds(evidence: Evidence, path: str, branches: Collection[str]) -> Iterator[Finding]:
    """Judge a path that has the same types on both sides.

    Args:
        evidence: the comparison.
        path: the path; both sides have a value there that is not null.
        branches: paths that were reported as selected by a tag's new or unseen value.
    """
    a, b = evidence.old[path], evidence.new[path]
    if a.kinds - {"null"} != {"str"}:
        return
    changed = _format(a, b)
    if changed is not None:
        rule, detail = changed
        yield evidence.finding(rule, path, "restyled", detail=detail)
    elif key(path) not in _FREE and path not in evidence.replaced:
        yield from _enum(evidence, path, a, b, branches)


def _format(a: Stat, b: Stat) -> tuple[str, str] | None:
    """The rule and its detail where texts are written in another way; None where they are not."""
    x, y = a.styles(), b.styles()
    if x == y == {"id"} or x == y == {"url"}:
        style = next(iter(x))
        old, new = a.details(style), b.details(style)
        if old & new or ANY in old | new:
            return None
        detail = f"{_listed(old)} to {_listed(new)}"
        return ("id-prefix-changed" if style == "id" else "format-changed"), detail
    if len(x) != 1 or len(y) != 1 or x == y:
        return None
    old_word, new_word = _word(a), _word(b)
    if {old_word, new_word} in _COMPARABLE:
        return "format-changed", f"{old_word} to {new_word}"
    return None


_COMPARABLE = (
    {"decimal string", "integer string"},
    {"integer string", "ISO time"},
    {"lower-case code", "upper-case code"},
)

_STYLES = {
    "decimal": "decimal string",
    "integer": "integer string",
    "iso-time": "ISO time",
    "code": "upper-case code",
}


def _word(stat: Stat) -> str:
    tokens = stat.tokens()
    if tokens and all(len(token) == 3 for token in tokens):
        return "lower-case code"
    return _STYLES.get(next(iter(stat.styles())), "")


def _enum(
    evidence: Evidence, path: str, a: Stat, b: Stat, branches: Collection[str]
) -> Iterator[Finding]:
    """Whether what looks like a closed set of values has new ones, or no longer shows some."""
    x, y = a.tokens(), b.tokens()
    if x is None or y is None:
        return
    selected = {key(branch) for branch in branches if parent(branch) == parent(path)}
    fresh, gone = sorted(y.keys() - x.keys() - selected), sorted(x.keys() - y.keys() - selected)
    shown = [value for value in fresh if evidence.happened(f"str:token:{value}", path)]
    if fresh and (shown or _closed(x)):
        what = f"str:token:{(shown or fresh)[0]}"
        found = evidence.finding("enum-value-new", path, what, detail=_listed(fresh))
    elif gone and _closed(y):
        found = evidence.finding("enum-value-unseen", path, "restyled", detail=_listed(gone))
    else:
        return
    # The recorded values are a sample: a value that none shows may have been possible all along.
    yield replace(found, grade=min(found.grade, Grade.LIKELY), support=None)


def _closed(tokens: Mapping[str, int]) -> bool:
    # Each value was seen twice on average: another one would have shown by now.
    return sum(tokens.values()) >= 2 * len(tokens)


def _listed(values: Collection[str]) -> str:
    found = sorted(values)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
