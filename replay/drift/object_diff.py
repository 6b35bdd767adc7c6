"""Shows a person the differences between two recordings of one object, value by value.

A report says what changed between two versions; this shows one object at both. Values are the
leaves of the body: texts, numbers, flags, nulls, and empty objects and lists. List items that have
an ID are matched by it, other items by their order. The only user of DeepDiff.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from replay.drift.observe.nested import read_take
from replay.drift.observe.pairs import Pair, Take, pairs
from replay.drift.observe.pointers import EMPTY, escape, value_at
from replay.drift.observe.shape import Witness
from replay.errors import CassetteNotFound, ConfigError, printable
from replay.library import Library, names
from replay.library.location import display_path
from replay.model.cassette import Cassette, Interaction, ObjectKey
from replay.redaction.policy_source import DEFAULT, PolicySource
from replay.stripe_api.call import Call, expand_of
from replay.stripe_api.prefixes import types_by_prefix
from replay.stripe_api.routes import Route, by_name, by_resource
from replay.stripe_api.versions import near, require_version, version_order

Kind = Literal["changed", "removed", "added", "reordered", "unchanged"]


@dataclass(frozen=True, slots=True)
class Value:
    """A value of one of the two recordings.

    Attributes:
        pointer: its JSON pointer in the body.
        value: the recorded value there.
        stand_in: the class of the private value that it stands for, such as ``email``; empty
            where the value is as the API sent it.
    """

    pointer: str
    value: Any
    stand_in: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value at both versions.

    Attributes:
        kind: the kind of change.
        path: where it is, for people: ``lines.data[il_1].amount``.
        old, new: the content there at either version; None where there is none. Of a list that was
            reordered, the IDs of its items.
    """

    kind: Kind
    path: str
    old: Value | None = None
    new: Value | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """Where one of the two sides comes from.

    Attributes:
        version: the API version.
        file: the cassette, relative to its library.
        take: the number of the take, from 0.
        recorded_at: when, in ISO 8601.
        source: the host that answered.
    """

    version: str
    file: str
    take: int
    recorded_at: str
    source: str


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object at two versions.

    Attributes:
        key: the object.
        expand: the expand set of both recordings.
        other_expands: the other expand sets that are recorded at both versions.
        old, new: the recordings.
        twins: whether they were fetched back to back.
        same_state: whether they are twins, or nothing in them says that the object changed.
        differences: the differences, sorted by path.
        unchanged: the values that both have, sorted by path.
    """

    key: ObjectKey
    expand: tuple[str, ...]
    other_expands: tuple[tuple[str, ...], ...]
    old: Recording
    new: Recording
    twins: bool
    same_state: bool
    differences: tuple[Difference, ...]
    unchanged: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class NotComparable:
    """An object that is not recorded so that the two versions can be compared.

    Attributes:
        key: the object.
        why: the recording that is missing.
        recorded: the versions at which it is recorded, oldest first.
        command: the command that records it at both versions.
        meant: for a version that is not recorded, the one that it is spelled most like.
    """

    key: ObjectKey
    why: str
    recorded: tuple[str, ...]
    command: str
    meant: tuple[str, ...] = ()


def object_diff(
    library: Library,
    id: str,
    versions: tuple[str, str],
    *,
    resource: str | None = None,
    older: Library | None = None,
    source: str | None = None,
    expand: Sequence[str] = (),
    policy: PolicySource = DEFAULT,
) -> ObjectDiff | NotComparable:
    """Compare an object's recordings at two versions.

    Of several recordings the latest twins are compared; without twins, the latest two that show
    the object in one state; without those, the last of each version. Both sides have the same
    expand set: the one asked for, else the smallest that both versions have.

    Args:
        library: the recordings.
        id: the object's ID; of a nested object ``parent/id`` or the ID alone; of an object without
            an ID its resource, such as ``balance``, or its parent's ID.
        versions: old and new.
        resource: only this resource path; None for any.
        older: another library, which holds the old side.
        source: only recordings that this host answered.
        expand: only recordings with exactly this expand set; none for any.
        policy: decides whether hints may repeat the ID.

    Raises:
        CassetteNotFound: no recording has the ID; names the nearest.
        ConfigError: the two versions are the same, one of them is not a version, or several
            objects have the ID.
        LibraryError: or one of its kinds, where a recording cannot be read.
    """
    if versions[0] == versions[1] and older is None:
        raise ConfigError(
            "a version cannot differ from itself",
            where=" ".join(versions),
            hint="name two versions, or another library with --old-library",
        )
    found = list(_cassettes(library, id, resource))
    before = found if older is None else list(_cassettes(older, id, resource))
    keys = {cassette.key for _, cassette in (*before, *found)}
    if not keys:
        raise _unknown(library, id, versions, resource, policy)
    key = _only(keys, library, id)
    olds = _takes(before, key, versions[0], source)
    news = _takes(found, key, versions[1], source)
    wanted = tuple(sorted(set(expand)))
    shared = sorted(
        olds.keys() & news.keys(), key=lambda names: (names != wanted, len(names), names)
    )
    if not shared or (wanted and shared[0] != wanted):
        recorded = _versions(before), _versions(found)
        return _not_comparable(
            key, versions, (olds, news), recorded, (older or library, library), wanted
        )
    old, new = olds[shared[0]], news[shared[0]]
    pair = max(
        pairs([take for take, _ in old.values()], [take for take, _ in new.values()]),
        key=lambda pair: (new[pair.new.place][1].recorded_at, pair.new.place),
    )
    differences, unchanged = _differences(pair)
    return ObjectDiff(
        key,
        shared[0],
        tuple(shared[1:]),
        _recording(versions[0], *old[pair.old.place]),
        _recording(versions[1], *new[pair.new.place]),
        pair.twins,
        pair.controlled,
        differences,
        unchanged,
    )


# Finding the recordings.


def _cassettes(library: Library, id: str, resource: str | None) -> Iterator[tuple[str, Cassette]]:
    """The cassettes of all objects with an ID, with their paths below the library."""
    own = id.rpartition("/")[2]
    folders = {names.segment(own), names.digested(own), names.SINGLETON}
    for path in library.paths():
        if path.split("/")[-2:-1] and path.split("/")[-2] in folders:
            cassette = library.read(path, resource)
            if cassette is not None and cassette.key.query is None and _is_named(cassette.key, id):
                yield path, cassette


def _is_named(key: ObjectKey, id: str) -> bool:
    return id in (key.id, _written(key))


def _only(keys: set[ObjectKey], library: Library, id: str) -> ObjectKey:
    if len(keys) > 1:
        raise ConfigError(
            f"several objects have the ID {id}",
            where=f"library {display_path(library.root)}",
            hint="name one with --resource, or as PARENT/ID: "
            + ", ".join(sorted(f"{key.resource} {_written(key)}" for key in keys)),
        )
    return keys.pop()


def _unknown(
    library: Library,
    id: str,
    versions: tuple[str, str],
    resource: str | None,
    policy: PolicySource,
) -> CassetteNotFound:
    known = {path.split("/")[-2] for path in library.paths() if "/" in path}
    close = get_close_matches(id, sorted(filter(names.plain, known)), n=3)
    route = _route(resource, id)
    rules = policy.load()
    own = id.split("/") if route is None or id != route.resource else []
    may_be_named = all(
        rules.keeps_id(route.resource, part) if route else rules.keeps_id_of_any(part)
        for part in own
    )
    words = ["replay", "record", route.resource if route else "RESOURCE"]
    if own:
        words.append("/".join(own))
    for version in dict.fromkeys(versions):
        words += ["--api-version", version]
    words += ["--library", display_path(library.root)]
    hint = f"record it: {shlex.join(words)}" if may_be_named else ""
    if id in close and resource is not None:
        hint = f"another resource has it: leave out --resource {resource}"
    elif close:
        hint = f"did you mean {' or '.join(close)}?\n{hint}".rstrip()
    return CassetteNotFound(
        f"no recording{f' of {resource}' if resource else ''} has "
        + (f"the ID {id}" if may_be_named else "this ID, which may be private"),
        where=f"library {display_path(library.root)}",
        hint=hint or "`replay list` names what is recorded",
        resource=resource or "",
        id=id,
        nearest=tuple(close),
    )


def _route(resource: str | None, id: str) -> Route | None:
    """The route of a resource or, without one, of what the ID says that it is of."""
    with suppress(ConfigError):
        if resource is not None:
            return by_resource(resource)
        types = types_by_prefix(id.rpartition("/")[2])
        named = by_name(types[0] if len(types) == 1 else id)
        return named if named.singleton or types else None
    return None


def _written(key: ObjectKey) -> str:
    """What a person writes for ``--id``."""
    return "/".join(id for id in (*key.parents, key.id) if id) or key.resource


_Takes = dict[tuple[str, ...], dict[Witness, tuple[Take, Interaction]]]
"""Expand set -> place -> the takes of an object at one version, in the order recorded."""


def _takes(
    cassettes: Sequence[tuple[str, Cassette]], key: ObjectKey, version: str, source: str | None
) -> _Takes:
    found: _Takes = {}
    for file, cassette in cassettes:
        if cassette.key == key and cassette.api_version == version:
            for number, interaction in enumerate(cassette.interactions):
                take = read_take(file, number, interaction)
                if take is not None and source in (None, interaction.source):
                    takes = found.setdefault(expand_of(interaction.request), {})
                    takes[take.place] = take, interaction
    return found


def _versions(cassettes: Sequence[tuple[str, Cassette]]) -> set[str]:
    return {cassette.api_version for _, cassette in cassettes}


def _not_comparable(
    key: ObjectKey,
    versions: tuple[str, str],
    takes: tuple[_Takes, _Takes],
    recorded: tuple[set[str], set[str]],
    libraries: tuple[Library, Library],
    wanted: tuple[str, ...],
) -> NotComparable:
    missing = [(n, versions[n]) for n in (0, 1) if not takes[n]]
    two = libraries[0] is not libraries[1]
    every = recorded[0] | recorded[1]
    why, meant = [], []
    for n, version in missing:
        require_version(version, every, ("OLD", "NEW")[n])
        where = f"{version} in {display_path(libraries[n].root)}" if two else version
        if version in recorded[n]:
            why.append(f"nothing that can be compared is recorded at {where}")
        else:
            why.append(f"it is not recorded at {where}")
        if other := near(version, every):
            meant.append(f"{version} is not recorded: did you mean {other}?")
    expand = wanted or min(takes[0] or takes[1] or {(): {}}, key=lambda names: (len(names), names))
    # Both versions at once, to be twins; unless they belong in two libraries.
    n = missing[0][0] if missing else 1
    asked = [versions[n]] if two else [*dict.fromkeys(versions)]
    command = Call(by_resource(key.resource), key, expand).command(*asked)
    if any(version in recorded[n] for n, version in missing):
        command += " --mode all"  # else a recording that cannot be compared would be kept
    if wanted and not missing:
        have = [n for n in (0, 1) if wanted not in takes[n]]
        where = " and ".join(versions[n] for n in have)
        why.append(f"it is not recorded with expand {','.join(wanted)} at {where}")
    return NotComparable(
        key,
        " and ".join(why) or "the two versions are recorded with different expand sets",
        tuple(sorted(every, key=version_order)),
        f"{command} --library {shlex.quote(display_path(libraries[n].root))}",
        tuple(meant),
    )


def _recording(version: str, take: Take, interaction: Interaction) -> Recording:
    return Recording(version, take.file, take.number, interaction.recorded_at, interaction.source)


# Comparing the two bodies.


class _Item(str):
    """The ID of a list item, in the place of its position."""

    __slots__ = ()


class _Items(dict[Any, Any]):
    """A list whose items are found by their IDs."""


_Path = tuple[Any, ...]
"""Keys, positions and item IDs from the body down to a value."""


def _differences(pair: Pair) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    # Imported here: nothing else needs it, and its import takes longer than this comparison.
    from deepdiff import DeepDiff

    old, new = _matched(pair.old.body, pair.new.body)
    # 0: compare key by key, however few keys two objects share. `__` begins no private key here.
    found = DeepDiff(
        old, new, view="tree", threshold_to_diff_deeper=0, ignore_private_variables=False
    )
    rows: list[tuple[_Path, Difference]] = list(_reordered(pair, old, new))
    gone: set[_Path] = set()
    filled: set[_Path] = set()  # paths with new content: they were empty, or are still there
    for items in found.values():
        for item in items:
            # Below lists without IDs, the two sides may have the value at different positions.
            old_path = tuple(item.path(output_format="list"))
            new_path = tuple(item.path(output_format="list", use_t2=True))
            olds = set() if _is_absent(item.t1) else set(_leaves(item.t1, ()))
            news = set() if _is_absent(item.t2) else set(_leaves(item.t2, ()))
            gone |= {(*old_path, *below) for below in olds}
            if not olds:
                filled.add(old_path[:-1])
            for below in olds | news:
                left = _value(pair.old, (*old_path, *below)) if below in olds else None
                right = _value(pair.new, (*new_path, *below)) if below in news else None
                kind: Kind = "changed" if left and right else "removed" if left else "added"
                path = (*(old_path if left else new_path), *below)
                rows.append((path, Difference(kind, _shown(path), left, right)))
    unchanged = [
        (path, Difference("unchanged", _shown(path), _value(pair.old, path)))
        for path in _leaves(old, ())
        if path not in gone and path not in filled
    ]
    return _sorted(rows), _sorted(unchanged)


def _sorted(rows: list[tuple[_Path, Difference]]) -> tuple[Difference, ...]:
    def order(row: tuple[_Path, Difference]) -> list[tuple[bool, int, str]]:
        # Positions by number: 2 before 10.
        return [(False, s, "") if isinstance(s, int) else (True, 0, s) for s in row[0]]

    return tuple(difference for _, difference in sorted(rows, key=order))


def _is_absent(value: Any) -> bool:
    from deepdiff.helper import notpresent

    return value is notpresent


def _matched(old: Any, new: Any) -> tuple[Any, Any]:
    """Two values as they are compared: lists that can be are keyed by the IDs of their items.

    What is neither object nor list is its JSON text: to Python, 1 is True and 1.0.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        both = {name: _matched(old[name], new[name]) for name in old.keys() & new.keys()}
        return (
            {name: both[name][0] if name in both else _keyed(x) for name, x in old.items()},
            {name: both[name][1] if name in both else _keyed(x) for name, x in new.items()},
        )
    ids = _ids(old), _ids(new)
    if ids[0] is not None and ids[1] is not None and (ids[0] or ids[1]):
        olds, news = dict(zip(ids[0], old, strict=True)), dict(zip(ids[1], new, strict=True))
        both = {id: _matched(olds[id], news[id]) for id in olds.keys() & news.keys()}
        return (
            _Items({_Item(id): both[id][0] if id in both else _keyed(x) for id, x in olds.items()}),
            _Items({_Item(id): both[id][1] if id in both else _keyed(x) for id, x in news.items()}),
        )
    if isinstance(old, list) and isinstance(new, list):
        return [_keyed(item) for item in old], [_keyed(item) for item in new]
    return _keyed(old), _keyed(new)


def _keyed(value: Any) -> Any:
    """A value as it is compared, which only one side has, or has in another form."""
    if isinstance(value, dict):
        return {name: _keyed(child) for name, child in value.items()}
    if isinstance(value, list):
        ids = _ids(value)
        if ids:
            return _Items({_Item(id): _keyed(x) for id, x in zip(ids, value, strict=True)})
        return [_keyed(item) for item in value]
    return json.dumps(value)


def _ids(value: Any) -> list[str] | None:
    """The IDs of a list's items; None where not every item has one of its own."""
    if not isinstance(value, list):
        return None
    ids = [item["id"] for item in value if isinstance(item, dict) and type(item.get("id")) is str]
    return ids if len(set(ids)) == len(value) else None


def _leaves(value: Any, path: _Path) -> Iterator[_Path]:
    """The paths of the values below a path; of an empty object or list, the path itself."""
    if isinstance(value, dict | list) and value:
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(child, (*path, step))
    else:
        yield path


def _reordered(pair: Pair, old: Any, new: Any) -> Iterator[tuple[_Path, Difference]]:
    """The lists whose common items are in another order."""
    waiting: list[tuple[Any, Any, _Path]] = [(old, new, ())]
    while waiting:
        a, b, path = waiting.pop()
        if not (isinstance(a, dict) and isinstance(b, dict)):
            continue
        common = [name for name in a if name in b]
        if isinstance(a, _Items) and common != [name for name in b if name in a]:
            ids = [str(name) for name in a], [str(name) for name in b]
            values = (
                Value(_pointer(take.body, path), each)
                for take, each in zip((pair.old, pair.new), ids, strict=True)
            )
            yield path, Difference("reordered", _shown(path), next(values), next(values))
        waiting += [(a[name], b[name], (*path, name)) for name in common]


def _value(take: Take, path: _Path) -> Value:
    pointer = _pointer(take.body, path)
    return Value(pointer, value_at(take.body, pointer), take.redacted.get(pointer, ""))


def _pointer(body: Any, path: _Path) -> str:
    pointer = ""
    for step in path:
        if isinstance(step, _Item):
            items = value_at(body, pointer)
            step = next(n for n, item in enumerate(items) if item["id"] == step)
        pointer += f"/{escape(step) if isinstance(step, str) else step}"
    return pointer


def _shown(path: _Path) -> str:
    """A path for people: ``lines.data[il_1].amount``."""
    words = ""
    for step in path:
        if isinstance(step, _Item | int):
            words += f"[{printable(str(step))}]"
        else:
            words += f".{printable(step) or EMPTY}"
    return words.removeprefix(".") or "the body"
