"""Decides which values that a write sends may be kept as they are. Pure.

A value is kept if the schema closes it and the policy does not redact the same field of the object
that the operation returns, or if the policy keeps that field. All else is private.
"""

from __future__ import annotations

import re

from replay.redaction.policy import Policy
from replay.redaction.secrets import is_secret
from replay.stripe_api.request_parameters import Parameter, ParameterClass

_CLOSED = frozenset(
    {
        ParameterClass.ENUM,
        ParameterClass.BOOLEAN,
        ParameterClass.INTEGER,
        ParameterClass.DECIMAL,
        ParameterClass.CURRENCY,
        ParameterClass.REFERENCE,
    }
)
_ONLY_TEXT = frozenset({ParameterClass.FREE_TEXT})
_PRIVATE = "value"
_NAMES = re.compile(r"[^\[\]]+")


def keeps_sent(name: str, value: str, found: Parameter, object_type: str, policy: Policy) -> bool:
    """Whether a sent value may be written as it is.

    Args:
        name: the parameter, such as ``items[0][price]``.
        value: its value in a form's spelling.
        found: what the schema says of the parameter.
        object_type: the ``object`` that the operation returns.
        policy: the policy that redacts the answer.

    Raises:
        PolicyError: the type's file cannot be used; names file and line.
    """
    if is_secret(value):
        return False
    kind = _kind(name, object_type, policy)
    if kind is not None and not policy.is_kept(kind):
        return False
    if found.known and found.classes != _ONLY_TEXT:
        return found.class_of(value) in _CLOSED
    return kind is not None and policy.keeps(kind, value)


def _kind(name: str, object_type: str, policy: Policy) -> str | None:
    """The kind of the field at the parameter's place, or of the redacted field around it.

    None if the policy does not know the place.
    """
    field = policy.type(object_type).root
    for segment in _NAMES.findall(name):
        if segment.isdigit():
            continue
        below = field.children.get(segment) or field.children.get("*")
        if below is None:
            # Inside a group only objects with a policy of their own are known: fail closed.
            return None if field.kind is None else _PRIVATE
        field = below
        if field.kind is not None and not policy.is_kept(field.kind):
            return field.kind
    return field.kind
