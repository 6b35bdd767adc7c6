"""The formats of recordings that are read, as data: where each keeps the parts of a call.

The first format whose calls are found in a document is the one. Formats that differ in spelling
alone share a row: a field may have several places, and the first that is there counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    Attributes:
        name: the tool's name, for people.
        within: the keys that lead to the list of calls; none if the document is that list.
        needs: for each path, one of the values that a call must have there; all must be there.
        fields: the places of each field, by its name.
        single: whether a document may also be one call alone.
    """

    name: str
    within: Path
    needs: tuple[tuple[Path, ...], ...]
    fields: Mapping[str, tuple[Path, ...]]
    single: bool = False

    def fits(self, node: Any) -> bool:
        """Whether a value has what a call of this format must have."""
        return isinstance(node, dict) and all(
            any(_has(node, path) for path in paths) for paths in self.needs
        )


def _has(node: Any, path: Path) -> bool:
    for key in path:
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(tuple(path.split("/")) for path in text.split())


def _format(
    name: str, within: str, needs: str, fields: Mapping[str, str], *, single: bool = False
) -> Format:
    return Format(
        name,
        tuple(within.split("/")) if within else (),
        tuple(_paths(one) for one in needs.split(", ")),
        {field: _paths(places) for field, places in fields.items()},
        single,
    )


_VCR = {
    "method": "request/method",
    "url": "request/uri request/url",
    "sent headers": "request/headers",
    "sent": "request/body_content request/body request/request_body request/post_fields"
    " request/form",
    "sent type": "request/body_type",
    "status": "response/status/code response/code response/status_code response/status",
    "reason": "response/status/message response/status",
    "headers": "response/headers",
    "body": "response/body_content response/body",
    "body type": "response/body_type",
    "binary": "response/binary",
    "time": "recorded_at",
}
_CALL = "request/uri request/url, response"
_HAR = {
    "method": "request/method",
    "url": "request/url",
    "sent headers": "request/headers",
    "sent": "request/postData/text",
    "status": "response/status",
    "reason": "response/statusText",
    "headers": "response/headers",
    "body": "response/content/text",
    "encoding": "response/content/encoding",
    "time": "startedDateTime",
}
_NOCK = {
    "method": "method",
    "host": "scope",
    "url": "path",
    "sent headers": "reqheaders",
    "sent": "body",
    "status": "status",
    "headers": "rawHeaders headers",
    "body": "response",
    "binary": "responseIsBinary",
}
_WIREMOCK = {
    "method": "request/method",
    "url": "request/url request/urlPath request/urlPathTemplate request/urlPattern"
    " request/urlPathPattern",
    "sent headers": "request/headers",
    "status": "response/status",
    "reason": "response/statusMessage",
    "headers": "response/headers",
    "body": "response/jsonBody response/body",
    "base64 body": "response/base64Body",
    "body file": "response/bodyFileName",
}
_MAPPING = (
    "request/url request/urlPath request/urlPathTemplate request/urlPattern"
    " request/urlPathPattern, response"
)

FORMATS: tuple[Format, ...] = (
    _format("Ruby VCR or betamax", "http_interactions", _CALL, _VCR),
    _format("vcrpy, cassetter or go-vcr", "interactions", _CALL, _VCR),
    _format("HAR", "log/entries", "request/url", _HAR),
    _format("WireMock", "mappings", _MAPPING, _WIREMOCK),
    _format("PHP-VCR or ExVCR", "", _CALL, _VCR),
    _format("WireMock", "", _MAPPING, _WIREMOCK, single=True),
    _format("nock", "", "scope, path, response status", _NOCK, single=True),
)
"""All formats, those with a key of their own first."""
