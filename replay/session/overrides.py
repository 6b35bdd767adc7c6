"""Another answer than the recorded one, for one test: a changed body, a status, a fault, a delay.

Nothing is written. The latest override that concerns a call and has turns left decides; the
recording below it is played as ever, and its take counts as played.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from replay.errors import ConfigError
from replay.library import Library
from replay.model import json_body
from replay.model.cassette import Request, Response, header
from replay.model.forks import renew_in_child
from replay.model.strict_toml import did_you_mean
from replay.session.known_fields import unknown_field
from replay.stripe_api.faults import FAULTS, Fault
from replay.stripe_api.routes import by_name, match


class BrokenConnection(Exception):
    """The connection of a call breaks. Hooks raise what their client raises then.

    Attributes:
        timeout: whether the answer does not come in time; else the connection is reset.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"an override answers with a {kind}")
        self.timeout = kind == "timeout"

    def as_system(self) -> OSError:
        """What a socket raises."""
        if self.timeout:
            return TimeoutError(str(self))
        return ConnectionResetError(errno.ECONNRESET, str(self))


BREAKS = ("timeout", "reset")

ANY = "*"
"""The ID that stands for every object of a resource."""

_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
_GENERIC = {
    400: "invalid_request_error", 401: "invalid_request_error", 402: "card_error",
    403: "invalid_request_error", 404: "invalid_request_error", 409: "idempotency_error",
    429: "invalid_request_error",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Override:
    """Another answer to some calls.

    Attributes:
        resource: the resource path, such as ``invoices``.
        id: the object's ID; `ANY` for every object; None for calls of the resource itself, such as
            a list or a create.
        patch: a JSON merge patch over the recorded body; None leaves it.
        status: the status of the answer; None is the recorded one.
        headers: headers in place of the recorded ones, or beside them.
        delay: seconds before the answer.
        fault: one of Stripe's errors, in place of the recording.
        breaks: ``timeout`` or ``reset`` for a connection that breaks; else empty.
    """

    resource: str
    id: str | None
    patch: Mapping[str, Any] | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    fault: Fault | None = None
    breaks: str = ""

    def concerns(self, resource: str, id: str | None) -> bool:
        """Whether it is about a call."""
        return self.resource == resource and (
            self.id == id if id is None or self.id is None else self.id in (ANY, id)
        )

    @property
    def is_error(self) -> bool:
        """Whether it is an error, which needs no recording."""
        return self.fault is not None or bool(self.breaks) or (self.status or 0) >= 400

    def error(self) -> Response:
        """The error that it answers with.

        Raises:
            BrokenConnection: the connection breaks.
        """
        if self.breaks:
            raise BrokenConnection(self.breaks)
        fault = self.fault
        if fault is None:
            status = self.status or 500
            kind = _GENERIC.get(status, "api_error")
            fault = Fault(status, {"type": kind, "message": f"An override answers {status}."})
        body = merged({"error": dict(fault.error)}, self.patch or {})
        headers = {"Content-Type": "application/json", "Request-Id": "req_replayOverride"}
        headers |= {**fault.headers, **self.headers}
        status = self.status or fault.status
        return Response(status, "", tuple(headers.items()), json_body.dump(body))

    def changed(self, response: Response, library: Library) -> Response:
        """The recorded answer, changed.

        Args:
            response: the recorded answer.
            library: where to look for a field that this recording does not have.

        Raises:
            ConfigError: the patch names a field that no object of the type has.
            CassetteDamaged: or one of its kinds, of a recording that is looked into.
        """
        if self.patch is not None:
            body = json_body.parse_recorded(response.body, "the recording below an override")
            self._check(self.patch, body, header(response.headers, "Stripe-Version"), library)
            response = replace(response, body=json_body.dump(merged(body, self.patch)))
        if self.headers:
            given = {name.lower() for name in self.headers}
            kept = [pair for pair in response.headers if pair[0].lower() not in given]
            response = replace(response, headers=(*kept, *self.headers.items()))
        return response if self.status is None else replace(response, status=self.status)

    def _check(
        self, patch: Mapping[str, Any], body: Any, version: str | None, library: Library
    ) -> None:
        """Refuse a field that the API does not send: no test may rest on one that it dropped."""
        kind = body.get("object") if isinstance(body, Mapping) else None
        unknown = unknown_field(patch, [body])
        if unknown is not None:  # rarely: an optional field that only other recordings have
            others = _bodies(library, self.resource, version)
            unknown = unknown_field(patch, [body, *(o for o in others if o.get("object") == kind)])
        if unknown is not None:
            *above, name = unknown.path
            raise ConfigError(
                f"{'.'.join([str(kind or 'the object'), *above])} has no field {name}, in any "
                "recording at this version or in the Stripe SDK",
                where=f"override of {self.resource}",
                hint=did_you_mean(name, unknown.known) or "name a field that the API sends",
            )


def _bodies(library: Library, resource: str, version: str | None) -> Iterator[Mapping[str, Any]]:
    """The objects that were recorded of a resource at a version."""
    for file, cassette in library.cassettes():
        if cassette.key.resource == resource and cassette.api_version == version:
            for take in cassette.interactions:
                body = json_body.parse_recorded(take.response.body, file)
                if isinstance(body, Mapping):
                    yield body


class Overrides:
    """The overrides of a session. Safe to share between threads.

    Attributes:
        played: how many calls they answered.
    """

    def __init__(self) -> None:
        self.played = 0
        self._left: list[tuple[Override, list[int | None]]] = []
        self._lock = Lock()
        renew_in_child(self)

    def after_fork(self) -> None:
        """In a forked child: make the lock new."""
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self._left)

    def add(self, override: Override, times: int | None) -> None:
        """Add one, for so many calls; None for all that follow."""
        with self._lock:
            self._left.append((override, [times]))

    def next(self, request: Request) -> Override | None:
        """The one that will answer a request; it keeps its turn."""
        found = self._find(request)
        return found[0] if found is not None else None

    def take(self, request: Request) -> Override | None:
        """The one for a request; it has a turn less then."""
        with self._lock:
            found = self._find(request)
            if found is None:
                return None
            override, left = found
            if left[0] is not None:
                left[0] -= 1
            self.played += 1
            return override

    def _find(self, request: Request) -> tuple[Override, list[int | None]] | None:
        if not self._left:
            return None
        resource, id = target(request)
        for override, left in reversed(self._left):
            if left[0] != 0 and override.concerns(resource, id):
                return override, left
        return None


def target(request: Request) -> tuple[str, str | None]:
    """The resource path and the ID that a request names; None for the resource itself.

    A write below an object, such as ``POST /v1/payment_intents/pi_…/confirm``, names that object.
    """
    path = urlsplit(request.uri).path.rstrip("/")
    while path.count("/") > 1:
        found = match(path)
        if found is not None:
            return found.route.resource, None if found.route.collection else unquote(found.id)
        path = path.rpartition("/")[0]
    return "", None


_OPTIONS = (
    "resource", "id", "patch", "status", "headers", "delay", "fault", "times", "error",
)  # fmt: skip


def options_of(given: Any, where: str) -> Mapping[str, Any]:
    """The arguments of `Session.override` that a setting gives, or a request to the server.

    Raises:
        ConfigError: it is no mapping, or names what no override has; or it lacks resource or ID.
    """
    if not isinstance(given, Mapping) or not {"resource", "id"} <= given.keys():
        raise ConfigError(
            "an override names a resource and an id",
            where=where,
            hint='such as {"resource": "invoices", "id": "*", "patch": {"status": "void"}}',
        )
    for name in given:
        if name not in _OPTIONS:
            hint = did_you_mean(str(name), _OPTIONS)
            raise ConfigError(f"an override has no option {name!r}", where=where, hint=hint)
    return given


def made(
    resource: str, id: str | None, patch: Mapping[str, Any] | None = None,
    status: int | None = None, headers: Mapping[str, str] | None = None, delay: float = 0.0,
    fault: str | None = None, times: int | None = None, error: str | None = None,
) -> tuple[Override, int | None]:  # fmt: skip
    """An override from what a user gave, and how often it answers.

    Raises:
        ConfigError: something that no override can be.
    """
    if not isinstance(resource, str) or not isinstance(id, str | None):
        raise ConfigError(
            "an override names a resource and an id",
            where="override",
            hint='texts, such as "invoices" and "*"; None as the id for lists and creates',
        )
    route = by_name(resource)
    if times is not None and not (type(times) is int and times > 0):
        raise ConfigError("this is no number of calls", where="times", hint="from 1, or None")
    if not _are_headers(headers):
        raise ConfigError(
            "this is no header of an answer", where="headers", hint="names, each with one line"
        )
    if fault is not None and not (isinstance(fault, str) and fault in FAULTS):
        hint = did_you_mean(str(fault), FAULTS) or "faults: " + ", ".join(FAULTS)
        raise ConfigError(f"no fault of Stripe's is called {fault!r}", where="fault", hint=hint)
    if error is not None and error not in BREAKS:
        raise ConfigError("no connection breaks so", where="error", hint=" or ".join(BREAKS))
    if error is not None and (patch is not None or status or headers or fault):
        raise ConfigError(
            "a connection that breaks brings no answer", where="error", hint="give delay= only"
        )
    if fault is not None and status is not None:
        raise ConfigError(
            "a fault has a status of its own", where="status", hint="leave out one of the two"
        )
    if status is not None and not (isinstance(status, int) and 200 <= status <= 599):
        raise ConfigError(
            "this is no status of an answer", where="status", hint="a number from 200 to 599"
        )
    if patch is not None and not isinstance(patch, Mapping):
        raise ConfigError(
            "a patch is a mapping of fields", where="patch", hint='such as {"status": "void"}'
        )
    if not isinstance(delay, int | float) or not 0 <= delay <= 600:
        raise ConfigError("this is no delay", where="delay", hint="seconds, from 0 to 600")
    if (
        patch is None
        and status is None
        and not headers
        and not delay
        and fault is None
        and error is None
    ):
        raise ConfigError(
            "an override changes something",
            where="override",
            hint="give a patch, status=, headers=, delay=, fault= or error=",
        )
    override = Override(
        route.resource, id, patch, status, dict(headers or {}), float(delay),
        FAULTS[fault] if fault is not None else None, error or "",
    )  # fmt: skip
    return override, times


def _are_headers(given: Any) -> bool:
    return given is None or (
        isinstance(given, Mapping)
        and all(
            isinstance(part, str) and part.isprintable() for pair in given.items() for part in pair
        )
        and all(map(_NAME.fullmatch, given))
    )


def merged(value: Any, patch: Any) -> Any:
    """A value with a JSON merge patch (RFC 7396): null removes a key, other values replace it."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(value) if isinstance(value, Mapping) else {}
    for name, change in patch.items():
        if change is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), change)
    return found
