"""A team's own policy, in a file of its own: rules that add to the shipped policy.

The file is checked strictly, because a misspelt word would silently keep too much or too little.
It is not part of the configuration file, so that code owners can guard it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from replay.errors import PolicyError
from replay.model import strict_toml
from replay.model.strict_toml import Table

_PLACES = ("path", "metadata", "parameter", "resource")
_KEYS = {"keep": ("type", *_PLACES, "pattern"), "redact": ("type", "path")}
PATH_HINT = "write names of fields with dots between them, such as charges.data.description"
_PATH = re.compile(r"[a-z0-9_]+(?:\.(?:[A-Za-z0-9_-]+|\*))*\Z")
_METADATA = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}\Z")
_FIXED = frozenset({"id", "object"})
_ANYTHING = "sk_live_0Jenny Rosen, jenny@rosen.example 4242 /?"
"""No useful pattern matches this: one that does matches everything."""


@dataclass(frozen=True, slots=True)
class KeepRule:
    """One ``[[keep]]`` entry: which values the team keeps, and their form.

    Attributes:
        pattern: the pattern that the whole value must match.
        type: the object type; ``*`` for every type.
        path: the field below the type; empty if one of the other three places is named.
        metadata: the key in any map that is called ``metadata``.
        parameter: a query parameter, by its last name.
        resource: a resource path whose IDs people choose. They are kept in paths, in parameters,
            and in all fields that hold IDs.
    """

    pattern: re.Pattern[str]
    type: str = "*"
    path: str = ""
    metadata: str = ""
    parameter: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True)
class RedactRule:
    """One ``[[redact]]`` entry: a field that is replaced, with everything below it.

    Attributes:
        path: the field below the type.
        type: the object type; ``*`` for every type.
    """

    path: str
    type: str = "*"


@dataclass(frozen=True, slots=True)
class TeamPolicy:
    """A team's rules. A field that one rule keeps and another redacts is redacted.

    Attributes:
        keeps: the ``[[keep]]`` entries.
        redacts: the ``[[redact]]`` entries.
    """

    keeps: tuple[KeepRule, ...] = ()
    redacts: tuple[RedactRule, ...] = ()

    def matches(self, number: int, value: object) -> bool:
        """Whether a value matches the pattern of the n-th keep rule."""
        return self.keeps[number].pattern.fullmatch(str(value)) is not None

    def keeps_value(self, place: str, name: str, value: str) -> bool:
        """Whether a value is kept at a place that is not a field of a body.

        Args:
            place: ``parameter`` or ``resource``.
            name: the parameter's or resource's name.
            value: the parameter's value, or the ID.
        """
        return any(
            getattr(keep, place) == name and keep.pattern.fullmatch(value) for keep in self.keeps
        )

    def keeps_id(self, value: object) -> bool:
        """Whether a value is an ID that a rule for a resource keeps, in a field that holds IDs."""
        return isinstance(value, str) and any(
            keep.resource and keep.pattern.fullmatch(value) for keep in self.keeps
        )


def parse_team_policy(text: str, where: str, types: frozenset[str]) -> TeamPolicy:
    """Read a team's policy file.

    Args:
        text: the file's text.
        where: names the file in errors.
        types: the known object types.

    Raises:
        PolicyError: a word or value that cannot be used; names file and line.
    """
    document = strict_toml.parse(text, where, PolicyError)
    document.only(_KEYS, "section")
    return TeamPolicy(
        tuple(_keep(entry, types) for entry in document.tables("keep")),
        tuple(_redact(entry, types) for entry in document.tables("redact")),
    )


def _keep(entry: Table, types: frozenset[str]) -> KeepRule:
    words = _checked(entry, "keep", types)
    places = [place for place in _PLACES if place in entry]
    if len(places) != 1:
        raise entry.wrong(
            f"[[keep]] needs one of {', '.join(_PLACES)}, and only one",
            hint="write one [[keep]] for each place",
        )
    if "pattern" not in entry:
        raise entry.wrong(
            "[[keep]] needs a pattern, which the kept values match",
            hint="add a line such as pattern = '[a-z]{3}-[0-9]{2}'",
        )
    if places[0] in {"parameter", "resource"} and "type" in entry:
        raise entry.wrong(f"a {places[0]} has no type", "type", hint="remove the line")
    try:
        pattern = re.compile(words.pop("pattern"))
    except re.error as error:
        raise entry.wrong(
            f"the pattern cannot be used: {error.msg}",
            "pattern",
            hint="write a regular expression of Python's, in single quotes",
        ) from None
    if pattern.fullmatch(_ANYTHING):
        raise entry.wrong(
            "the pattern matches everything",
            "pattern",
            hint="match only the values that may be read by everybody, such as '[a-z]{3}-[0-9]{2}'",
        )
    return KeepRule(pattern, **words)


def _redact(entry: Table, types: frozenset[str]) -> RedactRule:
    words = _checked(entry, "redact", types)
    if "path" not in entry:
        raise entry.wrong("[[redact]] needs a path", hint='add a line such as path = "description"')
    return RedactRule(**words)


def _checked(entry: Table, section: str, types: frozenset[str]) -> dict[str, str]:
    """The words of an entry, after the checks that keep and redact share."""
    entry.only(_KEYS[section], f"key of [[{section}]]")
    words = {name: entry.text(name) for name in entry.values}
    if "type" in entry:
        entry.choice("type", ["*", *sorted(types)])
    path = words.get("path", "x")
    if not _PATH.match(path):
        raise entry.wrong(f"{path!r} is not a path", "path", hint=PATH_HINT)
    if path in _FIXED:
        raise entry.wrong(
            f"replay needs {path!r} as it is, for it names the object", "path",
            hint="to hide IDs, set pseudonymise_ids",
        )  # fmt: skip
    if not _METADATA.match(words.get("metadata", "x")):
        raise entry.wrong(
            "only metadata keys that are plain identifiers can be kept",
            "metadata",
            hint="rename the key with letters, digits and _, or let it be redacted",
        )
    return words
