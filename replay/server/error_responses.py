"""Errors as HTTP answers in the form of Stripe's own errors. No I/O.

Every client library shows the message of such an error. None tries again: Stripe's libraries obey
the header ``Stripe-Should-Retry``.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from dataclasses import dataclass

from replay.errors import (
    CallRefused,
    CassetteDamaged,
    CassetteNotFound,
    ConfigError,
    LeakFound,
    LibraryError,
    LiveDataRefused,
    NoSession,
    NotRecordable,
    PolicyError,
    ReplayError,
    UpstreamError,
)
from replay.stripe_api.call import BY_TEST

Lines = list[tuple[bytes, bytes]]
"""Header lines as ASGI has them."""

KINDS: dict[type[ReplayError], tuple[int, str]] = {
    CassetteNotFound: (404, "replay_not_recorded"),
    CallRefused: (400, "replay_call_refused"),
    ConfigError: (400, "replay_misconfigured"),
    LiveDataRefused: (403, "replay_live_data_refused"),
    NoSession: (400, "replay_no_session"),
    NotRecordable: (400, "replay_not_recordable"),
    CassetteDamaged: (500, "replay_cassette_damaged"),
    LeakFound: (500, "replay_leak_found"),
    LibraryError: (500, "replay_library_error"),
    PolicyError: (500, "replay_policy_error"),
    UpstreamError: (502, "replay_upstream_failed"),
    ReplayError: (500, "replay_refused"),
}
"""Error to status and code; of several that fit, the most specific one counts."""

BY_CLIENT = "start the server with --mode once, and run this client once: replay serve --mode once"
"""The hint for a call that no command records: run its client while the server records."""

_IN_PYTHON = re.compile(r"REPLAY_API_VERSION=(\S+) or use_cassettes\(api_version=\S+\)")


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error as it is answered and listed. It holds text only: no exception, no traceback.

    Attributes:
        status: the HTTP status.
        code: tells programs what happened.
        message: tells people what happened, where, and what to do.
        command: the command that records the call; empty where recording is not the remedy.
    """

    status: int
    code: str
    message: str
    command: str = ""

    @property
    def body(self) -> bytes:
        """The JSON document."""
        kind = "invalid_request_error" if self.status < 500 else "api_error"
        error = {"type": kind, "code": self.code, "message": self.message}
        if self.command:
            error["replay_command"] = self.command
        return json.dumps({"error": error}, indent=2).encode("ascii")

    @property
    def _digest(self) -> str:
        """Part of the answer's request ID, made from the message: equal messages have equal IDs."""
        return hashlib.sha256(self.message.encode()).hexdigest()[:10]

    @property
    def headers(self) -> Lines:
        """The header lines, without a length."""
        return [
            (b"content-type", b"application/json"),
            (b"request-id", f"req_replay{self._digest}".encode("ascii")),
            (b"stripe-should-retry", b"false"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]


INTERNAL = ErrorResponse(
    500,
    "replay_internal_error",
    "replay failed on this request; the server's standard error says where",
)


def error_response(error: ReplayError, library: str = "") -> ErrorResponse:
    """The answer for an error.

    Args:
        error: why the call is not answered.
        library: the server's library, for commands that start it in another way; empty for none.
    """
    status, code = next(KINDS[kind] for kind in type(error).__mro__ if kind in KINDS)
    hint = error.hint
    if isinstance(error, CallRefused) and "use_cassettes" in hint:
        hint = "stub this call in your test: the replay server answers reads alone"
    named = f" {shlex.join(['--library', library])}" if library else ""
    hint = hint.replace(BY_TEST, BY_CLIENT + named)
    hint = _IN_PYTHON.sub(lambda found: f"replay serve --api-version {found[1]}{named}", hint)
    command = getattr(error, "command", "")
    message = str(ReplayError(error.what, where=error.where, hint=hint))
    return ErrorResponse(status, code, message, "" if command == BY_TEST else command)


def request_error(status: int, what: str, where: str, hint: str = "") -> ErrorResponse:
    """The answer for a request that the server does not accept, with a status of its own."""
    found = error_response(CallRefused(what, where=where, hint=hint))
    return ErrorResponse(status, found.code, found.message)
