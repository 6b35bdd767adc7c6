"""A scenario: the ordered recording of one test's writes, and of the reads that belong to them.

A step never holds a private value of a request, nor a digest of one: a parameter is a kept value, a
value that an earlier step made, a time, or any text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from urllib.parse import quote

from replay.model.cassette import Headers

_NOTHING: Mapping[str, str] = MappingProxyType({})


class SentKind(Enum):
    """What a step notes of a value that was sent."""

    KEPT = "kept"
    MADE = "made"
    TIME = "time"
    VARIABLE = "variable"
    ANY = "any"


_MADE = re.compile(r"\{((?:[A-Za-z_][A-Za-z0-9_]{0,99}:)?)(\d{1,5})((?:/[^/{}]{1,200}){1,40})\}")
_TIME = re.compile(r"time(?:([+-]\d{1,11}))?")
_ANY = re.compile(r"any#(\d{1,6})")
_VARIABLE = re.compile(r"var#([A-Za-z_][A-Za-z0-9_.-]{0,99})")
_RESERVED = re.compile(r"\{.*|time(?:[+-].*)?|any#.*|var#.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a step notes of one value that was sent.

    Attributes:
        kind: which of the other attributes counts.
        text: a kept value, in a form's spelling; in a JSON body as JSON. The name of a variable.
        step: the step that made the value.
        pointer: where in that step's answer it stands, as a JSON pointer.
        fixture: the fixture whose scenario has that step; empty for the scenario's own.
        offset: seconds after the first unix time that the scenario sent; None for a time as text,
            and for one that is compared with nothing.
        number: equal texts have equal numbers.
    """

    kind: SentKind
    text: str = ""
    step: int = 0
    pointer: str = ""
    fixture: str = ""
    offset: int | None = None
    number: int = 0

    def __str__(self) -> str:
        match self.kind:
            case SentKind.KEPT:
                return self.text
            case SentKind.MADE:
                head = f"{self.fixture}:" if self.fixture else ""
                return f"{{{head}{self.step}{self.pointer}}}"
            case SentKind.TIME:
                return "time" if self.offset is None else f"time{self.offset:+d}"
            case SentKind.VARIABLE:
                return f"var#{self.text}"
            case SentKind.ANY:
                return f"any#{self.number}"


def kept(text: str) -> Sent:
    """A value that is written as it is."""
    return Sent(SentKind.KEPT, text)


def made(step: int, pointer: str, fixture: str = "") -> Sent:
    """A value that a step's answer had first."""
    return Sent(SentKind.MADE, step=step, pointer=pointer, fixture=fixture)


def sent_time(offset: int | None) -> Sent:
    """A time; seconds after the scenario's first unix time."""
    return Sent(SentKind.TIME, offset=offset)


def with_variable(name: str) -> Sent:
    """A private text that has the value of one of the test's variables."""
    return Sent(SentKind.VARIABLE, name)


def any_text(number: int) -> Sent:
    """A private text."""
    return Sent(SentKind.ANY, number=number)


def is_reserved(text: str) -> bool:
    """Whether a text reads like something else than a kept value: it cannot be kept."""
    return _RESERVED.fullmatch(text) is not None


def parse_sent(text: str) -> Sent | None:
    """The note that a text in a file stands for; None for one that is malformed."""
    if found := _MADE.fullmatch(text):
        return made(int(found[2]), found[3], found[1].rstrip(":"))
    if found := _TIME.fullmatch(text):
        return sent_time(None if found[1] is None else int(found[1]))
    if found := _VARIABLE.fullmatch(text):
        return with_variable(found[1])
    if found := _ANY.fullmatch(text):
        return any_text(int(found[1]))
    return None if is_reserved(text) else kept(text)


@dataclass(frozen=True, slots=True)
class Echo:
    """A place of an answer that shows what was sent.

    Attributes:
        step: the step that sent it.
        parameter: its name there.
        fixture: the fixture whose scenario has that step; empty for the scenario's own.
        change: ``strip``, ``lower``, ``upper`` or ``int``: how it comes back; empty: as sent.
    """

    step: int
    parameter: str
    change: str = ""
    fixture: str = ""

    def __str__(self) -> str:
        head = f"{self.fixture}:" if self.fixture else ""
        return f"{head}{self.step} {self.parameter}" + (f" {self.change}" if self.change else "")


_ECHO = re.compile(
    r"(?:([A-Za-z_][A-Za-z0-9_]{0,99}):)?(\d{1,5}) (\S{1,500})(?: (strip|lower|upper|int))?"
)


def parse_echo(text: str) -> Echo | None:
    """The echo that a text in a file stands for; None for one that is malformed."""
    found = _ECHO.fullmatch(text)
    return Echo(int(found[2]), found[3], found[4] or "", found[1] or "") if found else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A recorded answer of a step.

    Attributes:
        status: the status code.
        headers: the kept ones.
        body: the redacted body as JSON; empty if there is none.
        redacted: JSON pointer -> class of each stand-in.
        echo: JSON pointer of a stand-in -> what it shows instead, if that was sent in this run.
    """

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    redacted: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    echo: Mapping[str, Echo] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a scenario.

    Attributes:
        method: in capitals.
        host: the host if it is not ``api.stripe.com``; else empty.
        path: the segments of the path below the host.
        content: how the body is written: ``none``, ``form``, ``json`` or ``multipart``.
        lane: which of the test's threads and tasks sent it.
        sends: parameter name -> what was sent.
        answer: what came back.
        template: the path with ``{}`` for each ID.
        expand: the names to expand; None if the request has no such parameter.
        account: the account or context that the call is made for; None without one.
        api_version: the version of the answer, where it is not the scenario's; else empty.
        key: equal idempotency keys have equal numbers; None if none was sent.
        after: writes of other lanes, recorded before this read, that name an object of it.
        before: the same, recorded after this read.
    """

    method: str
    host: str
    path: tuple[Sent, ...]
    content: str
    lane: int
    sends: Mapping[str, Sent]
    answer: Answer
    template: str
    expand: frozenset[str] | None = None
    account: Sent | None = None
    api_version: str = ""
    key: int | None = None
    after: tuple[int, ...] = ()
    before: tuple[int, ...] = ()

    @property
    def is_read(self) -> bool:
        """Whether the call changes nothing."""
        return self.method in {"GET", "HEAD"}

    @property
    def call(self) -> str:
        """Method and path, as files and messages show them."""
        path = "/".join(map(_segment, self.path))
        host = f"//{self.host}" if self.host else ""
        return f"{self.method} {host}/{path}"


def _segment(sent: Sent) -> str:
    match sent.kind:
        case SentKind.KEPT:
            return quote(sent.text, safe="-._~:@!$&'()*+,;=")
        case SentKind.MADE:
            return str(sent)
        case _:
            return f"{{{sent}}}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """The recording of one test at one API version.

    Attributes:
        name: the test's node ID, or the name that the user gave.
        api_version: the API version of the session.
        policy: name and digest of the redaction policy.
        recorded_at: when the recording began, such as ``2026-01-02T03:04:05Z``.
        lasted: seconds from the first call to the last answer.
        source: the live source.
        steps: in the order recorded.
        first_time: the first unix time that a call sent; None if none was.
        variables: the test's own values, by name.
        fixtures: name of a fixture with a scenario of its own -> step and pointer, such as ``0/id``
            -> the ID that it had there when this scenario was recorded.
    """

    name: str
    api_version: str
    policy: str
    recorded_at: str
    lasted: int
    source: str
    steps: tuple[Step, ...]
    first_time: int | None = None
    variables: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    fixtures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
