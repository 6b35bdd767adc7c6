"""Scenarios without a live source: what one run asked and got, and what another asks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from replay.errors import NoStep
from replay.library.format import scenario_format
from replay.model.cassette import Request
from replay.model.scenario import Scenario
from replay.redaction.policy import default_policy
from replay.redaction.redactor import redact
from replay.session.scenario.answers import value_at
from replay.session.scenario.asked import read_asked
from replay.session.scenario.matching import Matching
from replay.session.scenario.plan import Plan
from replay.session.scenario.recording import Recording, scenario_of

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Ask:
    """A call: what is sent. ``{n/pointer}`` in a value is what the run's call n got there."""

    call: str
    sends: Mapping[str, Any] = field(default_factory=dict)
    lane: str = "main"
    key: str = ""
    host: str = "api.stripe.com"
    upload: bytes | None = None

    def request(self, got: Sequence[Any] = ()) -> Request:
        """The request that a client makes of it."""
        method, _, path = filled(self.call, got).partition(" ")
        pairs = [
            (name, filled(one, got))
            for name, value in self.sends.items()
            for one in (value if isinstance(value, list) else [value])
        ]
        headers = [("Idempotency-Key", self.key)] if self.key else []
        uri, body = f"https://{self.host}{path}", None
        if self.upload is not None:
            mark = f"mark{len(self.upload)}"
            parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                     for name, value in pairs]  # fmt: skip
            file = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
            body = "".join(parts).encode() + file.encode() + b"\r\n" + self.upload
            body += f"\r\n--{mark}--\r\n".encode()
            headers.append(("Content-Type", f"multipart/form-data; boundary={mark}"))
        elif method == "POST":
            body = urlencode(pairs).encode()
            headers.append(("Content-Type", FORM))
        elif pairs:
            uri += "?" + urlencode(pairs)
        return Request(method, uri, tuple(headers), body)


def filled(text: str, got: Sequence[Any]) -> str:
    """A text with what earlier calls of the run got."""
    return re.sub(
        r"\{(\d+)(/[^}]*)\}", lambda found: str(value_at(got[int(found[1])], found[2])), str(text)
    )


def recorded(
    *calls: tuple[Ask, Any] | tuple[Ask, Any, int], headers: Mapping[int, Any] | None = None
) -> Scenario:
    """The scenario of calls and their answers, written and read again.

    Args:
        calls: each call, the body of its answer, and its status if that is not 200.
        headers: number of a call -> more headers of its answer.
    """
    policy = default_policy()
    recording = Recording(policy)
    lanes: dict[str, int] = {}
    for number, (ask, body, *status) in enumerate(calls):
        asked = read_asked(ask.request([given[1] for given in calls]), policy)
        recording.add(
            asked,
            lanes.setdefault(ask.lane, len(lanes)),
            status[0] if status else 200,
            (("Content-Type", "application/json"), *(headers or {}).get(number, ())),
            "unversioned",
            redact(body, owner=f"{asked.operation.template} {number}", policy=policy),
        )
    steps, _ = recording.finish()
    made = scenario_of(
        steps, name="tests/test_it.py::test_it", api_version="unversioned", policy=policy.label,
        recorded_at="2026-01-02T03:04:05Z", lasted=1, source="api.stripe.com",
        first_time=recording.first_time, variables={},
    )  # fmt: skip
    text = scenario_format.dumps(made)
    read = scenario_format.loads(text.encode(), "it.yaml")
    assert made == read
    return read


@dataclass
class Run:
    """A run that is answered by a scenario."""

    scenario: Scenario
    binds: bool = False

    def __post_init__(self) -> None:
        plan = Plan(self.scenario, default_policy(), "it.yaml", command="pytest it")
        self.matching = Matching(plan, binds=self.binds)
        self.got: list[Any] = []
        self.statuses: list[int] = []
        self.headers: list[bool] = []
        self._lanes: dict[str, int] = {}

    def ask(self, ask: Ask) -> Any:
        """The body that answers a call; ``library`` for a read that is left to it."""
        asked = read_asked(ask.request(self.got), default_policy())
        lane = self._lanes.setdefault(ask.lane, len(self._lanes))
        try:
            found = self.matching.answer(asked, lane)
        except NoStep:
            self.got.append(None)
            raise
        if found is None:
            self.got.append(None)
            return "library"
        played, step = found
        self.got.append(played.document)
        self.statuses.append(played.status)
        self.headers.append(step is None)
        return played.document
