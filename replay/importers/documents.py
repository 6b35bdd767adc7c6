"""Reads a text as a document: JSON, YAML or TOML of any kind, with the lines of its values.

Reading is loose, because these files are not ours: tags are passed over, aliases are followed, a
second value of a key is kept beside the first, and several documents become a list. It is
bounded all the same, and nothing is constructed but dicts, lists, strings, bytes and constants.
"""

from __future__ import annotations

import binascii
import json
import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 150
MOST_TOML = 4 * 1024 * 1024
"""Characters of a TOML text; its parser is slow."""
_MOST_ALIASED = 500_000
"""Values that all aliases of a document may stand for."""
_AGAIN = re.compile(r" \(again(?: [0-9]+)?\)\Z")
"""What the name of a key gets where the key comes a second time."""

_YAML = re.compile(
    r"^[ \t]*(?:-[ \t]+)*[\"']?(?:object|request|http_interactions|interactions)[\"']?[ \t]*:",
    re.MULTILINE,
)
_YAML_WORDS = ("object", "request", "interactions")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Unreadable(ValueError):
    """The text is no document of its kind. The message never quotes the text.

    Attributes:
        bounded: whether it may be one, and a limit of this module ended the reading.
        partial: what was read of it before; None if that is nothing.
    """

    def __init__(
        self, message: str, *, bounded: bool = False, partial: Document | None = None
    ) -> None:
        super().__init__(message)
        self.bounded = bounded
        self.partial = partial


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says.

    Attributes:
        root: dicts, lists, strings, bytes, numbers, booleans and None.
        lines: for each dict and list, by its `id`, the lines (from 1) of its values in order. Empty
            for JSON and TOML, whose parsers tell none.
        problems: what of it was not followed.
        kept: what must live as long as `lines`: else another value could get its identity.
    """

    root: Any = field(repr=False)
    lines: dict[int, list[int]] = field(default_factory=dict, repr=False)
    problems: tuple[str, ...] = ()
    kept: tuple[Any, ...] = field(default=(), repr=False)


def document(text: str, suffix: str) -> Document | None:
    """The document in a text; None if it holds none.

    Args:
        text: a whole text.
        suffix: the end of its file's name, such as ``.yaml``.

    Raises:
        Unreadable: its name or its form says that it is one, and it cannot be read.
    """
    if text.lstrip()[:1] in {"{", "[", '"'}:
        try:
            return Document(read_json(text))
        except Unreadable as error:
            if error.bounded:
                raise
    if suffix in {".yaml", ".yml"}:
        return read_yaml(text)
    if suffix == ".toml":
        return Document(read_toml(text))
    if suffix in _JSON:
        return _json_values(text)
    try:
        if suffix not in _CODE and any(map(text.__contains__, _YAML_WORDS)) and _YAML.search(text):
            return read_yaml(text)
        if "[[interactions]]" in text or "[interactions." in text:
            return Document(read_toml(text))
    except Unreadable as error:
        if error.bounded:
            raise  # else the name promises nothing
    return None


_JSON = frozenset({".json", ".har", ".jsonl", ".ndjson"})
_CODE = frozenset({".py", ".rb", ".js", ".ts", ".tsx", ".jsx", ".go", ".java", ".php", ".ex",
                   ".exs", ".md", ".rst", ".html", ".css", ".c", ".h", ".rs", ".json"})  # fmt: skip


def _json_values(text: str) -> Document:
    """The JSON values of a text that holds one after the other, as one per line."""
    values: list[Any] = []
    position = _BLANK.match(text).end()  # type: ignore[union-attr]
    while position < len(text):
        found, length, _ = _value_at(text, position)
        if not length:
            partial = Document(values) if values else None
            raise Unreadable("is not readable as JSON", partial=partial)
        values.append(found)
        position = _BLANK.match(text, position + length).end()  # type: ignore[union-attr]
    return Document(values)


_BLANK = re.compile(r"[\s\ufeff\x1e]*")


def read_json(text: str) -> Any:
    """The JSON value that is a whole text.

    Raises:
        Unreadable: it is none, or nested too deep.
    """
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except RecursionError:
        raise Unreadable("is nested too deep", bounded=True) from None
    except ValueError:
        pass
    try:  # an integer of more digits than Python converts is text enough
        return json.loads(text, object_pairs_hook=_pairs, parse_int=_integer)
    except (ValueError, RecursionError):
        raise Unreadable("is not readable as JSON") from None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) < 1000 else digits


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        found = {}
        for key, value in items:
            put(found, key, value)
    return found


def put(mapping: dict[Any, Any], key: Any, value: Any) -> None:
    """Put a value beside those that the key has already."""
    if key in mapping:
        name, number = key, len(mapping)
        key = f"{name} (again)"
        while key in mapping:  # by the number of keys: names that only grow would take ever longer
            key, number = f"{name} (again {number})", number + 1
    mapping[key] = value


def named(key: str) -> str:
    """The name of a key, also where it is the second of this name in its mapping."""
    return _AGAIN.sub("", key) if key.endswith(")") else key


def embedded_json(text: str, needle: str = '"object"') -> Iterator[tuple[Any, int, int]]:
    """JSON objects and arrays inside a longer text, each with start and end, outermost ones only.

    This finds one value per line, the body of an HTTP message, and a block in a page of
    documentation. Only values whose text holds the needle are given.

    Args:
        text: any text.
        needle: what a value must hold.

    Raises:
        Unreadable: the search was given up, because it would take too long.
    """
    end, work = 0, 3 * len(text) + 262_144
    wanted = text.find(needle)
    for start in _OPENING.finditer(text):
        position = start.start()
        if wanted < 0:
            return
        if work < 0:
            raise Unreadable("holds too much that starts as JSON and is none", bounded=True)
        if position < end:
            continue
        found, length, cost = _value_at(text, position)
        work -= cost
        if not length:
            continue
        end = position + length
        if wanted < position:
            wanted = text.find(needle, position)
        if 0 <= wanted < end:
            yield found, position, end


_OPENING = re.compile(r"\{\s*\"|\[\s*\{\s*\"")
_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_integer)


def _value_at(text: str, position: int) -> tuple[Any, int, int]:
    """The JSON value at a position, its length (0 if there is none), and how much was read.

    An error of the decoder takes time that grows with its whole text, so it gets a little first.
    """
    size, cost = 2048, 64
    while True:
        segment = text[position : position + size]
        try:
            found, length = _DECODER.raw_decode(segment)
        except json.JSONDecodeError as error:
            cut = error.msg.startswith("Unterminated") or error.pos > len(segment) - 12
            if not cut or len(segment) < size:
                return None, 0, cost
            cost += len(segment)
            size *= 16
        except (RecursionError, ValueError):
            return None, 0, cost + 4096
        else:
            return found, length, 0


def read_toml(text: str) -> Any:
    """The TOML document in a text.

    Raises:
        Unreadable: it is none, or too large for TOML's slow parser.
    """
    if len(text) > MOST_TOML:
        raise Unreadable(f"is TOML of more than {MOST_TOML // 1024 // 1024} MB", bounded=True)
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = f" (line {found[1]})" if found else ""
        raise Unreadable(f"is not readable as TOML{line}") from None
    except RecursionError:
        raise Unreadable("is nested too deep", bounded=True) from None
    except ValueError:
        raise Unreadable("is not readable as TOML") from None


def sides(text: str) -> tuple[tuple[str, str], int] | None:
    """Both sides of a text with git's conflict markers, and the first marker's line."""
    ours: list[str] = []
    theirs: list[str] = []
    first, inside = 0, ""
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        mark = line[:7] if line[7:8] in {" ", "\n", "\r", ""} else ""
        if mark == "<<<<<<<":
            first, inside = first or number, "ours"
        elif inside and mark == "|||||||":
            inside = "neither"
        elif inside and mark == "=======":
            inside = "theirs"
        elif inside and mark == ">>>>>>>":
            inside = ""
        else:
            if inside in {"", "ours"}:
                ours.append(line)
            if inside in {"", "theirs"}:
                theirs.append(line)
    return (("".join(ours), "".join(theirs)), first) if first else None


# YAML


def read_yaml(text: str) -> Document:
    """The YAML document in a text; a list if there are several.

    Raises:
        Unreadable: it is none, or nested too deep.
    """
    try:
        parser = yaml.CSafeLoader(text)
    except UnicodeEncodeError:  # half of a surrogate pair
        raise Unreadable("is not readable as YAML") from None
    except yaml.YAMLError:  # a character that no YAML has, such as a control character
        raise Unreadable("is not readable as YAML") from None
    reader = _Reader(parser, text)
    try:
        return reader.read()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {reader.line(mark)})" if mark is not None else ""
        raise Unreadable(f"is not readable as YAML{line}", partial=reader.partial()) from None
    finally:
        parser.dispose()


_NO_KEY = object()
_YAML_BREAK = re.compile("[\x85\u2028\u2029]")
"""What ends a line in YAML and in no editor."""


class _Reader:
    """Builds values from the parser's events."""

    def __init__(self, parser: Any, text: str) -> None:
        self.parser = parser
        self.breaks = [found.start() for found in _YAML_BREAK.finditer(text)]
        self.last = 1 + text.count("\n") + text.count("\r") - text.count("\r\n")
        self.lines: dict[int, list[int]] = {}
        self.anchors: dict[str, Any] = {}
        self.open: set[int] = set()
        self.aliased = 0
        self.meant: set[int] = set()  # values that an alias has stood for
        self.heights: dict[int, int] = {}
        self.kept: list[Any] = []
        self.problems: list[str] = []
        self.roots: list[Any] = []
        self.root_lines: list[int] = []

    def line(self, mark: Any) -> int:
        """The line of a mark, as editors count it. What is left out at the end is on the last."""
        line: int = mark.line + 1
        if self.breaks:
            line -= bisect_left(self.breaks, mark.index)
        return min(line, self.last)

    def partial(self) -> Document | None:
        """What was read before an error; None if that is nothing."""
        self.lines[id(self.roots)] = self.root_lines
        return self.document(self.roots) if self.roots else None

    def document(self, root: Any) -> Document:
        """The document that a root makes."""
        kept = (self.roots, *self.kept)
        return Document(root, self.lines, tuple(self.problems), kept)

    def read(self) -> Document:
        roots = self.roots
        stack: list[Any] = [roots]
        keys: list[Any] = [_NO_KEY]
        lines: list[list[int]] = [self.root_lines]
        heights = [0]
        get = self.parser.get_event
        while True:
            event = get()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                value = self.scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                if len(stack) > MAX_DEPTH:
                    raise Unreadable(
                        f"is nested deeper than {MAX_DEPTH}", bounded=True, partial=self.partial()
                    )
                value = {} if kind is yaml.MappingStartEvent else []
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                closed = stack.pop()
                self.open.discard(id(closed))
                if type(closed) is dict and "<<" in closed:
                    self.merge(closed, lines[-1])
                keys.pop()
                lines.pop()
                self.heights[id(closed)] = height = heights.pop() + 1
                if height > heights[-1]:
                    heights[-1] = height
                continue
            elif kind is yaml.AliasEvent:
                value = self.alias(event.anchor, len(stack))
                heights[-1] = max(heights[-1], self.heights.get(id(value), 0))
            elif kind is yaml.StreamEndEvent:
                break
            else:
                continue
            top, place = stack[-1], self.line(event.start_mark)
            if type(top) is list:
                top.append(value)
                lines[-1].append(place)
            elif keys[-1] is _NO_KEY:
                # A key that is a mapping or a list is looked into like a value.
                plain = isinstance(value, str | int | float | bool | None)
                keys[-1] = value if plain else f"(a key in line {place})"
                if not plain:
                    put(top, f"{keys[-1]} itself", value)
                    lines[-1].append(place)
            else:
                put(top, keys[-1], value)
                lines[-1].append(place)
                keys[-1] = _NO_KEY
            if kind is not yaml.AliasEvent:
                if event.anchor is not None:
                    self.anchors[event.anchor] = value
                if kind is not yaml.ScalarEvent:
                    stack.append(value)
                    keys.append(_NO_KEY)
                    lines.append([])
                    heights.append(0)
                    self.lines[id(value)] = lines[-1]
                    self.open.add(id(value))
        self.lines[id(roots)] = self.root_lines
        return self.document(roots[0] if len(roots) == 1 else roots)

    def merge(self, node: dict[Any, Any], lines: list[int]) -> None:
        """Give a mapping what its merge keys bring in.

        A value that is overridden is kept beside the other, unless it has a place of its own.
        """
        places: list[int] = []
        bases: list[tuple[dict[Any, Any], int]] = []
        for (key, given), place in zip(list(node.items()), lines, strict=True):
            among = given if isinstance(given, list) else [given]
            if (
                isinstance(key, str)
                and named(key) == "<<"
                and all(isinstance(base, dict) for base in among)
            ):
                bases += [(base, place) for base in among]
                self.kept.append(node.pop(key))
            else:
                places.append(place)
        for base, place in bases:
            for key, child in base.items():
                if key not in node or not (id(base) in self.meant or node[key] == child):
                    put(node, key, child)
                    places.append(place)
        lines[:] = places

    def alias(self, name: str, depth: int) -> Any:
        value = self.anchors.get(name)
        if id(value) in self.open:  # it holds itself
            return None
        if isinstance(value, dict | list):
            self.meant.add(id(value))
        if depth + self.heights.get(id(value), 0) > MAX_DEPTH:
            problem = f"is nested deeper than {MAX_DEPTH} by its aliases"
        else:
            self.aliased += _size(value, _MOST_ALIASED - self.aliased)
            if self.aliased < _MOST_ALIASED:
                return value
            problem = f"has aliases that stand for more than {_MOST_ALIASED:,} values"
        if problem not in self.problems:
            self.problems.append(problem)
        return None

    def scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is not None and event.tag.endswith("binary"):
            try:
                return binascii.a2b_base64(text.encode("ascii", "replace")) or text
            except binascii.Error:
                return text
        if not event.implicit[0]:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INT.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text


def _size(value: Any, most: int) -> int:
    """How many values a value holds, itself included, counted up to a limit."""
    count, left = 0, [value]
    while left and count < most:
        one = left.pop()
        count += 1
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
    return count
