"""What an answer shows of what this run sent, and of when it runs. Pure.

A recorded answer holds stand-ins. Where it showed what its test had sent, it shows what is sent
now: an echo. Where a test sends times, all times of its answers move by the same distance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from replay.model import json_body
from replay.model.scenario import Echo

SHORTEST = 8
"""Characters from which on equal texts under different names are taken for the same."""

_PAIRS = frozenset(
    {
        ("email", "customer_email"), ("email", "receipt_email"), ("receipt_email", "email"),
        ("customer_email", "email"), ("name", "customer_name"), ("phone", "customer_phone"),
        ("name", "account_holder_name"), ("account_holder_name", "name"),
        ("statement_descriptor", "calculated_statement_descriptor"),
        ("id", "plan"), ("id", "coupon"), ("id", "product"), ("id", "price"),
        ("plan", "id"), ("coupon", "id"), ("product", "id"), ("price", "id"),
    }
)  # fmt: skip
"""Last name of a parameter, and last name of a place in an answer that repeats it."""

_CHANGES: Mapping[str, Callable[[str], str]] = {
    "": str,
    "strip": str.strip,
    "lower": str.lower,
    "upper": str.upper,
}


@dataclass(frozen=True, slots=True)
class SentText:
    """A private text that a step sent.

    Attributes:
        step: the step.
        parameter: the name as files have it.
        value: the text.
        objects: the IDs of the objects that the step is about.
    """

    step: int
    parameter: str
    value: str = field(repr=False)
    objects: frozenset[str] = frozenset()


class Senders:
    """All private texts that were sent so far, found by how they may come back."""

    def __init__(self) -> None:
        self._by_value: dict[str, list[tuple[SentText, str]]] = {}

    def add(self, sent: SentText) -> None:
        """Note one text."""
        seen: set[str] = set()
        for change, changed in _CHANGES.items():
            text = changed(sent.value)
            if text and text not in seen:
                seen.add(text)
                self._by_value.setdefault(text, []).append((sent, change))

    def echo_of(self, pointer: str, value: str | int | float, owner: str) -> Echo | None:
        """What a replaced value of an answer repeats; None if nothing that was sent.

        Args:
            pointer: where it stands.
            value: the value that was replaced.
            owner: the ID of the nearest object around it.
        """
        text = value if isinstance(value, str) else str(value)
        last = last_name(pointer.split("/"))
        best: tuple[tuple[bool, bool, int], Echo] | None = None
        for sent, change in self._by_value.get(text, ()):
            name = last_name(names_of(sent.parameter))
            same = name == last
            if isinstance(value, str):
                fits = same or (name, last) in _PAIRS or len(text) >= SHORTEST
            else:
                fits, change = same and not change, "int"
            if not fits:
                continue
            rank = (owner in sent.objects, same, sent.step)
            if best is None or rank > best[0]:
                best = rank, Echo(sent.step, sent.parameter, change)
        return best[1] if best is not None else None


def names_of(parameter: str) -> list[str]:
    """The names in a parameter's spelling: ``card[exp_year]`` has two."""
    return [part.rstrip("]") for part in parameter.split("[")]


def last_name(names: Sequence[str]) -> str:
    """The last of several names that is no position."""
    return next((name for name in reversed(names) if name and not name.isdigit()), "")


def owner_of(body: Any, pointer: str) -> str:
    """The ID of the nearest object around a place; empty if there is none."""
    own, value = "", body
    for part in pointer.split("/")[1:]:
        if isinstance(value, dict):
            if isinstance(value.get("id"), str):
                own = value["id"]
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            break
    return own


def texts(body: Any) -> Iterator[tuple[str, str]]:
    """Each text of a body with its pointer, in the body's order."""
    stack: list[tuple[str, Any]] = [("", body)]
    while stack:
        pointer, value = stack.pop()
        if isinstance(value, dict):
            stack += reversed([(f"{pointer}/{key}", child) for key, child in value.items()])
        elif isinstance(value, list):
            stack += reversed([(f"{pointer}/{n}", child) for n, child in enumerate(value)])
        elif isinstance(value, str):
            yield pointer, value


def value_at(body: Any, pointer: str) -> Any:
    """The value at a pointer; None if there is none."""
    value = body
    for part in pointer.split("/")[1:]:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def put(body: Any, pointer: str, value: Any) -> None:
    """Replace the value at a pointer, if there is one."""
    head, _, last = pointer.rpartition("/")
    holder = value_at(body, head) if head else body
    if isinstance(holder, dict) and last in holder:
        holder[last] = value
    elif isinstance(holder, list) and last.isdigit() and int(last) < len(holder):
        holder[int(last)] = value


def rendered(
    body: bytes,
    *,
    echo: Mapping[str, Echo],
    sent: Callable[[Echo], str | None],
    ids: Mapping[str, str],
    times: Sequence[str] = (),
    shift: int = 0,
) -> tuple[bytes, Any]:
    """The body that a client gets, and the same parsed.

    Args:
        body: the recorded body.
        echo: pointer -> what it repeats.
        sent: gives what this run sent for it; None if it has not.
        ids: recorded ID -> the one that this run was given in its place.
        times: pointers of unix times.
        shift: seconds that they move by.
    """
    if not body:
        return body, None
    document = json_body.parse(body)
    changed = False
    if ids:
        document, changed = _exchanged(document, ids), True
    for pointer in times if shift else ():
        value = value_at(document, pointer)
        if isinstance(value, int) and not isinstance(value, bool):
            put(document, pointer, value + shift)
            changed = True
    for pointer, one in echo.items():
        value = sent(one)
        if value is not None:
            put(document, pointer, changed_back(value, one.change))
            changed = True
    return (json_body.dump(document) if changed else body), document


def changed_back(value: str, change: str) -> str | int:
    """What was sent, in the form in which it comes back."""
    if change == "int":
        return int(value) if value.lstrip("-").isdigit() else value
    return _CHANGES[change](value)


def _exchanged(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _exchanged(child, ids) for key, child in value.items()}
    if isinstance(value, list):
        return [_exchanged(child, ids) for child in value]
    if isinstance(value, str) and len(value) >= SHORTEST:
        found = ids.get(value)
        if found is not None:
            return found
        for old, new in ids.items():
            if old in value:
                value = value.replace(old, new)
    return value


def shape(body: bytes, marks: Mapping[str, str], free: frozenset[str]) -> str:
    """An answer without what two equal calls may have different: a text to compare.

    Args:
        body: the recorded body.
        marks: text -> what stands for it, for IDs that the scenario made.
        free: pointers of stand-ins, echoes and times.
    """
    if not body:
        return ""
    document = json_body.parse(body)
    for pointer in free:
        if value_at(document, pointer) is not None:
            put(document, pointer, "*")
    return json.dumps(_exchanged(document, marks), sort_keys=True)
