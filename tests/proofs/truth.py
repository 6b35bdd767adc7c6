"""A ledger of truth: how often each drift rule was tried, found, and proven where it was false.

Objects are made at random, and recorded at two versions with one known change, beside objects that
somebody edited in between. What is proven and was not planted is false. The same for values that
leave redaction, and for calls that go online in mode none.

Usage: truth.py [--reduced] [--write], which writes docs/truth.md.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "leaks")]

from support.recordings import NEW, OLD, Entry, Shelf, recording  # noqa: E402

from replay.drift.judge.findings import Grade  # noqa: E402
from replay.drift.judge.rules import CATALOGUE  # noqa: E402
from replay.drift.report import report  # noqa: E402

TWINS = 5
REPORTS = 2_000
"""For each rule, and for each kind of nothing: 2,000 reports of five pairs are 10,000 pairs."""

CALLS = 10_000
LEAKS = 10
"""Every tenth type is planted in; `make leaks` takes all of them, and ten minutes."""

PAGE = HERE.parents[1] / "docs" / "truth.md"

Body = dict[str, Any]
Pair = tuple[Any, Any]
Planted = tuple[list[dict[str, Any]], str, Shelf]
"""The new bodies, the path of the change, and recordings of other resources."""

GONE = object()
"""Stands for a key that is not there."""


def new_id(chance: random.Random, prefix: str) -> str:
    """An invented ID."""
    return f"{prefix}_1{chance.getrandbits(80):020x}Z"


# What each rule is planted as: the values of a key in the old and new version of object n.


def removed(chance: random.Random, n: int) -> Pair:
    return chance.randrange(1000), GONE


def sometimes(chance: random.Random, n: int) -> Pair:
    return (GONE if n in (1, 3, 4) else 7), 7


def typed(chance: random.Random, n: int) -> Pair:
    return chance.randrange(1000), {"amount": n}


def widened(chance: random.Random, n: int) -> Pair:
    return n, (f"{n}%" if n in (1, 3, 4) else n)


def expanded(chance: random.Random, n: int) -> Pair:
    id = new_id(chance, "cus")
    return id, {"id": id, "object": "customer", "name": None}


def listed(chance: random.Random, n: int) -> Pair:
    id = new_id(chance, "di")
    return id, [id]


def words(chance: random.Random, n: int) -> Pair:
    return "manual", ("automatic" if n > 2 else "manual")


def tagged(chance: random.Random, n: int) -> Pair:
    return {"type": "card", "card": {"n": n}}, {"type": "link", "link": {"n": n}}


def hidden(chance: random.Random, n: int) -> Pair:
    return {"redacted_0a1b2c3d": n, "known": 1}, {"known": 1}


def mapped(chance: random.Random, n: int) -> Pair:
    return {"usd": n, "eur": n, "gbp": n}, {"monthly_limit": n, "daily_limit": n}


def swapped(plant: Callable[[random.Random, int], Pair]) -> Callable[[random.Random, int], Pair]:
    """The same change from new to old."""
    return lambda chance, n: plant(chance, n)[::-1]


def plain(old: Any, new: Any) -> Callable[[random.Random, int], Pair]:
    """The same values in every object."""
    return lambda chance, n: (old, new)


PLANTS: dict[str, Callable[[random.Random, int], Pair]] = {
    "field-removed": removed,
    "field-unseen": lambda chance, n: (n if n % 2 else GONE, GONE),
    "field-added": swapped(removed),
    "became-optional": swapped(sometimes),
    "became-required": sometimes,
    "became-nullable": lambda chance, n: (n + 5, None if n % 2 == 0 else n + 5),
    "became-non-null": lambda chance, n: (None if n % 2 == 0 else n + 5, n + 5),
    "null-only": plain(None, "text of somebody"),
    "subtree-unobserved": plain({"carrier": "ups"}, None),
    "list-element-unobserved": plain([{"a": 1}], []),
    "name-redacted": hidden,
    "type-changed": typed,
    "type-widened": widened,
    "type-narrowed": swapped(widened),
    "int-to-decimal-string": lambda chance, n: (n + 10, f"{n + 10}.00"),
    "expand-changed": expanded,
    "list-to-scalar": swapped(listed),
    "scalar-to-list": listed,
    "enum-value-new": words,
    "enum-value-unseen": swapped(words),
    "branch-added": tagged,
    "branch-unseen": tagged,
    "format-changed": lambda chance, n: (f"{n + 10}", f"{n + 10}.0"),
    "value-changed": lambda chance, n: (n + 12, (n + 12) * 100),
    "map-became-record": mapped,
    "id-prefix-changed": lambda chance, n: (new_id(chance, "card"), new_id(chance, "pm")),
}
"""Rule -> the change; moves are made by `moved`, for they need two places."""

UNPAIRED = frozenset({"field-unseen", "null-only", "subtree-unobserved", "list-element-unobserved",
                      "name-redacted", "branch-added", "branch-unseen"})  # fmt: skip
"""What no twins show: in these reports the two versions have other objects."""

MOVES = ("field-moved", "field-renamed", "field-aliased", "field-moved-resource")
NOTHING = ("twins of one state", "objects that moved on", "other objects", "doubtful twins")
"""How a version is compared with itself."""

NOT_TRIED = frozenset({
    "spec-undocumented", "spec-required-missing", "spec-kind-differs", "spec-value-unspecified",
    "baseline-expired", "baseline-unused",
})  # fmt: skip
"""They compare with a specification, value by value, or are about a file and a day."""

ALONG = {
    "branch-added": {"value-changed", "branch-unseen"},
    "branch-unseen": {"value-changed", "branch-added"},
    "field-aliased": {"field-added"},
    "field-moved": {"field-added"},
}
"""What else a plant says truly, of the same place or below it."""


@dataclass
class Row:
    """What is known of one rule.

    Attributes:
        pairs: how many pairs had the change.
        reports: how many reports were made of them.
        found, proven: in how many of those it was found, and proven.
        others: how many reports were made without it.
        false: in how many of those it was proven.
    """

    pairs: int = 0
    reports: int = 0
    found: int = 0
    proven: int = 0
    others: int = 0
    false: int = 0


@dataclass
class Ledger:
    """All rows, and what fits in none."""

    rows: dict[str, Row] = field(
        default_factory=lambda: {r.id: Row() for r in CATALOGUE if r.id not in NOT_TRIED}
    )
    unconfirmed: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, other: Ledger) -> None:
        """Add the counts of another ledger."""
        for name, row in other.rows.items():
            for part in fields(Row):
                total = getattr(self.rows[name], part.name) + getattr(row, part.name)
                setattr(self.rows[name], part.name, total)
        self.unconfirmed += other.unconfirmed
        self.examples += other.examples


def ordinary(chance: random.Random, layout: random.Random, n: int) -> Body:
    """An object with a dozen fields; the layout is the same for all objects of a report."""
    made: Body = {
        "id": f"in_{n}A{chance.getrandbits(60):016x}", "object": "invoice", "status": "paid",
        "created": 1_700_000_000 + n,
    }  # fmt: skip
    for number in range(layout.randrange(6, 12)):
        kind, loose = layout.randrange(7), layout.random()
        value: Any = [
            chance.randrange(100_000), chance.random() < 0.5, new_id(chance, "sub"),
            f"Text {chance.getrandbits(30):x}", layout.choice(["draft", "open"]),
            {"amount": chance.randrange(99), "note": None},
            [{"id": new_id(chance, "il"), "amount": chance.randrange(99)}
             for _ in range(chance.randrange(3))],
        ][kind]  # fmt: skip
        if loose < 0.3 and chance.random() < 0.4:
            value = None
        if 0.3 <= loose < 0.4 and chance.random() < 0.5:
            continue
        made[f"f{number}"] = value
    return made


def edited(body: Body, chance: random.Random) -> tuple[Body, list[str]]:
    """An object that somebody worked on, and the pointers of what differs."""
    made, touched = deepcopy(body), []
    for name in [name for name in body if name[0] == "f" and name[1:].isdigit()]:
        if chance.random() < 0.4:
            value = made[name]
            made[name] = {int: 5, str: "another text", list: []}.get(type(value))
            if made[name] != value:
                touched.append(f"/{name}")
    return made, touched


def holder(body: Body, where: int) -> tuple[Body, str]:
    """The object of a body that a change is planted in, and its path."""
    if where == 0:
        return body, ""
    if where == 1:
        return body.setdefault("sub", {"kept": 1}), "/sub"
    items = body.setdefault("rows", {"object": "list", "data": [{"id": "il_1A", "kept": 1}]})
    return items["data"][0], "/rows/data/*"


def put(body: Body, where: int, key: str, value: Any) -> str:
    """Plant a value; gives its path."""
    inside, path = holder(body, where)
    if value is not GONE:
        inside[key] = deepcopy(value)
    return f"{path}/{key}"


def planted(rule: str, chance: random.Random, olds: list[Body]) -> Planted:
    """The new bodies of some objects, the path of the change, and recordings of other resources."""
    news, more = deepcopy(olds), list[Entry]()
    where = 0 if rule == "field-moved-resource" else chance.randrange(3)
    path = ""
    for n, (old, new) in enumerate(zip(olds, news, strict=True)):
        if rule in MOVES:
            value = new_id(chance, "pi")
            path = put(old, where, "planted", value)
            put(new, where, "planted", value if rule == "field-aliased" else GONE)
            if rule == "field-renamed":
                put(new, where, "renamed", value)
            elif rule == "field-moved-resource":
                payment = {"id": f"inpay_{n}A", "object": "invoice_payment", "invoice": old["id"],
                           "payment": {"payment_intent": value}}  # fmt: skip
                more.append(recording(payment, NEW, id=f"inpay_{n}A", resource="invoice_payments"))
            else:
                home, _ = holder(new, where)
                home["home"] = {"planted": value}
        else:
            a, b = PLANTS[rule](chance, n)
            put(old, where, "planted", a)
            path = put(new, where, "planted", b)
    return news, path, Shelf(more)


def pairs_of(olds: list[Body], news: list[Body], batch: str = "b") -> list[Entry]:
    """Recordings of both versions; with a batch they are twins."""
    made = []
    for n, (old, new) in enumerate(zip(olds, news, strict=True)):
        named = f"{batch}{n}" if batch else ""
        made += [recording(old, OLD, id=old["id"], batch=named),
                 recording(new, NEW, id=old["id"], batch=named)]  # fmt: skip
    return made


def proven_in(entries: list[Entry], ledger: Ledger) -> list[tuple[str, str, Grade]]:
    """Rule, path and grade of what is found in the invoices."""
    made = report(Shelf(entries), versions=(OLD, NEW))
    ledger.unconfirmed += sum(finding.confirmed is False for _, finding in made.findings())
    return [
        (finding.rule, finding.path, finding.grade)
        for comparison, finding in made.findings() if comparison.resource == "invoices"
    ]  # fmt: skip


def count_false(
    ledger: Ledger, found: list[tuple[str, str, Grade]], rule: str, path: str, told: str
) -> None:
    """Count what is proven and was not planted, in the rows of its rules."""
    for name, row in ledger.rows.items():
        row.others += name != rule
    false = set()
    for name, place, grade in found:
        around = place == path or place.startswith(f"{path}/") or path.startswith(f"{place}/")
        home = name == "field-added" and place.endswith("/home")
        true = rule and (around or home) and (name == rule or name in ALONG.get(rule, ()))
        if grade is Grade.PROVEN and not true:
            false.add(name)
            ledger.examples.append(f"{told}: {name} {place}")
    for name in false:
        ledger.rows[name].false += 1


def try_rule(rule: str, number: int, ledger: Ledger) -> None:
    """Plant one change into twins, beside objects that were edited between their recordings."""
    chance = random.Random(f"{rule} {number}")
    layout = f"layout {rule} {number}"
    bodies = [ordinary(chance, random.Random(layout), n) for n in range(TWINS + 2)]
    news, path, others = planted(rule, chance, bodies)
    twins = pairs_of(bodies[:TWINS], news[:TWINS])
    if rule in UNPAIRED:
        strangers = [
            {**ordinary(chance, random.Random(layout), n + 50), "status": "paid"} | {
                name: new[name] for name in ("planted", "sub", "rows") if name in new
            } for n, new in enumerate(news[:TWINS])
        ]  # fmt: skip
        twins = [recording(old, OLD, id=old["id"]) for old in bodies[:TWINS]]
        twins += [recording(new, NEW, id=new["id"]) for new in strangers]
    moved_on = [edited(new, chance)[0] for new in news[TWINS:]]
    loose = [] if rule in UNPAIRED else pairs_of(bodies[TWINS:], moved_on, "")
    found = proven_in(twins + loose + others.entries, ledger)
    row = ledger.rows[rule]
    # A tag that selects keys: the finding is about the key.
    mine = [grade for name, place, grade in found
            if name == rule and (place == path or place.startswith(f"{path}/"))]  # fmt: skip
    row.pairs += TWINS
    row.reports += 1
    row.found += bool(mine)
    row.proven += Grade.PROVEN in mine
    count_false(ledger, found, rule, path, f"{rule} {number}")


def try_nothing(how: str, number: int, ledger: Ledger) -> None:
    """Compare a version with itself."""
    chance = random.Random(f"{how} {number}")
    layout = f"layout {how} {number}"
    olds = [ordinary(chance, random.Random(layout), n) for n in range(TWINS)]
    if how == "twins of one state":
        entries = pairs_of(olds, deepcopy(olds))
    elif how == "objects that moved on":
        entries = pairs_of(olds, [edited(old, chance)[0] for old in olds], "")
    elif how == "other objects":
        news = [ordinary(chance, random.Random(layout), n + TWINS) for n in range(TWINS)]
        entries = [recording(old, OLD, id=old["id"]) for old in olds]
        entries += [recording(new, NEW, id=new["id"]) for new in news]
    else:
        entries = []
        for n, old in enumerate(olds):
            new, touched = edited(old, chance)
            entries += [
                recording(old, OLD, id=old["id"], batch=f"b{n}", unconfirmed=tuple(touched)),
                recording(new, NEW, id=old["id"], batch=f"b{n}"),
            ]
    count_false(ledger, proven_in(entries, ledger), "", "", f"{how} {number}")


def drift(reports: int) -> Ledger:
    """Try all rules, and all kinds of nothing, in two processes."""
    ledger = Ledger()
    shares = [range(first, reports, 8) for first in range(8)]
    with ProcessPoolExecutor(2) as pool:
        for share in pool.map(drift_share, shares):
            ledger.add(share)
    return ledger


def drift_share(numbers: Iterable[int]) -> Ledger:
    """Try them with some numbers, which say how everything is made."""
    ledger = Ledger()
    for number in numbers:
        for rule in ledger.rows:
            try_rule(rule, number, ledger)
        for how in NOTHING:
            try_nothing(how, number, ledger)
    return ledger


def online(calls: int) -> tuple[int, int, int]:
    """Calls in mode none from all clients on four threads: made, answered right, gone online."""
    import requests
    from support.clients import CLIENTS, HEADERS
    from support.standin import StandIn, generated

    import replay

    ids = [generated("in", str(n)) for n in range(8)]
    names = [n for n in CLIENTS if not n.endswith(("async", "trio", "aiohttp", "base_url"))]
    each = -(-calls // len(names))
    with TemporaryDirectory() as folder, StandIn() as source:
        with replay.use_cassettes(folder, mode="once", api_base=source.url):
            for id in ids:
                source.add_invoice(id)
                requests.get(f"{source.url}/v1/invoices/{id}", headers=HEADERS, timeout=5)
        source.hits.clear()
        right = 0
        with (
            replay.use_cassettes(folder, api_base=source.url),
            ThreadPoolExecutor(4) as pool,
        ):
            for name in names:
                asked = [ids[n % len(ids)] for n in range(each)]
                answers = pool.map(partial(CLIENTS[name], source.url), asked)
                right += sum(a["id"] == id for a, id in zip(answers, asked, strict=True))
        return each * len(names), right, sum(source.hits.values())


def bound(n: int) -> str:
    """The rule of three: what none of n shows is, at 95 %, at most this frequent."""
    return f"1 in {n // 3:,}" if n >= 3 else "unknown"


HEAD = """\
# A ledger of truth

<!-- Made by `make truth`. Do not edit. -->

What replay calls *proven* must be true, what it writes must not be private, and what it replays
must not go online. Here is how often that was tried with invented objects, and how often it
failed. `make truth` makes this page again, on your machine, in some minutes;
`make truth FORM=--reduced` tries a twentieth, and leaves the page alone.

That something was seen in none of N does not mean that it never happens. *At most* is the rule of
three: with a confidence of 95 %, it happens at most 3 times in N.

## Drift

Each report compares five twins in which one change was planted (at the top, in an object, or in the
items of a list), and two objects that somebody edited between their recordings. What twins never
show (fields that are only no longer seen, null alone, empty lists, other branches) is planted into
five objects of each version. {nothing} more kinds of report have no change at all: {kinds}.

*Found* and *proven* are shares of the reports with the change. *False proven* counts the reports
without it in which the rule was proven all the same.

| rule | pairs | found | proven | reports without it | false proven | at most |
|---|--:|--:|--:|--:|--:|--:|
"""

TAIL = """
Rules that say that nothing is known are never proven, nor is what samples of words, other objects
and other branches show. An alias (`field-aliased`) is not looked for in lists. Not tried here are
{untried}: they compare with a specification, or are about a file.

The counts had proven {unconfirmed} breaks that a reading of both recordings did not confirm. Such
a break is *likely*, see [Grades](drift.md#grades).

## Private values

{plants} private values were planted in answers, requests and headers, in many encodings, and
{recorded} answers were recorded. In all that was written, logged or said, {found} of them were
found: at most {leak_bound}. `make leaks` takes ten times as many types, see
[Threat model](threat-model.md).

## Calls that went online

{calls} calls were made in mode `none`, with every synchronous client, from four threads. {right}
got the recorded answer. The live source counted {online}: at most {online_bound}.
"""


def page(ledger: Ledger, leaks: Counter[str], called: tuple[int, int, int]) -> str:
    """The figures as a page of the manual."""
    text = HEAD.format(nothing="Four", kinds=", ".join(NOTHING))
    for name, row in ledger.rows.items():
        found, sure = row.found / row.reports, row.proven / row.reports
        most = "more" if row.false else bound(row.others)
        text += (
            f"| [{name}](rules.md#{name}) | {row.pairs:,} | {found:.1%} | {sure:.1%} "
            f"| {row.others:,} | {row.false} | {most} |\n"
        )
    calls, right, gone = called
    return text + TAIL.format(
        untried=", ".join(f"`{name}`" for name in sorted(NOT_TRIED)),
        unconfirmed=ledger.unconfirmed,
        plants=f"{leaks['plants']:,}", recorded=f"{leaks['recorded']:,}", found=leaks["found"],
        leak_bound="more" if leaks["found"] else bound(leaks["plants"]),
        calls=f"{calls:,}", right=f"{right:,}", online=gone,
        online_bound="more" if gone else bound(calls),
    )  # fmt: skip


def main(*, reduced: bool, write: bool) -> int:
    """Make the ledger, and print it.

    Args:
        reduced: whether to try a twentieth.
        write: whether to write the page, if all is as promised.

    Returns:
        0 if all is as promised, else 1.
    """
    import run as leak_run  # tests/leaks/run.py

    start = time.perf_counter()
    ledger = drift(REPORTS // 20 if reduced else REPORTS)
    probe = leak_run.run(reduced=reduced, share=LEAKS)
    leaks = Counter(plants=sum(probe.planted.values()), found=len(probe.found),
                    recorded=probe.answered["recorded"])  # fmt: skip
    called = online(CALLS // 20 if reduced else CALLS)
    text = page(ledger, leaks, called)
    print(text)
    for example in ledger.examples[:20]:
        print("false:", example)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    kept = not ledger.examples and not probe.found and called[1:] == (called[0], 0)
    if write and kept:
        PAGE.write_text(text, "utf-8")
    print("as promised" if kept else "not as promised")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(reduced="--reduced" in sys.argv, write="--write" in sys.argv))
