"""Records calls: fetch, redact, check, write. The client gets the recorded answer.

The order is the promise: nothing is written before the gate has read the final bytes, and the
client's answer is made from the redacted body, never from the live one (unless asked, and then
never in CI).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any

from replay.config import Origin
from replay.errors import ConfigError, LiveDataRefused, NoSession, NotRecordable
from replay.library import Library
from replay.library.library import storage_of
from replay.library.lookup import takes_of
from replay.model import json_body
from replay.model.cassette import Cassette, Headers, Interaction, Request, Response, header
from replay.recording import clock
from replay.recording.id_map import IdMap
from replay.recording.repeats import same_answer, without_trailing_repeats
from replay.redaction.policy_source import DEFAULT, PolicySource
from replay.stripe_api.asked_for import why_another
from replay.stripe_api.call import Call
from replay.stripe_api.headers import (
    RETRY_HINTS,
    is_kept_status,
    kept_headers,
    phrase,
    served_headers,
)
from replay.stripe_api.live_mode import is_live, live_key_in
from replay.stripe_api.versions import (
    LOOKS_LIKE,
    UNVERSIONED,
    canonical_version,
    is_version,
    kept_version,
)

if TYPE_CHECKING:
    from replay.recording.upstream import Upstream
    from replay.redaction.redactor import Original, Redaction


_NO_VERSION = "the answer's Stripe-Version is not an API version"
_UNKNOWN = (
    "the answer's Stripe-Version is one that this release of replay does not know: ask for it by"
    " name (the client's stripe_version, or REPLAY_API_VERSION)"
)


class Stored(StrEnum):
    """How the recording of a take ended."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a fetch.

    Attributes:
        response: the client's answer.
        version: the API version that answered.
        take: the redacted interaction; None where the answer is not kept.
        unkept: why it is not kept; empty where it is.
        retry: the live answer's status and retry hints, for callers that may ask again.
        unknown: the names of fields that the redaction policy does not know.
        originals: the replaced values, for the gate alone.
    """

    response: Response
    version: str
    take: Interaction | None
    unkept: str
    retry: Headers
    unknown: tuple[str, ...] = ()
    originals: tuple[Original, ...] = ()


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """The answer to a call of a scenario.

    Attributes:
        response: the live answer. Never shown in a repr.
        version: the API version that answered.
        headers: those that are kept.
        redaction: the redacted body; None without a body, and where it cannot be read.
        unread: why it cannot be recorded; empty where it can.
    """

    response: Response = field(repr=False)
    version: str
    headers: Headers
    redaction: Redaction | None = field(repr=False)
    unread: str = ""


def outcome_from_take(take: Interaction, version: str) -> Outcome:
    """The outcome that led to a take which was written before."""
    return Outcome(take.response, version, take, "", ())


_of_the_parent: list[Upstream] = []
"""Kept in a forked child, so that nothing closes the connections."""


class Recorder:
    """Records into one library from one live source. Safe to share between threads."""

    def __init__(
        self,
        library: Library,
        api_base: str,
        *,
        allow_live: bool = False,
        raw_view: bool = False,
        keep_errors: bool = False,
        policy_source: PolicySource = DEFAULT,
        ids: IdMap | None = None,
    ) -> None:
        if raw_view and policy_source.masks_ids:
            raise ConfigError(
                f"live_view='raw' shows the IDs that {policy_source.masking} hides",
                where=f"live_view, {policy_source.masking}",
                hint="a test must see what replay will serve: leave one of them out",
            )
        self.library = library
        self._policy_source = policy_source
        self._ids = IdMap() if ids is None else ids
        self._base = api_base
        self._source = str(Origin.of(api_base))
        self._allow_live = allow_live
        self._raw_view = raw_view
        self._keep_errors = keep_errors
        self._upstream: Upstream | None = None
        self._closed = False
        self._opening = Lock()

    def after_fork(self) -> None:
        """In a forked child: the connections are the parent's. None of them is used or closed."""
        self._opening = Lock()
        self._ids.after_fork()
        if self._upstream is not None:
            _of_the_parent.append(self._upstream)
            self._upstream = None

    def masked(self, call: Call) -> Call:
        """The call as recordings are kept: with pseudonyms for IDs, where that is asked for.

        Raises:
            ConfigError: the library holds recordings of it under the real ID.
        """
        if not self._policy_source.masks_ids:
            return self._ids.with_pages(call)
        kept = self._ids.masked(call, self._policy_source.load())
        if kept != call and self.library.recorded(call.key):
            raise ConfigError(
                "the library holds recordings with real IDs",
                where=self._policy_source.masking,
                hint="record into another library, or delete these recordings first",
            )
        return kept

    def why_private(self, call: Call) -> str:
        """Why a call may not be recorded, independent of the answer; empty where it may."""
        from replay.redaction.policy import why_private

        return why_private(call, self._policy_source.load())

    def has_live_key(self, request: Request) -> str:
        """Where a request carries a live-mode key that is not allowed; empty if it has none."""
        return "" if self._allow_live else live_key_in(request)

    def refuse_live_key(self, request: Request) -> None:
        """Make sure that a request that goes to the live source carries no live-mode key.

        Raises:
            LiveDataRefused: it does, and ``allow_live`` was not given.
        """
        if place := self.has_live_key(request):
            raise LiveDataRefused(
                "the API key is a live-mode key",
                where=place,
                hint="use a test-mode key, or ask for it: allow_live=True, --allow-live",
            )

    def fetch(self, call: Call, request: Request, *, batch: str = "") -> Outcome:
        """Fetch a call from the live source and redact the answer. Writes nothing.

        Args:
            call: the call, as `masked` returned it.
            request: the client's request; its key and account headers go to the source.
            batch: names recordings that are fetched back to back.

        Raises:
            LiveDataRefused: a live-mode key or body, without ``allow_live``.
            ConfigError: the version that the client asks for is not an API version.
            NoSession: the recorder was closed before.
            UpstreamError: the source did not answer.
        """
        from replay.recording.upstream import Undecodable

        self.refuse_live_key(request)
        if call.pinned and not is_version(call.pinned):
            raise ConfigError(
                "this is not an API version",
                where="header Stripe-Version",
                hint=LOOKS_LIKE,
            )
        asked = call
        if self._policy_source.masks_ids or "page=" in (call.key.query or ""):
            asked = self._ids.real(call)
            request = replace(request, headers=self._ids.real_headers(request.headers))
        try:
            answer = self._open().fetch(
                request, asked.target, asked.pinned, method=asked.route.method, form=asked.body
            )
        except Undecodable as error:
            served = replace(
                error.response, headers=served_headers(error.response.headers, "Content-Encoding")
            )
            return Outcome(served, UNVERSIONED, None, error.what, ())
        return self._outcome(call, asked, answer, batch)

    @property
    def source(self) -> str:
        """The live source as recordings name it: host, and port if it is not the usual one."""
        return self._source

    def outcome_of(self, call: Call, answer: Response) -> Outcome:
        """What recording makes of a live answer that is at hand already. Writes nothing.

        Raises:
            LiveDataRefused: the answer is live-mode data, without ``allow_live``.
        """
        return self._outcome(call, call, answer, "")

    @staticmethod
    def request_id(seed: str, version: str) -> str:
        """The ``Request-Id`` of an answer that is recorded under a seed."""
        from replay.redaction.pseudonyms import request_id

        return request_id(seed, version, ())

    def send(self, request: Request, host: str, owner: str) -> SentAnswer:
        """Send a call of a scenario to the live source, once, and redact the answer.

        Args:
            request: the client's request; a write, or a read.
            host: the host if it is another one of Stripe's; else empty.
            owner: the seed of stand-ins that belong to no object.

        Raises:
            LiveDataRefused: a live-mode key or answer, whether or not ``allow_live`` was given.
            NoSession: the recorder was closed before.
            UpstreamError: the source did not answer.
        """
        from replay.recording.upstream import Undecodable
        from replay.redaction.redactor import redact

        if place := live_key_in(request):
            raise LiveDataRefused(
                "a scenario is never recorded with a live-mode key", where=place,
                hint="use a test-mode key",
            )  # fmt: skip
        try:
            answer = self._open().send(request, host)
        except Undecodable as error:
            return SentAnswer(error.response, UNVERSIONED, (), None, error.what)
        stated = header(answer.headers, "Stripe-Version")
        pinned = header(request.headers, "Stripe-Version")
        version = UNVERSIONED
        for one in (stated, pinned):
            if one and is_version(one) and (known := kept_version(one, pinned)):
                version = canonical_version(known)
                break
        kept = kept_headers(answer.headers, pinned)
        if header(answer.headers, "Idempotent-Replayed") == "true":
            kept = (*kept, ("Idempotent-Replayed", "true"))
        if not is_kept_status(answer.status):
            what = f"an answer had the status {answer.status}"
            return SentAnswer(answer, version, kept, None, what)
        if not answer.body:
            return SentAnswer(answer, version, kept, None)
        try:
            document = json_body.parse(answer.body)
        except NotRecordable as error:
            return SentAnswer(answer, version, kept, None, error.what)
        if is_live(document):
            raise LiveDataRefused(
                "the answer is live-mode data: a scenario is never recorded of it",
                hint="use a test-mode key, and record the scenario again",
            )
        redaction = redact(document, owner=owner, policy=self._policy_source.load())
        self._ids.remember(redaction.ids)
        return SentAnswer(answer, version, kept, redaction)

    def _outcome(self, call: Call, asked: Call, answer: Response, batch: str) -> Outcome:
        from replay.redaction.pseudonyms import request_id

        stated = header(answer.headers, "Stripe-Version")
        kept = kept_headers(answer.headers, call.pinned)
        retry = tuple(row for row in kept if row[0] in RETRY_HINTS)
        try:
            version, unkept = call.pinned or UNVERSIONED, ""
            known = kept_version(stated, call.pinned) if stated and is_version(stated) else ""
            if known:
                version = canonical_version(known)
            elif stated:
                version, unkept = UNVERSIONED, _UNKNOWN if is_version(stated) else _NO_VERSION
            document, redaction = self._redacted(call, answer)
            body = json_body.dump(redaction.body) if redaction else b""
            another = why_another(asked, answer.status, document)
            unkept = self.why_private(call) or self._unkept(answer.status) or another or unkept
        except (NotRecordable, ConfigError) as error:
            # What cannot be read cannot be redacted: it goes to the client and nowhere else.
            served = replace(answer, headers=served_headers(answer.headers))
            return Outcome(served, UNVERSIONED, None, error.what, retry)
        headers = (*kept, ("Request-Id", request_id(call.key.seed, version, call.expand)))
        response = Response(answer.status, phrase(answer.status), headers, body)
        take = Interaction(
            request=Request(call.route.method, call.uri, _request_headers(call), call.body),
            response=response,
            recorded_at=clock.now(),
            source=self._source,
            batch=batch,
            redacted=dict(redaction.redacted) if redaction else {},
        )
        return Outcome(
            response=replace(response, body=answer.body) if self._raw_view else response,
            version=version,
            take=None if unkept else take,
            unkept=unkept,
            retry=retry,
            unknown=redaction.unknown if redaction else (),
            originals=redaction.originals if redaction else (),
        )

    def _unkept(self, status: int) -> str:
        if not self._keep_errors and (status in {401, 429} or status >= 500):
            return f"status {status} tells about the key or the moment, not about the object"
        if is_kept_status(status):
            return ""
        return "the source redirected the call" if 300 <= status < 400 else f"status {status}"

    def _redacted(self, call: Call, answer: Response) -> tuple[Any, Redaction | None]:
        from replay.redaction.redactor import redact

        if answer.status in {204, 304} and not answer.body:
            return None, None
        document = json_body.parse(answer.body)
        if not self._allow_live and is_live(document):
            raise LiveDataRefused(
                "the answer is live-mode data",
                where=call.route.path,
                hint="record from a test account, or ask for it: allow_live=True, --allow-live",
            )
        redaction = redact(document, owner=call.key.seed, policy=self._policy_source.load())
        self._ids.remember(redaction.ids)
        return document, redaction

    def append(
        self, call: Call, version: str, outcomes: Sequence[Outcome], *,
        refresh: bool = False, in_use: Collection[str] = frozenset(),
        library: Library | None = None,
    ) -> Stored:  # fmt: skip
        """Add takes behind those that the cassette has. The caller holds the object's lock.

        Args:
            call: the call key, with `version`.
            version: the API version that answered.
            outcomes: the results of fetches, in order; those without a take are left out.
            refresh: write also what says the same as before, for its time and batch.
            in_use: batches whose takes are not lost, as in `without_trailing_repeats`.
            library: where to write, if not into the recorder's own library.

        Raises:
            LeakFound: the gate found something in the final bytes; nothing is written.
            LibraryError: the file system refuses; nothing has changed.
        """
        into = library or self.library
        return self._write(into, call, version, outcomes, True, refresh, in_use)

    def replace(
        self, call: Call, version: str, outcomes: Sequence[Outcome], *,
        refresh: bool = False, in_use: Collection[str] = frozenset(),
        library: Library | None = None,
    ) -> Stored:  # fmt: skip
        """Put takes in the place of all that the call key has; arguments as for `append`.

        Takes of other expand sets stay, and so do those of clients that pin otherwise. Takes equal
        to the old ones leave the file untouched. Old takes of the batches `in_use` move to the
        evidence beside the library.

        Raises:
            LeakFound: the gate found something in the final bytes; nothing is written.
            LibraryError: the file system refuses; nothing has changed.
        """
        into = library or self.library
        return self._write(into, call, version, outcomes, False, refresh, in_use)

    def _write(
        self, library: Library, call: Call, version: str, outcomes: Sequence[Outcome],
        keep_old: bool, refresh: bool, in_use: Collection[str],
    ) -> Stored:  # fmt: skip
        from replay.redaction.gate import gate

        cassette = library.load(call.key, version)
        new = [outcome.take for outcome in outcomes if outcome.take is not None]
        pins = {take.pinned for take in new}
        old = [t for t in takes_of(cassette, call) if t.pinned in pins] if cassette else []
        takes = without_trailing_repeats([*old, *new] if keep_old else new, in_use)
        if not refresh and len(old) == len(takes) and all(map(same_answer, old, takes)):
            return Stored.UNCHANGED
        label = self._policy_source.load().label
        if cassette is None:
            cassette = Cassette(call.key, version, label, tuple(takes))
        else:
            others = tuple(t for t in cassette.interactions if t not in old)
            cassette = replace(cassette, policy=label, interactions=(*others, *takes))
        originals = [original for outcome in outcomes for original in outcome.originals]

        def check(text: str, written: Cassette, where: str) -> None:
            searched, kept = skeleton(written, where)
            gate(text, searched, originals, kept=kept, where=where)

        proofs = tuple(take for take in old if take.batch in in_use and take not in takes)
        if proofs:
            beside = library.evidence.load(call.key, version)
            earlier = beside.interactions if beside is not None else ()
            kept = (*earlier, *(take for take in proofs if take not in earlier))
            storage_of(library.evidence).write(
                replace(beside or cassette, interactions=kept), check
            )
        storage_of(library).write(cassette, check)
        return Stored.RECORDED

    def close(self) -> None:
        """Close the connections to the live source, if any were opened; none is opened any more."""
        with self._opening:
            self._closed = True
            if self._upstream is not None:
                self._upstream.close()
                self._upstream = None

    def ready(self) -> None:
        """Be ready to ask the live source: what that takes once does not count as a call's time.

        Raises:
            ConfigError: the environment names a proxy that cannot be used.
            NoSession: the recorder was closed before.
        """
        self._open()

    def _open(self) -> Upstream:
        with self._opening:
            if self._closed:
                raise NoSession(
                    "the session of this call has ended, and goes online no more",
                    where="a thread or task that outlived it",
                    hint="wait for it inside the session",
                )
            if self._upstream is None:
                from replay.recording.upstream import Upstream

                self._upstream = Upstream(self._base)
            return self._upstream


def skeleton(cassette: Cassette, where: str) -> tuple[str, frozenset[str]]:
    """The text that the gate searches for originals, and the words that the policy made public.

    Paths, IDs and expand names are left out: they were checked before the call was made.

    Raises:
        CassetteDamaged: a body that was there before is none that a recording has; names `where`.
    """
    from replay.redaction.gate import public_words, stand_ins

    parts: list[Any] = []
    kept = {cassette.key.id, *cassette.key.parents, cassette.api_version}
    for number, take in enumerate(cassette.interactions):
        parts.append([*take.response.headers, take.source, take.response.reason])
        parts.append([take.unconfirmed, *take.equal_values])
        if take.response.body:
            document = json_body.parse_recorded(take.response.body, f"{where} take {number}")
            parts.append(stand_ins(document, take.redacted))
            kept |= public_words(document, take.redacted)
    return json.dumps(parts, ensure_ascii=False, default=dict), frozenset(kept)


def _request_headers(call: Call) -> Headers:
    return (("Stripe-Version", call.pinned),) if call.pinned else ()
