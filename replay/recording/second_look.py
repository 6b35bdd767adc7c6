"""What the answers of one batch say about each other: which differences hold, which values moved.

Twins are fetched one after the other, and an object may change in between. So where two twins
differ, the earlier one is fetched once more at once. A place at which its second answer is another
one than its first is noted as unconfirmed: what differs there may be due to time.

While recording, the values behind the stand-ins are at hand. A value that twins have at different
places is noted as a pair of places, never as a value: so a value that the policy of today replaces
can be followed to the place that it has in the next version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Any

from replay.errors import ReplayError
from replay.model import json_body
from replay.model.cassette import NOTHING, Interaction
from replay.recording.recorder import Outcome

_MOST_PLACES = 64
"""More places than this are noted as the whole body."""
_MOST_VALUES = 999
_LENGTH = 8  # shorter texts, and smaller numbers, are equal by chance
_NUMBER = 10**6
_ID = re.compile(r"[a-z]+(?:_[a-z]+)*_(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{8,255}")
_WORD = re.compile(r"[a-z][a-z0-9_.]*")
_STAND_IN_KEY = "redacted_"

Again = Callable[[int], Outcome]
"""Fetches the answer of this number, from 0, once more. Writes nothing."""


def compared(outcomes: Sequence[Outcome], again: Again | None) -> list[Outcome]:
    """The answers of one batch, with what they say about each other.

    Args:
        outcomes: the answers in the order in which they were fetched.
        again: fetches one of them once more; None to leave that out.
    """
    bodies = [_body(outcome.take) for outcome in outcomes]
    done = list(outcomes)
    for number, (outcome, body) in enumerate(zip(outcomes, bodies, strict=True)):
        later = [other for other in bodies[number + 1 :] if other is not None]
        if again is None or outcome.take is None or body is None:
            continue
        if any(True for other in later for _ in changes(body, other)):
            marks = _unconfirmed(outcome, body, number, again)
            done[number] = replace(outcome, take=replace(outcome.take, unconfirmed=marks))
    return _with_equal_values(done)


def _unconfirmed(outcome: Outcome, body: Any, number: int, again: Again) -> tuple[str, ...] | None:
    """Where the second answer is another one; None where there is none to compare with."""
    try:
        second = again(number)
    except (ReplayError, CancelledError):
        return None  # the twins are kept, as they would be without a second look
    if second.take is None or second.version != outcome.version:
        return None
    found = _body(second.take)
    if found is None:
        return ("",)  # it was deleted meanwhile, or is an error now
    places = tuple(dict.fromkeys(changes(body, found)))
    return places if len(places) <= _MOST_PLACES else ("",)


def changes(first: Any, second: Any, pointer: str = "") -> Iterator[str]:
    """The JSON pointers at which two bodies differ: where both have a value, the deepest.

    A key that one of them lacks is a place of its own. A list that got another length is one.
    """
    if isinstance(first, dict) and isinstance(second, dict):
        for key in [*first, *(key for key in second if key not in first)]:
            if "/" in key or "~" in key or (key not in first and key.startswith(_STAND_IN_KEY)):
                if key not in first or key not in second or first[key] != second[key]:
                    yield pointer
            elif key not in first or key not in second:
                yield f"{pointer}/{key}"
            else:
                yield from changes(first[key], second[key], f"{pointer}/{key}")
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for index, (a, b) in enumerate(zip(first, second, strict=True)):
            yield from changes(a, b, f"{pointer}/{index}")
    elif type(first) is not type(second) or first != second:
        yield pointer


def _body(take: Interaction | None) -> Any:
    """The redacted body of an answer that describes the object; None of any other."""
    if take is None or not 200 <= take.response.status < 300 or not take.response.body:
        return None
    return json_body.parse_recorded(take.response.body, take.request.uri)


def _with_equal_values(outcomes: Sequence[Outcome]) -> list[Outcome]:
    places = [_places(outcome) for outcome in outcomes]
    notes: list[dict[str, str]] = [{} for _ in outcomes]
    count = 0
    for value in dict.fromkeys(value for found in places for value in found):
        there = [found.get(value, []) for found in places]
        pointers = {pointer for found in there for pointer in found}
        holders = [number for number, found in enumerate(there) if found]
        redacted = any(there[number][0] in _redacted(outcomes[number]) for number in holders)
        if len(pointers) < 2 or max(map(len, there)) > 1 or len(holders) < 2 or not redacted:
            continue
        count += 1
        if count > _MOST_VALUES:
            break
        name = f"{'id' if _is_id(value) else 'text'}-{count}"
        for number in holders:
            notes[number][there[number][0]] = name
    return [
        replace(outcome, take=replace(outcome.take, equal_values=note or NOTHING))
        if outcome.take is not None and note
        else outcome
        for outcome, note in zip(outcomes, notes, strict=True)
    ]


def _redacted(outcome: Outcome) -> Mapping[str, str]:
    return outcome.take.redacted if outcome.take is not None else NOTHING


def _places(outcome: Outcome) -> dict[str | int, list[str]]:
    """Informative value, as it was before it was replaced -> the places that hold it."""
    body = _body(outcome.take)
    originals = {
        original.pointer: original.value
        for original in outcome.originals
        if not original.kind.startswith("key")
    }
    redacted, found = _redacted(outcome), dict[str | int, list[str]]()
    for pointer, value in _leaves(body):
        raw = originals.get(pointer, value)
        if pointer in redacted and pointer not in originals:
            continue  # a stand-in that the source itself sent
        if _is_informative(raw):
            found.setdefault(raw, []).append(pointer)
    return found


def _leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            if "/" not in key and "~" not in key:
                yield from _leaves(child, f"{pointer}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _leaves(child, f"{pointer}/{index}")
    else:
        yield pointer, value


def _is_informative(value: Any) -> bool:
    """Whether a value tells one object from another: no word, no small number."""
    if isinstance(value, str):
        return len(value) >= _LENGTH and (_is_id(value) or not _WORD.fullmatch(value))
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _NUMBER


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
