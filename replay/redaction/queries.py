"""Which query parameters may be written to disk: those of known names whose values look public.

Default deny, as for bodies: a name that ``data/parameters.toml`` does not list is private, and so
is a listed one whose value does not look as its kind does. Pure; no I/O beyond the policy's data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from replay.redaction.policy import Policy, default_policy
from replay.redaction.tokens import is_opaque

_NAME = re.compile(r"([a-z][a-z0-9_]{0,63})((?:\[(?:[a-z][a-z0-9_]{0,63}|\d{0,3})\]){0,8})\Z")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_RANGE = frozenset({"gt", "gte", "lt", "lte"})

_INT = re.compile(r"-?\d{1,15}\Z")
_PATH = re.compile(r"[a-z0-9_*]+(?:\.[a-z0-9_*]+){0,3}\Z")
_CLAUSE = re.compile(
    r"-?(?P<field>[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*) ?(?P<op>[<>]=|[:~<>]) ?"
    r"(?:'(?P<single>[^'\\]*)'|\"(?P<double>[^\"\\]*)\"|(?P<bare>[^\s'\"\\()]+))"
)
_JOINT = re.compile(r"\s+(?:and|or)\s+|\s+", re.IGNORECASE)


def keeps_parameter(resource: str, name: str, value: str, *, policy: Policy | None = None) -> bool:
    """Whether a parameter of a list, search or preview may be written as it is.

    A call with one that may not is answered, but not recorded.

    Args:
        resource: the collection's resource path, such as ``invoices`` or ``invoices/search``.
        name: the parameter as sent, decoded: ``limit``, ``created[gte]``, ``expand[]``.
        value: its value, decoded.
        policy: the policy; by default the one that ships with replay.
    """
    rules = policy or default_policy()
    found = _NAME.match(name)
    if found is None or len(value) > 2048:
        return False
    words = [found[1], *_WORD.findall(found[2])]
    if words[-1] in _RANGE and len(words) > 1:
        words.pop()
    if not set(words) <= rules.parameters.keys():
        return False
    return _keeps(resource, words[-1], value, rules)


def keeps_expand(name: str, *, policy: Policy | None = None) -> bool:
    """Whether a name to expand is made of the API's own words, and says nothing else."""
    words = set((policy or default_policy()).vocabulary)
    return _PATH.match(name) is not None and {*name.split(".")} <= words | {"*"}


def _keeps(resource: str, name: str, value: str, policy: Policy) -> bool:
    kinds = policy.parameters.get(name, ())
    return (value == "" and bool(kinds)) or any(
        _KINDS[kind](resource, value, policy) for kind in kinds
    )


def _is_time(value: str, policy: Policy) -> bool:
    return _INT.match(value) is not None or policy.keeps("time", value)


def _is_named_id(value: str, policy: Policy) -> bool:
    return policy.keeps("id", value) or policy.keeps("chosen", value)


def _is_query(resource: str, value: str, policy: Policy) -> bool:
    """Whether a search query is made of clauses that are kept, and of nothing else."""
    position = 0
    while clause := _CLAUSE.match(value, position):
        if not _keeps_clause(resource, clause, policy):
            return False
        position = clause.end()
        if position == len(value):
            return True
        joint = _JOINT.match(value, position)
        if joint is None:
            return False
        position = joint.end()
    return False


def _keeps_clause(resource: str, clause: re.Match[str], policy: Policy) -> bool:
    words = clause["field"].split(".")
    if not set(words) <= policy.parameters.keys() or words[-1] == "query":
        return False
    given = next(
        part for part in (clause["single"], clause["double"], clause["bare"]) if part is not None
    )
    return given.lower() == "null" or _keeps(resource, words[-1], given, policy)


_KINDS: Mapping[str, Callable[[str, str, Policy], bool]] = {
    "int": lambda _, value, __: _INT.match(value) is not None,
    "time": lambda _, value, policy: _is_time(value, policy),
    "decimal": lambda _, value, policy: policy.keeps("decimal", value) and len(value) <= 30,
    "bool": lambda _, value, __: value.lower() in {"true", "false"},
    "enum": lambda _, value, policy: policy.keeps("enum", value),
    "currency": lambda _, value, policy: policy.keeps("currency", value),
    "country": lambda _, value, policy: policy.keeps("country", value),
    "id": lambda _, value, policy: policy.keeps("id", value),
    "chosen_id": lambda _, value, policy: _is_named_id(value, policy),
    "cursor": lambda resource, value, policy: policy.keeps_id(resource, value),
    "page": lambda _, value, policy: is_opaque(value, policy.vocabulary, policy.prefixes),
    "expand": lambda _, value, policy: keeps_expand(value, policy=policy),
    "query": _is_query,
    "group": lambda *_: False,
}
PARAMETER_KINDS = frozenset(_KINDS)
