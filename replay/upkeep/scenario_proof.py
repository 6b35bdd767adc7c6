"""Proves a scenario: no step holds a free value, and each answer is what redaction leaves of it.

It asks what loading asks when the scenario is played, and more: IDs in paths, the names of
parameters, and each stand-in of an answer. An answer's ``Request-Id`` is a digest of the seed that
its stand-ins were made from, so the seed is found again. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from replay.errors import CassetteDamaged
from replay.model import json_body
from replay.model.cassette import Interaction, Request, Response, header
from replay.model.scenario import Scenario, Sent, SentKind, Step
from replay.redaction.policy import Policy, keeps_expand
from replay.redaction.pseudonyms import request_id
from replay.redaction.values import is_plain_key
from replay.session.scenario.asked import What, what_is_kept
from replay.stripe_api.headers import phrase
from replay.stripe_api.operations import operation
from replay.upkeep.proof import (
    FORGED,
    is_day,
    leads_to_a_value,
    may_stand_in,
    unproven_body,
)

_MOST_CALLS = 40_000
"""The calls of a test, and its reads that were left to the library: numbers of seeds."""

_NAMES = re.compile(r"[^\[\]]+")
_CHOSEN = re.compile(r"[a-z][a-z0-9_]*_Redacted[0-9a-f]{16}")


def unproven_steps(scenario: Scenario, policy: Policy) -> Iterator[tuple[str, str]]:
    """What no recording would have written outside the answers' bodies: place and words."""
    if not is_day(scenario.recorded_at[:10]):
        yield "scenario/recorded_at", "recorded_at"
    for name, ids in scenario.fixtures.items():
        if not all(policy.keeps_id_of_any(t) or _CHOSEN.fullmatch(t) for t in ids.values()):
            yield f"scenario/fixtures/{name}", "an ID of a fixture"
    for number, step in enumerate(scenario.steps):
        at = f"steps/{number}"
        if not _keeps_path(step, policy):
            yield f"{at} call", "an ID in the path"
        if step.account is not None and not _keeps_account(step.account, policy):
            yield f"{at} account", "the account"
        if not all(keeps_expand(name, policy=policy) for name in step.expand or ()):
            yield f"{at} expand", "the names to expand"
        for name, sent in step.sends.items():
            if not _is_plain(name, policy):
                yield f"{at} sends", "the name of a parameter"
            elif sent.kind is SentKind.KEPT and not _keeps_value(step, name, sent.text, policy):
                yield f"{at} sends/{name}", f"the value of {name}"
        if not _are_places(step):
            yield f"{at} redacted", "redacted"
        if not _are_echoes(number, scenario):
            yield f"{at} echo", "echo"


def _keeps_path(step: Step, policy: Policy) -> bool:
    resources = operation(step.method, step.template.replace("{}", "id_0")).ids
    parts = zip(step.path, step.template.split("/"), resources, strict=False)
    return len(step.path) == len(resources) and all(
        sent.kind is not SentKind.KEPT or (policy.keeps_id(resource, sent.text))
        for sent, part, resource in parts
        if part == "{}"
    )


def _keeps_account(sent: Sent, policy: Policy) -> bool:
    return sent.kind is not SentKind.KEPT or policy.keeps("context", sent.text)


def _is_plain(name: str, policy: Policy) -> bool:
    parts = _NAMES.findall(name)
    return all(part.isdigit() or is_plain_key(part, policy.prefixes) for part in parts)


def _keeps_value(step: Step, name: str, text: str, policy: Policy) -> bool:
    return what_is_kept(step, name, text, policy) in {What.KEPT, What.ID}


def _are_places(step: Step) -> bool:
    """Whether each entry of ``redacted:`` and ``echo:`` leads to a value of the answer."""
    answer = step.answer
    if not answer.redacted and not answer.echo:
        return True
    body = _body_of(step)
    if body is None:
        return bool(answer.body)  # one that cannot be read is reported itself
    return all(leads_to_a_value(body, place) for place in (*answer.redacted, *answer.echo))


def _are_echoes(number: int, scenario: Scenario) -> bool:
    """Whether each echo stands in place of a stand-in, and a step sent a private text for it."""
    answer = scenario.steps[number].answer
    for place, echo in answer.echo.items():
        if place not in answer.redacted:
            return False
        if echo.fixture:
            continue
        sent = scenario.steps[echo.step].sends.get(echo.parameter)
        if sent is None or sent.kind not in {SentKind.ANY, SentKind.VARIABLE}:
            return False
    return True


def unproven_answer(
    scenario: Scenario, number: int, policy: Policy
) -> Iterator[tuple[str, str, str]]:
    """What the policy would not have written in a step's answer: scan rule, pointer and class.

    Args:
        scenario: the scenario.
        number: the step.
        policy: the policy in force.
    """
    step = scenario.steps[number]
    seed = seed_of(scenario, number)
    if seed is None:
        yield FORGED, "/headers/Request-Id", "request_id"
        seed = _seed(step, number)
    chosen = _chosen_places(step, {t for ids in scenario.fixtures.values() for t in ids.values()})
    for rule, pointer, kind in unproven_body(take_of(scenario, number), seed, scenario.policy,
                                             policy):  # fmt: skip
        if pointer in chosen or (_is_below(pointer, chosen) and _looks_replaced(step, pointer)):
            continue
        yield rule, pointer, kind


def take_of(scenario: Scenario, number: int) -> Interaction:
    """A step's answer as a take."""
    step = scenario.steps[number]
    answer = step.answer
    return Interaction(
        request=Request(step.method, ""),
        response=Response(answer.status, phrase(answer.status), answer.headers, answer.body),
        recorded_at=scenario.recorded_at,
        source=scenario.source,
        redacted=answer.redacted,
    )


def seed_of(scenario: Scenario, number: int) -> str | None:
    """The seed of a step's stand-ins; None if its ``Request-Id`` is that of no seed."""
    step = scenario.steps[number]
    stated = header(step.answer.headers, "Request-Id")
    version = step.api_version or scenario.api_version
    if stated is None:
        return None
    # A call has the number of its step, or a higher one where calls before it are no steps.
    for call in (*range(number, _MOST_CALLS), *range(number)):
        seed = _seed(step, call)
        if request_id(seed, version, ()) == stated:
            return seed
    return None


def _seed(step: Step, call: int) -> str:
    return f"{step.template} {step.method} {call}"


def _chosen_places(step: Step, outer: Collection[str]) -> frozenset[str]:
    """Where an answer shows an ID that its test or a fixture chose: the scenario's own stand-in.

    Args:
        step: the step.
        outer: the IDs of fixtures that the scenario names.
    """
    answer = step.answer
    places = [place for place, kind in answer.redacted.items() if kind == "id"]
    body = _body_of(step) if places else None
    values = {place: str(_value_at(body, place)) for place in places}
    return frozenset(
        place for place, value in values.items()
        if _CHOSEN.fullmatch(value) is not None and (place in answer.echo or value in outer)
    )  # fmt: skip


def _is_below(pointer: str, chosen: frozenset[str]) -> bool:
    """Whether a value belongs to an object whose ID was chosen: its seed is not in the file."""
    return any(
        place.endswith("/id") and pointer.startswith(place.removesuffix("id")) for place in chosen
    )


def _looks_replaced(step: Step, pointer: str) -> bool:
    value = _value_at(_body_of(step), pointer)
    return pointer in step.answer.redacted and (
        isinstance(value, str | int | float) and may_stand_in(value)
    )


def _body_of(step: Step) -> Any:
    if not step.answer.body:
        return None
    try:
        return json_body.parse_recorded(step.answer.body, "")
    except CassetteDamaged:
        return None  # the body itself is reported


def _value_at(body: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        if isinstance(body, Mapping):
            body = body.get(part)
        elif isinstance(body, list) and part.isdecimal() and int(part) < len(body):
            body = body[int(part)]
        else:
            return None
    return body
