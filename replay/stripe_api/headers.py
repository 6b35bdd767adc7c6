"""Which statuses and headers a recording holds, and what is passed on. Pure.

A header is recorded only if its value has the form that the header defines: nothing else can hide
in it. The same data checks a cassette when it is read. So a header that somebody else put into it,
such as a redirect to their own host, is never served.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from replay.model.cassette import Headers, header
from replay.stripe_api.versions import VERSION_FORM, kept_version

RETRY_HINTS = ("Retry-After", "Stripe-Should-Retry")
Forms = Mapping[str, re.Pattern[str]]
"""Names of headers, spelled as recordings spell them, and the form of each value."""

_KEPT: Forms = MappingProxyType(
    {
        "Content-Type": re.compile(
            "application/json"
            r"(?:; ?charset=(?:[Uu][Tt][Ff]-8|[Uu][Ss]-[Aa][Ss][Cc][Ii][Ii]))?\Z"
        ),
        "Stripe-Version": VERSION_FORM,
        "Retry-After": re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?\Z"),
        "Stripe-Should-Retry": re.compile(r"(?:true|false)\Z"),
    }
)
_WAIT = re.compile(r"[0-9]{1,5}(?:\.[0-9])?\Z")
REQUEST_HEADERS: Forms = MappingProxyType({"Stripe-Version": VERSION_FORM})
"""The headers of a recorded request."""
RESPONSE_HEADERS: Forms = MappingProxyType(
    {**_KEPT, "Request-Id": re.compile(r"req_replay[0-9a-f]{10}\Z")}
)
"""The headers of a recorded answer: those kept of the live one, and an ID that replay makes."""
SCENARIO_HEADERS: Forms = MappingProxyType(
    {**RESPONSE_HEADERS, "Idempotent-Replayed": re.compile(r"true\Z")}
)
"""The headers of a recorded answer to a step of a scenario."""
_RENAMED: Mapping[int, frozenset[str]] = MappingProxyType(
    {
        413: frozenset({"Request Entity Too Large", "Content Too Large"}),
        414: frozenset({"Request-URI Too Long", "URI Too Long"}),
        416: frozenset({"Requested Range Not Satisfiable", "Range Not Satisfiable"}),
        422: frozenset({"Unprocessable Entity", "Unprocessable Content"}),
    }
)
"""Status -> its phrases, where they depend on the Python that records: 3.13 renamed these."""

_SHOWN_NAME = re.compile(r"[A-Za-z][A-Za-z-]{0,39}\Z")
_SERVED_VALUE = re.compile(r"[0-9A-Za-z./+*; =_,-]{1,120}\Z")


def kept_headers(headers: Headers, pinned: str | None) -> Headers:
    """The headers that are recorded: the few that replay knows, with values of the right form.

    Args:
        headers: those of a live answer.
        pinned: the version that the request named; see `kept_version`.
    """
    kept: list[tuple[str, str]] = []
    for name, form in _KEPT.items():
        value = header(headers, name)
        if value is None or not form.match(value):
            continue
        if name == "Stripe-Version":
            value = kept_version(value, pinned)
        elif name == "Retry-After" and not _WAIT.match(value):
            continue  # more digits than a time to wait has
        if value:
            kept.append((name, value))
    return tuple(kept)


def is_kept_status(status: int) -> bool:
    """Whether an answer of this status can be recorded: one that ends the call, and no redirect."""
    return 200 <= status <= 299 or status == 304 or 400 <= status <= 599


def why_not_recorded(headers: Headers, forms: Forms) -> str:
    """Why header lines are none that a recording holds: the end of a sentence; empty if they are.

    Args:
        headers: the lines. Each name may be there once.
        forms: `REQUEST_HEADERS` or `RESPONSE_HEADERS`.

    Returns:
        The words; never a value, which may be private.
    """
    seen: set[str] = set()
    for name, value in headers:
        form = forms.get(name)
        if form is None:
            shown = f"{name}, a header" if _SHOWN_NAME.match(name) else "a header"
            return f"holds {shown} that replay does not record"
        if name in seen:
            return f"holds {name} twice"
        if not form.match(value):
            return f"holds a value of {name} that replay does not record"
        seen.add(name)
    return ""


def served_headers(headers: Headers, *more: str) -> Headers:
    """The headers that a client gets with an answer that is not recorded."""
    return tuple(
        (name, value)
        for name in (*_KEPT, *more)
        if (value := header(headers, name)) is not None and _SERVED_VALUE.match(value)
    )


def phrase(status: int) -> str:
    """The standard reason phrase of a status. What the source wrote there is not kept."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def phrases(status: int) -> frozenset[str]:
    """The reason phrases that a recording of this status may have, with any version of Python.

    One is empty: a Python writes it for a status that it does not know.
    """
    return _RENAMED.get(status, frozenset()) | {phrase(status), ""}
