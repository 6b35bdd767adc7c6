"""Asks the live source again for each recorded call, and compares the answers. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from replay.drift.observe.marks import marks_of
from replay.drift.observe.pointers import ANY, parent
from replay.drift.observe.shape import Shape, ShapeBuilder, Stat, is_map, names_below
from replay.errors import CassetteDamaged, ConfigError, UpstreamError
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction
from replay.recording.paced_pool import Pace, run_paced
from replay.recording.recorder import Outcome, Recorder
from replay.recording.twins import fetch, request_for
from replay.redaction.pseudonyms import is_masked
from replay.stripe_api.asked_for import is_test_alias
from replay.stripe_api.call import Call, read_call
from replay.stripe_api.versions import UNVERSIONED
from replay.upkeep.verify.problems import LiveAnswers, Problem, ProblemKind, Unasked

_SHOWN = 6
_SILENT = {429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Question:
    """A call to compare with the last take that is recorded of it.

    Attributes:
        path: the cassette, below the library.
        call: the call, at the version that the cassette is of.
        take: its last take.
    """

    path: str
    call: Call
    take: Interaction


@dataclass(frozen=True, slots=True)
class Live:
    """How to ask the live source.

    Attributes:
        recorder: fetches and redacts; its library is not touched.
        key: the API key.
        pace: limits the calls per second.
        accounts: label -> the connected account and the context that it stands for.
        shape: whether to compare shapes only.
    """

    recorder: Recorder
    key: str
    pace: Pace
    accounts: Mapping[str, tuple[str, str]]
    shape: bool = False


def questions(path: str, cassette: Cassette) -> Iterator[Question | Unasked]:
    """The calls of a cassette to ask for, each once, or why they cannot be asked for."""
    if any(map(is_masked, (*cassette.key.parents, cassette.key.id))):
        yield Unasked(path, "it is recorded under a pseudonym, not under its ID")
        return
    pinned = None if cassette.api_version == UNVERSIONED else cassette.api_version
    found: dict[Call, Interaction] = {}
    for take in cassette.interactions:
        call = read_call(take.request)
        found[replace(call, key=cassette.key, pinned=pinned)] = take
    yield from (Question(path, call, take) for call, take in found.items())


def compare(
    live: Live,
    items: Sequence[Question | Unasked],
    advance: Callable[[], None],
) -> LiveAnswers:
    """Ask for everything, and tell what differs.

    Args:
        live: how to ask.
        items: the result of `questions`.
        advance: called after each item.

    Raises:
        ConfigError: the source does not accept the key.
        LiveDataRefused: the key is a live-mode key, without ``allow_live``.
        KeyboardInterrupt: Ctrl-C ended it.
    """
    run = run_paced(items, lambda item: _answer(live, item), live.pace, advance=advance)
    if run.interrupted:
        raise KeyboardInterrupt
    answers = run.results
    unasked = tuple(answer for answer in answers if isinstance(answer, Unasked))
    problems = tuple(answer for answer in answers if isinstance(answer, Problem))
    return LiveAnswers(len(answers) - len(unasked), problems, unasked)


def _answer(live: Live, question: Question | Unasked) -> Problem | Unasked | None:
    if isinstance(question, Unasked):
        return question
    label = question.call.key.account
    if label and label not in live.accounts:
        why = (
            "it was asked for in a context: name it, --context CONTEXT, and its --account"
            if label.startswith("ctx-")
            else "it belongs to a connected account: name it, --account ACCT"
        )
        return Unasked(question.path, why)
    request = request_for(question.call, live.key, *live.accounts.get(label, ("", "")))
    try:
        outcome = fetch(live.recorder, question.call, request, "", live.pace)
        # A test alias such as `pm_card_visa` answers with a fresh object each time.
        key = question.call.key
        return _judge(question, outcome, live.shape or is_test_alias(key.resource, key.id))
    except UpstreamError as error:
        return Unasked(question.path, error.what, silent=True)
    except CassetteDamaged as error:
        return Problem(question.path, ProblemKind.BODY, error.what, error.hint)


def _judge(question: Question, outcome: Outcome, shape: bool) -> Problem | Unasked | None:
    take, status = question.take, outcome.response.status
    recorded = take.response.status
    if status == 401 != recorded:
        raise ConfigError(
            "the source does not accept the key",
            where="environment variable STRIPE_API_KEY",
            hint="check the key, and that it is one of the account that was recorded",
        )
    if status != recorded and status in _SILENT:
        return Unasked(question.path, f"the source answers status {status}", silent=True)
    if status == 403 != recorded:
        return Unasked(question.path, "the key may not read this (status 403)", silent=True)
    now = outcome.take
    if now is None:
        return Unasked(question.path, outcome.unkept)
    if status != recorded:
        kind = ProblemKind.GONE if status == 404 else ProblemKind.CHANGED
        return _problem(question, kind, f"status {status}, recorded was {recorded}")
    old, new = (
        json_body.parse_recorded(one.response.body, question.path) if one.response.body else None
        for one in (take, now)
    )
    if _deleted(new) and not _deleted(old):
        return _problem(question, ProblemKind.GONE, "the source says that it was deleted")
    if shape:
        changes = shape_changes(_shape(old, take), _shape(new, now))
    else:
        changes = list(changed(old, new))
        if not changes and dict(take.redacted) != dict(now.redacted):
            changes = ["what is redacted"]
    if not changes:
        return None
    more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return _problem(question, ProblemKind.CHANGED, ", ".join(changes[:_SHOWN]) + more)


def _problem(question: Question, kind: ProblemKind, detail: str) -> Problem:
    call = question.call
    expand = f" (expand {', '.join(call.expand)})" if call.expand else ""
    return Problem(
        question.path, kind, f"since {question.take.recorded_at[:10]}{expand}: {detail}",
        "if tests should see it, record it again with mode all",
    )  # fmt: skip


def _deleted(body: Any) -> bool:
    return isinstance(body, dict) and body.get("deleted") is True


def changed(old: Any, new: Any, pointer: str = "") -> Iterator[str]:
    """Where two bodies differ, as JSON pointers; the values are never named."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            below = f"{pointer}/{name}"
            if name not in new:
                yield f"{below} removed"
            elif name not in old:
                yield f"{below} added"
            else:
                yield from changed(old[name], new[name], below)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from changed(one, other, f"{pointer}/{number}")
    elif type(old) is not type(new) or old != new:
        yield pointer or "the body"


def _shape(body: Any, take: Interaction) -> Shape:
    builder = ShapeBuilder()
    if isinstance(body, dict):
        builder.add(marks_of(body, take.redacted), "", 0)
    return builder.shape()


def shape_changes(old: Shape, new: Shape) -> list[str]:
    """The differences in shape of two bodies, except those that a change of state can explain.

    State explains a value that is null on one side, an empty list, another enum value, and keys
    that users choose. It does not explain a field that one of two objects lacks, nor a value of
    another type.
    """
    changes: list[str] = []
    for path in sorted(old.keys() & new.keys()):
        if _free(old, path) or _free(new, path):
            continue
        kinds = [stat.kinds - {"null"} for stat in (old[path], new[path])]
        if all(kinds) and kinds[0] != kinds[1]:
            changes.append(f"{path or 'the body'} is {_named(kinds[1])}, was {_named(kinds[0])}")
        if _living(old[path]) and _living(new[path]):
            if is_map(old, path) or is_map(new, path):
                continue
            before, after = names_below(old, path), names_below(new, path)
            changes += [f"{path}/{name} removed" for name in sorted(before - after - {ANY})]
            changes += [f"{path}/{name} added" for name in sorted(after - before - {ANY})]
    return changes


def _living(stat: Stat) -> bool:
    return stat.parents > 0


def _free(shape: Shape, path: str) -> bool:
    """Whether a path is below keys that users chose."""
    above = path
    while above:
        above = parent(above)
        if is_map(shape, above):
            return True
    return False


def _named(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))
