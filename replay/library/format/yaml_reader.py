"""Reads YAML text as plain values, in one pass over libyaml's parse events.

It refuses what a cassette never holds and an attacker might send: aliases, anchors, tags, duplicate
keys, a second document, deep nesting. `yaml.load` would follow the first three, and deep nesting
kills the interpreter. Comments and directives are refused too: no check of values would see them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from replay.errors import LibraryError

if not yaml.__with_libyaml__:
    raise LibraryError(
        "PyYAML was installed without libyaml, which replay reads cassettes with",
        hint="pip install --force-reinstall --only-binary pyyaml pyyaml",
    )

MAX_DEPTH = 40
MAX_DIGITS = 4000
_TOO_DEEP = f"nesting deeper than {MAX_DEPTH}"

_MAY_BE_COMMENT = re.compile(r"(?<![A-Za-z])#")
"""Behind a letter it is part of a word, such as ``any#1`` in a scenario: a comment never begins
there, as libyaml reads it."""

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Malformed(ValueError):
    """The text is not YAML, or more than a cassette may hold. The message never quotes the text."""


def parse(text: str) -> Any:
    """The document in a text, as dicts, lists, strings, ints, bools and None.

    Plain scalars that look like floats or dates stay strings, because a cassette holds neither.

    Raises:
        Malformed: not YAML, or more than a cassette may hold.
    """
    parser = yaml.CSafeLoader(text)
    try:
        document = _document(parser)
        if _MAY_BE_COMMENT.search(text) and (at := _comment(text)):
            raise Malformed(f"holds a comment (line {at})")
        return document
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or ""
        if "nesting depth" in problem:  # a limit that libyaml has since 0.2.6
            raise Malformed(f"holds {_TOO_DEEP}{line}") from None
        raise Malformed(f"is not readable as YAML: {problem}{line}") from None
    finally:
        parser.dispose()


def _document(parser: Any) -> Any:
    # Each container on the stack: (value, pending key or _NO_KEY, line).
    root: list[Any] = []
    stack: list[Any] = [root]
    keys: list[Any] = [None]
    documents = 0
    while True:
        event = parser.get_event()
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                raise Malformed(_at("a tag or an anchor", event))
            value = _scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if event.anchor is not None or event.tag is not None:
                raise Malformed(_at("a tag or an anchor", event))
            if len(stack) > MAX_DEPTH:
                raise Malformed(_at(_TOO_DEEP, event))
            value = {} if kind is yaml.MappingStartEvent else []
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            stack.pop()
            keys.pop()
            continue
        elif kind is yaml.AliasEvent:
            raise Malformed(_at("an alias", event))
        elif kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                raise Malformed(_at("a second document", event))
            if event.version is not None or event.tags:
                raise Malformed(_at("a directive", event))
            continue
        elif kind is yaml.StreamEndEvent:
            break
        else:
            continue
        _place(stack, keys, value, event)
        if kind is not yaml.ScalarEvent:
            stack.append(value)
            keys.append(_NO_KEY)
    if not root:
        raise Malformed("holds no document")
    return root[0]


_NO_KEY = object()


def _place(stack: list[Any], keys: list[Any], value: Any, event: Any) -> None:
    top = stack[-1]
    if type(top) is list:
        top.append(value)
    elif keys[-1] is _NO_KEY:
        if type(value) is not str:
            raise Malformed(_at("a key that is not text", event))
        if value in top:
            raise Malformed(_at("a duplicate key", event))
        keys[-1] = value
    else:
        top[keys[-1]] = value
        keys[-1] = _NO_KEY


def _scalar(event: Any) -> Any:
    value: str = event.value
    if not event.implicit[0]:
        return value
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _INT.match(value):
        if len(value) > MAX_DIGITS:
            raise Malformed(_at("an integer of too many digits", event))
        return int(value)
    return value


def _at(what: str, event: Any) -> str:
    return f"holds {what} (line {event.start_mark.line + 1})"


def scalars(text: str) -> Iterator[tuple[str, int]]:
    """Every scalar of any YAML, with any tags: text and line (from 1). Nothing is constructed.

    Raises:
        Malformed: not YAML.
    """
    parser = yaml.CSafeLoader(text)
    try:
        while not isinstance(event := parser.get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.ScalarEvent):
                yield event.value, getattr(event.start_mark, "line", 0) + 1
    except yaml.YAMLError:
        raise Malformed("is not readable as YAML") from None
    finally:
        parser.dispose()


def _comment(text: str) -> int:
    """The line of the first comment in a text that is YAML; 0 if there is none."""
    # The parser drops them: they stand between its tokens, and in the first line of a block.
    end = 0
    for token in yaml.scan(text, Loader=yaml.CSafeLoader):
        start, after = token.start_mark.index, token.end_mark.index
        between = [(end, start)]
        if isinstance(token, yaml.ScalarToken) and token.style in {"|", ">"}:
            between.append((start, text.find("\n", start)))
        for begin, stop in between:
            found = text.find("#", begin, stop)
            if found >= 0:
                return text.count("\n", 0, found) + 1
        end = max(end, after)
    found = text.find("#", end)
    return text.count("\n", 0, found) + 1 if found >= 0 else 0
