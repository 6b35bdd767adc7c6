"""A full body of every object type that the installed SDK declares, invented from its types."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import stripe

DECLARED = re.compile(
    r'^    OBJECT_NAME: ClassVar\[\s*Literal\["[^"]+"\]\s*\] = \(?\s*"([^"]+)"', re.MULTILINE
)
MAPS = {"Dict", "UntypedStripeObject", "dict"}
PREFIXES = {
    "account": "acct", "charge": "ch", "coupon": "coupon", "customer": "cus", "event": "evt",
    "invoice": "in", "line_item": "il", "payment_intent": "pi", "price": "price",
    "product": "prod", "subscription": "sub",
}  # fmt: skip
WORDS = {"country": "DE", "currency": "eur", "api_version": "2025-03-31.basil"}
TIMES = ("_at", "created", "date", "timestamp", "_on", "_time", "_end", "_start")


@cache
def classes() -> dict[str, ast.ClassDef]:
    """Class name -> definition, of all classes that declare an `object` value."""
    found = {}
    for text in _sources():
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and object_name(node):
                # Names repeat across namespaces: the first one stands for all where named.
                found.setdefault(node.name, node)
                found[f"{object_name(node)}!"] = node
    return found


@cache
def names() -> tuple[str, ...]:
    """All object types but the envelopes."""
    envelopes = {"list", "search_result", "v2.search_result"}
    declared = {name for text in _sources() for name in DECLARED.findall(text)}
    return tuple(sorted(declared - envelopes))


def _sources() -> Iterator[str]:
    """The text of each module of the SDK that declares types of answers."""
    for module in sorted(Path(stripe.__file__).parent.rglob("_*.py")):
        if "params" not in module.parts and not module.name.endswith("_service.py"):
            yield module.read_text("utf-8")


def object_name(node: ast.ClassDef) -> str:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and ast.unparse(line.target) == "OBJECT_NAME":
            return str(ast.literal_eval(line.value)) if line.value else ""
    return ""


def identifier(name: str) -> str:
    """A generated ID of a type."""
    return PREFIXES.get(name, "pi") + "_1QaTestAbCdEfGhIjKlMnOp0"


def body(name: str) -> dict[str, Any]:
    """A body of a type with every field that the SDK declares, nested objects one level deep."""
    return _Sample(depth=1).object(classes()[f"{name}!"])


def string_leaves(tree: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of all strings of a tree, but for `object`."""
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, child in pairs:
        if isinstance(child, dict | list):
            yield from string_leaves(child, (*steps, key))
        elif isinstance(child, str) and key != "object":
            yield (*steps, key)


class _Sample:
    def __init__(self, depth: int) -> None:
        self.depth = depth

    def object(self, node: ast.ClassDef) -> dict[str, Any]:
        name = object_name(node)
        return {"id": identifier(name), "object": name} | self.fields(node)

    def fields(self, node: ast.ClassDef) -> dict[str, Any]:
        inner = {line.name: line for line in node.body if isinstance(line, ast.ClassDef)}
        found = {}
        for line in node.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                field = line.target.id.rstrip("_")
                if field[0].islower() and field not in {"id", "object", "deleted"}:
                    found[field] = self.value(line.annotation, field, inner)
        return found

    def value(self, note: ast.expr, field: str, inner: dict[str, ast.ClassDef]) -> Any:
        if isinstance(note, ast.Constant):
            return self.named(str(note.value), field, inner)
        if isinstance(note, ast.Name | ast.Attribute):
            return self.named(ast.unparse(note), field, inner)
        assert isinstance(note, ast.Subscript), ast.unparse(note)
        word, part = ast.unparse(note.value), note.slice
        parts = part.elts if isinstance(part, ast.Tuple) else [part]
        if word in MAPS:
            return {"first": self.value(parts[-1], field, inner)}
        match word:
            case "List":
                return [self.value(parts[0], field, inner)]
            case "Literal":
                return ast.literal_eval(parts[0])
            case "ListObject":
                items = [self.value(parts[0], field, inner)]
                url = f"/v1/customers/{identifier('customer')}/sources"
                return {"object": "list", "data": items, "has_more": False, "url": url}
            case "ExpandableField":
                known = classes().get(ast.unparse(parts[0]).strip("'\""))
                return identifier(object_name(known) if known else "")
        return self.value(parts[0], field, inner)  # Optional, Union

    def named(self, name: str, field: str, inner: dict[str, ast.ClassDef]) -> Any:
        if name in inner:
            return self.fields(inner[name])
        found = classes().get(name.rpartition(".")[2])
        if found is not None:
            if not self.depth:
                return {"id": identifier(object_name(found)), "object": object_name(found)}
            return _Sample(self.depth - 1).object(found)
        timely = field.endswith(TIMES)
        match name:
            case "bool":
                return field != "livemode"
            case "int":
                return 1735000000 if timely else 4
            case "float":
                return 1.5
            case "Decimal":
                return "12.125"
            case "Amount":
                return {"value": 2500, "currency": "eur"}
            case "str" if field.endswith("currency"):
                return "eur"
        return WORDS.get(field, f"Greta's {field}")
