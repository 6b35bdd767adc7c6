"""Which query parameters and names to expand may be written to disk, under a policy. No I/O."""

from __future__ import annotations

from replay.redaction import parameters
from replay.redaction.policy import Policy, default_policy


def keeps_parameter(resource: str, name: str, value: str, *, policy: Policy | None = None) -> bool:
    """Whether a parameter of a list, search or preview may be written as it is.

    A call with one that may not is answered, but not recorded.

    Args:
        resource: the collection's resource path, such as ``invoices`` or ``invoices/search``.
        name: the parameter as sent, decoded: ``limit``, ``created[gte]``, ``expand[]``.
        value: its value, decoded.
        policy: the policy; by default the one that ships with replay.
    """
    return parameters.keeps_parameter(resource, name, value, policy or default_policy())


def keeps_expand(name: str, *, policy: Policy | None = None) -> bool:
    """Whether a name to expand is made of the API's own words, and says nothing else."""
    return parameters.keeps_expand(name, policy or default_policy())
