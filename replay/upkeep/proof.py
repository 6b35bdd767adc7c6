"""Proves a cassette: each value is kept by the policy, or is listed as replaced and looks like it.

The redactor itself is the proof. Redacting a redacted body again changes nothing, so a value that
does change is neither kept nor a stand-in. Claims that the file makes about itself do not matter.
Text outside the bodies has the forms that replay writes: nothing else loads. It remains to be seen
whether the policy keeps its IDs and parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from replay.errors import CallRefused, CassetteDamaged, ReplayError
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction, ObjectKey, Request, header
from replay.redaction.policy import Policy, keeps_expand, keeps_parameter
from replay.redaction.pseudonyms import STAND_IN, request_id
from replay.redaction.redactor import redact
from replay.redaction.values import is_plain_key, look
from replay.stripe_api.call import expand_of, read_call
from replay.stripe_api.versions import UNVERSIONED, known_part

_NOTES = "unconfirmed, equal_values"
UNPROVEN, FORGED, UNKNOWN = "unproven-leaf", "forged-stand-in", "unknown-stand-in"
"""The rules of the scan: a value that is not kept, a stand-in that is none, and one that only the
policy that the cassette names can prove."""
_LOOKS = frozenset({"int", "time", "float", "integer", "decimal"})


def kept_labels(takes: Iterable[Interaction]) -> set[str]:
    """The fields whose strings these takes keep, as type and field: ``invoice/customer``.

    Raises:
        CassetteDamaged: a body that replay cannot have written.
    """
    labels: set[str] = set()
    for take in takes:
        if take.response.body:
            body = json_body.parse_recorded(take.response.body, "")
            _labels(body, "", "body", take.redacted, labels)
    return labels


def _labels(
    value: Any, pointer: str, label: str, redacted: Mapping[str, str], labels: set[str]
) -> None:
    if isinstance(value, dict):
        name = value.get("object")
        label = name if isinstance(name, str) and f"{pointer}/object" not in redacted else label
        for key, child in value.items():
            _labels(child, f"{pointer}/{key}", f"{label}/{key}", redacted, labels)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _labels(child, f"{pointer}/{index}", label, redacted, labels)
    elif isinstance(value, str) and value and pointer not in redacted:
        labels.add(label)


def unproven_frame(cassette: Cassette, policy: Policy) -> Iterator[tuple[str, str]]:
    """Text outside the bodies that no recording would have written: place and words.

    Loading has refused what no policy allows. This is what the policy in force does not keep.
    """
    key = cassette.key
    if not all(policy.keeps_id(resource, id) for resource, id in key.ids):
        yield "cassette/id", "the ID"
    for number, take in enumerate(cassette.interactions):
        at = f"interactions/{number}"
        if not _keeps_request(take, key, policy):
            yield f"{at} request/uri", "request/uri"
        if not is_day(take.recorded_at[:10]):
            yield f"{at} recorded_at", "recorded_at"
        if not _are_pointers(take):
            yield f"{at} redacted", "redacted"
        if not _are_notes(take, policy):
            yield f"{at} {_NOTES}", _NOTES


def unproven_take(
    take: Interaction, cassette: Cassette, policy: Policy
) -> Iterator[tuple[str, str, str]]:
    """What the policy would not have written in a take: scan rule, pointer and class of each.

    Args:
        take: the recording.
        cassette: the cassette that it is in.
        policy: the policy in force.
    """
    stated = header(take.response.headers, "Request-Id")
    seed, expand = cassette.key.seed, expand_of(take.request)
    if stated is not None and stated != request_id(seed, cassette.api_version, expand):
        yield FORGED, "/response/headers/Request-Id", "request_id"
    yield from unproven_body(take, seed, cassette.policy, policy)


def unproven_body(
    take: Interaction, owner: str, named: str, policy: Policy
) -> Iterator[tuple[str, str, str]]:
    """The values in a body that the policy would replace otherwise: rule, pointer and class.

    Each stand-in is made again, from the owner and the field. If it differs, it is forged, or
    another policy made it. Which of the two can be told only if that policy is the one in force.

    Args:
        take: the recording.
        owner: the call key's seed, as for `redact`.
        named: the label of the policy that the file names.
        policy: the policy in force.
    """
    if not take.response.body:
        return
    try:
        body = json_body.parse_recorded(take.response.body, owner)
        again = redact(body, owner=owner, policy=policy, listed=take.redacted)
    except CassetteDamaged as error:
        yield "damaged-cassette", "/", error.what
        return
    except ReplayError as error:
        yield UNPROVEN, "/", type(error).__name__
        return
    for pointer, kind in again.redacted.items():
        if pointer not in take.redacted:
            yield UNPROVEN, pointer, kind
    for original in again.originals:
        if original.pointer in take.redacted:
            forged = named == policy.label or not may_stand_in(original.value)
            yield FORGED if forged else UNKNOWN, original.pointer, original.kind


def owner_of(request: Request) -> str:
    """Who owns the values in an answer that no object owns, in a cassette of vcrpy's."""
    try:
        return read_call(request).key.seed
    except CallRefused:
        return " ".join(urlsplit(request.uri).path.split("/")[2:])


def names_unknown(cassette: Cassette) -> bool:
    """Whether a version in a cassette names a train or a beta that this release does not know."""
    stated = [cassette.api_version]
    for take in cassette.interactions:
        for headers in (take.request.headers, take.response.headers):
            stated += [value for name, value in headers if name == "Stripe-Version"]
    return any(version not in (UNVERSIONED, known_part(version)) for version in stated)


def may_stand_in(value: str | int | float) -> bool:
    """Whether a value looks like a stand-in of some policy."""
    # Stand-ins of another policy have the same forms. Numbers have none, so any number may be one.
    return look(value) in _LOOKS or STAND_IN.fullmatch(str(value)) is not None


def _keeps_request(take: Interaction, key: ObjectKey, policy: Policy) -> bool:
    """Whether the policy keeps each parameter of a take's request."""
    form = (take.request.body or b"").decode("latin-1")
    given = [
        pair
        for part in (urlsplit(take.request.uri).query, form)
        for pair in parse_qsl(part, keep_blank_values=True)
    ]
    return all(
        keeps_expand(value, policy=policy)
        if name.startswith("expand")
        else keeps_parameter(key.resource, name, value, policy=policy)
        for name, value in given
    )


def is_day(text: str) -> bool:
    """Whether a text is a date such as ``2026-01-02``."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _are_pointers(take: Interaction) -> bool:
    """Whether each entry of ``redacted:`` leads to a value."""
    if not take.redacted:
        return True
    try:
        body = json_body.parse_recorded(take.response.body, "")
    except CassetteDamaged:
        return True  # the body itself is reported
    return all(leads_to_a_value(body, pointer) for pointer in take.redacted)


def _are_notes(take: Interaction, policy: Policy) -> bool:
    """Whether what a take notes about its twins names places of its body, and nothing else.

    A place that only another answer has is one step away from the body, by a name that a key may
    have.
    """
    pointers = take.unconfirmed or ()
    if not pointers and not take.equal_values:
        return True
    try:
        body = json_body.parse_recorded(take.response.body, "") if take.response.body else None
    except CassetteDamaged:
        return True  # the body itself is reported
    return all(leads_to_a_value(body, pointer) for pointer in take.equal_values) and all(
        not pointer or leads_to_a_value(body, pointer) or _is_next_to(body, pointer, policy)
        for pointer in pointers
    )


def with_own_places(take: Interaction, body: Any, policy: Policy) -> Interaction:
    """A take whose notes about its twins name no place that its body does not have.

    Args:
        take: one whose body was redacted again.
        body: its body, which a stricter policy has redacted again.
        policy: that policy.
    """
    if not take.unconfirmed and not take.equal_values:
        return take

    def nearest(pointer: str) -> str:
        while (
            pointer
            and not leads_to_a_value(body, pointer)
            and not _is_next_to(body, pointer, policy)
        ):
            pointer = pointer.rpartition("/")[0]
        return pointer

    places = take.unconfirmed
    return replace(
        take,
        unconfirmed=None if places is None else tuple(dict.fromkeys(map(nearest, places))),
        equal_values={
            pointer: name
            for pointer, name in take.equal_values.items()
            if leads_to_a_value(body, pointer)
        },
    )


def _is_next_to(body: Any, pointer: str, policy: Policy) -> bool:
    above, _, name = pointer.rpartition("/")
    there = not above or leads_to_a_value(body, above)
    return there and is_plain_key(name, policy.prefixes)


def leads_to_a_value(body: Any, pointer: str) -> bool:
    """Whether a pointer of ``redacted:`` leads to something in a body."""
    value = body
    for step in pointer.split("/")[1:]:
        if isinstance(value, list):
            if not (step.isdecimal() and step.isascii() and int(step) < len(value)):
                return False
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return False
    return pointer.startswith("/")
