"""pytest plugins and libraries that work at the same places as replay, as data.

docs/pytest.md tells the same; a test compares them. What is said of each was seen in a run of it
beside a session of replay.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.doctor.installed import version_of
from replay.doctor.report import Row, Section

TESTED = "works beside replay"
_STUBS = "its stubs answer first, and the rest is replay's"
_CASSETTES = "its cassettes answer first, and the rest is replay's"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of pytest's, with a note about how it works together with replay.

    Attributes:
        name: the name of its distribution.
        note: a few words for the user.
        conflicts: whether it gets in the way of something that replay does.
    """

    name: str
    note: str = TESTED
    conflicts: bool = False


PLUGINS: tuple[Plugin, ...] = (
    *(
        Plugin(name)
        for name in (
            "pytest-replay", "cassetter", "pytest-asyncio", "anyio", "pytest-xdist", "freezegun",
            "time-machine", "tblib", "sentry-sdk", "opentelemetry-instrumentation-threading",
            "pytest-randomly", "pytest-rerunfailures", "pytest-django",
        )
    ),
    Plugin("pyfakefs", 'show it the library: `fs.add_real_directory("cassettes")`'),
    Plugin("pytest-recording", _CASSETTES),
    Plugin("pytest-vcr", _CASSETTES),
    *(
        Plugin(name, _STUBS)
        for name in (
            "responses", "requests-mock", "pytest-httpx", "respx", "aioresponses", "httpretty",
            "mocket", "pook", "httmock",
        )
    ),
    Plugin("pytest-socket", "recording needs its --allow-hosts=api.stripe.com", conflicts=True),
)  # fmt: skip


def plugins() -> Section:
    """The section of those that are installed."""
    rows = [
        Row(plugin.name, version, plugin.note, good=not plugin.conflicts)
        for plugin in PLUGINS
        if (version := version_of(plugin.name))
    ]
    marked = any(not row.good for row in rows)
    note = "what is marked with ! matters for tests that use both: docs/pytest.md"
    return Section(
        "plugins", "pytest plugins and stubs that are known", tuple(rows), (),
        (note,) if marked else (),
    )  # fmt: skip
