"""Finds what a file must not hold: secrets, private values, values that no policy keeps.

Any text is searched for secrets. A recording that replay did not make (a VCR cassette, a HAR file,
JSON) is searched for private values too: each answer of Stripe's API in it is redacted as replay
would do it, and each value that this would replace is a hit. A cassette of replay's own is proven
by redacting it again. Pure; hits name fields, never values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from replay.errors import ReplayError
from replay.importers.containers import Budget
from replay.library.format import codec
from replay.redaction.policy import Policy, keeps_parameter
from replay.redaction.pseudonyms import STAND_IN
from replay.redaction.redactor import redact
from replay.redaction.secrets import find_secrets
from replay.scan.contents import Content, Kind, Piece, contents, hidden
from replay.scan.rules import Hit
from replay.scan.sources import Source
from replay.stripe_api.routes import match
from replay.upkeep.proof import (
    names_unknown,
    owner_of,
    unproven_body,
    unproven_comments,
    unproven_frame,
    unproven_take,
)

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}")
_RESERVED = re.compile(
    r"(?:\A|[@.])(?:example\.(?:com|net|org)|[\w-]+\.(?:example|invalid|test))\Z"
)


def hits_in(source: Source, policy: Policy) -> Iterator[Hit]:
    """All hits of one file.

    Args:
        source: the file.
        policy: the policy in force.
    """
    if source.data is None:
        yield Hit(source.path, 0, "unread-file", detail="it is too large")
        return
    budget = Budget()
    for content in contents(source.data, source.path.partition("@")[0], policy.objects, budget):
        yield from _secrets(content, source.path, budget)
        yield from _private(content, source.path, policy)
        for problem in content.problems:
            yield Hit(source.path, 0, "unread-file", content.inside, problem)
        if content.cassette is not None:
            yield from _unproven(content.cassette, source.path, policy)
        if content.tape is not None:
            yield from _unproven_tape(content.tape, source.path, policy)


# Secrets, in any text


def _secrets(content: Content, path: str, budget: Budget) -> Iterator[Hit]:
    """Every secret of a text, each once per line."""
    text, identifying = content.text, content.recording
    found = [(hit.id, hit.start) for hit in find_secrets(text, identifying=identifying)]
    for inner in hidden(text, budget):
        if inner.problem:
            yield Hit(path, text.count("\n", 0, inner.start) + 1, "unread-file", content.inside,
                      inner.problem)  # fmt: skip
        found += [
            (hit.id, inner.start) for hit in find_secrets(inner.text, identifying=identifying)
        ]
    lines = dict.fromkeys((text.count("\n", 0, start) + 1, id) for id, start in found)
    known = {id for _, id in lines}
    for piece in content.pieces:
        if piece.kind is Kind.PACKED:
            for hit in find_secrets(piece.value, identifying=identifying):
                if hit.id not in known:
                    lines.setdefault((piece.line, hit.id))
    for line, id in lines:
        yield Hit(path, line, id, content.inside)


# Private values, in recordings that replay did not make


def _private(content: Content, path: str, policy: Policy) -> Iterator[Hit]:
    """The values in a recording that replay would not have written."""
    hits = (
        Hit(path, piece.line, rule, content.inside, detail)
        for piece in content.pieces
        for rule, detail in _private_in(piece, policy)
    )
    yield from dict.fromkeys(hits)


def _private_in(piece: Piece, policy: Policy) -> Iterator[tuple[str, str]]:
    """Rule and detail of each private value in one piece."""
    if piece.kind is Kind.BODY:
        yield from _in_answer(piece.value, policy)
    elif piece.kind is Kind.URL:
        parts = urlsplit(piece.value)
        found = match(parts.path)
        yield from _in_query(parts.query, found.route.resource if found else "", policy)
    elif piece.kind is Kind.FORM:
        yield from _in_query(piece.value, "", policy)
    elif piece.kind in {Kind.TEXT, Kind.HEADER}:
        for email in _EMAIL.finditer(piece.value):
            if not (_RESERVED.search(email[0]) or STAND_IN.fullmatch(email[0])):
                yield "email-address", ""


def _in_answer(whole: Any, policy: Policy) -> Iterator[tuple[str, str]]:
    """The fields of an answer that replay would replace."""
    try:
        originals = redact(whole, owner="scan", policy=policy).originals
    except ReplayError:
        yield "private-field", "an answer that cannot be read"
        return
    for original in originals:
        if isinstance(original.value, str) and not STAND_IN.fullmatch(original.value):
            steps = [s for s in original.pointer.split("/") if s and not s.isdecimal()]
            shown = "/".join(s for s in steps if s in policy.vocabulary)
            yield "private-field", f"{whole.get('object', 'error')}/{shown}"


def _in_query(query: str, resource: str, policy: Policy) -> Iterator[tuple[str, str]]:
    """The parameters of a query or a form that replay would not record."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if not keeps_parameter(resource, name, value, policy=policy):
            plain = re.fullmatch(r"[a-z_]{1,40}(?:\[[a-z_0-9]{0,40}\])*", name)
            yield "private-parameter", name if plain else ""


# Values that no policy keeps, in replay's own cassettes


def _unproven(data: bytes, path: str, policy: Policy) -> Iterator[Hit]:
    """What a cassette holds without being allowed to, and whether its policy is not the current."""
    text = data.decode("utf-8", "replace")
    try:
        cassette = codec.loads(data, path)
    except ReplayError as error:
        yield Hit(path, 1, "damaged-cassette", detail=type(error).__name__)
        return
    if cassette.policy != policy.label:
        known = re.fullmatch(r"stripe-\d{1,3} sha256:[0-9a-f]{12}", cassette.policy)
        behind = cassette.policy if known else "another policy"
        yield Hit(path, 1, "policy-behind", detail=f"{behind}, now {policy.label}")
    if names_unknown(cassette):
        yield Hit(path, 1, "unknown-version")
    for pointer, detail in unproven_frame(cassette, policy):
        yield Hit(path, _line(text, pointer), "unproven-leaf", pointer, detail)
    for number, take in enumerate(cassette.interactions):
        for rule, place, kind in unproven_take(take, cassette, policy):
            pointer = f"interactions/{number} {place}"
            yield Hit(path, _line(text, pointer), rule, pointer, kind)
    for line in unproven_comments(data, path):
        yield Hit(path, line, "unproven-leaf", "", "a comment")


def _unproven_tape(data: bytes, path: str, policy: Policy) -> Iterator[Hit]:
    """What a cassette of vcrpy's holds that replay's persister would not have written."""
    try:
        takes, extra = codec.loads_vcr(data, path)
    except ReplayError as error:
        yield Hit(path, 1, "damaged-cassette", detail=type(error).__name__)
        return
    text, named = data.decode("utf-8", "replace"), str(extra.get("policy", ""))
    for number, take in enumerate(takes):
        for rule, place, kind in unproven_body(take, owner_of(take.request), named, policy):
            pointer = f"interactions/{number} {place}"
            yield Hit(path, _line(text, pointer), rule, pointer, kind)


def _line(text: str, pointer: str) -> int:
    """The first line that names the pointer's last field, below its interaction; else the first."""
    at, _, place = pointer.partition(" ")
    number = int(at.rpartition("/")[2]) if place else 0
    starts = [found.start() for found in re.finditer(r"^- ", text, re.MULTILINE)]
    start = starts[number] if number < len(starts) else 0
    field = next((s for s in reversed(place.split("/")) if s and not s.isdecimal()), "")
    found = text.find(f'"{field}"', start) if field else start
    return text.count("\n", 0, max(found, start)) + 1
