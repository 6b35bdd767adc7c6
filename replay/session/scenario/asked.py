"""A request as scenarios see it: its operation, and what each of its values is. Pure.

A value is kept, an ID, a time or any text. Which of these it is follows from the operation and the
policy alone, so that recording and replaying say the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from replay.errors import CallRefused
from replay.model.cassette import Request, header
from replay.model.scenario import Step, is_reserved
from replay.redaction.parameters import is_time_parameter
from replay.redaction.policy import Policy, keeps_expand, keeps_parameter
from replay.redaction.secrets import is_secret
from replay.redaction.sent import keeps_sent
from replay.redaction.values import is_generated, is_plain_key
from replay.stripe_api.asked_for import is_test_alias
from replay.stripe_api.call import API_HOST
from replay.stripe_api.operations import Operation, operation
from replay.stripe_api.request_body import BodyKind, Scalar, read_parameters
from replay.stripe_api.request_parameters import (
    Parameter,
    ParameterClass,
    is_about_somebody,
    parameter,
)
from replay.stripe_api.test_numbers import is_published

_HOSTS = frozenset({"files.stripe.com", "connect.stripe.com", "meter-events.stripe.com"})
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?\Z", re.ASCII
)
_UNIX = re.compile(r"[1-9]\d{8,10}\Z", re.ASCII)
_EXPIRY = frozenset({"exp_month", "exp_year", "expiry_month", "expiry_year"})
_BIRTH = frozenset({"dob", "date_of_birth", "birth_date", "birthdate"})
_NAMES = re.compile(r"[^\[\]]+")
_SHORTEST_VARIABLE = 4
_CHOSEN_NAMES = frozenset({"code", "id", "lookup_key"})


class What(Enum):
    """What a value that is sent is."""

    KEPT = "kept"
    ID = "id"
    TIME = "time"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Value:
    """One value that is sent.

    Attributes:
        what: what it is.
        text: the value itself, in a form's spelling; in JSON as JSON, so that kinds stay apart.
        plain: the value itself, without the quotes of JSON.
        unix: seconds, for a unix time that may be compared with others.
        is_chosen: whether it is an ID that the client chose.
        variable: the test's variable whose value a private text has; empty for none.
    """

    what: What
    text: str = field(repr=False)
    plain: str = field(repr=False)
    unix: int | None = None
    is_chosen: bool = False
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request.

    Attributes:
        method: in capitals.
        host: the host if it is another one of Stripe's than ``api.stripe.com``; else empty.
        operation: what its path is.
        segments: the path's segments, decoded.
        content: how the body is written.
        values: parameter name, as files have it -> its value.
        path: for each segment its value; None for a literal.
        expand: the names to expand; None without such a parameter.
        account: the account or context; None without one.
        key: the idempotency key; None without one.
        version: the API version that the client pins; None without one.
        unknown: names of parameters that no table knows.
    """

    method: str
    host: str
    operation: Operation
    segments: tuple[str, ...] = field(repr=False)
    content: BodyKind
    values: Mapping[str, Value] = field(repr=False)
    path: tuple[Value | None, ...] = field(repr=False)
    expand: frozenset[str] | None
    account: Value | None = field(repr=False)
    key: str | None = field(repr=False)
    version: str | None
    unknown: tuple[str, ...] = ()

    @property
    def is_read(self) -> bool:
        """Whether the call changes nothing."""
        return self.method in {"GET", "HEAD"}

    @property
    def shown(self) -> str:
        """Method and path, as messages name them: without IDs."""
        return f"{self.method} /{self.operation.template}".replace("{}", "{id}")

    def exact(self, is_served: Callable[[str], bool]) -> tuple[object, ...]:
        """All that a step must have alike: its hash finds the steps that may answer.

        Args:
            is_served: whether a text is an ID, secret or cursor that this run was given.
        """
        return (
            self.method,
            self.host,
            self.operation.template,
            self.content.value if self.content is not BodyKind.NONE else "",
            self.expand,
            self.account is not None,
            frozenset(
                (name, _mark(value, is_served(value.plain))) for name, value in self.values.items()
            ),
        )


def _mark(value: Value, served: bool) -> str:
    if value.what is What.ID or served:
        return "id"
    if value.what is What.KEPT:
        return f"={value.text}"
    return f"var#{value.variable}" if value.variable else value.what.value


def read_asked(
    request: Request, policy: Policy, variables: Mapping[str, str] = MappingProxyType({})
) -> Asked:
    """Read a request.

    Args:
        request: the request.
        policy: the redaction policy.
        variables: the test's own values, by name.

    Raises:
        CallRefused: its body is a stream, or it cannot be read whole.
    """
    method = request.method
    parts = urlsplit(request.uri)
    known = operation(method, parts.path)
    label = label_of(request)
    if request.unread:
        raise CallRefused(
            "the body of this call is a stream that only the network may read",
            where=label,
            hint="send it as text, bytes or a mapping",
        )
    content_type = header(request.headers, "Content-Type") or ""
    sent = read_parameters(request.uri, content_type, request.body)
    if sent.kind is BodyKind.OPAQUE:
        raise CallRefused(
            "this call cannot be read whole: its body is no form, no JSON and no upload, is too"
            " large or too deep, or names a parameter twice",
            where=label,
            hint="send it as Stripe's clients do, or stub it",
        )
    values: dict[str, Value] = {}
    unknown: list[str] = []
    renamed: dict[str, str] = {}
    for name in sorted(sent.values):
        value = sent.values[name]
        found = _found(method, known, name, value, sent.kind, policy)
        shown = _shown_name(name, policy, renamed)
        values[shown] = _with_variable(found[0], variables)
        if not found[1] and not is_about_somebody(name):
            unknown.append(shown)
    account = header(request.headers, "Stripe-Account") or header(request.headers, "Stripe-Context")
    segments = tuple(map(unquote, parts.path.strip("/").split("/")))
    return Asked(
        method=method,
        host=parts.hostname if parts.hostname in _HOSTS and parts.hostname != API_HOST else "",
        operation=known,
        segments=segments,
        content=sent.kind,
        values=values,
        path=_path(known, segments, policy),
        expand=_expand(sent.expand, policy),
        account=_id(account, policy.keeps("context", account)) if account else None,
        key=header(request.headers, "Idempotency-Key"),
        version=header(request.headers, "Stripe-Version"),
        unknown=tuple(unknown),
    )


def label_of(request: Request) -> str:
    """Method and path of a request, as messages name it: without IDs."""
    template = operation(request.method, urlsplit(request.uri).path).template
    return f"{request.method} /{template}".replace("{}", "{id}")


def _expand(names: frozenset[str] | None, policy: Policy) -> frozenset[str] | None:
    """The names to expand, as files may have them: one that is none of the API's is no name."""
    if names is None:
        return None
    return frozenset(name if keeps_expand(name, policy=policy) else "redacted" for name in names)


def _with_variable(value: Value, variables: Mapping[str, str]) -> Value:
    if value.what is not What.ANY or value.is_chosen:
        return value
    names = [name for name, text in variables.items()
             if len(text) >= _SHORTEST_VARIABLE and text in value.plain]  # fmt: skip
    return replace(value, variable=names[0]) if len(names) == 1 else value


def _path(known: Operation, segments: tuple[str, ...], policy: Policy) -> tuple[Value | None, ...]:
    return tuple(
        None if part == hole else _id(part, policy.keeps_id(resource, part))
        for part, hole, resource in zip(
            segments, known.template.split("/"), known.ids, strict=False
        )
    )


def _id(text: str, kept: bool) -> Value:
    # An ID that may not be kept is compared by equality alone, like one that the client chose.
    return Value(What.ID, text, text, is_chosen=not kept)


@lru_cache(maxsize=8192)
def _found(
    method: str, known: Operation, name: str, value: Scalar, kind: BodyKind, policy: Policy
) -> tuple[Value, bool]:
    """The value of one parameter, and whether a table knows the parameter."""
    plain = value if isinstance(value, str) else json.dumps(value)
    text = json.dumps(value) if kind is BodyKind.JSON else plain
    if value is None or plain == "":
        return Value(What.KEPT, text, plain), True
    names = _NAMES.findall(name)
    last = next((part for part in reversed(names) if not part.isdigit()), "")
    if _is_alias(plain) or is_published(last, plain):
        return Value(What.KEPT, text, plain), True
    if method in {"GET", "HEAD"}:
        return _of_read(known.resource, name, text, plain, policy)
    given = _parameter(method, known.template, name)
    names_object = given.class_of(plain) is ParameterClass.REFERENCE or (
        bool(given.references) and is_generated(plain, policy.prefixes)
    )
    if names_object and not is_secret(plain):
        return Value(What.ID, text, plain), given.known
    if _UNIX.match(plain) and _may_be_time(given, names):
        return Value(What.TIME, text, plain, int(plain)), given.known
    if _INSTANT.match(plain) and ParameterClass.ENUM not in given.classes:
        dated = _BIRTH.isdisjoint(names) and _EXPIRY.isdisjoint(names)
        return Value(What.TIME if dated else What.ANY, text, plain), given.known
    kept = keeps_sent(name, plain, given, known.returns, policy) and not is_reserved(text)
    if given.is_client_chosen:
        # The ID of a plan or a coupon from outside, where the policy keeps such IDs.
        what = What.ID if kept else What.ANY
        return Value(what, text, plain, is_chosen=not kept), given.known
    if (
        last in _CHOSEN_NAMES
        and "metadata" not in names
        and ParameterClass.ENUM not in given.classes
    ):
        return Value(What.ANY, text, plain, is_chosen=True), given.known
    return Value(What.KEPT if kept else What.ANY, text, plain), given.known


@lru_cache(maxsize=4096)
def _parameter(method: str, template: str, name: str) -> Parameter:
    return parameter(method, f"/{template}", name)


def _may_be_time(given: Parameter, names: list[str]) -> bool:
    if not _BIRTH.isdisjoint(names) or not _EXPIRY.isdisjoint(names):
        return False
    return ParameterClass.TIME in given.classes


def _of_read(resource: str, name: str, text: str, plain: str, policy: Policy) -> tuple[Value, bool]:
    if _UNIX.match(plain) and is_time_parameter(name, policy):
        return Value(What.TIME, text, plain, int(plain)), True
    if is_generated(plain, policy.prefixes) and not is_secret(plain):
        return Value(What.ID, text, plain), True
    kept = keeps_parameter(resource, name, plain, policy=policy) and not is_reserved(text)
    # A list by a coupon's or plan's own ID: kept, but compared as an ID.
    return Value(What.KEPT if kept else What.ANY, text, plain), True


def _is_alias(value: str) -> bool:
    return is_test_alias("payment_methods", value) or is_test_alias("tokens", value)


def _shown_name(name: str, policy: Policy, renamed: dict[str, str]) -> str:
    """A parameter's name as files have it: what may be private in it is replaced."""
    parts = _NAMES.findall(name)
    shown: list[str] = []
    for part in parts:
        if part.isdigit() or _is_plain(part, policy.prefixes):
            shown.append(part)
        else:
            shown.append(renamed.setdefault(part, f"redacted_{len(renamed)}"))
    return shown[0] + "".join(f"[{part}]" for part in shown[1:])


@lru_cache(maxsize=4096)
def _is_plain(name: str, prefixes: frozenset[str]) -> bool:
    return is_plain_key(name, prefixes)


def what_is_kept(step: Step, name: str, text: str, policy: Policy) -> What:
    """What a value that a step keeps is; `What.ANY` for one that may not be kept."""
    is_json = step.content == BodyKind.JSON.value
    try:
        value = json.loads(text) if is_json else text
    except ValueError:
        return What.ANY
    if isinstance(value, dict | list):
        return What.ANY
    known = operation(step.method, step.template.replace("{}", "id_0"))
    kind = BodyKind.JSON if is_json else BodyKind.FORM
    return _found(step.method, known, name, value, kind, policy)[0].what
