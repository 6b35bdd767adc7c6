"""Finds the step that answers a call. Pure: no I/O, no clock, no locks.

Rules:

1. All that a step notes of a call must be alike: what is kept is equal, what a step made is what
   that step's answer showed in this run, times and private texts may be any.
2. Within a lane (a thread or task of the test) the first unused step that fits is taken. Nothing is
   rebound: a lane that sends another object's ID is refused.
3. Lanes of this run are bound to recorded lanes in any way that fits all calls so far: each to
   another one. A binding is a hypothesis, a `_View`. Hypotheses that do not fit are dropped for
   good, and a bipartite matching says whether those that are left go together.
4. Where hypotheses answer differently, the call is refused: nothing is guessed.
5. Steps that look alike are answered with one another's IDs if a lane turns out to be another one:
   an answer shows the IDs of the step `shows`, and plays the step that its lane's view says.
6. A read is answered only while exactly the writes have been played that were recorded before it:
   those of its lane, and those of other lanes that name an object of it.
7. A write is answered once, except to the idempotency key of a call that was answered.

Memory and time: a lane has one view for each recorded lane that may be it. With a single lane, a
call costs a look-up by hash and a comparison of its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from replay.errors import NoStep
from replay.model.scenario import Echo, Sent, SentKind, Step
from replay.session.scenario.answers import last_name, names_of, rendered, texts, value_at
from replay.session.scenario.asked import Asked, Value, What
from replay.session.scenario.plan import Plan, is_made

_MOST_TRIES = 20_000
_FIVE_MINUTES, _DAY = 300, 86_400
_LONG, _SLACK = 27 * _DAY, 3 * _DAY
_CATALOGUE = ("price_", "plan_", "prod_", "promo_", "sku_")
_LOOKS_UP = frozenset({"email", "query", "code", "lookup_keys"})


@dataclass(slots=True, eq=False)
class Played:
    """A call of this run that a step answered.

    Attributes:
        asked: the call.
        lane: its lane in this run.
        shows: the step whose IDs its answer shows.
        body: what the client got.
        document: the same, parsed.
        status: the status of the answer.
        role: the step that it played when it was answered.
    """

    asked: Asked
    lane: int
    shows: int
    role: int
    status: int = 200
    body: bytes = b""
    document: Any = None

    def text(self, pointer: str) -> Any:
        """What the client got at a place."""
        return value_at(self.document, pointer)


Needs = frozenset[tuple[int, int]]
"""Lanes of this run and the recorded lanes that they must be."""


@dataclass(slots=True, eq=False)
class _View:
    """The hypothesis that a lane of this run is a certain recorded lane.

    Attributes:
        played: step -> the call that played it.
        writes: how many writes were played.
        last: the highest position of a write that was played, in its lane; -1 for none.
        reads: first step of a group of reads -> how many of them were played.
        sent: number of a private text -> what this run sent there.
        needs: what the hypothesis needs of other lanes.
    """

    played: dict[int, Played] = field(default_factory=dict)
    writes: int = 0
    last: int = -1
    reads: dict[int, int] = field(default_factory=dict)
    sent: dict[int, str] = field(default_factory=dict)
    needs: set[tuple[int, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A step that may answer a call, under one hypothesis.

    Attributes:
        step: the step.
        needs: what that needs of other lanes.
        group: the first step of its group of reads; None for a write.
    """

    step: int
    needs: Needs = frozenset()
    group: int | None = None


class Matching:
    """The calls of one run, matched to a scenario's steps. The caller serialises the calls.

    Args:
        plan: the scenario.
        binds: whether an ID from outside may be another one than recorded.
        masked: gives an ID as the scenario keeps it.

    Attributes:
        warnings: what differs and was answered all the same; each once.
        outer_sent: gives what a fixture sent in this run.
    """

    def __init__(
        self, plan: Plan, *, binds: bool = False, masked: Callable[[str], str] = str
    ) -> None:
        self.plan = plan
        self.warnings: list[str] = []
        self.outer_sent: Callable[[Echo], str | None] = _nothing_sent
        self._binds = binds
        self._masked = masked
        self._views: list[dict[int, _View]] = []
        self._match: dict[int, int] = {}
        self._showed: dict[str, list[Played]] = {}
        self._shown_steps: set[int] = set()
        self._keys: dict[str, Played] = {}
        self._numbered: dict[int, str] = {}
        self._bound: dict[str, str] = {}
        self._shift: int | None = None
        self._shift_holds = True

    # ---- answering

    def answer(self, asked: Asked, lane: int) -> tuple[Played, int | None] | None:
        """The call that answers, and its step; no step for one that is answered again.

        Args:
            asked: the call.
            lane: the lane of this run that sends it: 0, 1, 2 …, new ones in order.

        Returns:
            None for a read that no step has anything to do with.

        Raises:
            NoStep: the scenario does not answer it.
        """
        while len(self._views) <= lane:
            self._views.append({number: _View() for number in self.plan.lanes})
        key = asked.exact(self._is_served)
        fits = self._fits(asked, lane, key)
        before = self._keys.get(asked.key) if asked.key and not asked.is_read else None
        if before is not None and not fits:
            return self._again(asked, before), None
        if not fits:
            if asked.is_read and not self._is_own_read(asked, key):
                return None
            raise self._refusal(asked, lane, key)
        role = self._choose(asked, lane, fits)
        fit = fits[role]
        played = self._play(asked, lane, role, fit.step)
        self._accept(asked, lane, fits, played)
        return played, fit.step

    def unplayed(self) -> list[int]:
        """The writes that no call has played."""
        roles = self._roles()
        return [
            number for number, step in enumerate(self.plan.steps)
            if not step.is_read and number not in roles
        ]  # fmt: skip

    @property
    def shift(self) -> int:
        """Seconds by which this run's times are later than those recorded; 0 if they differ."""
        return self._shift or 0 if self._shift_holds else 0

    def _again(self, asked: Asked, before: Played) -> Played:
        if (before.asked.method, before.asked.segments, before.asked.values) != (
            asked.method, asked.segments, asked.values
        ):  # fmt: skip
            raise NoStep(
                "this idempotency key was sent before, with another call",
                where=asked.shown,
                hint="Stripe refuses that, too: send a new key with each new call",
            )
        return before

    # ---- finding steps

    def _fits(self, asked: Asked, lane: int, key: tuple[object, ...]) -> dict[int, _Fit]:
        """Recorded lane -> the step that answers, under each hypothesis."""
        fits = {}
        for number, view in self._views[lane].items():
            find = self._find_read if asked.is_read else self._find_write
            found = find(asked, lane, number, view, key)
            if found is not None:
                fits[number] = found
        return fits

    def _find_write(
        self, asked: Asked, lane: int, number: int, view: _View, key: tuple[object, ...]
    ) -> _Fit | None:
        best: tuple[int, _Fit] | None = None
        for step in self.plan.lanes[number].writes_by.get(key, ()):
            if step in view.played:
                continue
            needs = self._needs(asked, lane, number, view, step)
            if isinstance(needs, str):
                continue
            broken = self._broken_equalities(asked, view, step)
            if best is None or broken < best[0]:
                best = broken, _Fit(step, needs)
            if not broken:
                break
        return best[1] if best is not None else None

    def _find_read(
        self, asked: Asked, lane: int, number: int, view: _View, key: tuple[object, ...]
    ) -> _Fit | None:
        for group in self.plan.lanes[number].reads_by.get(key, ()):
            if not self._in_epoch(group[0], view):
                continue
            needs = self._needs(asked, lane, number, view, group[0])
            if not isinstance(needs, str):
                place = min(view.reads.get(group[0], 0), len(group) - 1)
                return _Fit(group[place], needs, group[0])
        return None

    def _in_epoch(self, read: int, view: _View) -> bool:
        count = self.plan.own_before[read]
        if view.writes != count or view.last != count - 1:
            return False
        step = self.plan.steps[read]
        if not step.after and not step.before:
            return True
        roles = self._roles()
        return all(one in roles for one in step.after) and not any(
            one in roles for one in step.before
        )

    def _needs(self, asked: Asked, lane: int, number: int, view: _View, at: int) -> Needs | str:
        """What a step needs of other lanes to answer a call; or why it does not answer it."""
        step = self.plan.steps[at]
        needs: set[tuple[int, int]] = set()
        for label, sent, value in _pairs(step, asked):
            why = self._differs(label, sent, value, asked, lane, number, view, needs)
            if why:
                return why
        return self._key_differs(asked, view, at) or frozenset(needs)

    def _differs(
        self, label: str, sent: Sent, value: Value, asked: Asked, lane: int, number: int,
        view: _View, needs: set[tuple[int, int]],
    ) -> str:  # fmt: skip
        text = value.plain
        match sent.kind:
            case SentKind.MADE:
                return self._other_made(label, sent, text, lane, number, view, needs)
            case SentKind.KEPT if value.what is What.ID:
                if self._masked(text) == sent.text or self._binds_to(sent.text, text):
                    return ""
                return self._whose(label, text, number, view, f"recorded {sent.text}")
            case SentKind.ANY if asked.is_read or value.is_chosen or value.what is What.ID:
                looked_up = last_name(names_of(label)) in _LOOKS_UP
                looks_up = value.is_chosen or value.what is What.ID or looked_up
                then = view.sent.get(sent.number, self._numbered.get(sent.number))
                if looks_up and then is not None and then != text:
                    return f"{label} is not what was sent before, and it was when recorded"
        return ""

    def _other_made(
        self, label: str, sent: Sent, text: str, lane: int, number: int, view: _View,
        needs: set[tuple[int, int]],
    ) -> str:  # fmt: skip
        if sent.fixture:
            now = self.plan.outer(sent)
            if now is None:
                return f"the fixture {sent.fixture} has not made what {label} names: {sent}"
            return "" if text == now else f"{label} is not the one of the fixture {sent.fixture}"
        maker = sent.step
        home = self.plan.steps[maker].lane
        recorded = self.plan.recorded(maker, sent.pointer)
        own = view.played.get(maker) if home == number else None
        if own is not None:
            if own.text(sent.pointer) == text:
                return ""
            return self._whose(label, text, number, view, f"recorded step {maker}", maker)
        if home != number:
            for other in self._showed.get(text, ()):
                theirs = self._views[other.lane].get(home)
                if (
                    other.lane != lane
                    and theirs is not None
                    and theirs.played.get(maker) is other
                    and other.text(sent.pointer) == text
                ):
                    needs.add((other.lane, home))
                    return ""
        if text == recorded and not self._is_played_otherwise(maker, home, sent.pointer, text):
            return ""
        if self._is_outside(sent, text) and self._binds_to(recorded or "", text):
            return ""
        return self._whose(label, text, number, view, f"recorded step {maker}", maker)

    def _is_outside(self, sent: Sent, text: str) -> bool:
        """Whether an ID that a read had first may come from outside, and this one does."""
        is_read = self.plan.steps[sent.step].is_read
        return is_read and sent.step not in self._roles() and text not in self._showed

    def _is_played_otherwise(self, maker: int, home: int, pointer: str, text: str) -> bool:
        """Whether a call has played a step, and its client got another text there."""
        for lane, bound in self._match.items():
            if bound == home:
                view = self._views[lane].get(home)
                call = view.played.get(maker) if view is not None else None
                return call is not None and call.text(pointer) != text
        return False

    def _whose(
        self, label: str, text: str, number: int, view: _View, recorded: str, maker: int = -1
    ) -> str:
        for call in self._showed.get(text, ()):
            role = next((step for step, one in view.played.items() if one is call), call.role)
            return f"{label} is the one made by step {role}, {recorded}"
        if maker >= 0:
            return f"{label} is not the one made by step {maker}"
        return f"{label} is another one than {recorded}"

    def _binds_to(self, recorded: str, text: str) -> bool:
        if not self._binds or recorded.startswith(_CATALOGUE) or "_" not in recorded:
            return False
        if recorded.rpartition("_")[0] != text.rpartition("_")[0]:
            return False
        known = self._bound.get(recorded)
        return known == text or (known is None and text not in self._bound.values())

    def _key_differs(self, asked: Asked, view: _View, at: int) -> str:
        """Why idempotency keys are not equal where they were when recorded; empty if they are."""
        number = self.plan.steps[at].key
        if number is None or asked.key is None or asked.is_read:
            return ""
        for step, call in view.played.items():
            if self.plan.steps[step].key != number or call.asked.key is None:
                continue
            if call.asked.key != asked.key:
                return f"step {at} repeats the idempotency key of step {step}"
            return ""
        if asked.key in self._keys:
            return f"step {at} has an idempotency key of its own, and this call repeats one"
        return ""

    def _broken_equalities(self, asked: Asked, view: _View, at: int) -> int:
        step = self.plan.steps[at]
        broken = 0
        for name, sent in step.sends.items():
            if sent.kind is SentKind.ANY:
                then = view.sent.get(sent.number)
                broken += then is not None and then != asked.values[name].plain
        return broken

    # ---- lanes

    def _choose(self, asked: Asked, lane: int, fits: Mapping[int, _Fit]) -> int:
        """The recorded lane to answer from.

        Raises:
            NoStep: the lanes do not go together, or two of them answer differently.
        """
        if len(self.plan.lanes) == len(self._views) == 1:
            (number,) = fits
            self._match = {lane: number}
            return number
        groups: dict[object, list[int]] = {}
        for number, fit in fits.items():
            groups.setdefault(self.plan.shape(fit.step), []).append(number)
        possible: list[tuple[dict[int, int], int]] = []
        for group in groups.values():
            found = self._assigned(lane, group, fits)
            if found is not None:
                possible.append((found, found[lane]))
        if not possible:
            raise NoStep(
                "each step that would answer this call belongs to another thread or task",
                where=asked.shown,
                hint=f"{self._again_command()}: record it as it runs now",
            )
        if len(possible) > 1 and asked.is_read:
            # What is read changes with time, whichever thread reads it: the earliest comes first.
            possible.sort(key=lambda one: fits[one[1]].step)
        elif len(possible) > 1:
            steps = " and ".join(str(fits[role].step) for _, role in possible[:2])
            raise NoStep(
                f"steps {steps} look alike from here, and were answered differently",
                where=asked.shown,
                hint="tell the calls apart: send a value that is kept (an amount, an ID), or the"
                ' same text each time: session.variable("name", make)',
            )
        self._match = possible[0][0]
        return possible[0][1]

    def _assigned(
        self, lane: int, allowed: list[int], fits: Mapping[int, _Fit]
    ) -> dict[int, int] | None:
        """Each lane's recorded lane, all different, this one's among those allowed."""
        current = self._match.get(lane)
        order = sorted(allowed, key=lambda number: number != current)
        match = {one: bound for one, bound in self._match.items() if one != lane}
        owners = {bound: one for one, bound in match.items()}
        for number in order:
            trial, taken = dict(match), dict(owners)
            if self._augment(lane, number, trial, taken, {number}):
                if self._needs_hold(trial, lane, fits):
                    return trial
                found = self._search(lane, number, fits)
                if found is not None:
                    return found
        return None

    def _augment(
        self, lane: int, number: int, match: dict[int, int], owners: dict[int, int],
        seen: set[int],
    ) -> bool:  # fmt: skip
        """Give a lane a recorded lane, and the lane that had it another one."""
        before = owners.get(number)
        if before is not None and not self._moved(before, match, owners, seen):
            return False
        match[lane] = number
        owners[number] = lane
        return True

    def _moved(
        self, lane: int, match: dict[int, int], owners: dict[int, int], seen: set[int]
    ) -> bool:
        """Move a lane off a recorded lane, along a path of moves (breadth first)."""
        parent: dict[int, tuple[int, int]] = {}
        queue = [lane]
        for one in queue:
            for number in self._views[one]:
                if number in seen:
                    continue
                seen.add(number)
                parent[number] = one, match.get(one, -1)
                owner = owners.get(number)
                if owner is not None:
                    queue.append(owner)
                    continue
                while True:  # a free one: move along the path
                    mover, before = parent[number]
                    match[mover] = number
                    owners[number] = mover
                    if mover == lane:
                        return True
                    number = before
        return False

    def _needs_hold(self, match: Mapping[int, int], lane: int, fits: Mapping[int, _Fit]) -> bool:
        for one, bound in match.items():
            view = self._views[one][bound]
            needs: Iterable[tuple[int, int]] = view.needs
            if one == lane:
                needs = (*view.needs, *fits[bound].needs)
            if any(match.get(other) != there for other, there in needs):
                return False
        return True

    def _search(self, lane: int, number: int, fits: Mapping[int, _Fit]) -> dict[int, int] | None:
        """A matching that has what each view needs: by trying, up to a bound."""
        tries = 0
        lanes = sorted(
            (one for one in self._match if one != lane), key=lambda one: len(self._views[one])
        )
        match = {lane: number}
        forced = dict(fits[number].needs) | dict(self._views[lane][number].needs)

        def place(at: int) -> bool:
            nonlocal tries
            tries += 1
            if tries > _MOST_TRIES:
                return False
            if at == len(lanes):
                return self._needs_hold(match, lane, fits)
            one = lanes[at]
            candidates = [forced[one]] if one in forced else list(self._views[one])
            taken = set(match.values())
            for bound in candidates:
                if bound in taken or bound not in self._views[one]:
                    continue
                match[one] = bound
                if place(at + 1):
                    return True
                del match[one]
            return False

        return dict(match) if place(0) else None

    # ---- playing

    def _play(self, asked: Asked, lane: int, number: int, at: int) -> Played:
        step = self.plan.steps[at]
        shows = at
        if not step.is_read and at in self._shown_steps:
            shows = self._free_twin(at)
        self._note_times(asked, step, at)
        self._bind_outside(asked, step)
        played = Played(asked, lane, shows, at, step.answer.status)
        view = self._views[lane][number]
        ids = self._ids(view, played, at, shows)
        played.body, played.document = rendered(
            step.answer.body,
            echo=step.answer.echo,
            sent=lambda echo: self._sent(echo, view, played, at),
            ids=ids,
            times=self.plan.times(at) if self.shift else (),
            shift=self.shift,
        )
        return played

    def _free_twin(self, at: int) -> int:
        """A step with an equal answer whose IDs nobody has been given."""
        key, wanted = self.plan.keys[at], self.plan.shape(at)
        for lane in self.plan.lanes.values():
            for step in lane.writes_by.get(key, ()):
                if step not in self._shown_steps and self.plan.shape(step) == wanted:
                    return step
        return at

    def _ids(self, view: _View, played: Played, at: int, shows: int) -> dict[str, str]:
        """Recorded ID -> the one that this run was given in its place, where they differ."""
        ids = self._bound | self.plan.renamed()
        calls: list[tuple[int, Played]] = list(view.played.items())
        for lane, bound in self._match.items():
            if lane != played.lane and bound in self._views[lane]:
                calls += self._views[lane][bound].played.items()
        for step, call in calls:
            if call.shows == step:
                continue
            for pointer, text in self.plan.made_by.get(step, {}).items():
                given = call.text(pointer)
                if isinstance(given, str) and given != text:
                    ids[text] = given
        if shows != at:
            theirs = self.plan.made_by.get(shows, {})
            for pointer, text in self.plan.made_by.get(at, {}).items():
                if pointer in theirs:
                    ids[text] = theirs[pointer]
        return ids

    def _sent(self, echo: Echo, view: _View, played: Played, at: int) -> str | None:
        if echo.fixture:
            return self.outer_sent(echo)
        if echo.step == at:
            call: Played | None = played
        else:
            call = view.played.get(echo.step) or self._roles().get(echo.step)
        value = call.asked.values.get(echo.parameter) if call is not None else None
        return value.plain if value is not None else None

    def _accept(self, asked: Asked, lane: int, fits: Mapping[int, _Fit], played: Played) -> None:
        views = self._views[lane]
        shape = self.plan.shape(played.role) if len(fits) > 1 else None
        for number in list(views):
            fit = fits.get(number)
            if fit is None or (len(fits) > 1 and self.plan.shape(fit.step) != shape):
                del views[number]  # it does not fit, or answers otherwise than the client was told
            else:
                self._enter(views[number], fit, asked, played)
        if not asked.is_read:
            self._shown_steps.add(played.shows)
            if asked.key is not None:
                self._keys.setdefault(asked.key, played)
        for name, sent in self.plan.steps[played.role].sends.items():
            if sent.kind is SentKind.ANY:
                self._numbered.setdefault(sent.number, asked.values[name].plain)
        for pointer, text in texts(played.document) if played.document is not None else ():
            if self._may_be_sent(pointer, text):
                calls = self._showed.setdefault(text, [])
                if len(calls) < _MOST_SHOWN:
                    calls.append(played)

    def _may_be_sent(self, pointer: str, text: str) -> bool:
        """Whether a text of an answer is one that later calls name: an ID, a secret, a cursor."""
        return is_made(text) or (pointer == "/id" and bool(text))

    def _enter(self, view: _View, fit: _Fit, asked: Asked, played: Played) -> None:
        view.needs |= fit.needs
        step = self.plan.steps[fit.step]
        if fit.group is not None:
            view.reads[fit.group] = view.reads.get(fit.group, 0) + 1
            view.played.setdefault(fit.step, played)
        else:
            view.played[fit.step] = played
            view.writes += 1
            view.last = max(view.last, self.plan.position[fit.step])
        for name, sent in step.sends.items():
            if sent.kind is SentKind.ANY:
                view.sent.setdefault(sent.number, asked.values[name].plain)

    def _is_served(self, text: str) -> bool:
        return text in self._showed or self.plan.is_outer(text)

    def made(self) -> dict[str, tuple[int, str]]:
        """Each ID that this run was given -> the step that made it, and where."""
        found: dict[str, tuple[int, str]] = {}
        for step, call in sorted(self._roles().items()):
            for pointer, text in texts(call.document) if call.document is not None else ():
                if self._may_be_sent(pointer, text):
                    found.setdefault(text, (step, pointer))
        return found

    def sent_text(self, step: int, parameter: str) -> str | None:
        """What this run sent in a step; None if it has not."""
        call = self._roles().get(step)
        value = call.asked.values.get(parameter) if call is not None else None
        return value.plain if value is not None else None

    def _roles(self) -> Mapping[int, Played]:
        """Step -> the call that plays it, as the lanes are bound now."""
        if len(self._match) == 1:
            ((lane, number),) = self._match.items()
            return self._views[lane][number].played if number in self._views[lane] else {}
        found: dict[int, Played] = {}
        for lane, number in self._match.items():
            if number in self._views[lane]:
                found |= self._views[lane][number].played
        return found

    # ---- times and IDs from outside

    def _note_times(self, asked: Asked, step: Step, at: int) -> None:
        first = self.plan.scenario.first_time
        for name, sent in step.sends.items():
            now = asked.values[name].unix
            if sent.offset is None or now is None or first is None:
                continue
            distance = now - (first + sent.offset)
            if self._shift is None:
                self._shift = distance
                continue
            off = abs(distance - self._shift)
            slack = max(_FIVE_MINUTES, self.plan.scenario.lasted)
            if off <= (max(_SLACK, slack) if abs(sent.offset) >= _LONG else slack):
                continue
            self._shift_holds = False
            self._warn(
                f"step {at}: {name} is {_span(sent.offset + distance - self._shift)} after step"
                f" {self.plan.first_sender}, recorded {_span(sent.offset, sent.offset)}"
            )

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def _bind_outside(self, asked: Asked, step: Step) -> None:
        for _, sent, value in _pairs(step, asked):
            then = ""
            if sent.kind is SentKind.KEPT and value.what is What.ID:
                then = sent.text
            elif sent.kind is SentKind.MADE and self._is_outside(sent, value.plain):
                then = self.plan.recorded(sent.step, sent.pointer) or ""
            if then != value.plain and self._binds_to(then, value.plain):
                self._bound[then] = value.plain

    # ---- refusals

    def _is_own_read(self, asked: Asked, key: tuple[object, ...]) -> bool:
        """Whether a read that no step answers is none for the library either.

        It is not if the scenario has it at another point, if it names what this run made, or if it
        asks for no single object in a test that writes.
        """
        if any(key in lane.reads_by for lane in self.plan.lanes.values()):
            return any(
                self._same_objects(asked, group[0])
                for lane in self.plan.lanes.values()
                for group in lane.reads_by.get(key, ())
            )
        values = [value for value in (*asked.path, *asked.values.values()) if value is not None]
        if any(value.plain in self._showed and value.what is not What.KEPT for value in values):
            return True
        writes = any(lane.writes for lane in self.plan.lanes.values())
        return writes and not asked.operation.single

    def _same_objects(self, asked: Asked, at: int) -> bool:
        """Whether a recorded read asks for the objects that a call asks for."""
        for _, sent, value in _pairs(self.plan.steps[at], asked):
            if sent.kind is SentKind.KEPT and value.what is What.ID and value.plain != sent.text:
                return False
            if sent.kind is SentKind.MADE and not sent.fixture:
                calls = self._showed.get(value.plain, ())
                recorded = self.plan.recorded(sent.step, sent.pointer)
                if value.plain != recorded and not any(
                    call.text(sent.pointer) == value.plain for call in calls
                ):
                    return False
        return True

    def _refusal(self, asked: Asked, lane: int, key: tuple[object, ...]) -> NoStep:
        command = self._again_command()
        if asked.is_read and (text := self._other_epoch(asked, key)):
            return NoStep(
                f"this read was {text}", where=asked.shown,
                hint=f"{command}, if the test now reads at another point",
            )  # fmt: skip
        nearest = self._nearest(asked, lane)
        if nearest is None:
            left = self.unplayed()[:1]
            then = f"\nthe next write that it recorded is step {left[0]}: " \
                   f"{self.plan.steps[left[0]].call}" if left else ""  # fmt: skip
            return NoStep(
                "the scenario has no step for this call", where=asked.shown,
                hint=f"{command}, if the test now makes this call{then}",
            )  # fmt: skip
        step, why = nearest
        return NoStep(
            f"no step of the scenario answers this call: {why}",
            where=f"{asked.shown}, step {step}",
            hint=f"if the change is meant, {command}",
        )  # fmt: skip

    def _again_command(self) -> str:
        return f"record the scenario again: {self.plan.command}"

    def _other_epoch(self, asked: Asked, key: tuple[object, ...]) -> str:
        roles = self._roles()
        best = ""
        for lane in self.plan.lanes.values():
            for group in lane.reads_by.get(key, ()):
                if not self._same_objects(asked, group[0]):
                    continue
                before = lane.writes[: self.plan.own_before[group[0]]]
                later = lane.writes[self.plan.own_before[group[0]] :]
                missing = [n for n in (*before, *self.plan.steps[group[0]].after) if n not in roles]
                played = [n for n in (*later, *self.plan.steps[group[0]].before) if n in roles]
                if played:
                    best = best or f"recorded before step {min(played)} only"
                elif missing:
                    best = best or f"recorded after step {max(missing)} only"
        return best

    def _nearest(self, asked: Asked, lane: int) -> tuple[int, str] | None:
        best: tuple[tuple[bool, int, int], int, str] | None = None
        bound = self._match.get(lane)
        for number, view in self._views[lane].items():
            for at, step in enumerate(self.plan.steps):
                if step.lane != number or (step.method, step.template) != (
                    asked.method, asked.operation.template
                ):  # fmt: skip
                    continue
                whys = list(self._differences(asked, lane, number, view, at))
                is_played = at in view.played and not step.is_read
                if is_played:
                    whys.append(f"step {at} was played already")
                elif step.is_read:
                    is_played = not self._in_epoch(at, view)
                rank = is_played, len(whys) + (number != bound and bound is not None), at
                if whys and (best is None or rank < best[0]):
                    best = rank, at, whys[0]
        return (best[1], best[2]) if best is not None else None

    def _differences(
        self, asked: Asked, lane: int, number: int, view: _View, at: int
    ) -> Iterator[str]:
        step = self.plan.steps[at]
        for name in asked.values:
            if name not in step.sends:
                yield f"step {at} has no {name}"
        for name in step.sends:
            if name not in asked.values:
                yield f"{name} is missing (step {at} has it)"
        yield from self._other_values(asked, step, at)
        if step.expand != asked.expand:
            yield f"step {at} expands {_listed(step.expand)}, this call {_listed(asked.expand)}"
        if (step.account is None) != (asked.account is None):
            yield "it is made for another account" if asked.account else "the account is missing"
        if step.content != asked.content.value and "none" not in (
            step.content, asked.content.value
        ):  # fmt: skip
            yield f"step {at} was sent as {step.content}, this call as {asked.content.value}"
        for label, sent, value in _pairs(step, asked):
            if why := self._differs(label, sent, value, asked, lane, number, view, set()):
                yield why
        if why := self._key_differs(asked, view, at):
            yield why

    def _other_values(self, asked: Asked, step: Step, at: int) -> Iterator[str]:
        for name, sent in step.sends.items():
            value = asked.values.get(name)
            if value is None:
                continue
            if sent.kind is SentKind.KEPT and value.what is not What.ID:
                if value.text == sent.text:
                    continue
                now = value.plain if value.what is What.KEPT else "a value of another kind"
                then = sent.text or "nothing"
                yield f"step {at} has {name}={sent.text} ({name} is {then}, not {now})"
            elif sent.kind is SentKind.KEPT and not self._is_id(name, at):
                yield f"step {at} has {name}={sent.text}, and an ID was sent"
            elif sent.kind is SentKind.MADE and not self._is_served(value.plain):
                if value.what is not What.ID:
                    yield f"{name} is not the one made by step {sent.step}"
            elif sent.kind is SentKind.TIME and value.what is not What.TIME:
                yield f"{name} is no time, as in step {at}"
            elif sent.kind is SentKind.VARIABLE and value.variable != sent.text:
                yield f"{name} does not have the value of the variable {sent.text}"
            elif sent.kind is SentKind.ANY and value.what is not What.ANY:
                yield f"{name} differs from step {at}'s"

    def _is_id(self, name: str, at: int) -> bool:
        marks: Any = self.plan.keys[at][-1]
        return (name, "id") in marks


_MOST_SHOWN = 50


def _nothing_sent(_: Echo) -> str | None:
    return None


def _pairs(step: Step, asked: Asked) -> Iterator[tuple[str, Sent, Value]]:
    """What a step notes and what is sent now, for each ID of the path and each parameter."""
    for place, (sent, value) in enumerate(zip(step.path, asked.path, strict=False)):
        if value is not None:
            resource = asked.operation.ids[place].rpartition("/")[2] if place else ""
            yield (
                f"the ID in the path ({resource})" if resource else "the ID in the path",
                sent,
                value,
            )
    if step.account is not None and asked.account is not None:
        yield "the account", step.account, asked.account
    for name, sent in step.sends.items():
        value = asked.values.get(name)
        if value is not None:
            yield name, sent, value


def _listed(names: frozenset[str] | None) -> str:
    return ", ".join(sorted(names)) if names else "nothing"


def _span(seconds: int, like: int | None = None) -> str:
    """A time span as people say it; with `like`, only the number in the same unit."""
    unit = abs(seconds if like is None else like)
    if unit >= 2 * _DAY:
        number = f"{round(seconds / _DAY)}"
        return number if like is not None else f"{number} days"
    if unit >= 7200:
        number = f"{round(seconds / 3600)}"
        return number if like is not None else f"{number} hours"
    number = str(seconds)
    return number if like is not None else f"{number} seconds"
