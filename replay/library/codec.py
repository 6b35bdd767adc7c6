"""Text to `Cassette` and back: the file format. No I/O.

The text is a valid vcrpy version-1 cassette; ours is the first line (the seal) and the extra key
``cassette:``. docs/cassette-format.md specifies it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from replay.cassette import Cassette, Headers, Interaction, ObjectKey
from replay.errors import CassetteDamaged
from replay.library import document, written
from replay.library.events import Malformed, parse
from replay.library.seals import RESTORE, seal, too_new, unseal

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


def dumps(cassette: Cassette, where: str = "") -> str:
    """The text of a cassette, sealed; ASCII, LF line ends.

    Raises:
        CassetteDamaged: the text would be larger than `MAX_BYTES`; `where` names its file.
    """
    return seal(_body(cassette), where=where)


def _body(cassette: Cassette) -> str:
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
    made = {
        "version": 1,
        "cassette": {**head, **cassette.cassette_extra},
        "interactions": [_interaction(i) for i in cassette.interactions],
        **cassette.extra,
    }
    return _yaml(made)


def _yaml(values: dict[str, Any]) -> str:
    text: str = yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, width=1 << 30, default_flow_style=False
    )
    return text


def dumps_vcr(takes: Sequence[Interaction], extra: Mapping[str, Any]) -> str:
    """The sealed text of a vcrpy cassette of any calls, with what stands beside them (`extra`).

    Raises:
        CassetteDamaged: larger than `MAX_BYTES`, or `extra` is no plain data.
    """
    made = {"version": 1, **extra, "interactions": [_interaction(take) for take in takes]}
    try:
        return seal(_yaml(made), "vcr")
    except yaml.YAMLError:
        raise CassetteDamaged("the metadata holds what YAML cannot keep") from None


def loads_vcr(data: bytes, where: str) -> tuple[tuple[Interaction, ...], Mapping[str, Any]]:
    """Read what `dumps_vcr` wrote; raises CassetteDamaged, or one of its kinds."""
    try:
        return document.takes(parse(unseal(data, where, "vcr")))
    except (Malformed, document.Unfit) as error:
        raise _damaged(error, where) from None


def _interaction(take: Interaction) -> dict[str, Any]:
    body = take.response.body.decode("ascii")
    made: dict[str, Any] = {"recorded_at": take.recorded_at, "source": take.source}
    if take.batch:
        made["batch"] = take.batch
    return {
        **made,
        "request": {
            "method": take.request.method,
            "uri": take.request.uri,
            "body": None if take.request.body is None else take.request.body.decode("ascii"),
            "headers": _lines(take.request.headers),
        },
        "response": {
            "status": _Flow(code=take.response.status, message=take.response.reason),
            "headers": _lines(take.response.headers),
            "body": {"string": _Literal(body)},
        },
        "redacted": dict(take.redacted),
        **take.extra,
    }


def _lines(headers: Headers) -> dict[str, _Line]:
    lines: dict[str, _Line] = {}
    for name, value in headers:
        lines.setdefault(name, _Line()).append(value)
    return lines


def loads(data: bytes, where: str) -> Cassette:
    """Read a cassette's bytes.

    Args:
        data: the file's bytes; a BOM and CRLF line ends (a checkout's doing) are accepted.
        where: the file's name, for errors.

    Raises:
        CassetteDamaged: or one of its kinds, which says what is wrong and what to do.
    """
    body = unseal(data, where)
    try:
        return written.read(body) or document.read(parse(body))
    except document.Later as error:
        raise too_new(error.version, where) from None
    except (Malformed, document.Unfit) as error:
        raise _damaged(error, where) from None


def head(data: bytes, where: str) -> tuple[ObjectKey, str]:
    """The object and API version that a sealed cassette is of.

    The seal covers every byte, so what else the text says is read only where the head does not
    stand as it is written.

    Raises:
        CassetteDamaged: or one of its kinds, as `loads`; but what is below a head that stands as it
            is written may be no cassette at all, as long as its seal fits.
    """
    found = written.read_head(unseal(data, where))
    if found is not None:
        return found
    cassette = loads(data, where)
    return cassette.key, cassette.api_version


def _damaged(error: ValueError, where: str) -> CassetteDamaged:
    return CassetteDamaged(f"the cassette {error}", where=where, hint=RESTORE)
