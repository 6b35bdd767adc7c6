"""Finds hand-written doubles of Stripe's objects in JSON and YAML: fixtures, and bodies of mocks.

A double is an object whose `object` key names a type of Stripe's, wherever it stands: at the top,
in a list, in the body of a mock, or in a text that is JSON. What stands inside a double belongs to
it. A file without any may be taken as doubles of a type that the caller names.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from replay.importers.documents import Document, Unreadable, document, named, read_json

SUFFIXES = frozenset({".json", ".yaml", ".yml", ".jsonl", ".ndjson"})
"""The names of files that are looked into."""

MOST_BYTES = 8 << 20
"""The largest file that is read; what people write by hand is smaller."""

_DEEPEST = 100
_MOST_TEXTS = 3  # JSON in a text, in a text of that, and once more
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Double:
    """A double in a file.

    Attributes:
        type: the type, as its `object` key names it, or as the caller did.
        body: the object.
        pointer: the JSON pointer in the document to it, or to the text that holds it.
        line: gives the line, from 1, of a JSON pointer in the body.
    """

    type: str
    body: dict[str, Any] = field(repr=False)
    pointer: str
    line: Callable[[str], int] = field(repr=False)


def doubles(text: str, suffix: str, types: Set[str], unnamed: str = "") -> list[Double]:
    """The doubles in a text.

    Args:
        text: a whole file.
        suffix: the end of the file's name, such as ``.json``.
        types: the types of Stripe's objects.
        unnamed: the type of what has no `object` key; empty for none. It counts for the objects at
            the top, or in the list at the top, of a file that holds no other double.

    Raises:
        Unreadable: the text is neither JSON nor YAML, or nested too deep. The message never quotes
            it.
    """
    found = document(text, suffix)
    if found is None:
        return []
    if found.problems:
        raise Unreadable(found.problems[0], bounded=True)
    lines = _Lines(text, found)
    walk = _Walk(types, lines)
    walk.visit(found.root, "", 0, 0)
    if not walk.found and unnamed:
        several = isinstance(found.root, list)
        for n, body in enumerate(found.root if several else [found.root]):
            if isinstance(body, dict):
                walk.add(unnamed, body, f"/{n}" if several else "")
    return walk.found


class _Walk:
    """Collects doubles."""

    def __init__(self, types: Set[str], lines: _Lines) -> None:
        self.found: list[Double] = []
        self._types, self._lines = types, lines

    def add(self, type: str, body: dict[str, Any], pointer: str, *, in_text: bool = False) -> None:
        """Note a double."""

        def line(below: str) -> int:
            return self._lines.of(pointer if in_text else pointer + below)

        self.found.append(Double(type, _plain(body, 0), pointer, line))

    def visit(self, value: Any, pointer: str, deep: int, texts: int) -> None:
        """Collect the doubles in a value, which stands at a pointer, or in a text there."""
        if deep > _DEEPEST:
            raise Unreadable("is nested too deep", bounded=True)
        if isinstance(value, dict):
            type = value.get("object")
            if isinstance(type, str) and type in self._types:
                self.add(type, value, pointer, in_text=texts > 0)
                return
            for name, child in value.items():
                below = pointer if texts else f"{pointer}/{_segment(name)}"
                self.visit(child, below, deep + 1, texts)
        elif isinstance(value, list):
            for n, child in enumerate(value):
                below = pointer if texts else f"{pointer}/{n}"
                self.visit(child, below, deep + 1, texts)
        elif isinstance(value, str | bytes) and texts < _MOST_TEXTS:
            self._text(value, pointer, deep, texts)

    def _text(self, value: str | bytes, pointer: str, deep: int, texts: int) -> None:
        text = value if isinstance(value, str) else value.decode("utf-8", "replace")
        if "object" not in text or text.lstrip()[:1] not in {"{", "[", '"'}:
            return
        try:
            inside = read_json(text)
        except Unreadable as error:
            if error.bounded:
                raise
            return  # a text that begins like JSON
        self.visit(inside, pointer, deep + 1, texts + 1)


def _segment(name: Any) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def _plain(value: Any, deep: int) -> Any:
    """A value with text for keys. A key that came twice counts with its last value, as in JSON."""
    if deep > _DEEPEST:
        raise Unreadable("is nested too deep", bounded=True)
    if isinstance(value, dict):
        return {
            named(name): _plain(child, deep + 1)
            for name, child in value.items()
            if isinstance(name, str)
        }
    if isinstance(value, list):
        return [_plain(child, deep + 1) for child in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class _Lines:
    """The lines of a document's values. They are worked out when the first one is asked for."""

    def __init__(self, text: str, found: Document) -> None:
        self._text, self._document = text, found

    def of(self, pointer: str) -> int:
        """The line of a value, or of the nearest one around it whose line is known."""
        known = self._known
        while pointer not in known and pointer:
            pointer = pointer.rpartition("/")[0]
        return known.get(pointer, 1)

    @cached_property
    def _known(self) -> dict[str, int]:
        return self._of_yaml() if self._document.lines else _of_json(self._text)

    def _of_yaml(self) -> dict[str, int]:
        found: dict[str, int] = {}
        waiting: list[tuple[Any, str]] = [(self._document.root, "")]
        while waiting and len(found) < 1_000_000:
            value, pointer = waiting.pop()
            lines = self._document.lines.get(id(value), [])
            names = value if isinstance(value, dict) else range(len(value))
            children = value.values() if isinstance(value, dict) else value
            for name, child, line in zip(names, children, lines, strict=False):
                below = f"{pointer}/{_segment(name)}"
                found[below] = line
                if isinstance(child, dict | list):
                    waiting.append((child, below))
        return found


def _of_json(text: str) -> dict[str, int]:
    """JSON pointer -> the line of its key, or of an item that is an object, a list or a text."""
    breaks = [at.start() for at in re.finditer("\n", text)]
    found: dict[str, int] = {}
    # For each open object or list: its pointer, and the key or position that comes next.
    stack: list[tuple[str, str | int]] = []
    top, key = 0, True  # values that ended at the top; whether a text is a key
    for token in _TOKEN.finditer(text):
        word, line = token[0], bisect_right(breaks, token.start() - 1) + 1
        here = f"{stack[-1][0]}/{stack[-1][1]}" if stack else f"/{top}"
        if word in "{[":
            if not stack or isinstance(stack[-1][1], int):
                found.setdefault(here, line)
            stack.append((here, "" if word == "{" else 0))
            key = word == "{"
        elif word in "}]":
            if stack:
                stack.pop()
            top += not stack
        elif word == ",":
            if stack and isinstance(number := stack[-1][1], int):
                stack[-1] = stack[-1][0], number + 1
            key = bool(stack) and isinstance(stack[-1][1], str)
        elif word == ":":
            key = False
        elif stack and key and isinstance(stack[-1][1], str):
            stack[-1] = stack[-1][0], _segment(json.loads(word, strict=False))
            found[f"{stack[-1][0]}/{stack[-1][1]}"] = line
        elif stack:
            found.setdefault(here, line)
    # A text of one value has its pointers from that value on; several are a list.
    if top == 1:
        return {pointer[2:]: line for pointer, line in found.items()}
    return found
