"""Scans a cassette of ours: what the proof by redacting again finds, with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from replay.errors import ReplayError
from replay.library.format import codec
from replay.redaction.policy import Policy
from replay.scan.rules import Finding
from replay.upkeep.proof import around, telling_comments, unproven

FIRST_LINE = b"# replay cassette "


def prove(data: bytes, path: str, policy: Policy) -> Iterator[Finding]:
    """What stands in a cassette without a right to, and whether its policy is behind.

    Args:
        data: the file's bytes.
        path: names it in the findings.
        policy: the policy in force.
    """
    text = data.decode("utf-8", "replace")
    try:
        cassette = codec.loads(data, path)
    except ReplayError as error:
        yield Finding(path, 1, "damaged-cassette", detail=type(error).__name__)
        return
    if cassette.policy != policy.label:
        known = re.fullmatch(r"[\w.+-]{1,64} sha256:[0-9a-f]{12}", cassette.policy)
        behind = cassette.policy if known else "another policy"
        yield Finding(path, 1, "policy-behind", detail=f"{behind}, now {policy.label}")
    for pointer, detail in around(cassette, policy):
        yield Finding(path, _line(text, pointer), "unproven-leaf", pointer, detail)
    for number, take in enumerate(cassette.interactions):
        if take.response.body:
            for rule, place, kind in unproven(take, str(cassette.key), policy):
                pointer = f"interactions/{number} {place}"
                yield Finding(path, _line(text, pointer), rule, pointer, kind)
    for line in telling_comments(data, path):
        yield Finding(path, line, "unproven-leaf", "", "a comment")


def _line(text: str, pointer: str) -> int:
    """The first line that names the pointer's last field, below its interaction; else the first."""
    at, _, place = pointer.partition(" ")
    number = int(at.rpartition("/")[2]) if place else 0
    starts = [found.start() for found in re.finditer(r"^- ", text, re.MULTILINE)]
    start = starts[number] if number < len(starts) else 0
    field = next((s for s in reversed(place.split("/")) if s and not s.isdecimal()), "")
    found = text.find(f'"{field}"', start) if field else start
    return text.count("\n", 0, max(found, start)) + 1
