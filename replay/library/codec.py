"""Text to `Cassette` and back: the file format. No I/O.

The text is a valid vcrpy version-1 cassette; ours is the first line (the seal) and the extra key
``cassette:``. docs/cassette-format.md specifies it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from replay.cassette import Cassette, Headers, Interaction, ObjectKey, Request, Response
from replay.errors import CassetteDamaged
from replay.library import written
from replay.library.events import Malformed, parse
from replay.library.seals import RESTORE, seal, unseal

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
    document = {
        "version": 1,
        "cassette": {**head, **cassette.cassette_extra},
        "interactions": [_interaction(i) for i in cassette.interactions],
        **cassette.extra,
    }
    return _yaml(document)


def _yaml(document: dict[str, Any]) -> str:
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, width=1 << 30, default_flow_style=False
    )
    return text


def dumps_vcr(takes: Sequence[Interaction], extra: Mapping[str, Any]) -> str:
    """The sealed text of a vcrpy cassette of any calls, with what stands beside them (`extra`).

    Raises:
        CassetteDamaged: larger than `MAX_BYTES`, or `extra` is no plain data.
    """
    document = {"version": 1, **extra, "interactions": [_interaction(take) for take in takes]}
    try:
        return seal(_yaml(document), "vcr")
    except yaml.YAMLError:
        raise CassetteDamaged("the metadata holds what YAML cannot keep") from None


def loads_vcr(data: bytes, where: str) -> tuple[tuple[Interaction, ...], Mapping[str, Any]]:
    """Read what `dumps_vcr` wrote; raises CassetteDamaged, or one of its kinds."""
    try:
        document = parse(unseal(data, where, "vcr"))
        items = _take(document if type(document) is dict else {}, "interactions", list, "")
        takes = tuple(_read(item, f"interactions[{n}]") for n, item in enumerate(items))
    except (Malformed, _Unfit) as error:
        raise CassetteDamaged(f"the cassette {error}", where=where, hint=RESTORE) from None
    return takes, _rest(document, frozenset({"version", "interactions"}))


def _interaction(take: Interaction) -> dict[str, Any]:
    body = take.response.body.decode("ascii")
    document: dict[str, Any] = {"recorded_at": take.recorded_at, "source": take.source}
    if take.batch:
        document["batch"] = take.batch
    return {
        **document,
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
        return _cassette(written.read(body) or parse(body), where)
    except (Malformed, _Unfit) as error:
        raise CassetteDamaged(f"the cassette {error}", where=where, hint=RESTORE) from None


class _Unfit(ValueError):
    """A value of the parsed document is not what the format says."""


def _take(mapping: Mapping[str, Any], name: str, kind: type[Any], at: str) -> Any:
    value = mapping.get(name)
    if type(value) is not kind:
        raise _Unfit(f"is not in the format: {at}{name} is missing or of another type")
    return value


def _only(mapping: Mapping[str, Any], known: frozenset[str], at: str) -> None:
    # What a value has no room for would be lost on the next rewrite.
    if not mapping.keys() <= known:
        raise _Unfit(f"is not in the format: {at} holds a key that is not known there")


def _rest(mapping: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in known}


_TOP = frozenset({"version", "cassette", "interactions"})
_HEAD = frozenset({"resource", "parents", "id", "query", "account", "api_version", "policy"})
_ITEM = frozenset({"recorded_at", "source", "batch", "request", "response", "redacted"})
_REQUEST = frozenset({"method", "uri", "body", "headers"})
_RESPONSE = frozenset({"status", "headers", "body"})
_STATUS = frozenset({"code", "message"})
_BODY = frozenset({"string"})


def _cassette(document: Any, where: str) -> Cassette:
    if type(document) is not dict:
        raise _Unfit("is not in the format: the file is no mapping")
    if _take(document, "version", int, "") != 1:
        raise _Unfit("is not in the format: version is not 1")
    head = _take(document, "cassette", dict, "")
    items = _take(document, "interactions", list, "")
    if not items:
        raise _Unfit("is not in the format: interactions is empty")
    parents = head.get("parents", [])
    if type(parents) is not list or not all(type(p) is str for p in parents):
        raise _Unfit("is not in the format: cassette.parents is no list of IDs")
    resource = _take(head, "resource", str, "cassette.")
    if len(parents) > resource.count("/"):
        raise _Unfit("is not in the format: cassette.parents has more IDs than the resource")
    return Cassette(
        key=ObjectKey(
            resource=resource,
            id=_take(head, "id", str, "cassette."),
            parents=tuple(parents),
            account=_take(head, "account", str, "cassette.") if "account" in head else "",
            query=_take(head, "query", str, "cassette.") if "query" in head else None,
        ),
        api_version=_take(head, "api_version", str, "cassette."),
        policy=_take(head, "policy", str, "cassette."),
        interactions=tuple(_read(item, f"interactions[{n}]") for n, item in enumerate(items)),
        extra=_rest(document, _TOP),
        cassette_extra=_rest(head, _HEAD),
    )


def _read(item: Any, at: str) -> Interaction:
    if type(item) is not dict:
        raise _Unfit(f"is not in the format: {at} is no mapping")
    request = _take(item, "request", dict, f"{at}.")
    response = _take(item, "response", dict, f"{at}.")
    status = _take(response, "status", dict, f"{at}.response.")
    body = _take(response, "body", dict, f"{at}.response.")
    string = _take(body, "string", str, f"{at}.response.body.")
    redacted = _take(item, "redacted", dict, f"{at}.")
    code = _take(status, "code", int, f"{at}.response.status.")
    _only(request, _REQUEST, f"{at}.request")
    _only(response, _RESPONSE, f"{at}.response")
    _only(status, _STATUS, f"{at}.response.status")
    _only(body, _BODY, f"{at}.response.body")
    sent = request.get("body")
    if sent is not None and not (type(sent) is str and sent.isascii()):
        raise _Unfit(f"is not in the format: {at}.request.body is neither null nor ASCII")
    if not all(type(kind) is str for kind in redacted.values()):
        raise _Unfit(f"is not in the format: {at}.redacted maps a pointer to no text")
    if not string.isascii() or not 100 <= code <= 599:
        raise _Unfit(
            f"is not in the format: {at}.response has a body that is no ASCII, or no status"
        )
    return Interaction(
        request=Request(
            method=_take(request, "method", str, f"{at}.request."),
            uri=_take(request, "uri", str, f"{at}.request."),
            headers=_headers(request, f"{at}.request."),
            body=None if sent is None else sent.encode("ascii"),
        ),
        response=Response(
            status=code,
            reason=_take(status, "message", str, f"{at}.response.status."),
            headers=_headers(response, f"{at}.response."),
            body=string.encode("ascii"),
        ),
        recorded_at=_take(item, "recorded_at", str, f"{at}."),
        source=_take(item, "source", str, f"{at}."),
        batch=_take(item, "batch", str, f"{at}.") if "batch" in item else "",
        redacted=redacted,
        extra=_rest(item, _ITEM),
    )


def _headers(message: Mapping[str, Any], at: str) -> Headers:
    lines: list[tuple[str, str]] = []
    for name, values in _take(message, "headers", dict, at).items():
        if type(values) is not list or not all(type(v) is str for v in values):
            raise _Unfit(f"is not in the format: {at}headers.{name} is no list of texts")
        lines.extend((name, value) for value in values)
    return tuple(lines)
