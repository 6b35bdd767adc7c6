"""Reads what a file holds: its texts, and the pieces of them that a recording is made of. Pure.

Nothing is judged here. `contents` unpacks and decodes a file. Each text of it is then read twofold:
its values, whatever their form, down to JSON in strings in JSON; and, where it is a recording in a
format that `replay.importers` knows, the calls in it. `hidden` gives what a text says in ways that
a search of its characters would miss.
"""

from __future__ import annotations

import binascii
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from replay.importers import containers
from replay.importers.calls import RecordedCall, header_name, recorded_calls
from replay.importers.charsets import text_of
from replay.importers.containers import Budget
from replay.importers.documents import (
    Document,
    Unreadable,
    document,
    embedded_json,
    named,
    put,
    read_json,
    read_yaml,
    sides,
)
from replay.importers.literals import literals
from replay.redaction.encodings import json_unescaped
from replay.scan.agents import is_telemetry, names_agent

FIRST_LINE = b"# replay cassette "
"""The first characters of every cassette of replay."""

_SCENARIO = b"# replay scenario "

_MOST_SEARCHES = 1000
"""How often a value is looked for in the whole text, for its line."""
_NEAR = 64 * 1024
"""How far it is looked for after that, in characters."""
_MOST_NESTED = 6
"""JSON in strings in JSON, base64 in that, and so on, is followed this deep."""
_VCR_KEY = re.compile(r"""^["']?(?:http_interactions|interactions)["']?[ \t]*:""", re.MULTILINE)
_API = re.compile(r"https?://(?:api|files)\.stripe\.com/|/v[12]/")
_STRIPE = re.compile(r"(?:\A|\.)stripe\.com\Z")
_MESSAGE = re.compile(r"(?:HTTP/[\d.]+ \d{3}|[A-Z]{3,7} \S+ HTTP/[\d.]+)[^\n]*\r?\n")
_DENSE_LINES = re.compile(
    r"^[ \t]*(?:[A-Za-z0-9+/]{16,}[ \t]*\r?\n[ \t]*)*[A-Za-z0-9+/]{16,}={0,2}[ \t]*\r?$"
    r"|^[ \t]*(?:[A-Za-z0-9+/]{16,}[ \t]*\r?\n[ \t]*)+[A-Za-z0-9+/]{2,}={0,2}[ \t]*\r?$",
    re.MULTILINE,
)
_BINARY = re.compile(r"!!?binary[ \t]+[\"']?([A-Za-z0-9+/]{16,}={0,2})")
_DENSE = re.compile(r"[A-Za-z0-9+/_-][A-Za-z0-9+/_\s-]{14,}={0,2}\s*")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+\Z")
_COMMON = frozenset({"id", "livemode", "created", "metadata", "data", "deleted", "has_more"})
_ERRORS = frozenset({"api_error", "card_error", "idempotency_error", "invalid_request_error",
                     "authentication_error", "rate_limit_error"})  # fmt: skip


class Kind(StrEnum):
    """What a piece of a recording is."""

    BODY = "body"  # JSON: an object, a list or an error of Stripe's
    URL = "url"
    FORM = "form"
    HEADER = "header"
    AGENT = "agent"  # JSON: what a client says of itself and its machine
    TEXT = "text"
    PACKED = "packed"  # a text that stands compressed or in base64 in the file


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a recording.

    Attributes:
        kind: what it is.
        value: JSON for a body or an agent, else a string.
        line: its line, from 1.
        name: a header's name, as `header_name` spells it; for a form, the URL that it was sent to
            if known.
    """

    kind: Kind
    value: Any = field(repr=False)
    line: int
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Content:
    """One text that a file holds, or one that could not be read.

    Attributes:
        text: what to search.
        inside: where it lies inside the file; empty for the file itself.
        recording: whether it is a recording that another tool made, or holds an answer of Stripe's
            API; private values are searched for in these alone.
        pieces: what a recording is made of; empty for any other text.
        cassette: its bytes, if it is a cassette of replay.
        tape: its bytes, if replay's persister for vcrpy wrote it.
        scenario: its bytes, if it is a scenario of replay.
        problems: why (parts of) it could not be read.
    """

    text: str = field(repr=False)
    inside: str = ""
    recording: bool = False
    pieces: tuple[Piece, ...] = field(default=(), repr=False)
    cassette: bytes | None = field(default=None, repr=False)
    tape: bytes | None = field(default=None, repr=False)
    scenario: bytes | None = field(default=None, repr=False)
    problems: tuple[str, ...] = ()


def is_ours(data: bytes) -> bool:
    """Whether a file says that it is a cassette of replay."""
    return data.removeprefix(b"\xef\xbb\xbf").startswith(FIRST_LINE)


def is_scenario(data: bytes) -> bool:
    """Whether a file says that it is a scenario of replay."""
    return data.removeprefix(b"\xef\xbb\xbf").startswith(_SCENARIO)


def is_tape(data: bytes) -> bool:
    """Whether a file says that replay's persister for vcrpy wrote it."""
    return data.removeprefix(b"\xef\xbb\xbf").startswith(b"# replay vcr ")


def contents(data: bytes, name: str, objects: frozenset[str], budget: Budget) -> Iterator[Content]:
    """All texts of a file.

    Args:
        data: its bytes.
        name: its name; the suffix helps to tell formats.
        objects: the names of Stripe's objects.
        budget: what was unpacked of this file; it is updated.
    """
    for part in containers.parts(data, budget):
        text = text_of(part.data)
        problems: tuple[str, ...] = (part.problem,) if part.problem else ()
        if is_ours(part.data):
            yield Content(text, part.name, cassette=part.data, problems=problems)
            continue
        if is_scenario(part.data):
            yield Content(text, part.name, scenario=part.data, problems=problems)
            continue
        suffix = PurePosixPath(part.name or _unpacked_name(name)).suffix.lower()
        walk = _Walk(text, objects, budget)
        walk.read(suffix)
        recording = walk.recording
        pieces = tuple(walk.pieces) if recording else ()
        problems += tuple(dict.fromkeys(walk.problems))
        tape = part.data if is_tape(part.data) else None
        yield Content(text, part.name, recording, pieces, tape=tape, problems=problems)


def _unpacked_name(name: str) -> str:
    return re.sub(r"\.(?:gz|zz|bz2|xz|zlib)\Z", "", name, flags=re.IGNORECASE)


class _Walk:
    """Goes through a text's values once and collects the pieces."""

    def __init__(self, text: str, objects: frozenset[str], budget: Budget) -> None:
        self.text = text
        self.objects = objects
        self.budget = budget
        self.pieces: list[Piece] = []
        self.problems: list[str] = []
        self.recording = False
        self._used: frozenset[tuple[int, Any]] = frozenset()
        self._seen: set[int] = set()
        self._lines: dict[int, list[int]] = {}
        self._kept: list[Any] = []  # what is seen must stay: another value could get its identity
        self._loose = False
        self._position = 0
        self._searches = _MOST_SEARCHES
        self._breaks: list[int] | None = None

    def read(self, suffix: str) -> None:
        """Read the whole text."""
        try:
            found = document(self.text, suffix)
        except Unreadable as error:
            self._unreadable(suffix, error)
            return
        if found is not None:
            self.document(found)
        else:
            self._inside(self.text, 0, _MOST_NESTED)
            self._in_strings_of_code()
            self._in_other_dress()

    def document(self, found: Document) -> None:
        """Take the pieces of a document."""
        self.problems += [f"it {problem}" for problem in found.problems]
        self._lines, self._loose = found.lines, bool(found.lines)
        self._kept.append(found)
        reading = recorded_calls(found)
        if reading is not None:
            self.recording, self._loose = True, False
            self._used = reading.used
            for call in reading.calls:
                self._call(call)
        elif isinstance(found.root, dict) and {"interactions", "http_interactions"} & {*found.root}:
            self.recording, self._loose = True, False
        self.value(found.root, 0, _MOST_NESTED)

    def _unreadable(self, suffix: str, error: Unreadable) -> None:
        """A text that should be a document and is none: a git conflict, damaged, or too deep."""
        both = sides(self.text)
        if both is not None:
            for side in both[0]:
                try:
                    found = document(side, suffix)
                except Unreadable:
                    continue
                if found is not None:
                    self.document(found)
            if self.pieces:
                return
        if error.partial is not None:
            self.document(error.partial)
        whole = self._inside(self.text, 0, _MOST_NESTED)
        self._in_strings_of_code()
        looks_recorded = self.recording or _looks_recorded(self.text, self.objects)
        if error.bounded or (looks_recorded and not whole):
            self.problems.append(f"it {error}")
        if looks_recorded:
            self.recording = True
            self._lines, self._used = {}, frozenset()
            for number, line in enumerate(self.text.split("\n"), 1):
                plain = _CODE_ESCAPE.sub(_from_code, json_unescaped(line))
                self.string(plain, number, _MOST_NESTED)
            for run in _DENSE_LINES.finditer(self.text):
                self.string(run[0].strip(), self.line_at(run.start()), _MOST_NESTED)
            for run in _BINARY.finditer(self.text):
                self.string(run[1], self.line_at(run.start()), _MOST_NESTED)

    # Lines

    def line(self, value: Any) -> int:
        """The line of a value that no parser told: where its ID or its first words stand."""
        token = value.get("id") if isinstance(value, dict) else value
        if not isinstance(token, str):
            return self.line_at(self._position)
        token = token[:40]
        # It may be written in another way; looking through the whole text takes time.
        end = len(self.text) if self._searches else self._position + _NEAR
        found = self.text.find(token, self._position, end)
        if found < 0 and self._searches:
            self._searches -= 1
            found = self.text.find(token)
        if found >= 0:
            self._position = found
        return self.line_at(self._position)

    def line_at(self, position: int) -> int:
        """The line of a position in the text."""
        if self._breaks is None:
            self._breaks = [found.start() for found in re.finditer("\n", self.text)]
        return bisect_right(self._breaks, position - 1) + 1

    # Values

    def value(self, root: Any, line: int, deeper: int, *, answer: bool = False) -> None:
        """Any value: a body of Stripe's, or what holds others.

        Args:
            root: the value.
            line: its line; 0 where it must be looked for.
            deeper: how many more strings in strings are followed.
            answer: whether it is the body of a call to Stripe.
        """
        stack: list[tuple[Any, int]] = [(root, line)]
        while stack:
            node, line = stack.pop()
            if isinstance(node, str):
                self.string(node, line, deeper)
            elif isinstance(node, bytes):
                self.packed(node, line, deeper)
            elif isinstance(node, dict | list) and id(node) not in self._seen:
                self._seen.add(id(node))
                self._kept.append(node)
                if isinstance(node, dict) and self._is_body(node, answer):
                    self._body(node, line)
                    continue
                if isinstance(node, dict) and is_telemetry(node):
                    self.pieces.append(Piece(Kind.AGENT, node, line or self.line(node)))
                    continue
                answer = False
                stack += reversed(list(self._children(node, line, deeper)))

    def _children(self, node: Any, line: int, deeper: int) -> Iterator[tuple[Any, int]]:
        lines = self._lines.get(id(node)) or ()
        if isinstance(node, dict):
            for number, (key, child) in enumerate(node.items()):
                if (id(node), key) not in self._used:
                    place = lines[number] if lines else line
                    if isinstance(key, str):
                        if "@" in key:
                            self.plain(key, place)
                        if names_agent(key):
                            self._agent(key, child, place)
                    yield child, place
        elif node and all(isinstance(one, str) and _HEX.match(one) for one in node):
            self._try_hex("".join(node), lines[0] if lines else line, deeper)
        else:
            if len(node) > 1 and all(isinstance(one, str) for one in node):
                joined = "".join(node)  # notebooks keep a text as its lines
                if '"object"' in joined:
                    yield joined, lines[0] if lines else line
            for number, child in enumerate(node):
                yield child, lines[number] if lines else line

    def _is_body(self, node: dict[Any, Any], answer: bool) -> bool:
        name, error = self._type(node), node.get("error")
        if answer and ("object" in node or isinstance(error, dict)):
            return True
        if name:
            return not self._loose or not _COMMON.isdisjoint(node)
        if not isinstance(error, dict):
            return False
        return self.recording or (
            error.get("type") in _ERRORS and ("message" in error or "code" in error)
        )

    def _type(self, node: dict[Any, Any]) -> str:
        """The name of Stripe's that a mapping has as its type; it may have several types."""
        for key, value in node.items() if "object" in node else ():
            if isinstance(value, str) and value in self.objects and named(str(key)) == "object":
                return value
        return ""

    def _body(self, node: dict[Any, Any], line: int) -> None:
        self.recording = True
        body = _plain(node)
        if (name := self._type(node)) and name != body["object"]:
            body = {"object (0)": body["object"]} | body | {"object": name}
        self.pieces.append(Piece(Kind.BODY, body, line or self.line(node)))

    # Strings

    def string(self, text: str, line: int, deeper: int, *, answer: bool = False) -> None:
        """Any string: JSON, a URL, a form, an HTTP message, something packed, or plain text."""
        start = text.lstrip()[:1]
        if not deeper and (start in {"{", "["} or _DENSE.fullmatch(text)) and len(text) > 15:
            self.problems.append(f"it has texts in texts, more than {_MOST_NESTED} deep")
        if deeper and start and start in '{["':
            try:
                found = read_json(text)
            except Unreadable as error:
                if error.bounded:
                    self.problems.append(f"it {error}")
            else:
                if isinstance(found, dict | list) or found != text:
                    self.value(found, line, deeper - 1, answer=answer)
                    return
        if deeper and self._unpacked(text, line, deeper):
            return
        if deeper and "object" in text:
            self._inside(text, line, deeper)
        self.plain(text, line or self.line(text))

    def plain(self, text: str, line: int) -> None:
        """A string that holds no other text."""
        if _API.search(text):
            self.pieces.append(Piece(Kind.URL, text.strip(), line))
        elif "=" in text and "&" in text and " " not in text:
            self.pieces.append(Piece(Kind.FORM, text, line))
        self.pieces.append(Piece(Kind.TEXT, text, line))

    def _unpacked(self, text: str, line: int, deeper: int) -> bool:
        """Whether a string was another text in disguise, which was looked into."""
        if text[:3].lower() in {"%7b", "%5b"}:
            self.string(unquote(text), line or self.line(text), deeper - 1)
            return True
        if message := _MESSAGE.match(text):
            head, _, body = text[message.end() :].replace("\r\n", "\n").partition("\n\n")
            line = line or self.line(text)
            for row in head.split("\n"):
                name, _, value = row.partition(":")
                self.header(name, value.strip(), line)
            self.plain(text[: message.end()].strip(), line)
            self.string(body, line, deeper - 1)
            return True
        if len(text) < 16 or not _DENSE.fullmatch(text):
            return False
        joined = "".join(text.split())
        return self._try_hex(joined, line, deeper) or self._try_base64(joined, line, deeper)

    def _try_hex(self, joined: str, line: int, deeper: int) -> bool:
        return _HEX.match(joined) is not None and self._meant(bytes.fromhex(joined), line, deeper)

    def _try_base64(self, joined: str, line: int, deeper: int) -> bool:
        data = _from_base64(joined)
        return data is not None and self._meant(data, line, deeper)

    def _meant(self, data: bytes, line: int, deeper: int) -> bool:
        """Whether decoded bytes make sense; if so, they are looked into."""
        if not containers.is_packed(data):
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError:
                return False
            if not text.isprintable() and re.search(r"[\x00-\x08\x0e-\x1f]", text):
                return False
        self.packed(data, line, deeper)
        return True

    def packed(self, data: bytes, line: int, deeper: int, *, answer: bool = False) -> None:
        """Bytes that stand in the file in another form."""
        line = line or self.line_at(self._position)
        for part in containers.parts(data, self.budget):
            if part.problem:
                self.problems.append(part.problem)
            if part.data:
                text = text_of(part.data)
                self.pieces.append(Piece(Kind.PACKED, text, line))
                self.string(text, line, max(deeper - 1, 0), answer=answer)

    def header(self, name: str, value: str, line: int) -> None:
        """A header of a message."""
        self.pieces.append(Piece(Kind.HEADER, value, line, header_name(name)))

    def _agent(self, name: str, child: Any, line: int) -> None:
        """A header in which a client describes itself, outside a call."""
        for value in child if isinstance(child, list) else [child]:
            if isinstance(value, str):
                self.header(name, value, line or self.line(value))

    # Calls

    def _call(self, call: RecordedCall) -> None:
        """The pieces of a recorded call."""
        url = call.request.uri
        line = call.line or self.line(url)
        self.pieces.append(Piece(Kind.URL, url, line))
        for name, value in (*call.request.headers, *call.response.headers):
            self.header(name, value, line)
        if call.request.body:
            text = text_of(call.request.body)
            if text.lstrip()[:1] not in {"{", "["} and "=" in text and not re.search(r"\s", text):
                self.pieces.append(Piece(Kind.FORM, text, line, url))
                self.pieces.append(Piece(Kind.TEXT, text, line))
            else:
                self.string(text, line, _MOST_NESTED)
        if call.response.body:
            text = text_of(call.response.body)
            stripe = "://" not in url or _is_stripe(url)
            if call.packed:
                self.pieces.append(Piece(Kind.PACKED, text, line))
            self.string(text, line, _MOST_NESTED, answer=stripe)
        self.problems += call.problems

    # JSON in texts that are no documents

    def _inside(self, text: str, line: int, deeper: int) -> bool:
        """Take the values with an object of Stripe's that stand in a text, as JSON or nearly so.

        Whether they are the whole text, and each was understood in full.
        """
        if "object" not in text:
            return False
        spans: list[tuple[int, int]] = []
        clean = True
        try:
            for value, start, end in embedded_json(text):
                spans.append((start, end))
                self.value(value, line or self.line_at(start), deeper - 1)
            loose, self._loose = self._loose, True
            for found in literals(text, list(spans)):
                spans.append((found.start, found.end))
                clean &= found.clean
                if text is self.text:
                    self._position = found.start
                self.value(found.value, line, deeper - 1)
            self._loose = loose
        except Unreadable as error:
            self.problems.append(f"it {error}")
            return False
        last, rest = 0, []
        for start, end in sorted(spans):
            rest.append(text[last:start])
            last = max(last, end)
        return clean and bool(spans) and not _COMMENTS.sub("", "\n".join([*rest, text[last:]]))

    def _in_strings_of_code(self) -> None:
        r"""Values in strings of source code: ``"{\"object\": …}"``."""
        end = 0
        for start in _IN_STRING.finditer(self.text):
            if start.start() < end:
                continue
            end = self.text.find("\n", start.start())
            end = len(self.text) if end < 0 else end
            literal = self.text[start.start() : end]
            if "object" in literal:
                inner = json_unescaped(literal)
                self._inside(inner, self.line_at(start.start()), _MOST_NESTED)

    def _in_other_dress(self) -> None:
        """Values in a page of HTML, in a table, and in blocks of YAML in a page of Markdown."""
        if "object&quot;" in self.text or "object&#34;" in self.text:
            self._inside(html.unescape(self.text), 0, _MOST_NESTED)
        if '""object""' in self.text:
            self._inside(self.text.replace('""', '"'), 0, _MOST_NESTED)
        if "object:" in self.text and "```y" in self.text:
            for block in _YAML_BLOCK.finditer(self.text):
                try:
                    found = read_yaml(block[1])
                except Unreadable as error:
                    if error.bounded:
                        self.problems.append(f"it {error}")
                    continue
                self._kept.append(found)
                self._loose, self._position = True, block.start()
                self.value(found.root, 0, _MOST_NESTED)


_YAML_BLOCK = re.compile(r"^ {0,3}```ya?ml\b[^\n]*\n(.*?)^ {0,3}```", re.MULTILINE | re.DOTALL)
_COMMENTS = re.compile(r"[\s,\ufeff\x1e]+|//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_IN_STRING = re.compile(r"\{\s*\\+[\"'n]")


_OBJECT = re.compile(r"""object["']?\s*(?:=>|:|=)\s*["']?(\w+(?:\.\w+)*)""")
_CALL_WORDS = (
    ("request", "response", "uri", "status"), ("request", "response", "url", "status"),
    ("scope", "path", "response", "status"),
)  # fmt: skip


def _looks_recorded(text: str, objects: frozenset[str]) -> bool:
    """Whether a text that cannot be read seems to be a recording, or to hold such an object."""
    if _VCR_KEY.search(text) or any(all(word in text for word in words) for words in _CALL_WORDS):
        return True
    return any(found[1] in objects for found in _OBJECT.finditer(json_unescaped(text)))


def _is_stripe(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return _STRIPE.search(host) is not None


def _plain(value: Any) -> Any:
    """A value of any document as JSON has it."""
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for key, child in value.items():
            put(found, str(key), _plain(child))
        return found
    if isinstance(value, list):
        return [_plain(child) for child in value]
    if isinstance(value, bytes):
        return text_of(value)
    return value if isinstance(value, str | int | float | None) else str(value)


def _from_base64(joined: str) -> bytes | None:
    plain = joined.rstrip("=").replace("-", "+").replace("_", "/")
    if len(plain) % 4 == 1:
        plain = plain[:-1]
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None


# What a search of the characters would miss

# Each pattern starts with something fixed, or has a `_HINT`, or else it is slow.
_FOLD = re.compile(r"\\(?<=[\w/+=-]\\)\r?\n[ \t]*(?=[\w/+=-])")
_SOFT_BREAK = re.compile(r"=(?:([0-9A-F]{2})|\r?\n)")
_QUOTED = re.compile(r"=(?:5F|3D|2D|2E)|=\r?\n\S")
_CODE_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))"
)
_JOIN = r"""["'`]\s{0,80}(?:[+.&~\\]|\.\.|<>|\|\|)?\s{0,80}["'`]"""
_CUT = re.compile(
    r"(?:[srpue]k|pst|whsec)(?:_(?:live|test|org)?)?_?[A-Za-z0-9]{0,9}"
    rf"(?:{_JOIN}[A-Za-z0-9_]{{1,200}})+"
)
_CUT_LINE = re.compile(
    r"(?:[sr]k_(?:live|test)_)[A-Za-z0-9]{0,9}[ \t]*\r?\n[ \t>#*|]{0,40}"
    r"(?=[a-z0-9]{0,100}[A-Z])(?=[A-Z0-9]{0,100}[a-z])[A-Za-z0-9]{14,200}"
)
_WIDE = re.compile(r"(?:[\x20-\x7e]\0){12,}")
_BREAK = r"(?:[ \t]*(?:\r?\n|(?:\\r)?\\n)[ \t]*)"
_WRAPPED = re.compile(rf"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{{40,}}{_BREAK})+[A-Za-z0-9+/]+={{0,2}}")
_WRAPPED_HINT = re.compile(
    r"\n(?:(?<=[A-Za-z0-9+/]{40}\n)|(?<=[A-Za-z0-9+/]{40}[ \t\r]\n))"
    r"|\\[nr](?<=[A-Za-z0-9+/]{40}\\[nr])"
)
_PACKED = re.compile(
    r"[HeQ/U](?<![A-Za-z0-9+/_-].)(?:(?<=H)4sI|(?<=e)(?:J|No|Np|AE|F[45])|(?<=Q)lpoOT"
    r"|(?<=/)Td6WFoA|(?<=U)EsDB)[A-Za-z0-9+/_-]{16,}={0,2}"
)
_HEX_STARTS = ("1f8b08", "789c", "7801", "78da", "785e", "504b0304", "425a68", "fd377a58")
_PACKED_HEX = re.compile(
    rf"(?<![0-9A-Za-z])(?:{'|'.join(_HEX_STARTS)})[0-9a-f]{{16,}}"
    r"(?:[\"',\s]+[0-9a-f]{16,})*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Hidden:
    """A text inside a text.

    Attributes:
        text: what was hidden.
        start: where it, or the run of characters that it was made of, starts in the outer text.
        problem: why (the rest of) it could not be read.
    """

    text: str = field(repr=False)
    start: int
    problem: str = ""


def hidden(text: str, budget: Budget) -> Iterator[Hidden]:
    """What a text says in other ways than character by character.

    These are words that are split over two lines, keys in two strings, quoted-printable text,
    base64 over several lines, and compressed text in base64 or hex.

    Args:
        text: what to look through.
        budget: what was unpacked of the file; it is updated.
    """
    if "\\\n" in text or "\\\r\n" in text:
        yield from _rewritten(text, _FOLD, lambda _: "")
    if "=" in text and _QUOTED.search(text):
        yield from _rewritten(text, _SOFT_BREAK, _quoted)
    if _CODE_ESCAPE.search(text):
        yield from _rewritten(text, _CODE_ESCAPE, _from_code)
    yield from _rewritten(text, _CUT, _joined)
    yield from _rewritten(text, _CUT_LINE, _unbroken)
    if "\0" in text:  # UTF-16 inside a file that is otherwise none
        for run in _WIDE.finditer(text):
            yield Hidden(run[0].replace("\0", ""), run.start())
    patterns = [_PACKED]
    if _WRAPPED_HINT.search(text):
        patterns.insert(0, _WRAPPED)
    lower = text.lower()
    if any(start in lower for start in _HEX_STARTS):
        patterns.append(_PACKED_HEX)
    ends = 0
    for pattern in patterns:
        for run in pattern.finditer(text):
            if pattern is _PACKED and run.start() < ends:
                continue
            joined = re.sub(r"(?:\\r)?\\n|[\"',\s]+", "", run[0])
            hexed = pattern is _PACKED_HEX
            data = bytes.fromhex(joined[: len(joined) // 2 * 2]) if hexed else _from_base64(joined)
            if pattern is _WRAPPED:
                ends = run.end()
            elif data is None or not containers.is_packed(data):
                continue
            for part in containers.parts(data or b"", budget):
                if part.data is not data or pattern is _WRAPPED:
                    yield Hidden(text_of(part.data), run.start(), part.problem)


def _joined(cut: re.Match[str]) -> str:
    return re.sub(_JOIN, "", cut[0])


def _unbroken(cut: re.Match[str]) -> str:
    key = re.sub(r"\s[\s>#*|]*", "", cut[0])
    return key if re.search("[0-9]", key) else cut[0]


def _quoted(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else ""


def _from_code(found: re.Match[str]) -> str:
    octal = found[4]
    code = int(octal, 8) if octal else int(found[1] or found[2] or found[3], 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else found[0]


def _rewritten(
    text: str, pattern: re.Pattern[str], made: Callable[[re.Match[str]], str]
) -> Iterator[Hidden]:
    """The lines that a pattern matches in, with its matches rewritten."""
    start, end = 0, -1
    for found in pattern.finditer(text):
        if found.start() >= end:
            if end >= 0:
                yield Hidden(pattern.sub(made, text[start:end]), start)
            start, end = text.rfind("\n", 0, found.start()) + 1, 0
        if found.end() > end:
            end = text.find("\n", found.end())
            end = len(text) if end < 0 else end
    if end >= 0:
        yield Hidden(pattern.sub(made, text[start:end]), start)
