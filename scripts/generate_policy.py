"""Write replay/redaction/data/generated/ from the object types of the installed stripe SDK.

Run it after an SDK upgrade: ``.venv/bin/python scripts/generate_policy.py``.

In doubt a field is replaced. Kept are only amounts, rates, counts, enums, IDs, times, currencies
and countries, and each must be recognised by its declared type and its name or description.
All other fields are listed as replaced, so that the policy knows them. Types that were reviewed by
hand (``data/types``) are left out.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import stripe

DATA = Path(__file__).parents[1] / "replay" / "redaction" / "data"
TARGET = DATA / "generated"

TIME = re.compile(
    r"_at\Z|_on\Z|_date\Z|\A(?:date|created|updated|expires|start|end|current_period_\w+|period_\w+)\Z"
    r"|_time\Z|_(?:start|end|before|after)\Z"
)
AMOUNT = re.compile(
    r"amount|total|\bfee\b|_fee\Z|balance|\Anet\Z|\Agross\Z|\Asubtotal|limit|\Acost|_cost|price\Z"
    r"|\Atax\Z|volume|\Avalue\Z|\Apending\Z|\Aavailable\Z"
)
COUNT = re.compile(
    r"quantity|\Acount\Z|_count\Z|\Aiterations\Z|\Anights\Z|_days\Z|\Adays|delay_days|_after_(?:days|seconds)|length\Z|attempts?\Z|redemptions"
    r"|\Aversion\Z|\Asequence\w*\Z|\Asize\Z|\Arate\Z|percent|\Ascale\Z|exponent|\Aup_to\Z"
    r"|\Aduration_in_months\Z|\Apriority\Z|metric_tons|multiplier|\Adivide_by\Z"
)
RATE = re.compile(f"{COUNT.pattern}|{AMOUNT.pattern}|rate|tons|usage|liters|gallons")
PERSONAL = re.compile(
    r"score|\bage\Z|birth|dob|latitude|longitude|ssn|ip_address|distance|gender|ethnic|(?<![a-z])race_|\brace\b"
    r"|political|nationality|\bsex\b|odometer|vehicle|percent_ownership|risk_level"
)
WORD_NAME = re.compile(
    r"\A(?:status|type|method|failure_code|decline_code|category)\Z|_(?:status|type)\Z"
)
WORDS_TEXT = re.compile(r"`[a-z][a-z0-9_.]*`(?:, |,? or |,? and )`[a-z]")
ID_TEXT = re.compile(
    r"\A(?:The )?(?:unique )?(?:ID|identifier|Unique identifier)s? (?:of|for)"
    r"|\A[Tt]he .{0,60}\bID\b|\AID of|\A(?:The )?\w+(?: \w+){0,3} (?:ID|object) "
)
ID_NAME = re.compile(
    r"\A(?:account|application|authorization|card|cardholder|charge|credit_note|customer|destination"
    r"|dispute|event|financial_account|invoice|location|mandate|meter|on_behalf_of|payment_intent"
    r"|payment_method|payment_record|payout|price|product|quote|refund|schedule|setup_intent|snapshot_event|source"
    r"|subscription|subscription_item|tax_code|tax_rate|transaction|transfer|test_clock"
    r"|(?!external|client|request|trace|issuer|merchant|network|partner|user|tax)\w+_id)\Z"
)
CLASSES = {
    "name": r"(?:\A|_)name\Z|\Afirst_name|\Alast_name|_name_kan[aj]i?\Z",
    "email": r"email\Z",
    "phone": r"phone(?:_number)?\Z",
    "line": r"\Aline[12]\Z",
    "postal_code": r"postal_code\Z|\Azip\Z",
    "last4": r"last4\Z|last_4\Z",
    "secret": r"secret\Z",
    "url": r"url\Z",
    "ip": r"\Aip\Z|ip_address\Z",
}
NUMBERS = {"day": "day", "month": "month", "year": "year",
           "exp_month": "expiry_month", "exp_year": "expiry_year"}  # fmt: skip
NAMED_BY_WORDS = {"capability", "country_spec", "exchange_rate", "reporting.report_type"}
"""Types whose IDs are words of the API, such as `card_payments`, `US` and `usd`."""
TOKEN = re.compile(r"[a-z][a-z0-9_.-]*\Z")


@dataclass(frozen=True)
class Field:
    """One declared field: path below its type, annotation, description."""

    path: str
    type: ast.expr
    text: str

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def object_classes(package: Path) -> Mapping[str, Sequence[ast.ClassDef]]:
    """`object` value -> the classes of the SDK that declare it, and their subclasses.

    The subclasses say what the class leaves open: of an event, `data` and `related_object`.
    """
    found: dict[str, list[ast.ClassDef]] = defaultdict(list)
    names: dict[tuple[str, str], str] = {}  # (module, class) -> `object` value
    heirs: list[tuple[ast.ClassDef, list[tuple[str, str]]]] = []
    for module in sorted(package.rglob("_*.py")):
        if "params" in module.parts or module.name.endswith("_service.py"):
            continue
        body = ast.parse(module.read_text("utf-8")).body
        here = ".".join(module.relative_to(package.parent).with_suffix("").parts)
        imported = {
            alias.asname or alias.name: (line.module or "", alias.name)
            for line in body
            if isinstance(line, ast.ImportFrom)
            for alias in line.names
        }
        for node in body:
            if not isinstance(node, ast.ClassDef):
                continue
            if name := declared_name(node):
                names[here, node.name] = name
                found[name].append(node)
            else:
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                heirs.append((node, [imported.get(base, (here, base)) for base in bases]))
    for node, above in heirs:
        for name in {names[base] for base in above if base in names}:
            found[name].append(node)
    return found


def declared_name(node: ast.ClassDef) -> str:
    for line in node.body:
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and line.target.id == "OBJECT_NAME"
            and isinstance(line.value, ast.Constant)
        ):
            return str(line.value.value)
    return ""


def fields(node: ast.ClassDef, prefix: str = "") -> Iterator[Field]:
    """The fields of a class, and of the classes nested in it, each with its path."""
    inner = {line.name: line for line in node.body if isinstance(line, ast.ClassDef)}
    for line, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        name = line.target.id.rstrip("_")
        if name[0].isupper() or name.startswith("_"):
            continue
        if "alias_to" in (aliased := ast.unparse(line.annotation)):
            raise SystemExit(f"{prefix}{name}: {aliased}")
        doc = after.value if isinstance(after, ast.Expr) else None
        text = str(doc.value).strip() if isinstance(doc, ast.Constant) else ""
        names = {part.id for part in ast.walk(line.annotation) if isinstance(part, ast.Name)}
        nested = sorted(names & inner.keys())
        maps = names & {"Dict", "UntypedStripeObject"}
        path = f"{prefix}{name}"
        star = ".*" if maps and nested else ""
        for found in nested:
            below = list(fields(inner[found], f"{path}{star}."))
            yield from below or [Field(path, ast.Constant("an empty object"), "")]
        numbers = names & {"int", "float"}
        if maps and numbers:  # amounts or rates by currency
            yield Field(f"{path}.amount_or_rate", ast.Name(min(numbers)), text)
        elif "ExpandableField" in names or not (nested or (maps and "Amount" in names)):
            yield Field(path, line.annotation, text)
        if "Amount" in names:  # v2's {value, currency}
            each = f"{path}.*" if maps else path
            yield Field(f"{each}.value", ast.Name("int"), "in the smallest currency unit")
            yield Field(f"{each}.currency", ast.Name("str"), "")


def kind(field: Field) -> tuple[str, str]:
    """The section and the kind of a field: what it is kept as, or what it is replaced by."""
    names = [part.id for part in ast.walk(field.type) if isinstance(part, ast.Name)]
    words = [p.value for p in ast.walk(field.type) if isinstance(p, ast.Constant)]
    if "UntypedStripeObject" in names or "Dict" in names or "dict" in names or "Any" in names:
        return "replaced", "map"
    if "ListObject" in names:
        return "kept", "group"
    if "ExpandableField" in names:
        return "kept", "id"
    if "int" in names and field.name in NUMBERS:
        return "replaced", NUMBERS[field.name]
    if PERSONAL.search(field.path) and "bool" not in names:
        return replaced(field)
    if "Literal" in names:
        if words == [True]:
            return "kept", "bool"
        fits = all(TOKEN.match(str(word)) for word in words if word is not True)
        return ("kept", "enum") if fits else by_case(words)
    if "bool" in names:
        return "kept", "bool"
    if "int" in names or "Decimal" in names or "float" in names:
        return number(field, names)
    if "str" in names:
        return string(field)
    return ("kept", "group") if words or "Amount" in names else replaced(field)


def by_case(words: Sequence[object]) -> tuple[str, str]:
    # Country and currency lists are spelled in capitals; other capitals are redacted by default.
    short = all(re.fullmatch(r"[A-Z]{2}", str(word)) for word in words)
    return ("kept", "country") if short else ("kept", "enum")


def number(field: Field, names: list[str]) -> tuple[str, str]:
    decimal = "Decimal" in names
    if "int" in names:
        if TIME.search(field.name) or "timestamp" in field.text.lower():
            return "kept", "time"
        if (
            AMOUNT.search(field.name)
            or "source_types." in field.path
            or "smallest currency unit" in field.text
        ):
            return "kept", "amount"
        if COUNT.search(field.name):
            return "kept", "int"
    elif RATE.search(field.name):
        return "kept", "decimal" if decimal else "rate"
    return "replaced", "value"


def string(field: Field) -> tuple[str, str]:
    text, name = field.text, field.name
    if name in {"currency", "country"} or name.endswith(("_currency", "_country")):
        return "kept", "currency" if "currency" in name else "country"
    if any(word in text for word in ("RFC 3339", "ISO 8601 timestamp", "ISO-8601")) or (
        TIME.search(name) and re.search(r"[Tt]ime(?:stamp)? (?:at|when|the|of|that)", text)
    ):
        return ("replaced", "value") if "birth" in field.path else ("kept", "time")
    if name == "next_page":
        return "kept", "page"
    if name.endswith("_page_url") or text.startswith("URL to retrieve the resource"):
        return "kept", "list_url"
    if text.startswith("Authentication context"):
        return "kept", "context"
    if WORD_NAME.search(name):
        return "kept", "enum"
    if name == "id" or ID_NAME.search(name) or ID_TEXT.search(text):
        return "kept", "id"
    section, word = replaced(field)
    if word == "value" and WORDS_TEXT.search(text):
        return "kept", "enum"
    return section, word


def replaced(field: Field) -> tuple[str, str]:
    for found, pattern in CLASSES.items():
        if re.search(pattern, field.name):
            return "replaced", found
    return "replaced", "value"


def policy(name: str, nodes: Sequence[ast.ClassDef]) -> dict[str, dict[str, list[str]]]:
    """Section -> kind -> paths. A path that is declared twice is kept only if all agree."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for field in (field for node in nodes for field in fields(node)):
        if field.path not in {"object", "livemode", "deleted", "metadata"}:
            found[field.path.replace(".amount_or_rate", ".*")].add(kind(field))
    if name in NAMED_BY_WORDS:
        found["id"] = {("kept", "word")}
    sections: dict[str, dict[str, list[str]]] = {"kept": {}, "replaced": {}}
    for path, kinds in sorted(found.items()):
        section, word = kinds.pop() if len(kinds) == 1 else ("replaced", "value")
        sections[section].setdefault(word, []).append(path)
    return sections


def written(name: str, sections: dict[str, dict[str, list[str]]]) -> str:
    lines = [f"# {name}: made by scripts/generate_policy.py from the SDK's types; do not edit."]
    for section, kinds in sections.items():
        if kinds:
            lines += ["", f"[{section}]"]
        for word, paths in sorted(kinds.items()):
            lines += [f"{word} = [", *(f'  "{path}",' for path in paths), "]"]
    return "\n".join(lines) + "\n"


def main() -> None:
    by_hand = {file.stem for file in (DATA / "types").glob("*.toml")}
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir()
    for name, nodes in object_classes(Path(stripe.__file__).parent).items():
        if name not in by_hand | {"list", "search_result", "v2.search_result"}:
            (TARGET / f"{name}.toml").write_text(
                written(name, policy(name, nodes)), "utf-8", newline="\n"
            )


if __name__ == "__main__":
    main()
