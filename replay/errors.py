"""The errors of replay: one family, each saying what happened, where, and what to do next.

Nothing here does I/O or imports another part of replay. Messages are built from attributes, so
that callers can read those instead of parsing prose. No message ever carries a recorded value
that the policy did not keep.
"""

from __future__ import annotations

from typing import Any, NoReturn


def printable(text: str) -> str:
    """Text with unprintable characters escaped: names in recordings may be hostile."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _declares(kind: type, name: str) -> bool:
    return any(name in getattr(base, "__annotations__", ()) for base in kind.__mro__)


def _set_once(error: BaseException, name: str, value: object) -> None:
    # What is caught must say what was raised and logged. Python itself sets names such as
    # `__cause__`, `__traceback__` and `__notes__`.
    if not name.startswith("__") and (name in error.__dict__ or not _declares(type(error), name)):
        raise AttributeError(f"{type(error).__name__}.{name} is set once, by the constructor")
    object.__setattr__(error, name, value)


def _never_deleted(error: BaseException, name: str) -> None:
    if not name.startswith("__"):
        raise AttributeError(f"{type(error).__name__}.{name} stays as the constructor set it")
    object.__delattr__(error, name)


class ReplayError(Exception):
    """Root of all errors that replay raises on purpose. An instance's attributes cannot be changed.

    Attributes:
        what: one sentence that says what went wrong.
        where: the file, pointer, call or option concerned; empty when there is none.
        hint: what to do next, if possible a command to run.
        exit_code: the exit code of the command line: 2 for misuse or broken input, 4 if a source
            that the command needs did not answer.
    """

    exit_code = 2

    what: str
    where: str
    hint: str

    __setattr__ = _set_once
    __delattr__ = _never_deleted

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [printable(line) for line in self.what.split("\n")]
        if self.where:
            lines.append(f"  where: {printable(self.where)}")
        if self.hint:
            lines.extend(
                f"  {'next:' if n == 0 else '     '} {printable(line)}"
                for n, line in enumerate(self.hint.splitlines())
            )
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        # Test runners pickle errors, and the constructors of subclasses differ.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[ReplayError], args: tuple[Any, ...], state: dict[str, Any]) -> ReplayError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigError(ReplayError):
    """An option, environment variable or configuration file that cannot be used."""


class LibraryError(ReplayError):
    """A library that cannot be read or written."""


class CassetteNotFound(LibraryError):
    """Raised for a call that has no recording, in a mode that may not record.

    Attributes:
        resource: the resource path asked for, such as ``invoices``.
        id: the ID asked for.
        nearest: recorded IDs of the same resource, the most similar first.
        command: the command that records the call; empty if it would reveal a private ID.
    """

    resource: str
    id: str
    nearest: tuple[str, ...]
    command: str

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        resource: str = "",
        id: str = "",
        nearest: tuple[str, ...] = (),
        command: str = "",
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.resource = resource
        self.id = id
        self.nearest = nearest
        self.command = command


class VersionNotRecorded(CassetteNotFound):
    """The object is recorded, but not at the API version (or expand set) asked for.

    Attributes:
        recorded: the API versions that are recorded, oldest first.
    """

    recorded: tuple[str, ...]

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        resource: str = "",
        id: str = "",
        nearest: tuple[str, ...] = (),
        command: str = "",
        recorded: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            what, where=where, hint=hint, resource=resource, id=id, nearest=nearest, command=command
        )
        self.recorded = recorded


class CassetteDamaged(LibraryError):
    """A cassette file that is damaged or not sealed. It is never read as "missing"."""


class CassetteUnsealed(CassetteDamaged):
    """A cassette whose text does not match its seal: edited by hand, or damaged."""


class CassetteForeign(CassetteUnsealed):
    """A cassette of vcrpy's where one of replay's is read. Commands on whole libraries skip it."""


class CassetteConflict(CassetteDamaged):
    """A cassette with the marks of an unresolved git merge."""


class CassetteTooNew(CassetteDamaged):
    """A cassette of a later format than this release reads."""


class KeyMismatch(CassetteDamaged):
    """A cassette whose content belongs at another path of the library."""


class LibraryBusy(LibraryError):
    """Another process held an object's lock for longer than replay waits."""


class DoubleDiffers(ReplayError):
    """A hand-written object that could not be an answer of the API version it should be of.

    Attributes:
        findings: where it differs, one sentence each, without its values.
    """

    findings: tuple[str, ...]

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", findings: tuple[str, ...] = ()
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.findings = findings


class PolicyError(ReplayError):
    """A redaction policy that cannot be used."""


class LeakFound(ReplayError):
    """The gate found a redacted original or a secret in bytes about to be written.

    Attributes:
        pointer: JSON pointer of the original in the response, empty for a pattern hit.
        kind: the class of the value or the name of the pattern; never the value.
    """

    pointer: str
    kind: str

    def __init__(
        self, what: str, *, where: str = "", hint: str = "", pointer: str = "", kind: str = ""
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.pointer = pointer
        self.kind = kind


class LiveDataRefused(ReplayError):
    """A live-mode key or body, without ``allow_live``."""


class NotRecordable(ReplayError):
    """A call or answer that replay cannot keep."""


class CallRefused(ReplayError):
    """A call to the API that replay does not answer: a write, or a path it does not know."""


class ScenarioNotRecorded(LibraryError):
    """A test whose writes are a scenario has none, in a mode that may not record."""


class ScenarioNotPlayed(ReplayError):
    """A test passed without a write that it made when its scenario was recorded."""


class NoStep(ReplayError):
    """A call that no step of the test's scenario answers."""


class NetworkBlocked(ReplayError):
    """Code tried to reach the API past the hooks, while a session was open."""


class NoSession(ReplayError):
    """A call to the API from a thread or task that belongs to no open session."""


class UpstreamError(ReplayError):
    """The live source did not answer, or its answer cannot be read."""

    exit_code = 4


class NetworkWarning(UserWarning):
    """A client is in use whose connections replay cannot see, while a session is open.

    It is given once per process and client, and names the client and the way out.
    """


class Refused(BaseException):
    """Carries a `ReplayError` through a client library that would wrap or retry an `Exception`.

    SDKs turn exceptions of their transport into connection errors, shorten the text and try
    again. Leaving a session turns this back into the error itself.

    Attributes:
        error: the refusal.
    """

    error: ReplayError

    __setattr__ = _set_once
    __delattr__ = _never_deleted

    def __init__(self, error: ReplayError) -> None:
        super().__init__(str(error))
        self.error = error

    def __getattr__(self, name: str) -> NoReturn:
        # Code that catches everything asks for what its own errors have (`http_status`). What it
        # fails with then is what a person reads.
        error = self.__dict__.get("error")
        told = "" if error is None or name.startswith("__") else f"; it carries: {error}"
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}{told}", name=name, obj=self
        )

    def raise_error(self) -> NoReturn:
        """Raise the error in place of its carrier.

        The carrier does not become its context: error and carrier would be a circle, which test
        runners that pickle tracebacks (tblib, ``manage.py test --parallel``) walk for ever.
        """
        raise_alone(self.error)

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the error's chain, which may lead back here.
        return Refused, (without_chain(self.error),)


def raise_alone(error: ReplayError) -> NoReturn:
    """Raise an error while another exception is handled, which does not become its context."""
    __tracebackhide__ = True  # of pytest
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context


def without_chain(error: ReplayError) -> ReplayError:
    """A copy of an error that has neither cause, context nor traceback."""
    return _rebuild(type(error), error.args, error.__dict__)
