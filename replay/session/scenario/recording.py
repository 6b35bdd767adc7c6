"""Makes a scenario of what a test asks and gets. Pure: no I/O, no clock, no locks.

Each call becomes a step at once, so that its client gets what a replay will give. At the end it is
decided which reads belong to the scenario; attempts that the client repeated are left out; and the
steps are numbered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from replay.model import json_body
from replay.model.cassette import Headers, Request, Response
from replay.model.scenario import (
    Answer,
    Echo,
    Scenario,
    Sent,
    SentKind,
    Step,
    any_text,
    kept,
    made,
    sent_time,
    with_variable,
)
from replay.redaction.policy import Policy
from replay.redaction.pseudonyms import CHOSEN, masked_id
from replay.redaction.redactor import Original, Redaction
from replay.session.scenario.answers import (
    Senders,
    SentText,
    owner_of,
    put,
    rendered,
    texts,
    value_at,
)
from replay.session.scenario.asked import Asked, Value, What
from replay.session.scenario.plan import is_made

_AGAIN = frozenset({409, 429})
_SHORTEST_CHOSEN = 3
_PRIVATE = frozenset({SentKind.ANY, SentKind.VARIABLE})


class Outer(Protocol):
    """The scenario of a fixture, for the tests that use it."""

    @property
    def name(self) -> str:
        """The fixture's name."""

    def echo_of(self, pointer: str, value: str | int | float, owner: str) -> Echo | None:
        """What a value of a test's answer repeats of what the fixture sent."""

    def sent_text(self, step: int, parameter: str) -> str | None:
        """What a step of the fixture sent; None if there is no such step or parameter."""


@dataclass(slots=True, eq=False)
class Recorded:
    """One call and its answer, before it is known whether it is a step.

    Attributes:
        asked: the call.
        step: the step, with provisional numbers.
        names: the IDs that its path, parameters, account and answer name.
        shown: what the client gets.
        originals: what the gate searches for.
        live: the request and the live answer, for a read that turns out to be no step.
    """

    asked: Asked
    step: Step
    names: frozenset[str]
    shown: bytes
    originals: tuple[Original, ...] = field(default=(), repr=False)
    live: tuple[Request, Response] | None = field(default=None, repr=False)


class Recording:
    """A scenario in the making. The caller serialises the calls.

    Args:
        policy: the redaction policy.
        all_reads: whether every read is a step, as for a fixture whose IDs others name.

    Attributes:
        fixtures: ID -> name, step and pointer of the fixture that made it.
        named: what was named of these: fixture -> step and pointer -> ID.
        outer: the scenarios of these fixtures.
    """

    def __init__(self, policy: Policy, *, all_reads: bool = False) -> None:
        self._policy = policy
        self._all_reads = all_reads
        self.fixtures: Mapping[str, tuple[str, int, str]] = {}
        self.named: dict[str, dict[str, str]] = {}
        self.outer: tuple[Outer, ...] = ()
        self.calls: list[Recorded] = []
        self._made: dict[str, Sent] = {}
        self._behind: dict[str, Sent] = {}
        self._true: dict[str, str] = {}
        self._ambiguous: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._senders = Senders()
        self._chosen: dict[str, tuple[int, str]] = {}
        self._outer_chosen: dict[str, str] = {}
        self._sent: dict[tuple[int, str], str] = {}
        self.first_time: int | None = None
        self.unknown: dict[str, None] = {}

    def true_text(self, text: str) -> str:
        """The value that a stand-in of this session stands for; any other text as it is."""
        return self._true.get(text, text)

    @property
    def has_stand_ins(self) -> bool:
        """Whether the client was given stand-ins that it may send back."""
        return bool(self._true)

    def add(
        self, asked: Asked, lane: int, status: int, headers: Headers, version: str,
        redaction: Redaction | None,
    ) -> Recorded:  # fmt: skip
        """Note a call and its answer.

        Args:
            asked: the call, as the client made it.
            lane: the lane that sent it.
            status: the status of the answer.
            headers: the headers that are kept of it.
            version: the API version of the answer.
            redaction: the redacted body; None if there is none.
        """
        number = len(self.calls)
        sends = {name: self._note(asked, value) for name, value in asked.values.items()}
        path = tuple(
            kept(segment) if value is None else self._note_id(value)
            for segment, value in zip(asked.segments, asked.path, strict=False)
        )
        account = self._note_id(asked.account) if asked.account is not None else None
        key = None
        if asked.key is not None and not asked.is_read:
            key = self._keys.setdefault(asked.key, len(self._keys) + 1)
        own = frozenset(
            value.plain
            for value in (*asked.path, *asked.values.values(), asked.account)
            if value is not None and (value.what is What.ID or value.plain in self._made)
        )
        body = redaction.body if redaction is not None else None
        names = own | {text for _, text in texts(body) if is_made(text)} if body else own
        objects = own | ({str(body["id"])} if isinstance(body, dict) and "id" in body else set())
        for name, value in asked.values.items():
            if sends[name].kind in _PRIVATE:
                true = self.true_text(value.plain)
                self._senders.add(SentText(number, name, true, frozenset(objects)))
                self._sent[number, name] = value.plain
                if value.is_chosen and len(value.plain) >= _SHORTEST_CHOSEN:
                    self._chosen.setdefault(value.plain, (number, name))
        answer, shown, originals = self._answer(number, status, headers, redaction)
        for name in asked.unknown:
            self.unknown.setdefault(name)
        step = Step(
            method=asked.method, host=asked.host, path=path, content=asked.content.value,
            lane=lane, sends=sends, answer=answer, template=asked.operation.template,
            expand=asked.expand, account=account, api_version=version, key=key,
        )  # fmt: skip
        sent = tuple(
            Original(f"sends/{name}", "text", value.plain)
            for name, value in asked.values.items()
            if sends[name].kind in _PRIVATE
        )
        recorded = Recorded(asked, step, frozenset(names), shown, (*originals, *sent))
        self.calls.append(recorded)
        return recorded

    # ---- what was sent

    def _note(self, asked: Asked, value: Value) -> Sent:
        outer = self._outer(value.plain)
        if outer is not None:
            return outer
        known = self._made.get(value.plain) or self._behind.get(value.plain)
        if known is not None and (value.what is not What.KEPT or len(value.plain) >= 8):
            return known
        match value.what:
            case What.KEPT:
                return kept(value.text)
            case What.ID:
                return self._note_id(value)
            case What.TIME:
                if value.unix is None:
                    return sent_time(None)
                if self.first_time is None:
                    self.first_time = value.unix
                return sent_time(value.unix - self.first_time)
            case What.ANY if value.variable:
                return with_variable(value.variable)
            case What.ANY:
                return any_text(self._number(value.plain))

    def _number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers) + 1)

    def _note_id(self, value: Value) -> Sent:
        text = value.plain
        known = self._outer(text) or self._made.get(text) or self._behind.get(text)
        if known is not None:
            return known
        if value.is_chosen:
            return any_text(self._number(text))
        return kept(self._policy.masked(text))

    def _outer(self, text: str) -> Sent | None:
        """What a fixture made, and the note that this scenario names it."""
        found = self.fixtures.get(text)
        if found is None:
            return None
        name, step, pointer = found
        self.named.setdefault(name, {})[f"{step}{pointer}"] = self._outer_text(text)
        return made(step, pointer, name)

    def _outer_text(self, text: str) -> str:
        """What the file has for an ID of a fixture: a stand-in, for one that a person chose."""
        if self._policy.keeps_id_of_any(text):
            return text
        name, step, pointer = self.fixtures[text]
        stand_in = _chosen_stand_in(f"{name}:{step}{pointer}")
        self._outer_chosen[stand_in] = text
        return stand_in

    # ---- what came back

    def _answer(
        self, number: int, status: int, headers: Headers, redaction: Redaction | None
    ) -> tuple[Answer, bytes, tuple[Original, ...]]:
        if redaction is None:
            return Answer(status, headers, b""), b"", ()
        body, redacted = redaction.body, dict(redaction.redacted)
        originals = list(redaction.originals)
        echo: dict[str, Echo] = {}
        true = {one.pointer: one.value for one in originals if one.kind != "key"}
        for pointer, kind in redacted.items():
            if kind == "key":
                continue
            # A value that is its own stand-in (the month 12) is no original.
            value = true.get(pointer, value_at(body, pointer))
            owner = owner_of(body, pointer)
            found = self._senders.echo_of(pointer, value, owner) or self._outer_echo(
                pointer, value, owner
            )
            if found is not None:
                echo[pointer] = found
        body = self._without_chosen(number, body, redacted, echo, originals)
        self._remember(number, body, echo, {o.pointer: o.value for o in originals}, redaction)
        text = json_body.dump(body)
        answer = Answer(status, headers, text, redacted, echo)
        shown, _ = rendered(text, echo=echo, sent=self._sent_by, ids=self._outer_chosen)
        return answer, shown, tuple(originals)

    def _outer_echo(self, pointer: str, value: str | int | float, owner: str) -> Echo | None:
        found = (one.echo_of(pointer, value, owner) for one in self.outer)
        return next((echo for echo in found if echo is not None), None)

    def echo_of(self, pointer: str, value: str | int | float, owner: str) -> Echo | None:
        """What a value of another scenario's answer repeats of what this one sent."""
        found = self._senders.echo_of(pointer, value, owner)
        place = self._places().get(found.step) if found is not None else None
        return replace(found, step=place) if found is not None and place is not None else None

    def sent_text(self, step: int, parameter: str) -> str | None:
        """What a step sent; None if there is no such step or parameter."""
        numbers = {place: number for number, place in self._places().items()}
        return self._sent.get((numbers.get(step, -1), parameter))

    def _sent_by(self, echo: Echo) -> str | None:
        if echo.fixture:
            found = (one for one in self.outer if one.name == echo.fixture)
            return next((one.sent_text(echo.step, echo.parameter) for one in found), None)
        return self._sent.get((echo.step, echo.parameter))

    def _without_chosen(
        self, number: int, body: Any, redacted: dict[str, str], echo: dict[str, Echo],
        originals: list[Original],
    ) -> Any:  # fmt: skip
        """The body with stand-ins for the IDs that this test or a fixture chose.

        Its own come back by echo, those of a fixture as its IDs do.
        """
        if not self._chosen and not self.fixtures:
            return body
        for pointer, text in list(texts(body)):
            if pointer in redacted or pointer.endswith("/object"):
                continue
            if (sender := self._chosen.get(text)) is not None:
                stand_in = _chosen_stand_in(f"scenario{number}{pointer}")
                echo[pointer] = Echo(*sender)
            elif text not in self.fixtures or (stand_in := self._outer_text(text)) == text:
                continue
            put(body, pointer, stand_in)
            redacted[pointer] = "id"
            originals.append(Original(pointer, "id", text))
        return body

    def _remember(
        self, number: int, body: Any, echo: Mapping[str, Echo],
        originals: Mapping[str, str | int | float], redaction: Redaction,
    ) -> None:  # fmt: skip
        """Note what this answer made: IDs, secrets, cursors, stand-ins."""
        for pointer, text in texts(body):
            true = originals.get(pointer, redaction.ids.get(text, text))
            if not isinstance(true, str):
                continue
            if self._outer(true) is not None:
                continue
            chosen = pointer in echo and true in self._chosen
            if not (is_made(text) or chosen):
                continue
            sent = made(number, pointer)
            if pointer in echo and not chosen:
                continue  # the client has its own text back
            if text != true and not chosen:
                self._stand_in(text, true)
            # A client knows what it was shown: the true value of a stand-in has another maker.
            self._made.setdefault(true if chosen else text, sent)
            self._behind.setdefault(true, sent)

    def _stand_in(self, text: str, true: str) -> None:
        if text in self._ambiguous or self._true.get(text, true) != true:
            self._ambiguous.add(text)  # the same stand-in stands for two values
            self._true.pop(text, None)
        else:
            self._true[text] = true

    # ---- the end

    def finish(self) -> tuple[list[Recorded], list[Recorded]]:
        """The steps, numbered; and the reads that belong to the library instead."""
        repeated = self._repeated()
        writes = [one for one in self.calls if not one.step.is_read]
        named = frozenset(name for one in writes for name in one.names)
        owned: list[tuple[int, Recorded]] = []
        others: list[tuple[int, Recorded]] = []
        for number, one in enumerate(self.calls):
            if number in repeated:
                continue
            (
                owned if not one.step.is_read or self._owns(one, named, bool(writes)) else others
            ).append((number, one))
        places = {number: place for place, (number, _) in enumerate(owned)}
        for number, later in repeated.items():
            places.setdefault(number, places.get(later, -1))
        steps = [self._renumbered(one, places) for _, one in owned]
        return [self._with_epoch(place, steps) for place in range(len(steps))], [
            one for _, one in others
        ]

    def made(self) -> dict[str, tuple[int, str]]:
        """Each ID that the client was given so far -> the step that made it, and where."""
        places = self._places()
        return {
            text: (places[sent.step], sent.pointer)
            for text, sent in self._made.items()
            if sent.step in places and not sent.fixture
        }

    def _places(self) -> dict[int, int]:
        """Number of a call so far -> its number as a step, if every read is one."""
        repeated = self._repeated()
        steps = [number for number in range(len(self.calls)) if number not in repeated]
        return {number: place for place, number in enumerate(steps)}

    def _owns(self, one: Recorded, named: frozenset[str], writes: bool) -> bool:
        if self._all_reads or not named.isdisjoint(one.names):
            return True
        if writes and not one.asked.operation.single:
            return True
        asked = [value.plain for value in one.asked.path if value is not None]
        return any(
            name in text or text in name
            for text in asked for name in named if min(len(text), len(name)) >= 8
        )  # fmt: skip

    def _repeated(self) -> dict[int, int]:
        """Attempts that the client made again in its lane, and the call that was the last one."""
        found: dict[int, int] = {}
        last: dict[int, int] = {}
        for number, one in enumerate(self.calls):
            step = one.step
            before = last.get(step.lane)
            if before is not None and self._is_again(self.calls[before], one):
                found[before] = number
            status = step.answer.status
            if status in _AGAIN or status >= 500:
                last[step.lane] = number
            elif not step.is_read:
                last.pop(step.lane, None)
        return {number: self._final(number, found) for number in found}

    @staticmethod
    def _final(number: int, found: Mapping[int, int]) -> int:
        while number in found:
            number = found[number]
        return number

    @staticmethod
    def _is_again(one: Recorded, other: Recorded) -> bool:
        a, b = one.step, other.step
        return (a.method, a.host, a.path, a.content, a.sends, a.expand, a.account) == (
            b.method, b.host, b.path, b.content, b.sends, b.expand, b.account
        )  # fmt: skip

    def _renumbered(self, one: Recorded, places: Mapping[int, int]) -> Recorded:
        step = one.step

        def moved(sent: Sent) -> Sent:
            if sent.kind is not SentKind.MADE or sent.fixture:
                return sent
            place = places.get(sent.step, -1)
            if place >= 0:
                return replace(sent, step=place)
            text = value_at(json_body.parse(self.calls[sent.step].step.answer.body), sent.pointer)
            return kept(str(text))  # a keyed read had it: an ID from outside

        echo = {
            pointer: echo if echo.fixture else replace(echo, step=places[echo.step])
            for pointer, echo in step.answer.echo.items()
            if echo.fixture or places.get(echo.step, -1) >= 0
        }
        new = replace(
            step,
            path=tuple(map(moved, step.path)),
            sends={name: moved(sent) for name, sent in step.sends.items()},
            account=moved(step.account) if step.account is not None else None,
            answer=replace(step.answer, echo=echo),
        )
        return replace_step(one, new)

    @staticmethod
    def _with_epoch(place: int, steps: list[Recorded]) -> Recorded:
        one = steps[place]
        if not one.step.is_read:
            return one
        others = [
            number for number, other in enumerate(steps)
            if not other.step.is_read and other.step.lane != one.step.lane
            and not one.names.isdisjoint(other.names)
        ]  # fmt: skip
        if not others:
            return one
        after = tuple(number for number in others if number < place)
        before = tuple(number for number in others if number > place)
        return replace_step(one, replace(one.step, after=after, before=before))


def _chosen_stand_in(place: str) -> str:
    """The stand-in of a chosen ID; of a place with underscores it would show the start."""
    return masked_id(f"{CHOSEN}_{place.replace('_', '-')}")


def replace_step(one: Recorded, step: Step) -> Recorded:
    """The same call with another step."""
    return Recorded(one.asked, step, one.names, one.shown, one.originals, one.live)


def scenario_of(
    steps: Iterable[Recorded], *, name: str, api_version: str, policy: str, recorded_at: str,
    lasted: int, source: str, first_time: int | None, variables: Mapping[str, str],
    fixtures: Mapping[str, Mapping[str, str]] | None = None,
) -> Scenario:  # fmt: skip
    """The scenario of a test's steps; a step's version is noted where it is another one."""
    own = tuple(
        replace(one.step, api_version="") if one.step.api_version == api_version else one.step
        for one in steps
    )
    return Scenario(
        name=name, api_version=api_version, policy=policy, recorded_at=recorded_at,
        lasted=lasted, source=source, steps=own, first_time=first_time, variables=variables,
        fixtures=fixtures or {},
    )  # fmt: skip
