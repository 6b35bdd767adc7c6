"""Renames what expressions of one Python file read, and keeps its layout; LibCST does the parsing.

An expression is found by its line and columns, and is edited only if it still reads the field in a
chain of attributes and subscripts. Code that changed since its fields were tracked is left alone,
so a second run changes nothing.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst
from libcst import matchers
from libcst.metadata import CodeRange, MetadataWrapper, ParentNodeProvider, PositionProvider

from replay.drift.guide.edits import Edit

_LINE_END = re.compile("\r\n|\r|\n")
_DICT = frozenset(name for name in dir(dict) if not name.startswith("_"))
"""Where the SDK's objects are dictionaries, an attribute of such a name is the method."""

_STALE = (
    "no chain of attributes or subscripts that reads it stands there; if the code has changed"
    " since, run the tests with --replay-track-fields again"
)

Chain = cst.Attribute | cst.Subscript


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The result for one file.

    Attributes:
        text: its new text; the old one where nothing could be done.
        done: the renames that were made.
        left: those that were not, each with the reason.
    """

    text: str
    done: tuple[Edit, ...]
    left: tuple[tuple[Edit, str], ...]


def rewrite(text: str, edits: Iterable[Edit]) -> Rewritten:
    """Make the renames that can be made safely.

    Args:
        text: the file's text, with its own line ends.
        edits: the renames, all of this file.
    """
    edits = tuple(edits)
    mark = "\ufeff" * text.startswith("\ufeff")
    try:
        code = _Code(cst.parse_module(text[len(mark) :]))
    except (cst.ParserSyntaxError, RecursionError):
        return Rewritten(text, (), tuple((edit, "this file cannot be parsed") for edit in edits))
    wanted: dict[Chain, Edit] = {}
    left = []
    for edit in edits:
        found = code.chain_of(edit)
        if isinstance(found, str):
            left.append((edit, found))
        else:
            wanted[found] = edit
    for node, edit in list(wanted.items()):
        if any(inner in wanted for inner in _steps(node, len(edit.old))[1:]):
            del wanted[node]
            left.append((edit, "another edit of this expression comes first"))
    try:
        made = mark + code.module.visit(_Renaming(wanted)).code
        ast.parse(made.removeprefix(mark))
    except (SyntaxError, ValueError, RecursionError):
        return Rewritten(text, (), tuple((edit, "the edit would not parse") for edit in edits))
    return Rewritten(made, tuple(wanted.values()), tuple(left))


class _Code:
    """A parsed file, whose expressions are found by their place."""

    def __init__(self, module: cst.Module) -> None:
        wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        self.module = wrapper.module
        self._ranges = wrapper.resolve(PositionProvider)
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._lines = _LINE_END.split(module.code)
        self._chains = [node for node in self._ranges if isinstance(node, Chain)]
        keys = {node.slice[0] for node in self._chains if isinstance(node, cst.Subscript)}
        self._names = {
            node: node.evaluated_value
            for node in self._ranges
            if isinstance(node, cst.SimpleString) and not keys & {*self._above(node)[:2]}
        }
        self._at = {_span(self._ranges[node]): node for node in self._chains}
        for node in self._chains:
            self._at.setdefault(_last_name(node, self._ranges[node]), node)

    def chain_of(self, edit: Edit) -> Chain | str:
        """The expression that an edit means; else why it cannot be edited."""
        node = self._at.get(self._place(edit))
        if node is None or _keys(node, len(edit.old)) != edit.old:
            return _STALE
        here = self._ranges[node]
        same = [
            other
            for other in self._chains
            if _keys(other, 1) == edit.old[-1:]
            and self._ranges[other].start.line <= here.end.line
            and self._ranges[other].end.line >= here.start.line
        ]
        if len(same) > 1:
            return f"{len(same)} reads of that name on the line"
        above = self._above(node)
        if isinstance(above[0], cst.AugAssign | cst.AssignTarget | cst.AnnAssign | cst.Del):
            return "it is assigned to here"
        function = next((one for one in above if isinstance(one, cst.FunctionDef)), self.module)
        if any(
            _keys(other, len(edit.new)) == edit.new
            and function in (*self._above(other), self.module)
            for other in self._chains
            if _keys(other, 1) == edit.new[-1:]
        ):
            return "the code around it reads the new place too"
        if any(
            name == edit.old[-1] and (function is self.module or function in self._above(string))
            for string, name in self._names.items()
        ):
            return "the code around it asks for the name too, as hasattr does"
        if any(isinstance(one, cst.FormattedString) for one in above) and not _plain(node, edit):
            return "it stands in an f-string"
        base = _steps(node, len(edit.old))[-1]
        if edit.guards:
            kept = 0  # what it is read from is written twice
        elif isinstance(node, cst.Attribute) and len(edit.old) == 1:
            kept = _comments(node)
        else:
            kept = _comments(base)
        if _comments(node) > kept:
            return "a comment stands in it"
        if edit.guards and not _is_cheap(base):
            return f"it may be None here ({edit.remark}), and what it is read from is called"
        return node

    def _place(self, edit: Edit) -> tuple[int, int, int, int]:
        """The place of an expression in characters, from the bytes that Python counts."""
        site = edit.site
        return (
            site.line,
            self._column(site.line, site.column),
            site.end_line,
            self._column(site.end_line, site.end_column),
        )

    def _column(self, line: int, column: int) -> int:
        if not 1 <= line <= len(self._lines) or column < 1:
            return -1
        return len(self._lines[line - 1].encode()[: column - 1].decode(errors="replace"))

    def _above(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        found = []
        while node is not self.module:
            node = self._parents[node]
            found.append(node)
        return found


class _Renaming(cst.CSTTransformer):
    def __init__(self, wanted: Mapping[Chain, Edit]) -> None:
        super().__init__()
        self._wanted = wanted

    def leave_Attribute(  # noqa: N802 - LibCST's name
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        """An attribute, renamed if that is wanted."""
        edit = self._wanted.get(original_node)
        return updated_node if edit is None else _renamed(updated_node, edit)

    def leave_Subscript(  # noqa: N802 - LibCST's name
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        """A subscript, renamed if that is wanted."""
        edit = self._wanted.get(original_node)
        return updated_node if edit is None else _renamed(updated_node, edit)


def _renamed(node: Chain, edit: Edit) -> cst.BaseExpression:
    base = _steps(node, len(edit.old))[-1]
    steps: list[cst.BaseExpression] = []
    inner = base
    for n, key in enumerate(edit.new):
        if _is_attribute(node, key):
            inner = cst.Attribute(inner, cst.Name(key))
            if n == 0 and isinstance(node, cst.Attribute):
                inner = inner.with_changes(dot=node.dot)
        else:
            inner = cst.Subscript(inner, [cst.SubscriptElement(cst.Index(_text(node, key)))])
            if n == len(edit.new) - 1 and isinstance(node, cst.Subscript):
                inner = inner.with_changes(lbracket=node.lbracket, rbracket=node.rbracket)
        steps.append(inner)
    if not edit.guards:
        return inner.with_changes(lpar=node.lpar, rpar=node.rpar)
    test: cst.BaseExpression | None = None
    for guard in edit.guards:
        is_there = cst.Comparison(
            steps[guard - 1].deep_clone(),
            [cst.ComparisonTarget(cst.IsNot(), cst.Name("None"))],
        )
        test = is_there if test is None else cst.BooleanOperation(test, cst.And(), is_there)
    assert test is not None  # noqa: S101 - there are guards
    return cst.IfExp(test, inner, cst.Name("None"), lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _steps(node: cst.BaseExpression, count: int) -> Sequence[cst.BaseExpression]:
    """An expression and those that it reads from, that many steps down."""
    found = [node]
    while len(found) <= count and isinstance(found[-1], Chain):
        found.append(found[-1].value)
    return found


def _keys(node: cst.BaseExpression, count: int) -> tuple[str, ...] | None:
    """The last keys that an expression reads; None where they are not written there."""
    found = []
    for step in _steps(node, count)[:count]:
        key = _key(step)
        if key is None:
            return None
        found.append(key)
    return tuple(reversed(found)) if len(found) == count else None


def _key(node: cst.BaseExpression) -> str | None:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        index = node.slice[0].slice
        if isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString):
            value = index.value.evaluated_value
            return value if isinstance(value, str) else None
    return None


def _is_attribute(node: Chain, key: str) -> bool:
    plain = key.isidentifier() and not keyword.iskeyword(key) and key not in _DICT
    return isinstance(node, cst.Attribute) and plain


def _plain(node: Chain, edit: Edit) -> bool:
    return all(_is_attribute(node, key) for key in edit.new)


def _text(node: Chain, key: str) -> cst.SimpleString:
    quote = '"'
    if isinstance(node, cst.Subscript):
        index = node.slice[0].slice
        if isinstance(index, cst.Index) and isinstance(index.value, cst.SimpleString):
            quote = index.value.quote[0]
    words = key.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return cst.SimpleString(f"{quote}{words}{quote}")


def _comments(node: cst.BaseExpression) -> int:
    """How many comments stand in an expression, between its lines."""
    return len(matchers.findall(node, matchers.Comment()))


def _is_cheap(node: cst.BaseExpression) -> bool:
    """Whether an expression may be evaluated twice: names, attributes, subscripts by constants."""
    while isinstance(node, Chain):
        if isinstance(node, cst.Subscript) and _key(node) is None:
            return False
        node = node.value
    return isinstance(node, cst.Name)


def _last_name(node: Chain, place: CodeRange) -> tuple[int, int, int, int]:
    """What Python calls the place of an attribute whose name is on a later line: its name."""
    line, start, end_line, end = _span(place)
    if isinstance(node, cst.Attribute) and line != end_line:
        return end_line, end - len(node.attr.value), end_line, end
    return line, start, end_line, end


def _span(place: CodeRange) -> tuple[int, int, int, int]:
    return place.start.line, place.start.column, place.end.line, place.end.column
