"""SARIF 2.1.0, the format in which code hosts read findings. Drift and scan both write it here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

Level = Literal["error", "warning", "note", "none"]

_INDENT = " " * 8
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def rule(id: str, title: str, help: str, level: Level) -> dict[str, Any]:
    """A kind of finding.

    Args:
        id: its name.
        title: its meaning, in one sentence.
        help: how to fix it.
        level: the level that its results usually have.
    """
    return {
        "id": id,
        "shortDescription": {"text": title},
        "help": {"text": help},
        "defaultConfiguration": {"level": level},
    }


def result(
    rule: str,
    level: Level,
    message: str,
    fingerprints: Mapping[str, str],
    locations: Sequence[Mapping[str, Any]],
    **more: Any,
) -> dict[str, Any]:
    """A finding.

    Args:
        rule: the ID of its rule.
        level: how bad it is.
        message: its text.
        fingerprints: name of the method, with its version -> what tells the finding from others.
        locations: where it is, see `location`; empty if it is not in a file.
        more: other properties of a SARIF result.
    """
    placed = {"locations": list(locations)} if locations else {}
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": message},
        "partialFingerprints": dict(fingerprints),
        **placed,
        **more,
    }


def location(path: str, line: int = 1, **more: Any) -> dict[str, Any]:
    """A line of a file.

    Args:
        path: the file, relative to the repository, with slashes.
        line: the line, from 1.
        more: other properties of a SARIF location.
    """
    # Bytes of a name that are no UTF-8 are lone surrogates; in an address they are bytes again.
    uri = ("file://" if path.startswith("/") else "") + quote(path, errors="surrogateescape")
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
    return {"physicalLocation": place, **more}


def document(
    tool: str, rules: Sequence[Mapping[str, Any]], results: Iterable[Mapping[str, Any]]
) -> str:
    """One run of one tool, as JSON text.

    Args:
        tool: the tool's name.
        rules: what the tool looks for.
        results: what it found, each by one of the rules.
    """
    return "".join(stream(tool, rules, results))


def stream(
    tool: str, rules: Sequence[Mapping[str, Any]], results: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """The same text in parts, each result as soon as it is there."""
    index = {rule["id"]: n for n, rule in enumerate(rules)}
    driver = {"driver": {"name": tool, "rules": list(rules)}}
    run = {"tool": driver, "results": ["results"]}
    frame = json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)
    head, _, tail = frame.rpartition('"results"')
    empty = True
    for result in results:
        text = json.dumps({**result, "ruleIndex": index[result["ruleId"]]}, indent=2)
        yield (head if empty else ",\n" + _INDENT) + text.replace("\n", "\n" + _INDENT)
        empty = False
    yield (head.rstrip() + tail.lstrip() if empty else tail) + "\n"
