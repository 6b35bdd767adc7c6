"""Private parameters in what a client sent: in the query of an address, or in a form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from replay.redaction.policy import Policy, keeps_parameter
from replay.redaction.policy_files import FieldPolicy
from replay.redaction.secrets import is_secret
from replay.stripe_api.routes import match

_ADDRESS = re.compile(r"\s*(?:https?://([^/\s?#@]{1,255}))?(/v[12]/[^\s?#]*)\?(\S+)\s*\Z")
_API_HOST = re.compile(
    r"(?:[a-z0-9-]+\.)*(?:api|files)(?:-[a-z]+)?\.stripe\.com(?::\d+)?", re.IGNORECASE
)
_NAME = r"[A-Za-z_][^\s=&/:\"'<>{}();,]{0,199}"
_FORM = re.compile(rf"{_NAME}=[^\s&\"]*(?:&{_NAME}=[^\s&\"]*)*&?\Z")
_PLAIN = re.compile(r"[a-z_]{1,40}(?:\[[a-z_0-9]{0,40}\])*")
_INDEX = re.compile(r"\[\d*\]")
_METADATA = re.compile(r"(metadata)\[.*")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
_MOST_FORM = 64 * 1024


def in_address(value: str, policy: Policy) -> Iterator[tuple[str, str]]:
    """The parameters of a query that replay would not record: which, and ``name=value``.

    Args:
        value: any string of a recording that may hold an address of Stripe's API.
        policy: the policy in force.
    """
    address = _ADDRESS.match(value)
    if address is None:
        return
    host, path, query = address.groups()
    found = match(path)
    if found or host is None or _API_HOST.fullmatch(host):
        resource = found.route.resource if found else ""
        for name, given in parse_qsl(urlsplit("?" + query).query, keep_blank_values=True):
            if not keeps_parameter(resource, name, given, policy=policy):
                yield _named("query", name), f"{name}={given}"


def in_form(value: str, policy: Policy) -> Iterator[tuple[str, str]]:
    """The parameters of a form that replay would not record: which, and ``name=value``.

    Args:
        value: any string of a recording that may be a form.
        policy: the policy in force.
    """
    if len(value) > _MOST_FORM or not _FORM.match(value):
        return
    for name, given in parse_qsl(value, keep_blank_values=True):
        if not _keeps_in_form(name, given, policy):
            yield _named("body", name), f"{name}={given}"


def _named(part: str, name: str) -> str:
    """How reports name a parameter: without the keys that people choose, and without indices."""
    name = _INDEX.sub("[]", _METADATA.sub(r"\1[]", name))
    return f"{part} parameter {name}" if _PLAIN.fullmatch(name) else f"a {part} parameter"


def _keeps_in_form(name: str, value: str, policy: Policy) -> bool:
    """Whether a parameter of a write may be written: switches, words and numbers of the API may."""
    if value.lower() in {"", "true", "false"} or keeps_parameter("", name, value, policy=policy):
        return True
    words = _WORD.findall(name)
    if not words or is_secret(value):
        return False
    # What nobody has reviewed at one place may well be reviewed at another.
    kinds = _kinds_by_name(policy).get(words[-1], frozenset()) - {"value"}
    return bool(kinds) and all(
        policy.is_kept(kind) and any(policy.keeps(kind, read) for read in _readings(value))
        for kind in kinds
    )


def _readings(value: str) -> Iterator[object]:
    yield value
    if re.fullmatch(r"-?\d{1,15}", value):
        yield int(value)


@lru_cache(maxsize=4)
def _kinds_by_name(policy: Policy) -> dict[str, frozenset[str]]:
    """Field -> the kinds that it has in any type: parameters of writes are named like fields."""
    kinds: dict[str, set[str]] = {}

    def walk(node: FieldPolicy) -> None:
        for fields in (node.children, node.deep):
            for name, child in fields.items():
                if child.kind is not None:
                    kinds.setdefault(name, set()).add(child.kind)
                walk(child)

    for name in policy.objects:
        walk(policy.type(name).root)
    return {name: frozenset(found) for name, found in kinds.items()}
