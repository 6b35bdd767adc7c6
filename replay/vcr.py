"""A persister for suites that keep vcrpy's decorators: redacted and sealed cassette files.

The persister decides the content of a cassette file, and writes it atomically. vcrpy still decides
how requests are matched. While recording, the test sees the answers unredacted.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import vcr
from vcr.cassette import CassetteContextDecorator
from vcr.persisters.filesystem import CassetteNotFoundError
from vcr.request import Request as VcrRequest
from vcr.serialize import deserialize
from vcr.serializers import yamlserializer

from replay.config import Config, Origin, resolve
from replay.errors import (
    CallRefused,
    CassetteDamaged,
    CassetteUnsealed,
    ConfigError,
    LiveDataRefused,
    NotRecordable,
)
from replay.library import Library, files
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.model import json_body
from replay.model.cassette import Headers, Interaction, ObjectKey, Request, Response, header
from replay.recording import clock
from replay.recording.repeats import same_answer
from replay.recording.upstream import Undecodable, decoded
from replay.redaction.gate import gate, public_words, stand_ins
from replay.redaction.parameters import keeps_url, private_parts
from replay.redaction.policy import Policy, why_private
from replay.redaction.policy_source import PolicySource
from replay.redaction.redactor import Original, redact
from replay.stripe_api.call import API_HOST, Call, read_call
from replay.stripe_api.headers import kept_headers, phrase
from replay.stripe_api.live_mode import is_live, live_key_in
from replay.stripe_api.versions import is_version

__all__ = ["Persister"]

if int(vcr.__version__.partition(".")[0]) > 9:  # `_unpatch` looks at what is not public
    raise ConfigError(
        f"the persister does not fit vcrpy {vcr.__version__}",
        where="vcrpy",
        hint="pip install 'vcrpy>=9.4.2,<10'",
    )

_FIRST_LINE = b"# replay vcr "
_PATCHED = f"_{CassetteContextDecorator.__name__}__finish"
_FOLDER = ObjectKey("vcr", "")
"""Names the lock of a folder: vcrpy's cassettes are kept under no key."""


class Persister:
    """A persister for `vcr.VCR.register_persister`: redacts, seals, and writes files atomically.

    A file holds calls to Stripe alone (and to the configured ``api_base``). Bodies of answers
    are redacted by the policy in force, headers are an allowlist, bodies of writes are left out.
    Calls that cannot be kept in this way are left out, with a warning that says why.

    Args:
        allow_live: also record with a live-mode key, and live-mode data.
    """

    def __init__(self, *, allow_live: bool = False) -> None:
        self._allow_live = allow_live

    def load_cassette(
        self, cassette_path: str | Path, serializer: Any
    ) -> tuple[list[VcrRequest], list[Any]] | tuple[list[VcrRequest], list[Any], Any]:
        """Read a cassette: one of ours, or one from before this persister was registered.

        Returns:
            Requests and responses as vcrpy holds them, and its metadata where there are any.

        Raises:
            CassetteNotFoundError: vcrpy's own: there is no such file, and it may record.
            CassetteDamaged: or one of its kinds. It is never read as "missing".
        """
        _only_yaml(serializer)
        where = str(cassette_path)
        data = _bytes(where)
        if data is None:
            raise CassetteNotFoundError(where)
        if not _is_ours(data):
            return _foreign(data, where, serializer)
        takes, extra = _loads(data, where)
        requests, responses = [_vcr_request(t) for t in takes], [_vcr_response(t) for t in takes]
        metadata = extra.get("metadata")
        return (requests, responses, metadata) if metadata else (requests, responses)

    def save_cassette(
        self, cassette_path: str | Path, cassette_dict: Mapping[str, Any], serializer: Any
    ) -> None:
        """Redact, check and write a cassette; the old file stays if anything is wrong.

        Raises:
            LiveDataRefused: a live-mode key or body, without ``allow_live``.
            LeakFound: the gate found something in the final bytes.
            ConfigError: the file holds calls that could not be kept; its text names them.
            LibraryError: the file system refuses.
        """
        try:
            unkept = self._save(Path(cassette_path).absolute(), cassette_dict, serializer)
            for why in sorted(unkept):
                warnings.warn(f"{cassette_path}: not recorded: {why}", stacklevel=2)
        except BaseException:  # vcrpy takes its patches out only after a save that succeeds
            _unpatch()
            raise

    def _save(self, path: Path, cassette_dict: Mapping[str, Any], serializer: Any) -> set[str]:
        _only_yaml(serializer)
        config = resolve()
        policy = PolicySource.of(config).load()
        if policy.masks_ids:
            raise ConfigError(
                "vcrpy matches addresses, and pseudonymise_ids changes the IDs in them",
                where="pseudonymise_ids",
                hint="leave it out, or use replay.use_cassettes",
            )
        tape = _Tape(policy, config, allow_live=self._allow_live)
        for request, response in zip(
            cassette_dict["requests"], cassette_dict["responses"], strict=True
        ):
            tape.add(request, response)
        with storage_of(Library(path.parent)).lock(_FOLDER):
            old = _bytes(str(path))
            if old is not None and tape.unkept and not _is_ours(old):
                raise ConfigError(
                    "the file holds calls that replay would leave out: "
                    + "; ".join(sorted(tape.unkept)),
                    where=str(path),
                    hint="record other hosts' calls with a vcr.VCR() of their own,\n"
                    "or move this file away and record again",
                )
            before = _loads(old, str(path))[0] if old is not None and _is_ours(old) else ()
            text = tape.text(before, cassette_dict.get("metadata"), str(path))
            files.write(path, text, str(path.parent), instead="another file")
        return tape.unkept


class _Tape:
    """The redacted interactions of one cassette, as they come."""

    def __init__(self, policy: Policy, config: Config, *, allow_live: bool) -> None:
        self._policy = policy
        self._origins = {Origin(API_HOST, 443), Origin.of(config.api_base)}
        self._allow_live = allow_live
        self._takes: list[Interaction] = []
        self._originals: list[Original] = []
        self._searched: list[Any] = []
        self._kept: set[str] = set()
        self.unkept: set[str] = set()

    def add(self, request: Any, response: Mapping[str, Any]) -> None:
        """Redact one interaction, or note why it is not kept."""
        asked = _request(request)
        try:
            if not self._allow_live and (place := live_key_in(asked)):
                raise LiveDataRefused(
                    "the API key is a live-mode key",
                    where=place,
                    hint="use a test-mode key, or Persister(allow_live=True)",
                )
            owner, sent = self._call(asked)
            self._keep(asked, _response(response), owner, sent)
        except NotRecordable as error:
            self.unkept.add(error.what)

    def _call(self, request: Request) -> tuple[str, bytes | None]:
        """Who owns what no ID owns, and the body that may be written."""
        parts = urlsplit(request.uri)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if Origin.of(f"{parts.scheme}://{parts.hostname}:{port}") not in self._origins:
            raise NotRecordable("calls to other hosts than Stripe's")
        if "@" in parts.netloc or parts.fragment:
            raise NotRecordable("an address with more than host, path and query")
        call: Call | None = None
        try:
            call = read_call(request)
        except CallRefused:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            if not keeps_url(target, self._policy):
                shown = _shown(parts.path, self._policy)
                part = "the part shown as …" if "…" in shown else "a parameter"
                why = f"{request.method} {shown}: {part} may be private"
                raise NotRecordable(f"{why}: the policy does not keep it") from None
            return " ".join(parts.path.split("/")[2:]), None
        why = why_private(call, self._policy)
        if why:
            raise NotRecordable(f"{call.route.path}: {why}")
        return call.key.seed, call.body

    def _keep(self, asked: Request, answer: Response, owner: str, sent: bytes | None) -> None:
        body, redacted = b"", {}
        if answer.body:
            document = json_body.parse(answer.body)
            if not self._allow_live and is_live(document):
                raise LiveDataRefused(
                    "the answer is live-mode data",
                    where=owner,
                    hint="record from a test account, or Persister(allow_live=True)",
                )
            done = redact(document, owner=owner, policy=self._policy)
            body, redacted = json_body.dump(done.body), dict(done.redacted)
            self._originals += done.originals
            self._searched.append(stand_ins(done.body, redacted))
            self._kept |= public_words(done.body, redacted)
        version = header(asked.headers, "Stripe-Version")
        pinned = (("Stripe-Version", version),) if version and is_version(version) else ()
        host = Origin.of(_base(asked.uri))
        self._takes.append(
            Interaction(
                request=Request(asked.method, asked.uri, pinned, sent),
                response=Response(
                    answer.status,
                    phrase(answer.status),
                    kept_headers(answer.headers, version),
                    body,
                ),
                recorded_at=clock.now(),
                source=str(host),
                redacted=redacted,
            )
        )

    def text(self, before: tuple[Interaction, ...], metadata: Any, where: str) -> str:
        """The sealed text; what says the same as before keeps its time.

        Raises:
            LeakFound: the gate found something in it.
        """
        takes = [
            next((old for old in before if same_answer(old, take)), take) for take in self._takes
        ]
        extra = {"policy": self._policy.label, **({"metadata": metadata} if metadata else {})}
        text = codec.dumps_vcr(takes, extra)
        frame = [[*take.response.headers, take.source, take.response.reason] for take in takes]
        searched = json.dumps([self._searched, frame, metadata], default=str)
        words = {part for take in takes for part in urlsplit(take.request.uri).path.split("/")}
        gate(text, searched, self._originals, kept=self._kept | words, where=where)
        return text


def _unpatch() -> None:
    # vcrpy forgets its patches where a persister raises: the garbage collector would take them
    # out in the middle of some later test, which would then record nothing.
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        cassette = frame.f_locals.get("self")
        if isinstance(cassette, CassetteContextDecorator):
            patched = vars(cassette).get(_PATCHED)
            if patched is not None:
                setattr(cassette, _PATCHED, None)
                next(patched, None)
            return


def _only_yaml(serializer: Any) -> None:
    if serializer is not yamlserializer:
        raise ConfigError(
            "replay's persister writes YAML",
            where="serializer",
            hint="leave out serializer=, or say serializer='yaml'",
        )


def _bytes(path: str) -> bytes | None:
    found = files.read(path, str(Path(path).absolute().parent), seals.MAX_BYTES)
    return found[0] if found is not None else None


def _is_ours(data: bytes) -> bool:
    return data.removeprefix(b"\xef\xbb\xbf").startswith(_FIRST_LINE)


def _loads(data: bytes, where: str) -> tuple[tuple[Interaction, ...], Mapping[str, Any]]:
    try:
        return codec.loads_vcr(data, where)
    except CassetteUnsealed as error:
        raise CassetteUnsealed(
            error.what,
            where=error.where,
            hint="if the edit is yours, delete the first line: the next recording seals it\n"
            "if it is not, restore the file from version control, or delete it and record again",
        ) from None


def _foreign(
    data: bytes, where: str, serializer: Any
) -> tuple[list[VcrRequest], list[Any]] | tuple[list[VcrRequest], list[Any], Any]:
    with suppress(CassetteUnsealed):
        seals.split(data, where, "vcr")  # names a file that is empty, conflicted or not text
    try:
        found: tuple[list[VcrRequest], list[Any]] = deserialize(
            data.decode("utf-8-sig"), serializer
        )
    except Exception as error:  # the serializer is the user's: it may raise anything
        raise CassetteDamaged(
            "the cassette is not one that vcrpy can read",
            where=where,
            hint="restore it from version control, or delete it and record it again",
        ) from error
    return found


class _Method(str):
    """A method in any case: Stripe's client on aiohttp asks with ``get``."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.upper() == other.upper()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.upper())


def _vcr_request(take: Interaction) -> VcrRequest:
    asked = take.request
    return VcrRequest(_Method(asked.method), asked.uri, asked.body, dict(asked.headers))


def _vcr_response(take: Interaction) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in take.response.headers:
        headers.setdefault(name, []).append(value)
    return {
        "status": {"code": take.response.status, "message": take.response.reason},
        "headers": headers,
        "body": {"string": take.response.body},
    }


def _request(request: Any) -> Request:
    body = request.body_bytes
    return Request(
        str(request.method).upper(),
        str(request.uri),
        _headers(request.headers),
        body if isinstance(body, bytes) else None,
    )


def _response(response: Mapping[str, Any]) -> Response:
    status, body = response["status"], response["body"]["string"]
    whole = Response(
        int(status["code"]),
        str(status["message"] or ""),
        _headers(response["headers"]),
        body.encode("utf-8") if isinstance(body, str) else bytes(body or b""),
    )
    try:
        return decoded(whole)
    except Undecodable:
        # vcrpy's hooks decode for some clients and keep the header: then it is JSON as it stands.
        return whole


def _headers(headers: Mapping[str, Any]) -> Headers:
    return tuple(
        (_text(name), _text(value))
        for name, values in headers.items()
        for value in (values if isinstance(values, list | tuple) else [values])
    )


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _shown(path: str, policy: Policy) -> str:
    """A path without its IDs: ``{id}`` stands for one that may be kept, ``…`` for all others."""
    parts = zip(path.split("/")[1:], private_parts(path, policy), strict=True)
    return "".join(
        "/" + ("…" if private else part if part in policy.vocabulary else "{id}")
        for part, private in parts
    )


def _base(uri: str) -> str:
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
