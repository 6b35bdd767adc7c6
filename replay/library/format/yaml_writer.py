"""Writes cassettes as YAML text: decides on quotes and lines. No I/O.

Sessions that only replay never import this module, because importing PyYAML takes long.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from replay.errors import CassetteDamaged
from replay.model.cassette import Cassette, Headers, Interaction

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./+-]*(?:[: ][A-Za-z0-9_./+-]+)*\Z")
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


class _Literal(str):
    __slots__ = ()


class _Flow(dict[str, Any]):
    pass


class _Line(list[Any]):
    pass


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # Quoted unless no YAML version, 1.1 or 1.2, could read it as anything but text.
    plain = bool(_PLAIN.match(value)) and value.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else "'")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(
    _Literal, lambda d, v: d.represent_scalar("tag:yaml.org,2002:str", str(v), style="|")
)
_Dumper.add_representer(
    _Flow, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v.items(), flow_style=True)
)
_Dumper.add_representer(
    _Line, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True)
)


def whole(cassette: Cassette) -> str:
    """The text of a cassette below its seal."""
    key = cassette.key
    head: dict[str, Any] = {"resource": key.resource}
    if key.parents:
        head["parents"] = _Line(key.parents)
    head["id"] = key.id
    if key.query is not None:
        head["query"] = key.query
    if key.account:
        head["account"] = key.account
    head["api_version"] = cassette.api_version
    head["policy"] = cassette.policy
    return document(
        {
            "version": 1,
            "cassette": head,
            "interactions": [_interaction(take) for take in cassette.interactions],
        }
    )


def takes(made: Sequence[Interaction], extra: Mapping[str, Any]) -> str:
    """The text of a vcrpy cassette below its seal; `extra` are the other keys at the top level.

    Raises:
        CassetteDamaged: `extra` is not plain data.
    """
    try:
        return document(
            {"version": 1, **extra, "interactions": [_interaction(take) for take in made]}
        )
    except yaml.YAMLError:
        raise CassetteDamaged(
            "the metadata holds what YAML cannot keep",
            hint="keep text, numbers, lists and dictionaries only",
        ) from None


def _interaction(take: Interaction) -> dict[str, Any]:
    body = take.response.body.decode("ascii")
    made: dict[str, Any] = {"recorded_at": take.recorded_at, "source": take.source}
    if take.batch:
        made["batch"] = take.batch
    if take.unconfirmed is not None:
        made["unconfirmed"] = _Line(take.unconfirmed)
    if take.equal_values:
        made["equal_values"] = dict(take.equal_values)
    return {
        **made,
        "request": {
            "method": take.request.method,
            "uri": take.request.uri,
            "body": None if take.request.body is None else take.request.body.decode("ascii"),
            "headers": lines(take.request.headers),
        },
        "response": {
            "status": _Flow(code=take.response.status, message=take.response.reason),
            "headers": lines(take.response.headers),
            "body": {"string": _Literal(body)},
        },
        "redacted": dict(take.redacted),
    }


def lines(headers: Headers) -> dict[str, _Line]:
    """Header lines: each name with a list of its values."""
    lines: dict[str, _Line] = {}
    for name, value in headers:
        lines.setdefault(name, _Line()).append(value)
    return lines


def literal(text: str) -> str:
    """A text that is written as it is, over lines."""
    return _Literal(text)


def line(values: Sequence[Any]) -> list[Any]:
    """A list that is written in one line."""
    return _Line(values)


def document(values: dict[str, Any]) -> str:
    """The YAML text of plain values."""
    text: str = yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, width=1 << 30, default_flow_style=False
    )
    return text
