"""Notes which fields of answers the code under test reads, while tracking is on.

The Stripe SDK's objects are patched, so that they note which of their fields are read. A body that
does not become such an object counts as read as a whole: code that parses JSON holds all of it.
Without tracking, this module is not loaded and nothing is patched.
"""

from __future__ import annotations

import functools
import json
import os
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any
from urllib.parse import urlsplit

from replay.drift.acceptance.used import ALL, Body, Site, add, merged
from replay.drift.observe.marks import MAPS
from replay.drift.observe.nested import resource_of
from replay.drift.observe.pointers import ANY, escape
from replay.errors import CallRefused
from replay.intercept.patches import Patches
from replay.intercept.user_frames import is_users
from replay.model.cassette import Request, Response, header
from replay.model.forks import renew_in_child
from replay.redaction.policy import default_policy
from replay.redaction.values import is_plain_key
from replay.session.session import OpenSession
from replay.stripe_api.call import read_call
from replay.stripe_api.operations import resource_answered
from replay.stripe_api.versions import UNVERSIONED, is_version

FILE = "used-fields.json"
"""Where used fields are kept, unless another file is named."""

_NUMBER_HEADER = "Replay-Served"
_POSITION = "_replay_position"
_REFRESH = "_refresh_from"
_REFRESH_OF_SDK_7 = "refresh_from"
"""The SDK's method by which its objects get their fields."""
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")

_untracked_now: ContextVar[bool] = ContextVar("replay_untracked", default=False)

Positions = tuple[tuple[Body, str], ...]
"""Where an object of the SDK stands: in which bodies, and at which path of each."""


class Tracker:
    """Notes the fields that are read, from `start` to `stop`. Safe to share between threads.

    What is read is kept in parts, such as one for each test.

    Args:
        root: the project's folder: lines of code outside it are not noted.

    Attributes:
        read: body -> paths that were read in the running part.
        sites: where they were read, in all parts.
    """

    def __init__(self, root: Path) -> None:
        self.read: dict[Body, set[str]] = {}
        self.sites: dict[Body, dict[str, dict[Site, set[str]]]] = {}
        self._root = f"{root.absolute()}{os.sep}"
        self._site_of: dict[tuple[CodeType, int], Site | None] = {}
        self._before: dict[Body, set[str]] = {}
        # Answers that have not become an object of the SDK yet: number -> body.
        self._waiting: dict[str, Body] = {}
        self._count = 0
        # Reentrant: a finalizer may read an object while its thread notes another.
        self._lock = threading.RLock()
        renew_in_child(self)
        self._patches = Patches(
            {
                "replay.session.session": self._hook_session,
                "stripe._stripe_object": self._hook_stripe,
                "stripe.stripe_object": self._hook_stripe,  # of SDK 7; later only another name
            }
        )

    def after_fork(self) -> None:
        """In a forked child: make the lock new."""
        self._lock = threading.RLock()

    def start(self) -> None:
        """Put the hooks in; into an SDK that is imported later, too."""
        self._patches.install()

    def stop(self) -> None:
        """Take the hooks out."""
        self._patches.remove()

    def start_part(self) -> dict[Body, set[str]]:
        """End the running part and start another; returns the fields read in the one that ended."""
        with self._lock:
            for body in self._waiting.values():
                self.read.setdefault(body, set()).add(f"/{ALL}")
            self._waiting.clear()
            done, self.read = self.read, {}
            for body, paths in done.items():
                self._before.setdefault(body, set()).update(paths)
        return done

    def current(self) -> dict[Body, set[str]]:
        """The fields read in the running part so far."""
        with self._lock:
            whole = [(body, {f"/{ALL}"}) for body in self._waiting.values()]
            return merged([*((body, set(paths)) for body, paths in self.read.items()), *whole])

    def all(self) -> dict[Body, set[str]]:
        """The fields read in all parts; this ends the running one."""
        self.start_part()
        return self._before

    def _hook_session(self, patches: Patches, module: ModuleType) -> None:
        def make(answer: Callable[[OpenSession, Request], Response]) -> Any:
            @functools.wraps(answer)
            def noted(session: OpenSession, request: Request) -> Response:
                return self._served(session, request, answer(session, request))

            return noted

        def make_async(answer: Callable[[OpenSession, Request], Awaitable[Response]]) -> Any:
            @functools.wraps(answer)
            async def noted(session: OpenSession, request: Request) -> Response:
                return self._served(session, request, await answer(session, request))

            return noted

        patches.replace(OpenSession, "answer", make)
        patches.replace(OpenSession, "answer_async", make_async)

    def _served(self, session: OpenSession, request: Request, response: Response) -> Response:
        """Number an answer, to recognise it when the SDK makes an object of it."""
        if not 200 <= response.status < 300 or not response.body:
            return response
        try:
            document = json.loads(response.body)
        except (ValueError, RecursionError):
            return response
        kind = document.get("object") if isinstance(document, dict) else None
        try:
            call = read_call(request)
            resource, pinned = call.key.resource, call.pinned
        except CallRefused:  # a step of a scenario
            resource = resource_answered(request.method, urlsplit(request.uri).path)
            pinned = header(request.headers, "Stripe-Version")
        version = header(response.headers, "Stripe-Version") or session.config.api_version or pinned
        body = Body(
            resource,
            kind if isinstance(kind, str) and kind in default_policy().objects else "",
            version if version and is_version(version) else UNVERSIONED,
        )
        with self._lock:
            self._count += 1
            number = str(self._count)
            self._waiting[number] = body
        return replace(response, headers=(*response.headers, (_NUMBER_HEADER, number)))

    def _hook_stripe(self, patches: Patches, module: ModuleType) -> None:
        kind = module.StripeObject
        if kind.__module__ != module.__name__:
            return
        patches.replace(
            kind, _REFRESH if hasattr(kind, _REFRESH) else "refresh_from", self._refreshing
        )
        patches.replace(kind, "__getitem__", self._getting)
        patches.replace(kind, "__contains__", self._asking)
        patches.replace(kind, "__repr__", _untracked)
        whole = ["__str__", "__eq__", "__copy__", "__deepcopy__", "__reduce__", "to_dict_recursive"]
        for name in whole:
            if name in vars(kind):
                patches.replace(kind, name, self._taking)
        patches.replace(kind, "to_dict", self._dumping)
        if issubclass(kind, dict):
            # The SDK's objects were dictionaries up to version 14.
            for name in ("get", "pop", "setdefault"):
                patches.replace(kind, name, self._asking)
            for name in ("__iter__", "keys", "values", "items", "__len__", "copy"):
                patches.replace(kind, name, self._listing)

    def _refreshing(self, original: Callable[..., None]) -> Any:
        @functools.wraps(original)
        def refresh(this: Any, *args: Any, **kwargs: Any) -> None:
            with quiet():
                original(this, *args, **kwargs)
            values = args[0] if args else kwargs.get("values")  # SDK 7 does not name it
            response = kwargs.get("last_response")
            number = _number(response) if response is not None else None
            if number is not None:
                with self._lock:
                    body = self._waiting.pop(number, None)
                if body is not None:
                    this.__dict__[_POSITION] = ((body, ""),)
            elif _is_object(values):
                # `stripe.Invoice.retrieve` fills one object from another.
                this.__dict__[_POSITION] = values.__dict__.get(_POSITION, ())
            elif isinstance(values, dict) and values.get("object") == "event":
                # What `construct_event` makes of a webhook's body.
                version = str(values.get("api_version"))
                body = Body("events", "event", version if is_version(version) else UNVERSIONED)
                this.__dict__[_POSITION] = ((body, ""),)

        return refresh

    def _getting(self, original: Callable[[Any, Any], Any]) -> Any:
        @functools.wraps(original)
        def get(this: Any, name: Any) -> Any:
            positions = self._note(this, name)
            value = original(this, name)
            if positions:
                self._set_position(value, positions)
            return value

        return get

    def _asking(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def ask(this: Any, name: Any, *rest: Any) -> Any:
            positions = self._note(this, name)
            value = original(this, name, *rest)
            if positions:
                self._set_position(value, positions)
            return value

        return ask

    def _taking(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def take(this: Any, *args: Any, **kwargs: Any) -> Any:
            self._note(this, ALL)
            with quiet():
                return original(this, *args, **kwargs)

        return take

    def _dumping(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def dump(this: Any, *args: Any, **kwargs: Any) -> Any:
            shallow = (args[0] if args else kwargs.get("recursive", True)) is False
            with quiet():
                made = original(this, *args, **kwargs)
            if shallow:
                self._spread(this, made.items())
            else:
                self._note(this, ALL)
            return made

        return dump

    def _listing(self, original: Callable[..., Any]) -> Any:
        @functools.wraps(original)
        def show(this: Any, *args: Any) -> Any:
            # Past the class's own methods, which are hooked.
            self._spread(this, dict.items(this))
            return original(this, *args)

        return show

    def _spread(self, this: Any, values: Iterable[tuple[str, Any]]) -> None:
        """Note all keys of an object; the objects in it note themselves what is read of them."""
        if not self._note(this, ANY):
            return
        for name, value in values:
            positions = self._note(this, name)
            if positions:
                self._set_position(value, positions)

    def _note(self, this: Any, name: Any) -> Positions:
        """Note that a key of an object was read. Returns the positions of its value."""
        positions: Positions = this.__dict__.get(_POSITION, ())
        if not positions or not isinstance(name, str) or _untracked_now.get():
            return ()
        segment = name if name in (ALL, ANY) else escape(name) if _is_known(this, name) else ANY
        found = []
        for body, path in positions:
            if path.rpartition("/")[2] in MAPS and segment != ALL:
                segment = ANY
            found.append((body, f"{path}/{segment}"))
        self._add(found)
        return tuple(found)

    def _add(self, positions: Iterable[tuple[Body, str]]) -> None:
        site, test = self._reader(), _running_test()
        with self._lock:
            for body, path in positions:
                self.read.setdefault(body, set()).add(path)
                if site is not None:
                    sites = self.sites.setdefault(body, {}).setdefault(path, {})
                    sites.setdefault(site, set()).add(test)

    def _reader(self) -> Site | None:
        """The expression of the user's code that reads just now: that of the innermost frame."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and not (is_users(frame) and _is_code(frame)):
            frame = frame.f_back
        if frame is None:
            return None
        expression = frame.f_code, frame.f_lasti
        if expression not in self._site_of:
            self._site_of[expression] = self._site(frame)
        return self._site_of[expression]

    def _site(self, frame: FrameType) -> Site | None:
        file = os.path.abspath(frame.f_code.co_filename)  # noqa: PTH100 - keeps links
        if not file.startswith(self._root):
            return None
        file = file[len(self._root) :].replace(os.sep, "/")
        places = islice(frame.f_code.co_positions(), frame.f_lasti // 2, None)
        line, end_line, column, end_column = next(places, (None,) * 4)
        if line is None or end_line is None or column is None or end_column is None:
            return Site(file, frame.f_lineno)
        return Site(file, line, column + 1, end_line, end_column + 1)

    def _set_position(self, value: Any, positions: Positions) -> None:
        """Note in the SDK's objects within a value which positions they have."""
        if isinstance(value, list):
            positions = tuple((body, f"{path}/{ANY}") for body, path in positions)
            self._add(positions)
            for item in value:
                self._set_position(item, positions)
        elif _is_object(value):
            value.__dict__[_POSITION] = positions + _own(value, positions)
        elif isinstance(value, dict):
            self._add((body, f"{path}/{ALL}") for body, path in positions)


def _is_code(frame: FrameType) -> bool:
    """Whether a frame is of a file, and not of pytest's configuration."""
    file = frame.f_code.co_filename
    return not file.startswith("<") and not file.endswith("conftest.py")


def _running_test() -> str:
    """The test that runs, without its parameters, which may hold anything; empty for none."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0].partition("[")[0]


def _is_known(this: Any, name: str) -> bool:
    """Whether a name may be written down: a type of the API has it, or the recorded body does.

    Code may ask for any name, such as one that it was given by a user.
    """
    policy = default_policy()
    return _FIELD.match(name) is not None and (
        name in policy.vocabulary
        or (dict.__contains__(_data(this), name) and is_plain_key(name, policy.prefixes))
    )


def _data(value: Any) -> dict[str, Any]:
    """The fields of an object of the SDK, past its own methods, which are hooked."""
    found: dict[str, Any] = value if isinstance(value, dict) else value.__dict__.get("_data", {})
    return found


def _is_object(value: Any) -> bool:
    return hasattr(type(value), _REFRESH) or hasattr(type(value), _REFRESH_OF_SDK_7)


def _own(value: Any, positions: Positions) -> Positions:
    """The body that an object with an `object` field is for its own type."""
    kind = dict.get(_data(value), "object")
    resource = resource_of(kind) if isinstance(kind, str) else None
    if resource is None or not isinstance(kind, str):
        return ()
    return ((Body(resource, kind, positions[0][0].version), ""),)


def _number(response: Any) -> str | None:
    for name, value in response.headers.items():
        if name.lower() == _NUMBER_HEADER.lower():
            return str(value)
    return None


@contextmanager
def quiet() -> Iterator[None]:
    """Note nothing inside: it is not the code under test that reads."""
    token = _untracked_now.set(True)
    try:
        yield
    finally:
        _untracked_now.reset(token)


def _untracked(original: Callable[[Any], str]) -> Any:
    # What a test runner prints of an object was not used by the code under test.
    @functools.wraps(original)
    def show(this: Any) -> str:
        with quiet():
            return original(this)

    return show


@contextmanager
def track_fields(file: str | os.PathLike[str] = FILE) -> Iterator[None]:
    """Note which fields of answers are read inside, and add them to a file.

    For suites without pytest; with it, ``--replay-track-fields`` does the same.
    ``replay diff --used FILE`` then shows which breaking changes concern these tests.

    Args:
        file: the file to add to. It holds resources, types, versions and paths, and the lines of
            code below the working directory that read them, never values.

    Raises:
        ConfigError: the file exists, and is not a file of used fields.
        LibraryError: it cannot be written.
    """
    tracker = Tracker(Path.cwd())
    tracker.start()
    try:
        yield
    finally:
        tracker.stop()
        add(Path(file), tracker.all(), tracker.sites)
