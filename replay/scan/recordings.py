"""Private values in recordings that replay did not make: VCR cassettes, HAR files, JSON bodies.

Every string of the file is looked at: one that is an answer of Stripe's API is redacted as replay
would do it, and what that would replace is a finding. Pure; findings name fields, never values.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from replay.errors import ReplayError
from replay.library.format.yaml_reader import Malformed, scalars
from replay.redaction.policy import Policy, keeps_parameter
from replay.redaction.pseudonyms import STAND_IN
from replay.redaction.redactor import redact
from replay.scan.rules import Finding
from replay.scan.texts import inflated
from replay.stripe_api.routes import match

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}")
_RESERVED = re.compile(
    r"(?:\A|[@.])(?:example\.(?:com|net|org)|[\w-]+\.(?:example|invalid|test))\Z"
)
_YAML = re.compile(r"^(?:http_interactions|interactions):\s*$", re.MULTILINE)
_API = re.compile(r"https?://(?:api|files)\.stripe\.com/|/v[12]/")
_DEPTH = 4


def is_recording(text: str, suffix: str) -> bool:
    """Whether a text is a recording: a VCR cassette by its keys, HAR and JSON by their form."""
    if suffix in {".yaml", ".yml"}:
        return _YAML.search(text) is not None
    start = text[:4096].lstrip()
    if suffix == ".har" or start[:1] != "{":
        return suffix == ".har"
    return (
        '"object"' in text
        or '"http_interactions"' in text
        or '"interactions"' in text
        or ('"log"' in start and '"entries"' in text)
    )


def private_in(text: str, path: str, policy: Policy) -> Iterator[Finding]:
    """What a recording holds that replay would not have written.

    Args:
        text: the file's text, for which `is_recording` holds.
        path: names it in the findings.
        policy: the policy in force.
    """
    seen: set[Finding] = set()
    for value, line in _strings(text):
        for rule, detail in _private(value, policy, _DEPTH):
            finding = Finding(path, line, rule, detail=detail)
            if finding not in seen:
                seen.add(finding)
                yield finding


def _strings(text: str) -> Iterator[tuple[str, int]]:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        try:
            yield from scalars(text)
        except Malformed:
            yield from ((line, number) for number, line in enumerate(text.split("\n"), 1))
    else:
        yield text, 1


def _private(value: str, policy: Policy, depth: int) -> Iterator[tuple[str, str]]:
    document = _document(value)
    if document is not None:
        yield from _in_document(document, policy, depth)
        return
    if _API.search(value):
        yield from _in_address(value, policy)
    elif "=" in value and "&" in value and " " not in value:
        yield from _in_form(value, policy)
    yield from _emails(value)


def _document(value: str) -> Any:
    text = value
    if re.fullmatch(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*", value):
        try:
            text = inflated(binascii.a2b_base64(value)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return None
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _in_document(document: Any, policy: Policy, depth: int) -> Iterator[tuple[str, str]]:
    """A JSON text: an answer of Stripe's, or a file whose strings may hold one."""
    named = isinstance(document, dict) and document.get("object") in policy.objects
    if named or (isinstance(document, dict) and isinstance(document.get("error"), dict)):
        yield from _in_answer(document, policy)
    elif depth:
        for child in document.values() if isinstance(document, dict) else document:
            if isinstance(child, dict | list):
                yield from _in_document(child, policy, depth=depth)
            elif isinstance(child, str):
                yield from _private(child, policy, depth - 1)


def _in_answer(document: Any, policy: Policy) -> Iterator[tuple[str, str]]:
    try:
        originals = redact(document, owner="scan", policy=policy).originals
    except ReplayError:
        yield "private-field", "an answer that cannot be read"
        return
    for original in originals:
        if isinstance(original.value, str) and not STAND_IN.fullmatch(original.value):
            steps = [s for s in original.pointer.split("/") if s and not s.isdecimal()]
            shown = "/".join(s for s in steps if s in policy.vocabulary)
            yield "private-field", f"{document.get('object', 'error')}/{shown}"


def _in_address(value: str, policy: Policy) -> Iterator[tuple[str, str]]:
    parts = urlsplit(value.strip())
    found = match(parts.path)
    for name, given in parse_qsl(parts.query, keep_blank_values=True):
        resource = found.route.resource if found else ""
        if not keeps_parameter(resource, name, given, policy=policy):
            yield "private-parameter", _shown(name)


def _in_form(value: str, policy: Policy) -> Iterator[tuple[str, str]]:
    for name, given in parse_qsl(value, keep_blank_values=True):
        if not keeps_parameter("", name, given, policy=policy):
            yield "private-parameter", _shown(name)


def _shown(name: str) -> str:
    return name if re.fullmatch(r"[a-z_]{1,40}(?:\[[a-z_0-9]{0,40}\])*", name) else ""


def _emails(value: str) -> Iterator[tuple[str, str]]:
    for found in _EMAIL.finditer(value):
        if not (_RESERVED.search(found[0]) or STAND_IN.fullmatch(found[0])):
            yield "email-address", ""
