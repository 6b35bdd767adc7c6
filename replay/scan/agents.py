"""Names of machines that HTTP clients send: in `X-Stripe-Client-User-Agent` and headers like it.

Stripe's SDKs describe in JSON what they run on, most with the whole output of ``uname -a``, whose
second word is the machine's name: often that of its owner.
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from replay.importers.documents import Unreadable, named, read_json
from replay.redaction.pseudonyms import STAND_IN

_NAMES = frozenset(
    {"node", "hostname", "host_name", "host.name", "nodename", "node_name", "machine",
     "machine_name", "computer_name", "computername", "device_name"}
)  # fmt: skip
_UNAME = frozenset({"uname", "os_uname"})
_TELLING = frozenset(
    {"bindings_version", "lang", "lang_version", "language_version", "language", "publisher",
     "httplib", "sdk", "sdk_version", "sdk_name", "client", "client_version", "runtime",
     "runtime_version", "platform", "os", "os_version", "engine", "application", "uname", "arch"}
)  # fmt: skip
"""Keys of which a client's description of itself has at least one, beside the machine's name."""

_NAMELESS = re.compile(
    r"localhost(?:\.localdomain|\.local)?|\(?none\)?|unknown|version|x86_64|amd64|arm64|aarch64|i[36]86"
    r"|[0-9a-f]{12}|v?\d+(?:\.\d+)*|\W*|.*(?:redacted|filtered|hidden|masked|placeholder|example|your[-_]).*"
    r"|[<\[{*%$].*",
    re.IGNORECASE,
)
"""Names that tell nothing: no name, a container's ID, an architecture, what somebody put there."""

_IN_TEXT = re.compile(
    r"""(?:\\*["'`]|:|(?<![\w.-]))(?P<key>uname|os_uname|hostname|host_name|nodename|machine_name"""
    r"""|computer_name)(?:\\*["'`])?\s{0,4}(?::|=>|=)\s{0,4}\\*["'`](?P<value>[^"'`\\\n]{1,400})"""
)
_AGENT = re.compile(r"client[-_ ]?user[-_ ]?agent", re.IGNORECASE)
_NEAR = re.compile(rf"bindings_version|{_AGENT.pattern}", re.IGNORECASE)
_REACH = 4096
_USER_AGENT = re.compile(r"\s*[A-Za-z][A-Za-z0-9_.-]{0,40}/v?\d[\w.-]*(?:\s|\Z)")


def is_telemetry(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a client's description of itself and its machine."""
    if not (_UNAME & value.keys() or _NAMES & value.keys()):
        return False
    others = value.keys() - _NAMES
    return "object" not in value and bool(_TELLING & others)


def machine_names(value: Mapping[str, Any]) -> Iterator[str]:
    """The names of machines in a client's description of itself."""
    for key, child in value.items():
        if isinstance(child, str):
            key = named(key)
            name = _node(child) if key in _UNAME else child if key in _NAMES else ""
            if _tells(name):
                yield name


def names_agent(name: str) -> bool:
    """Whether a name is that of a header in which a client describes itself, in any spelling."""
    return _AGENT.search(name) is not None


def names_in_header(value: str) -> Iterator[str]:
    """The names of machines in the value of such a header: JSON, or the output of ``uname -a``."""
    value = unquote(value) if "%" in value and " " not in value else value
    value = value.strip().strip("'\"").replace('\\"', '"')
    if value.startswith("eyJ"):  # JSON in base64
        with suppress(ValueError):
            padded = value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)
            value = base64.b64decode(padded, altchars=b"-_" if "-" in value else None).decode()
    try:
        found = read_json(value)
    except Unreadable:
        yield from (name for _, name in names_in_text(f"client-user-agent {value}"))
        if value.startswith(_SYSTEMS) and _tells(name := _node(value)):
            yield name
        elif _MACHINE.fullmatch(value) and _tells(value):
            yield value  # all that a matcher of a stub asks for
        return
    for one in found if isinstance(found, list) else [found]:
        if isinstance(one, dict):
            yield from machine_names(one)


_MACHINE = re.compile(
    r"(?=[A-Za-z0-9.-]{4,63}\Z)(?:[a-z0-9-]+\.(?:local|lan|home|internal|corp)"
    r"|(?:.*-)?(?:laptop|notebook|desktop|macbook|imac|mac-?mini|thinkpad|workstation)(?:[-.].*)?"
    r"|[a-z]+s-(?:mbp|mba|air|mac|pc)(?:[-.].*)?)",
    re.IGNORECASE,
)
"""A machine's name by itself, as systems and owners give it. Any other word may be a language."""
_SYSTEMS = ("Linux ", "Darwin ", "FreeBSD ", "Windows ", "MINGW", "CYGWIN", "SunOS ")


def names_in_text(text: str) -> Iterator[tuple[int, str]]:
    """The names of machines in a text that is no recording, such as code: line and name."""
    near = [found.start() for found in _NEAR.finditer(text)] if "name" in text else []
    if not near:
        return
    if "%22" in text:  # in a form or an address; the lines stay
        text = unquote(text.replace("%0A", " ").replace("%0a", " ").replace("%0D", " "))
        near = [found.start() for found in _NEAR.finditer(text)]
    line, counted = 1, 0
    for found in _IN_TEXT.finditer(text):
        name = _node(found["value"]) if found["key"] in _UNAME else found["value"]
        close = bisect_left(near, found.start() - _REACH)
        if close < len(near) and near[close] < found.end() + _REACH and _tells(name):
            line += text.count("\n", counted, found.start())
            counted = found.start()
            yield line, name


def is_user_agent(value: str) -> bool:
    """Whether a string looks like the header `User-Agent`: a product and its version come first."""
    return _USER_AGENT.match(value) is not None


def _node(uname: str) -> str:
    """The machine's name in the output of ``uname -a``, which some clients send percent-encoded."""
    words = (unquote(uname) if " " not in uname else uname).split()
    return words[1] if len(words) > 2 else ""


def _tells(name: str) -> bool:
    return not (_NAMELESS.fullmatch(name) or STAND_IN.fullmatch(name))
