"""A scenario, indexed for matching: its lanes, the hash of each step, who made which ID. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from replay.errors import CassetteDamaged
from replay.model import json_body
from replay.model.scenario import Scenario, Sent, SentKind, Step
from replay.redaction.policy import Policy
from replay.redaction.pseudonyms import CONSTANTS, GENERATED, STAND_IN
from replay.redaction.redactor import unix_times
from replay.session.scenario.answers import SHORTEST, shape, texts
from replay.session.scenario.asked import What, what_is_kept

_CREATED = re.compile(r"/(?:created|updated|frozen_time)\Z")
_CONSTANTS = frozenset(CONSTANTS.values())


def is_made(text: str) -> bool:
    """Whether a text of an answer is an ID, a secret, a cursor or a stand-in of its own."""
    if len(text) < SHORTEST or text in _CONSTANTS:
        return False
    return GENERATED.fullmatch(text) is not None or STAND_IN.fullmatch(text) is not None


@dataclass(slots=True)
class Lane:
    """The steps of one thread or task.

    Attributes:
        writes: its writes, in order.
        writes_by: hash -> writes.
        reads_by: hash -> groups of equal reads of one epoch; each in the order recorded.
    """

    writes: list[int] = field(default_factory=list)
    writes_by: dict[tuple[object, ...], list[int]] = field(default_factory=dict)
    reads_by: dict[tuple[object, ...], list[list[int]]] = field(default_factory=dict)


class Plan:
    """A scenario, indexed.

    Args:
        scenario: the scenario.
        policy: judges what is a kept value.
        where: names the file, for errors.
        command: the command that records the scenario again.
    Attributes:
        fixtures: name of a fixture -> step and pointer -> the text that it has there in this run.

    Raises:
        CassetteDamaged: a step holds a value that replay does not keep.
    """

    def __init__(
        self, scenario: Scenario, policy: Policy, where: str, *, command: str = ""
    ) -> None:
        self.scenario = scenario
        self.command = command or "run its test with mode all"
        self._policy = policy
        self.fixtures: Mapping[str, Mapping[str, str]] = {}
        self.steps = scenario.steps
        self.where = where
        self.lanes: dict[int, Lane] = {}
        self.own_before: list[int] = []
        self.position: dict[int, int] = {}
        self.keys: list[tuple[object, ...]] = []
        self.first_sender: int | None = None
        for number, step in enumerate(self.steps):
            self._add(number, step, policy)

    def _add(self, number: int, step: Step, policy: Policy) -> None:
        lane = self.lanes.setdefault(step.lane, Lane())
        key = self._key(number, step, policy)
        self.keys.append(key)
        self.own_before.append(len(lane.writes))
        if step.is_read:
            groups = lane.reads_by.setdefault(key, [])
            for group in groups:
                if self._same_read(group[0], number):
                    group.append(number)
                    return
            groups.append([number])
            return
        self.position[number] = len(lane.writes)
        lane.writes.append(number)
        lane.writes_by.setdefault(key, []).append(number)

    def _key(self, number: int, step: Step, policy: Policy) -> tuple[object, ...]:
        marks = []
        for name, sent in step.sends.items():
            if self.first_sender is None and sent.offset is not None:
                self.first_sender = number
            marks.append((name, self._mark(number, step, name, sent, policy)))
        return (
            step.method, step.host, step.template,
            step.content if step.content != "none" else "",
            step.expand, step.account is not None, frozenset(marks),
        )  # fmt: skip

    def _mark(self, number: int, step: Step, name: str, sent: Sent, policy: Policy) -> str:
        match sent.kind:
            case SentKind.MADE:
                return "id"
            case SentKind.KEPT:
                what = what_is_kept(step, name, sent.text, policy)
                if what is What.ID:
                    return "id"
                if what is not What.KEPT:
                    raise CassetteDamaged(
                        f"step {number} holds a value that replay does not keep",
                        where=self.where,
                        hint="record the scenario again; a value that somebody wrote there may be"
                        " private",
                    )
                return f"={sent.text}"
            case SentKind.VARIABLE:
                return str(sent)
            case _:
                return str(sent.kind.value)

    def _same_read(self, one: int, other: int) -> bool:
        a, b = self.steps[one], self.steps[other]
        return (
            self.own_before[one] == self.own_before[other]
            and (a.path, a.sends, a.account, a.after, a.before)
            == (b.path, b.sends, b.account, b.after, b.before)
        )  # fmt: skip

    @cached_property
    def makers(self) -> Mapping[str, tuple[int, str]]:
        """ID, secret or cursor -> the first step whose answer has it, and where."""
        found: dict[str, tuple[int, str]] = {}
        for number, step in enumerate(self.steps):
            if step.answer.body:
                for pointer, text in texts(json_body.parse(step.answer.body)):
                    if is_made(text):
                        found.setdefault(text, (number, pointer))
        return found

    @cached_property
    def made_by(self) -> Mapping[int, Mapping[str, str]]:
        """Step -> pointer -> each text that it made."""
        found: dict[int, dict[str, str]] = {}
        for text, (number, pointer) in self.makers.items():
            found.setdefault(number, {})[pointer] = text
        return found

    def recorded(self, step: int, pointer: str) -> str | None:
        """The text at a place of a step's answer, as recorded."""
        if not 0 <= step < len(self.steps):
            return None
        known = self._documents.get(step)
        if known is None:
            body = self.steps[step].answer.body
            known = self._documents[step] = dict(texts(json_body.parse(body))) if body else {}
        return known.get(pointer)

    def outer(self, sent: Sent) -> str | None:
        """The text that a fixture has in this run at a place of its scenario."""
        return self.fixtures.get(sent.fixture, {}).get(f"{sent.step}{sent.pointer}")

    def is_outer(self, text: str) -> bool:
        """Whether a fixture made a text that this scenario names."""
        return any(
            text == self.fixtures.get(name, {}).get(place)
            for name, ids in self.scenario.fixtures.items() for place in ids
        )  # fmt: skip

    def renamed(self) -> dict[str, str]:
        """Recorded ID of a fixture -> the one that it has in this run, where they differ."""
        found = {}
        for name, ids in self.scenario.fixtures.items():
            for place, text in ids.items():
                now = self.fixtures.get(name, {}).get(place)
                if now is not None and now != text:
                    found[text] = now
        return found

    def times(self, number: int) -> tuple[str, ...]:
        """Where a step's answer has unix times."""
        found = self._times.get(number)
        if found is None:
            answer = self.steps[number].answer
            document = json_body.parse(answer.body) if answer.body else None
            found = self._times[number] = tuple(
                pointer for pointer in unix_times(document, self._policy)
                if pointer not in answer.redacted
            )  # fmt: skip
        return found

    @cached_property
    def _times(self) -> dict[int, tuple[str, ...]]:
        return {}

    @cached_property
    def _documents(self) -> dict[int, dict[str, str]]:
        return {}

    @cached_property
    def _shapes(self) -> dict[int, tuple[object, ...]]:
        return {}

    def shape(self, number: int) -> tuple[object, ...]:
        """A step's answer without what two calls that look alike may have different."""
        found = self._shapes.get(number)
        if found is None:
            found = self._shapes[number] = self._shape(number)
        return found

    def _shape(self, number: int) -> tuple[object, ...]:
        step = self.steps[number]
        answer = step.answer
        marks, free = {}, set(answer.redacted) | set(answer.echo)
        if answer.body:
            for pointer, text in texts(json_body.parse(answer.body)):
                maker = self.makers.get(text)
                if maker is not None and self.steps[maker[0]].lane == step.lane:
                    there = self.position.get(maker[0], f"read {self.own_before[maker[0]]}")
                    marks[text] = f"<{there}{maker[1]}>"
                if _CREATED.search(pointer):
                    free.add(pointer)
            free |= {p for p in _numbers(json_body.parse(answer.body)) if _CREATED.search(p)}
        headers = tuple(row for row in answer.headers if row[0] != "Request-Id")
        return answer.status, headers, shape(answer.body, marks, frozenset(free))


def _numbers(body: object) -> list[str]:
    found: list[str] = []
    stack: list[tuple[str, object]] = [("", body)]
    while stack:
        pointer, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{pointer}/{key}", child) for key, child in value.items()]
        elif isinstance(value, list):
            stack += [(f"{pointer}/{n}", child) for n, child in enumerate(value)]
        elif isinstance(value, int):
            found.append(pointer)
    return found
