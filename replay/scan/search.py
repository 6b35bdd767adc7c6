"""Finds what a file must not hold: secrets, private values, values that no policy keeps.

Any text is searched for secrets. A recording that replay did not make (a VCR cassette, a HAR file,
JSON) is searched for private values too: each answer of Stripe's API in it is redacted as replay
would do it, and each value that this would replace is a hit. A cassette of replay's own is proven
by redacting it again. Pure; hits name fields, never values.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from replay.errors import ReplayError
from replay.library.format import codec
from replay.redaction.policy import Policy, keeps_parameter
from replay.redaction.pseudonyms import STAND_IN
from replay.redaction.redactor import redact
from replay.redaction.secrets import find_secrets
from replay.scan.contents import contents, document, inflated, is_ours, values
from replay.scan.rules import Hit
from replay.scan.sources import Source
from replay.stripe_api.routes import match
from replay.upkeep.proof import unproven_body, unproven_comments, unproven_frame

_WRAPPED = re.compile(
    r"(?:^[ \t]*[A-Za-z0-9+/]{40,}[ \t]*\r?\n)+[ \t]*[A-Za-z0-9+/]+={0,2}", re.MULTILINE
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}")
_RESERVED = re.compile(
    r"(?:\A|[@.])(?:example\.(?:com|net|org)|[\w-]+\.(?:example|invalid|test))\Z"
)
_API = re.compile(r"https?://(?:api|files)\.stripe\.com/|/v[12]/")
_DEPTH = 4  # strings in JSON in strings in JSON …


def hits_in(source: Source, policy: Policy) -> Iterator[Hit]:
    """All hits of one file.

    Args:
        source: the file.
        policy: the policy in force.
    """
    if source.data is None:
        yield Hit(source.path, 0, "unread-file")
        return
    for content in contents(source.data, source.path.partition("@")[0]):
        yield from _secrets(content.text, source.path, identifying=content.recording)
        if content.recording:
            yield from _private(content.text, source.path, policy)
    if is_ours(source.data):
        yield from _unproven(source.data, source.path, policy)


# Secrets, in any text


def _secrets(text: str, path: str, *, identifying: bool) -> Iterator[Hit]:
    """Every secret of a text, each once per line."""
    found = [(hit.id, hit.start) for hit in find_secrets(text, identifying=identifying)]
    for block in _WRAPPED.finditer(text):  # base64 over several lines, maybe compressed
        run = re.sub(r"\s+", "", block[0])
        raw = binascii.a2b_base64(run[: len(run) // 4 * 4])
        inner = inflated(raw).decode("utf-8", "replace")
        found += [(h.id, block.start()) for h in find_secrets(inner, identifying=identifying)]
    for line, id in dict.fromkeys((text.count("\n", 0, start) + 1, id) for id, start in found):
        yield Hit(path, line, id)


# Private values, in recordings that replay did not make


def _private(text: str, path: str, policy: Policy) -> Iterator[Hit]:
    """The values in a recording that replay would not have written."""
    hits = (
        Hit(path, line, rule, detail=detail)
        for value, line in values(text)
        for rule, detail in _private_in(value, policy, _DEPTH)
    )
    yield from dict.fromkeys(hits)


def _private_in(value: str, policy: Policy, depth: int) -> Iterator[tuple[str, str]]:
    """Rule and detail of each private value in one string."""
    found = document(value)
    if found is not None:
        yield from _in_document(found, policy, depth)
        return
    if _API.search(value):
        parts = urlsplit(value.strip())
        found = match(parts.path)
        yield from _in_query(parts.query, found.route.resource if found else "", policy)
    elif "=" in value and "&" in value and " " not in value:
        yield from _in_query(value, "", policy)
    for email in _EMAIL.finditer(value):
        if not (_RESERVED.search(email[0]) or STAND_IN.fullmatch(email[0])):
            yield "email-address", ""


def _in_document(whole: Any, policy: Policy, depth: int) -> Iterator[tuple[str, str]]:
    """Private values in JSON: in an answer of Stripe's API, or in strings that may hold one."""
    named = isinstance(whole, dict) and whole.get("object") in policy.objects
    if named or (isinstance(whole, dict) and isinstance(whole.get("error"), dict)):
        yield from _in_answer(whole, policy)
    elif depth:
        for child in whole.values() if isinstance(whole, dict) else whole:
            if isinstance(child, dict | list):
                yield from _in_document(child, policy, depth)
            elif isinstance(child, str):
                yield from _private_in(child, policy, depth - 1)


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
        known = re.fullmatch(r"[\w.+-]{1,64} sha256:[0-9a-f]{12}", cassette.policy)
        behind = cassette.policy if known else "another policy"
        yield Hit(path, 1, "policy-behind", detail=f"{behind}, now {policy.label}")
    for pointer, detail in unproven_frame(cassette, policy):
        yield Hit(path, _line(text, pointer), "unproven-leaf", pointer, detail)
    for number, take in enumerate(cassette.interactions):
        if take.response.body:
            for rule, place, kind in unproven_body(take, str(cassette.key), policy):
                pointer = f"interactions/{number} {place}"
                yield Hit(path, _line(text, pointer), rule, pointer, kind)
    for line in unproven_comments(data, path):
        yield Hit(path, line, "unproven-leaf", "", "a comment")


def _line(text: str, pointer: str) -> int:
    """The first line that names the pointer's last field, below its interaction; else the first."""
    at, _, place = pointer.partition(" ")
    number = int(at.rpartition("/")[2]) if place else 0
    starts = [found.start() for found in re.finditer(r"^- ", text, re.MULTILINE)]
    start = starts[number] if number < len(starts) else 0
    field = next((s for s in reversed(place.split("/")) if s and not s.isdecimal()), "")
    found = text.find(f'"{field}"', start) if field else start
    return text.count("\n", 0, max(found, start)) + 1
