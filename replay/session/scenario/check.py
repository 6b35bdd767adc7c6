"""The gate for a scenario's text: all that was sent and answered, before it is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from replay.model import json_body
from replay.model.scenario import Scenario, SentKind
from replay.redaction.gate import gate, public_words, stand_ins
from replay.redaction.redactor import Original


def check_of(originals: Iterable[Original]) -> Callable[[str, Scenario, str], None]:
    """The check that `ScenarioFiles.write` makes.

    Args:
        originals: the values that were replaced in answers, and the private ones that were sent.
    """
    searched = list(originals)

    def check(text: str, scenario: Scenario, where: str) -> None:
        skeleton, public = skeleton_of(scenario)
        gate(text, skeleton, searched, kept=public, where=where)

    return check


def skeleton_of(scenario: Scenario) -> tuple[str, frozenset[str]]:
    """The text that the gate searches for originals, and the words that are public in it."""
    parts: list[object] = [scenario.source]
    public = {scenario.api_version}
    for step in scenario.steps:
        kept = [sent.text for sent in (*step.path, *step.sends.values())
                if sent.kind is SentKind.KEPT]  # fmt: skip
        public.update(kept)
        public.update(step.sends)
        if step.account is not None:
            public.add(step.account.text)
        parts.append([*step.answer.headers])
        if step.answer.body:
            document = json_body.parse(step.answer.body)
            parts.append(stand_ins(document, step.answer.redacted))
            public |= public_words(document, step.answer.redacted)
    return json.dumps(parts, ensure_ascii=False), frozenset(public)
