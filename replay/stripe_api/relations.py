"""The table of relations: which list holds now what a version of the API moved out of an object.

The rows are data (``data/relations.json``): since basil, an invoice names no payment intent; the
list ``/v1/invoice_payments?invoice={id}`` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from replay.model.own_data import read_text
from replay.stripe_api.versions import version_order

_NAMED = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Relation:
    """One list that took over fields of an object.

    Attributes:
        resource: the object's resource path, such as ``invoices``.
        fields: the fields that left the object.
        since: the first API version without them.
        target: path and query of the list; ``{name}`` stands for a field of the object.
        expand: the name that includes the list in the object, where there is one; else empty.
    """

    resource: str
    fields: tuple[str, ...]
    since: str
    target: str
    expand: str = ""

    @property
    def list_resource(self) -> str:
        """The resource path of the list, such as ``invoice_payments`` or ``customers/tax_ids``."""
        parts = self.target.partition("?")[0].split("/")[2:]
        return "/".join(part for part in parts if not _NAMED.fullmatch(part))

    def asks(self, body: Mapping[str, Any]) -> str:
        """Path and query of the list for one object; empty if the object lacks what they name."""
        values = {name: _id(body.get(name)) for name in _NAMED.findall(self.target)}
        if not all(values.values()):
            return ""
        return _NAMED.sub(lambda found: quote(values[found[1]], safe=""), self.target)

    def holds(self, version: str) -> bool:
        """Whether a version has the list in place of the fields."""
        return version_order(version) >= version_order(self.since)


def relations(resource: str) -> tuple[Relation, ...]:
    """The relations of the objects of a resource."""
    return tuple(row for row in table() if row.resource == resource)


def moved_out(resource: str, old: str, new: str) -> tuple[Relation, ...]:
    """The relations that came between two versions."""
    return tuple(row for row in relations(resource) if row.holds(new) and not row.holds(old))


@cache
def table() -> tuple[Relation, ...]:
    """All relations."""
    document = json.loads(read_text("replay.stripe_api", "data/relations.json"))
    return tuple(
        Relation(
            row["resource"], tuple(row["fields"]), row["since"], row["target"],
            row.get("expand", ""),
        )
        for row in document["relations"]
    )  # fmt: skip


def _id(value: Any) -> str:
    """An ID, also of an object that was expanded; empty for anything else."""
    value = value.get("id") if isinstance(value, dict) else value
    return value if isinstance(value, str) else ""
