"""Another answer than the recorded one, for one test: a changed body, a status, a fault, a delay.

Nothing is written. The latest override that concerns a call and has turns left decides; the
recording below it is played as ever, and its take counts as played.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from replay.errors import ConfigError
from replay.model import json_body
from replay.model.cassette import Request, Response
from replay.model.forks import renew_in_child
from replay.redaction.policy import default_policy
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
_FREE = {"metadata"}
"""Maps whose keys a user chooses."""

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

    def error(self, id: str | None) -> Response:
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

    def changed(self, response: Response) -> Response:
        """The recorded answer, changed.

        Raises:
            ConfigError: the patch names a field that the object does not have.
        """
        if self.patch is not None:
            body = json_body.parse_recorded(response.body, "the recording below an override")
            _check(self.patch, body, f"override of {self.resource}", top=True)
            response = replace(response, body=json_body.dump(merged(body, self.patch)))
        if self.headers:
            given = {name.lower() for name in self.headers}
            kept = [pair for pair in response.headers if pair[0].lower() not in given]
            response = replace(response, headers=(*kept, *self.headers.items()))
        return response if self.status is None else replace(response, status=self.status)


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

    def concern(self, request: Request) -> bool:
        """Whether one has turns left for a request."""
        return self._find(request) is not None

    def break_connection(self, request: Request) -> bool:
        """Whether a request's connection will break."""
        found = self._find(request)
        return found is not None and bool(found[0][0].breaks)

    def take(self, request: Request) -> tuple[Override, str | None] | None:
        """The one for a request, with the ID that was asked for; it has a turn less then."""
        with self._lock:
            found = self._find(request)
            if found is None:
                return None
            (override, left), id = found
            if left[0] is not None:
                left[0] -= 1
            self.played += 1
            return override, id

    def _find(
        self, request: Request
    ) -> tuple[tuple[Override, list[int | None]], str | None] | None:
        resource, id = target(request)
        for entry in reversed(self._left):
            if entry[1][0] != 0 and entry[0].concerns(resource, id):
                return entry, id
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
            near = get_close_matches(str(name), _OPTIONS, n=1)
            hint = f"did you mean {near[0]}?" if near else "options: " + ", ".join(_OPTIONS)
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
    route = by_name(resource)
    if times is not None and (not isinstance(times, int) or times < 1):
        raise ConfigError("this is no number of calls", where="times", hint="from 1, or None")
    for name, value in (headers or {}).items():
        if not (isinstance(value, str) and _NAME.fullmatch(name) and value.isprintable()):
            raise ConfigError(
                "this is no header of an answer", where="headers", hint="a name, and one line"
            )
    if fault is not None and fault not in FAULTS:
        near = get_close_matches(str(fault), FAULTS, n=1)
        hint = f"did you mean {near[0]}?" if near else "faults: " + ", ".join(FAULTS)
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


def _check(patch: Mapping[str, Any], body: Any, where: str, *, top: bool = False) -> None:
    """Refuse a field that neither the recorded object nor the SDK's type has.

    An override must not model what the API no longer sends.
    """
    if not isinstance(body, Mapping):
        return
    known = set(body) | (_declared(str(body.get("object"))) if top else set())
    for name, change in patch.items():
        if name not in known and (top or name not in default_policy().vocabulary):
            near = get_close_matches(name, known, n=1)
            raise ConfigError(
                f"{body.get('object', 'the object')} has no field {name}, in this recording or in "
                "the Stripe SDK",
                where=where,
                hint=f"did you mean {near[0]}?" if near else "name a field that the API sends",
            )
        if isinstance(change, Mapping) and name not in _FREE:
            _check(change, body.get(name), f"{where}: {name}")


def _declared(kind: str) -> set[str]:
    """The fields that the SDK's type declares; those of the policy where there is no SDK."""
    found: Any = sys.modules.get("stripe")
    if found is None:
        return set(default_policy().vocabulary)
    for part in kind.split("."):
        name = "".join(word.capitalize() for word in part.split("_"))
        found = getattr(found, name, None) or getattr(found, part, None)
    return {name.rstrip("_") for name in getattr(found, "__annotations__", ())}
