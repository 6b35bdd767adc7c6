"""Text to `Scenario` and back: the format of scenario files. No I/O.

docs/scenario-format.md specifies it. A step's ``sends`` has no place for a free value: what is in
no form of `replay.model.scenario.Sent` is refused here, and what the policy does not keep is
refused when a scenario is prepared for matching.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from replay.errors import CassetteDamaged
from replay.library.format import forms as frame
from replay.library.format.fields import (
    Unfit,
    formed,
    headers_of,
    no_control,
    only,
    redacted_of,
    text_of,
    unfit,
    value_of,
)
from replay.library.format.schema import Later
from replay.library.format.seals import RESTORE, seal, too_new, unseal
from replay.model.scenario import (
    Answer,
    Echo,
    Scenario,
    Sent,
    SentKind,
    Step,
    kept,
    parse_echo,
    parse_sent,
)
from replay.stripe_api.headers import SCENARIO_HEADERS, is_kept_status
from replay.stripe_api.operations import operation
from replay.stripe_api.versions import UNVERSIONED, is_version

VERSION = 1

_SEGMENT = re.compile(r"\{[^{}]*\}|[^/{}]+")
_CALL = re.compile(r"([A-Z]{1,9}) (?://([a-z.-]{1,60}))?/(\S{1,2000})")
_HOSTS = frozenset({"", "files.stripe.com", "connect.stripe.com", "meter-events.stripe.com"})
_CONTENTS = frozenset({"none", "form", "json", "multipart"})
_METHODS = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})
_NAME = re.compile(r"[^\s{}\[\]]{1,200}(?:\[[^\s{}\[\]]{0,200}\]){0,20}")
_EXPAND = re.compile(r"[A-Za-z0-9_.*]{1,200}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_ID = re.compile(r"[A-Za-z0-9_.+@-]{3,255}")
_MOST_STEPS = 20_000

_TOP = frozenset({"version", "scenario", "steps"})
_HEAD = frozenset(
    {
        "name",
        "api_version",
        "policy",
        "recorded_at",
        "lasted",
        "source",
        "first_time",
        "variables",
        "fixtures",
    }
)
_STEP = frozenset(
    {"call", "content", "lane", "account", "api_version", "key", "expand", "sends", "after",
     "before", "answer"}
)  # fmt: skip
_ANSWER = frozenset({"status", "headers", "body", "redacted", "echo"})


def dumps(scenario: Scenario, where: str = "") -> str:
    """The text of a scenario, sealed; ASCII but for its name and variables, LF line ends.

    Raises:
        CassetteDamaged: the text would be larger than a file may be.
    """
    from replay.library.format import yaml_writer

    head: dict[str, Any] = {
        "name": scenario.name,
        "api_version": scenario.api_version,
        "policy": scenario.policy,
        "recorded_at": scenario.recorded_at,
        "lasted": scenario.lasted,
        "source": scenario.source,
    }
    if scenario.first_time is not None:
        head["first_time"] = scenario.first_time
    if scenario.variables:
        head["variables"] = dict(scenario.variables)
    if scenario.fixtures:
        head["fixtures"] = {name: dict(texts) for name, texts in scenario.fixtures.items()}
    steps = [_written(step) for step in scenario.steps]
    return seal(
        yaml_writer.document({"version": VERSION, "scenario": head, "steps": steps}),
        "scenario",
        where=where,
    )


def _written(step: Step) -> dict[str, Any]:
    from replay.library.format import yaml_writer

    made: dict[str, Any] = {"call": step.call}
    if step.content != "none":
        made["content"] = step.content
    made["lane"] = step.lane
    if step.account is not None:
        made["account"] = str(step.account)
    if step.api_version:
        made["api_version"] = step.api_version
    if step.key is not None:
        made["key"] = step.key
    if step.expand is not None:
        made["expand"] = yaml_writer.line(sorted(step.expand))
    if step.sends:
        made["sends"] = {name: str(sent) for name, sent in step.sends.items()}
    if step.after:
        made["after"] = yaml_writer.line(step.after)
    if step.before:
        made["before"] = yaml_writer.line(step.before)
    answer: dict[str, Any] = {
        "status": step.answer.status,
        "headers": yaml_writer.lines(step.answer.headers),
        "body": yaml_writer.literal(step.answer.body.decode("ascii")),
        "redacted": dict(step.answer.redacted),
    }
    if step.answer.echo:
        answer["echo"] = {pointer: str(echo) for pointer, echo in step.answer.echo.items()}
    return {**made, "answer": answer}


def loads(data: bytes, where: str) -> Scenario:
    """Read a scenario's bytes.

    Raises:
        CassetteDamaged: or one of its kinds, which says what is wrong and what to do.
    """
    from replay.library.format.yaml_reader import Malformed, parse

    body = unseal(data, where, "scenario")
    try:
        return to_scenario(parse(body))
    except Later as error:
        raise too_new(error.version, where) from None
    except (Unfit, Malformed) as error:
        raise CassetteDamaged(
            f"the scenario {error}",
            where=where,
            hint="if you edited it, put back there what was recorded, and run: "
            f"replay seal {shlex.quote(where)}\nif you did not, {RESTORE}",
        ) from None


def to_scenario(document: Any) -> Scenario:
    """Read a document as a scenario.

    Raises:
        Later: it has a later version.
        Unfit: it is not a scenario.
    """
    if type(document) is not dict:
        raise unfit("the file is not a mapping")
    version = value_of(document, "version", int, "")
    if version > VERSION:
        raise Later(version)
    if version != VERSION:
        raise unfit(f"version is not {VERSION}")
    only(document, _TOP, "")
    head = value_of(document, "scenario", dict, "")
    only(head, _HEAD, "scenario")
    items = value_of(document, "steps", list, "")
    if len(items) > _MOST_STEPS:
        raise unfit("steps is longer than a scenario may be")
    steps = tuple(_step(item, f"steps[{number}]", number) for number, item in enumerate(items))
    lasted = value_of(head, "lasted", int, "scenario.")
    if not 0 <= lasted <= 10**7:
        raise unfit("scenario.lasted is no number of seconds")
    return Scenario(
        name=_within(text_of(head, "name", "scenario."), 2000, "scenario.name"),
        api_version=_version(head, "scenario."),
        policy=formed(head, "policy", "scenario.", frame.POLICY),
        recorded_at=formed(head, "recorded_at", "scenario.", frame.TIME),
        lasted=lasted,
        source=formed(head, "source", "scenario.", frame.SOURCE),
        steps=steps,
        first_time=_first_time(head),
        variables=_variables(head),
        fixtures=_fixtures(head),
    )


def _version(head: Mapping[str, Any], at: str) -> str:
    version = text_of(head, "api_version", at)
    if not (is_version(version) or version == UNVERSIONED):
        raise unfit(f"{at}api_version is not an API version")
    return version


def _within(text: str, most: int, at: str) -> str:
    if not 0 < len(text) <= most:
        raise unfit(f"{at} is empty or too long")
    return text


def _first_time(head: Mapping[str, Any]) -> int | None:
    if "first_time" not in head:
        return None
    found: int = value_of(head, "first_time", int, "scenario.")
    if not 0 < found < 10**11:
        raise unfit("scenario.first_time is no unix time")
    return found


def _variables(head: Mapping[str, Any]) -> Mapping[str, str]:
    found = value_of(head, "variables", dict, "scenario.") if "variables" in head else {}
    for name, value in found.items():
        if not _VARIABLE.fullmatch(name) or type(value) is not str or len(value) > 2000:
            raise unfit("scenario.variables maps what is no name, or to what is no text")
    return dict(found)


def _fixtures(head: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    found = value_of(head, "fixtures", dict, "scenario.") if "fixtures" in head else {}
    for name, texts in found.items():
        if not _VARIABLE.fullmatch(name) or type(texts) is not dict:
            raise unfit("scenario.fixtures maps what is no name, or to what is no mapping")
        for place, text in texts.items():
            if parse_sent(f"{{{name}:{place}}}") is None or type(text) is not str:
                raise unfit("scenario.fixtures names no step and pointer, or no text there")
            if not _ID.fullmatch(text):
                raise unfit("scenario.fixtures holds what is no ID")
    return {name: dict(texts) for name, texts in found.items()}


def _step(item: Any, at: str, number: int) -> Step:
    if type(item) is not dict:
        raise unfit(f"{at} is not a mapping")
    only(item, _STEP, at)
    found = _CALL.fullmatch(text_of(item, "call", f"{at}."))
    if found is None or found[1] not in _METHODS or (found[2] or "") not in _HOSTS:
        raise unfit(f"{at}.call is not a method and a path of the API")
    path = _path(found[3], f"{at}.call", number)
    lane = value_of(item, "lane", int, f"{at}.")
    if not 0 <= lane < _MOST_STEPS:
        raise unfit(f"{at}.lane is no number of a lane")
    content = text_of(item, "content", f"{at}.") if "content" in item else "none"
    if content not in _CONTENTS:
        raise unfit(f"{at}.content is none that replay writes")
    plain = "/".join(sent.text if sent.kind is SentKind.KEPT else "id_0" for sent in path)
    return Step(
        method=found[1],
        host=found[2] or "",
        path=path,
        content=content,
        lane=lane,
        sends=_sends(item, at, number),
        answer=_answer(value_of(item, "answer", dict, f"{at}."), f"{at}.answer", number),
        template=operation(found[1], plain).template,
        expand=_expand(item, at),
        account=_sent(text_of(item, "account", f"{at}."), f"{at}.account", number)
        if "account" in item
        else None,
        api_version=_version(item, f"{at}.") if "api_version" in item else "",
        key=_number(item, "key", at) if "key" in item else None,
        after=_numbers(item, "after", at),
        before=_numbers(item, "before", at),
    )


def _path(text: str, at: str, number: int) -> tuple[Sent, ...]:
    parts = _SEGMENT.findall(text)
    if "/".join(parts) != text:
        raise unfit(f"{at} is not a path")
    return tuple(
        _sent(part if part[1:2].isdigit() or ":" in part else part[1:-1], at, number)
        if part[:1] == "{"
        else kept(unquote(part))
        for part in parts
    )


def _sent(text: str, at: str, number: int) -> Sent:
    no_control(text, at)
    found = parse_sent(text)
    if found is None or len(text) > 1000:
        raise unfit(f"{at} is none of: a kept value, {{step/pointer}}, time, any#number")
    if found.kind is SentKind.MADE and not found.fixture and found.step >= number:
        raise unfit(f"{at} names a step that comes later")
    return found


def _sends(item: Mapping[str, Any], at: str, number: int) -> Mapping[str, Sent]:
    if "sends" not in item:
        return {}
    found = {}
    for name, text in value_of(item, "sends", dict, f"{at}.").items():
        if not _NAME.fullmatch(name) or type(text) is not str:
            raise unfit(f"{at}.sends holds what is no name of a parameter, or no text")
        found[name] = _sent(text, f"{at}.sends", number)
    return found


def _expand(item: Mapping[str, Any], at: str) -> frozenset[str] | None:
    if "expand" not in item:
        return None
    names = value_of(item, "expand", list, f"{at}.")
    if not all(type(name) is str and _EXPAND.fullmatch(name) for name in names):
        raise unfit(f"{at}.expand is not a list of fields")
    return frozenset(names)


def _number(item: Mapping[str, Any], name: str, at: str) -> int:
    found: int = value_of(item, name, int, f"{at}.")
    if not 0 <= found < 10**6:
        raise unfit(f"{at}.{name} is out of range")
    return found


def _numbers(item: Mapping[str, Any], name: str, at: str) -> tuple[int, ...]:
    if name not in item:
        return ()
    found = value_of(item, name, list, f"{at}.")
    if not all(type(number) is int and 0 <= number < _MOST_STEPS for number in found):
        raise unfit(f"{at}.{name} is not a list of steps")
    return tuple(found)


def _answer(item: Mapping[str, Any], at: str, number: int) -> Answer:
    only(item, _ANSWER, at)
    status = value_of(item, "status", int, f"{at}.")
    body = value_of(item, "body", str, f"{at}.")
    if not is_kept_status(status):
        raise unfit(f"{at}.status is one that replay does not record")
    if not body.isascii() or (body and not frame.is_object(body)):
        raise unfit(f"{at}.body is not an object of JSON in ASCII")
    return Answer(
        status=status,
        headers=headers_of(item, f"{at}.", SCENARIO_HEADERS),
        body=body.encode("ascii"),
        redacted=redacted_of(item, at),
        echo=_echo(item, at, number),
    )


def _echo(item: Mapping[str, Any], at: str, number: int) -> Mapping[str, Echo]:
    if "echo" not in item:
        return {}
    found = {}
    for pointer, text in value_of(item, "echo", dict, f"{at}.").items():
        no_control(pointer, f"{at}.echo")
        echo = parse_echo(text) if type(text) is str else None
        later = echo is not None and not echo.fixture and echo.step > number
        if echo is None or later or pointer[:1] != "/":
            raise unfit(f"{at}.echo maps what is no pointer, or to what is no earlier parameter")
        found[pointer] = echo
    return found
