"""Write replay/stripe_api/data/request_parameters.json from the parameter types of the stripe SDK.

Run it after an SDK upgrade: ``.venv/bin/python scripts/generate_request_parameters.py``. The file
says of each POST and DELETE which parameters it takes and what values Stripe's schema allows there.
``replay/stripe_api/request_parameters.py`` describes its notation and reads it.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import stripe

TARGET = Path(__file__).parents[1] / "replay" / "stripe_api" / "data" / "request_parameters.json"

CALL = re.compile(r'self\._request(?:_async)?\(\s*"(post|delete)",\s*"([^"]+)"')
PARAMS = re.compile(r'params: (?:Optional\[)?"(\w+)"')
TIME_NAME = re.compile(
    r"_(?:at|time|timestamp|date|start|end)\Z|\A(?:timestamp|created|start|end)\Z"
)
TIME_TEXT = re.compile(r"\btimestamp\b|\bUnix\b|\bepoch\b", re.IGNORECASE)
CURRENCY = re.compile(r"(?:\A|_)currency\Z")
PLAIN = {"bool": "b", "int": "i", "float": "d", "Decimal": "d", "str": "s"}
NOT_BODY = {"expand", "stripe_account", "stripe_context", "stripe_version", "api_key", "headers",
            "idempotency_key", "content_type", "max_network_retries"}  # fmt: skip


class Shapes:
    """The distinct groups of parameters, each written once."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        self._numbers: dict[str, int] = {}

    def number(self, row: dict[str, str]) -> int:
        """The number of a group; equal groups have the same one."""
        text = json.dumps(row, sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self.rows)
            self.rows.append(dict(sorted(row.items())))
        return self._numbers[text]


class Module:
    """The parameter types of one module of ``stripe.params``."""

    def __init__(self, path: Path, shapes: Shapes) -> None:
        tree = ast.parse(path.read_text("utf-8"))
        self._types = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        # Names that are no identifiers, such as "in", are declared by a call of TypedDict.
        self._calls = {
            node.targets[0].id: node.value.args[1]
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.args[1], ast.Dict)
        }
        self._shapes = shapes

    def shape(self, name: str) -> int:
        """The number of the group that a type declares."""
        body, row = self._types[name].body, {}
        for position, field in enumerate(body):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            follows = body[position + 1] if position + 1 < len(body) else None
            row[field.target.id] = self._code(field.annotation, field.target.id, _text(follows))
        for base in self._types[name].bases:
            fields = self._calls.get(base.id) if isinstance(base, ast.Name) else None
            for key, value in zip(fields.keys, fields.values, strict=True) if fields else ():
                if isinstance(key, ast.Constant):
                    row[str(key.value)] = self._code(value, str(key.value), "")
        return self._shapes.number({k: v for k, v in row.items() if k not in NOT_BODY})

    def _code(self, node: ast.expr, name: str, text: str) -> str:
        codes = set(self._alternatives(node, name, text))
        words = sorted(code for code in codes if code.startswith("="))
        if any(code != "=" for code in words):
            # The SDK adds `str` to enums so that newer words pass its types.
            codes.discard("s")
        others = sorted(code for code in codes if not code.startswith("="))
        enum = ["=" + ",".join(word[1:] for word in words)] if words else []
        return "|".join(enum + others)

    def _alternatives(self, node: ast.expr, name: str, text: str) -> Iterator[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from self._alternatives(ast.parse(node.value, mode="eval").body, name, text)
        elif isinstance(node, ast.BinOp):
            yield from self._alternatives(node.left, name, text)
            yield from self._alternatives(node.right, name, text)
        elif isinstance(node, ast.Name):
            yield from self._named(node.id, name, text)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            match node.value.id:
                case "NotRequired" | "Optional" | "Union":
                    for item in items:
                        yield from self._alternatives(item, name, text)
                case "Literal":
                    for item in items:
                        yield "=" + str(_constant(item))
                case "List" | "Sequence":
                    inner = self._code(items[0], name, text)
                    yield f"[]{self._shapes.number({'': inner})}"
                case "Dict":
                    inner = self._code(items[1], name, text)
                    yield f"*{self._shapes.number({'': inner})}"
                case "UntypedStripeObject":
                    pass
                case other:
                    raise SystemExit(f"{name} has an annotation of an unknown kind: {other}")
        else:
            yield "s"

    def _named(self, type_name: str, name: str, text: str) -> Iterator[str]:
        if type_name in self._types:
            yield f"#{self.shape(type_name)}"
        elif type_name == "int" and (TIME_NAME.search(name) or TIME_TEXT.search(text)):
            yield "t"
        elif type_name == "str" and CURRENCY.search(name):
            yield "c"
        else:
            yield PLAIN.get(type_name, "s")


def _text(node: ast.stmt | None) -> str:
    """The description below a field; empty if it has none."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


def _constant(node: ast.expr) -> object:
    if not isinstance(node, ast.Constant) or re.search(r"[,|]", str(node.value)):
        raise SystemExit(f"this word has no place in the notation: {ast.unparse(node)}")
    return node.value


def document() -> str:
    """The text of the data file for the installed SDK."""
    package, shapes = Path(stripe.__file__).parent, Shapes()
    operations: dict[str, int] = {}
    for service in sorted(package.rglob("*_service.py")):
        text = service.read_text("utf-8")
        for method in re.split(r"\n    (?=(?:async )?def )", text):
            call, params = CALL.search(method), PARAMS.search(method)
            if call is None or params is None or not call[2].startswith("/v"):
                continue
            where = re.search(rf"from (stripe\.params[\w.]*) import \(?\s*{params[1]}\b", text)
            if where is None:
                raise SystemExit(f"{service.name} does not import {params[1]}")
            path = package.parent / (where[1].replace(".", "/") + ".py")
            operations[f"{call[1].upper()} {call[2]}"] = Module(path, shapes).shape(params[1])
    rows = ",\n".join("  " + json.dumps(row, separators=(",", ":")) for row in shapes.rows)
    calls = ",\n".join(f"  {json.dumps(key)}: {operations[key]}" for key in sorted(operations))
    source = json.dumps(f"stripe-python {stripe.VERSION}")
    head = f' "source": {source},\n "operations": {{\n{calls}\n }},\n'
    return f'{{\n{head} "shapes": [\n{rows}\n ]\n}}\n'


def main() -> None:
    TARGET.write_text(document(), "utf-8")


if __name__ == "__main__":
    main()
