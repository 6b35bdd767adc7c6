"""Finds what a file must not hold: secrets, private values, values that no policy keeps.

Any text is searched for secrets. A recording that replay did not make (a VCR cassette, a HAR file,
JSON) is searched for private values too: each answer of Stripe's API in it is redacted as replay
would do it, and each value that this would replace is a hit. A cassette of replay's own is proven
by redacting it again. Pure; hits name fields, never values.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from replay.errors import ReplayError
from replay.importers.containers import Budget
from replay.importers.documents import Unreadable, read_json
from replay.library.format import codec, scenario_format
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction
from replay.model.scenario import Scenario
from replay.redaction.policy import Policy
from replay.redaction.pseudonyms import STAND_IN
from replay.redaction.redactor import redact
from replay.redaction.secrets import SecretHit, find_secrets, is_masked_key, is_placeholder
from replay.redaction.values import is_plain_key
from replay.scan import agents, sent
from replay.scan.contents import Content, Kind, Piece, contents, hidden
from replay.scan.rules import Hit, digest_of
from replay.scan.sources import Source
from replay.upkeep.proof import (
    names_unknown,
    owner_of,
    unproven_body,
    unproven_frame,
    unproven_take,
)
from replay.upkeep.scenario_proof import take_of, unproven_answer, unproven_steps

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}")
_RESERVED = re.compile(
    r"(?:\A|[@.])(?:example\.(?:com|net|org)|[\w-]+\.(?:example|invalid|test))\Z"
)


@dataclass(frozen=True, slots=True)
class _Text:
    """One text of a file: makes the hits in it."""

    source: Source
    content: Content

    def hit(
        self, line: int, rule: str, value: str | bytes, detail: str = "", pointer: str = ""
    ) -> Hit:
        """A hit in this text."""
        return Hit(self.source.path, line, rule, pointer, detail, self.content.inside,
                   self.source.version, digest_of(value))  # fmt: skip


_KEY_MESSAGE = re.compile(r"(?:Invalid|Expired) API [Kk]ey provided: ")
_MOCK = re.compile(r"([a-z]+)_(?:[a-z0-9]{1,3}|\d{1,6}|test|fake|mock)")
_POINTER = b"version https://git-lfs.github.com/spec/"
_TEXTS = frozenset(
    {".yaml", ".yml", ".json", ".har", ".toml", ".txt", ".xml", ".csv", ".log", ".zip", ".gz"}
)
"""Suffixes of files whose content would be searched: nobody expects that of a picture."""


class _Found(NamedTuple):
    """A private value in a recording: rule, what kind of place it is in, and the value."""

    rule: str
    detail: str
    value: str


def hits_in(source: Source, policy: Policy) -> Iterator[Hit]:
    """All hits of one file.

    Args:
        source: the file.
        policy: the policy in force.
    """
    path, named = _without_secrets(source.path)
    source, version = replace(source, path=path), source.version
    for secret in named:
        yield _Text(source, Content("")).hit(0, secret.id, secret.value, "in the file's name")
    if source.data is None:
        yield Hit(path, 0, "unread-file", detail=source.unread, version=version)
        return
    if source.data.startswith(_POINTER) and PurePosixPath(path).suffix.lower() in _TEXTS:
        reason = "it is a pointer of Git LFS, and the content is elsewhere"
        yield Hit(path, 0, "unread-file", "", reason, "", version, digest_of(source.data))
    budget = Budget()
    for content in contents(source.data, path, policy.objects, budget):
        inside, named = _without_secrets(content.inside)
        content = replace(content, inside=inside)
        text = _Text(source, content)
        for secret in named:
            yield text.hit(0, secret.id, secret.value, "in the file's name")
        yield from _secrets(text, budget)
        yield from _private(text, policy)
        for problem in content.problems:
            yield Hit(path, 0, "unread-file", "", problem, content.inside, version)
        if content.cassette is not None:
            yield from _unproven(text, content.cassette, policy)
        if content.scenario is not None:
            yield from _unproven_scenario(text, content.scenario, policy)
        if content.tape is not None:
            yield from _unproven_tape(text, content.tape, policy)


def _without_secrets(name: str) -> tuple[str, list[SecretHit]]:
    """The name of a file as it may be shown, and the secrets in it."""
    secrets = list(find_secrets(name))
    shown = name
    for secret in secrets:
        shown = shown.replace(secret.value, "(secret)")
    return "(secret)" if secrets and shown == name else shown, secrets


# Secrets, in any text


def _secrets(text: _Text, budget: Budget) -> Iterator[Hit]:
    """Every secret of a text, each once per line."""
    content = text.content
    identifying = content.recording
    lines = _Lines(content.text)
    found: list[tuple[int, str, str]] = [
        (lines.of(hit.start), hit.id, hit.value)
        for hit in find_secrets(content.text, identifying=identifying)
    ]
    for inner in hidden(content.text, budget):
        line = lines.of(inner.start)
        if inner.problem:
            yield Hit(text.source.path, line, "unread-file", "", inner.problem, content.inside,
                      text.source.version)  # fmt: skip
        secrets = find_secrets(inner.text, identifying=identifying)
        found += [(line, hit.id, hit.value) for hit in secrets]
    known = {(id, value) for _, id, value in found}
    for piece in content.pieces:
        if piece.kind is Kind.PACKED:
            for hit in find_secrets(piece.value, identifying=identifying):
                if (hit.id, hit.value) not in known:
                    found.append((piece.line, hit.id, hit.value))
    for line, id, value in dict.fromkeys(found):
        if not (is_masked_key(value) or is_placeholder(id, value)):
            yield text.hit(line, id, value)


class _Lines:
    """The numbers of a text's lines, from 1; the text is read once, and only if it is asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: list[int] | None = None

    def of(self, place: int) -> int:
        """The line that a place is in."""
        if self._ends is None:
            self._ends = [end.start() for end in re.finditer("\n", self._text)]
        return bisect_left(self._ends, place) + 1


# Private values, in recordings that replay did not make


def _private(text: _Text, policy: Policy) -> Iterator[Hit]:
    """The values in a recording that replay would not have written, each once per line."""
    content = text.content
    if not content.recording:
        for line, name in agents.names_in_text(content.text):
            yield text.hit(line, "machine-name", name)
    yield from dict.fromkeys(
        text.hit(piece.line, one.rule, one.value, one.detail)
        for piece in content.pieces
        for one in _private_in(piece, policy)
    )


def _private_in(piece: Piece, policy: Policy) -> Iterator[_Found]:
    """Each private value in one piece."""
    value = piece.value
    match piece.kind:
        case Kind.BODY:
            yield from _in_answer(value, policy)
        case Kind.AGENT:
            yield from (_Found("machine-name", "", name) for name in agents.machine_names(value))
        case Kind.URL:
            for detail, parameter in sent.in_address(value, policy):
                yield _Found("private-parameter", detail, parameter)
        case Kind.FORM:
            for detail, parameter in sent.in_form(value, policy):
                yield _Found("private-parameter", detail, parameter)
        case Kind.HEADER if agents.names_agent(piece.name) or value[:1] == "{":
            yield from (_Found("machine-name", "", name) for name in _in_header(piece))
        case Kind.TEXT | Kind.HEADER if "@" in value and not agents.is_user_agent(value):
            for email in _EMAIL.finditer(value):
                if not (_RESERVED.search(email[0]) or STAND_IN.fullmatch(email[0])):
                    yield _Found("email-address", "", email[0])


def _in_header(piece: Piece) -> Iterator[str]:
    """The names of machines in a header, if it describes a client: it may have another name."""
    if agents.names_agent(piece.name):
        yield from agents.names_in_header(piece.value)
        return
    try:
        found = read_json(piece.value)
    except Unreadable:
        return
    if isinstance(found, dict) and agents.is_telemetry(found):
        yield from agents.machine_names(found)


def _in_answer(whole: dict[str, Any], policy: Policy) -> Iterator[_Found]:
    """The fields of an answer that replay would replace."""
    try:
        originals = redact(whole, owner="scan", policy=policy).originals
    except ReplayError:
        yield _Found("private-field", "an answer that cannot be read", repr(whole))
        return
    name = whole.get("object", "error")
    for original in originals:
        value = original.value
        if isinstance(value, str) and not (_tells_nothing(value) or _is_mock(value, policy)):
            steps = [s for s in original.pointer.split("/") if s and not s.isdecimal()]
            shown = "/".join(s for s in steps if s in policy.vocabulary)
            yield _Found("private-field", f"{name}/{shown}", value)


def _tells_nothing(value: str) -> bool:
    """Whether a value is a stand-in, or a key that Stripe masked, with its own words around it."""
    key = _KEY_MESSAGE.sub("", value).rstrip(".")
    return STAND_IN.fullmatch(value) is not None or is_masked_key(key)


def _is_mock(value: str, policy: Policy) -> bool:
    """Whether a value is an ID of somebody's test, too short to tell anything: ``re_1``."""
    found = _MOCK.fullmatch(value)
    return found is not None and found[1] in policy.prefixes


# Values that no policy keeps, in replay's own cassettes


def _unproven(text: _Text, data: bytes, policy: Policy) -> Iterator[Hit]:
    """What a cassette holds without being allowed to, and whether its policy is not the current."""
    try:
        cassette = codec.loads(data, text.source.path)
    except ReplayError as error:
        yield text.hit(1, "damaged-cassette", data, error.what)
        return
    if cassette.policy != policy.label:
        detail = f"{cassette.policy}, now {policy.label}"
        yield text.hit(1, "policy-behind", detail, detail)
    if names_unknown(cassette):
        yield text.hit(1, "unknown-version", cassette.api_version)
    places = _Places(data.decode("utf-8", "replace"))
    for pointer, detail in unproven_frame(cassette, policy):
        value = _frame(cassette, pointer)
        yield text.hit(places.of(pointer), "unproven-leaf", value, detail, pointer)
    for number, take in enumerate(cassette.interactions):
        found = unproven_take(take, cassette, policy)
        yield from _in_take(text, number, take, found, places, policy)
        yield from _names(text, number, take, places, policy)


def _unproven_tape(text: _Text, data: bytes, policy: Policy) -> Iterator[Hit]:
    """What a cassette of vcrpy's holds that replay's persister would not have written."""
    try:
        takes, extra = codec.loads_vcr(data, text.source.path)
    except ReplayError as error:
        yield text.hit(1, "damaged-cassette", data, error.what)
        return
    places, named = _Places(data.decode("utf-8", "replace")), str(extra.get("policy", ""))
    for number, take in enumerate(takes):
        found = unproven_body(take, owner_of(take.request), named, policy)
        yield from _in_take(text, number, take, found, places, policy)


def _unproven_scenario(text: _Text, data: bytes, policy: Policy) -> Iterator[Hit]:
    """What a scenario holds without being allowed to, and whether its policy is not the current."""
    try:
        scenario = scenario_format.loads(data, text.source.path)
    except ReplayError as error:
        yield text.hit(1, "damaged-cassette", data, error.what)
        return
    if scenario.policy != policy.label:
        detail = f"{scenario.policy}, now {policy.label}"
        yield text.hit(1, "policy-behind", detail, detail)
    places = _Places(data.decode("utf-8", "replace"))
    for value in (scenario.name, *scenario.variables.values()):
        for email in _EMAIL.finditer(value):
            if not _RESERVED.search(email[0]):
                yield text.hit(1, "email-address", email[0])
    for pointer, detail in unproven_steps(scenario, policy):
        at, _, place = pointer.partition(" ")
        value = _of_step(scenario, at, place)
        shown = f"{at} {_shown(place, policy)}" if place else at
        line = places.of(f"{at} /") if place else 1
        yield text.hit(line, "unproven-leaf", value, detail, shown)
    for number in range(len(scenario.steps)):
        found = unproven_answer(scenario, number, policy)
        take = take_of(scenario, number)
        yield from _in_take(text, number, take, found, places, policy, "steps")
        yield from _names(text, number, take, places, policy, "steps")


def _of_step(scenario: Scenario, at: str, place: str) -> str:
    """The part of a scenario, outside the bodies, that a pointer of `unproven_steps` names."""
    kind, _, number = at.partition("/")
    if kind != "steps":
        return repr((scenario.recorded_at, scenario.fixtures))
    step = scenario.steps[int(number)]
    part, _, name = place.partition("/")
    parts: dict[str, Any] = {
        "call": step.call,
        "account": step.account,
        "expand": sorted(step.expand or ()),
        "sends": step.sends.get(name, sorted(step.sends)),
        "redacted": sorted(step.answer.redacted.items()),
        "echo": sorted(step.answer.echo),
    }
    return repr(parts[part])


def _in_take(
    text: _Text, number: int, take: Interaction, found: Iterable[tuple[str, str, str]],
    places: _Places, policy: Policy, of: str = "interactions",
) -> Iterator[Hit]:  # fmt: skip
    """A hit for each value of a take that the proof names: rule, pointer and class."""
    for rule, place, kind in found:
        line = places.of(f"{of}/{number} {place}")
        in_headers = place.startswith(("/response/headers/", "/headers/"))
        value = repr(take.response.headers) if in_headers else _value_at(take.response.body, place)
        yield text.hit(line, rule, value, kind, f"{of}/{number} {_shown(place, policy)}")


def _names(
    text: _Text, number: int, take: Interaction, places: _Places, policy: Policy,
    of: str = "interactions",
) -> Iterator[Hit]:  # fmt: skip
    """A hit for each name in a take that a recording may have, and that only its writer knows."""
    at = f"{of}/{number}"
    host = re.sub(r":\d{1,5}\Z", "", take.source) if take.source.count(":") == 1 else take.source
    if not _OUR_HOSTS.fullmatch(host):
        rule = "unproven-leaf" if _ADDRESS.fullmatch(host) else "unknown-name"
        yield text.hit(places.of(f"{at} source"), rule, host, "the source", f"{at} source")
    try:
        body = json_body.parse_recorded(take.response.body, "") if take.response.body else None
    except ReplayError:
        return  # the body itself is reported
    for above in dict.fromkeys(_with_unknown_keys(body, "", policy)):
        shown = _shown(above, policy)
        yield text.hit(places.of(f"{at} {above}"), "unknown-name", above, "", f"{at} {shown}/*")


_OUR_HOSTS = re.compile(
    r"(?:(?:[a-z0-9-]+\.)*stripe\.com|localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)?"
)
_ADDRESS = re.compile(r"[0-9.-]+|\[?[0-9a-f]*:[0-9a-f:.]*\]?")
"""Numbers: the address of a machine, or something of a person's."""


def _with_unknown_keys(body: Any, pointer: str, policy: Policy) -> Iterator[str]:
    """The pointers of objects that have a key which is no word of the API's; metadata may."""
    if isinstance(body, dict):
        for key, child in body.items():
            if key not in policy.vocabulary:
                yield pointer
            if key != "metadata":
                yield from _with_unknown_keys(child, f"{pointer}/{key}", policy)
    elif isinstance(body, list):
        for index, child in enumerate(body):
            yield from _with_unknown_keys(child, f"{pointer}/{index}", policy)


def _frame(cassette: Cassette, pointer: str) -> str:
    """The part of a cassette, outside the bodies, that a pointer of `unproven_frame` names."""
    at, _, part = pointer.partition(" ")
    if not part:
        return repr(cassette.key)
    take = cassette.interactions[int(at.rpartition("/")[2])]
    parts: dict[str, Any] = {
        "request/uri": (take.request.uri, take.request.body),
        "recorded_at": take.recorded_at,
        "redacted": sorted(take.redacted.items()),
        "unconfirmed, equal_values": (take.unconfirmed, sorted(take.equal_values.items())),
    }
    return repr(parts[part])


def _shown(pointer: str, policy: Policy) -> str:
    """A pointer with a star for each name that may be private: a stranger chose it."""
    return "/".join(
        step
        if not step
        or step.isdecimal()
        or step in policy.vocabulary
        or is_plain_key(step, policy.prefixes)
        else "*"
        for step in pointer.split("/")
    )


def _value_at(body: bytes, pointer: str) -> str:
    """The value that a pointer leads to, as text; the whole body where it leads nowhere."""
    try:
        value = json_body.parse_recorded(body, "")
        for step in pointer.split("/")[1:]:
            value = value[int(step) if isinstance(value, list) else step]
    except (ReplayError, LookupError, TypeError, ValueError):
        return repr(body)
    return repr(value)


class _Places:
    """The lines of a cassette's fields; the text is read once for all."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = _Lines(text)
        self._takes = [found.start() for found in re.finditer(r"^- ", text, re.MULTILINE)]

    def of(self, pointer: str) -> int:
        """The first line that names a pointer's last field, below its take; else the first."""
        at, _, place = pointer.partition(" ")
        number = int(at.rpartition("/")[2]) if place else 0
        start = self._takes[number] if number < len(self._takes) else 0
        field = next((s for s in reversed(place.split("/")) if s and not s.isdecimal()), "")
        found = self._text.find(f'"{field}"', start) if field else start
        return self._lines.of(max(found, start))
