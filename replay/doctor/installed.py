"""What is installed: Python, replay with its extras and needs, and the Stripe SDK with its pin.

Nothing is imported for it: versions are read from the metadata of distributions.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from replay.doctor.report import Row, Section, Trouble

DISTRIBUTION = "replay-cassettes"
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_PIN = re.compile(r"""^\s*CURRENT\s*=\s*['"]([^'"\n]{1,64})['"]""", re.MULTILINE)
_DEVELOPERS = {"test"}
_ELSEWHERE = (
    "if your tests run with another Python, look there: path/to/its/python -m replay doctor"
)


def version_of(distribution: str) -> str:
    """The version of an installed distribution; empty where it is not installed."""
    try:
        return metadata.version(distribution) if distribution else ""
    except metadata.PackageNotFoundError:
        return ""


def installed() -> Section:
    """The section of Python, replay and the Stripe SDK."""
    rows = [
        Row("Python", platform.python_version(), sys.executable),
        Row("replay", version_of(DISTRIBUTION) or "a checkout", str(Path(__file__).parents[1])),
    ]
    troubles = [*_twice(), *_unmet()]
    extras = _extras()
    rows += [Row(f"replay[{name}]", state) for name, state in sorted(extras.items())]
    sdk = version_of("stripe")
    if sdk:
        pin = sdk_pin()
        rows.append(Row("stripe", sdk, f"asks for API version {pin}" if pin else "pins no version"))
        if not version_of("requests") and version_of("pycurl"):
            troubles.append(
                Trouble(
                    "the Stripe SDK uses pycurl here, because requests is not installed; "
                    "its calls are refused",
                    where="stripe",
                    next=f"{sys.executable} -m pip install requests",
                )
            )
    else:
        rows.append(Row("stripe", "not installed"))
    notes = () if sdk else (_ELSEWHERE,)
    return Section("environment", "environment", tuple(rows), tuple(troubles), notes)


def sdk_pin() -> str:
    """The API version that the installed Stripe SDK asks for; empty where it is not known."""
    with suppress(metadata.PackageNotFoundError, OSError, UnicodeDecodeError):
        file = metadata.distribution("stripe").locate_file("stripe/_api_version.py")
        found = _PIN.search(Path(str(file)).read_text("utf-8"))
        return found[1] if found else ""
    return ""


def _twice() -> Iterator[Trouble]:
    """Another distribution on the registry has the import name `replay` too."""
    owners = set(metadata.packages_distributions().get("replay", ())) - {DISTRIBUTION}
    for other in sorted(owners):
        yield Trouble(
            f"the distribution {other} installs a package `replay` too, over this one",
            where=str(Path(__file__).parents[1]),
            next=f"{sys.executable} -m pip uninstall {other}\n"
            f"{sys.executable} -m pip install --force-reinstall {DISTRIBUTION}",
        )


def _requirements() -> Iterator[tuple[str, str]]:
    """What replay requires: a requirement, and the extra that it belongs to."""
    with suppress(metadata.PackageNotFoundError):
        for line in metadata.requires(DISTRIBUTION) or ():
            extra = _EXTRA.search(line)
            yield line, extra[1] if extra else ""


def _extras() -> dict[str, str]:
    lacking: dict[str, list[str]] = {}
    for line, extra in _requirements():
        if extra and extra not in _DEVELOPERS:
            missing = lacking.setdefault(extra, [])
            if not _is_met(line, extra):
                found = _NAME.match(line)
                missing.append(found[0] if found else line)
    return {
        name: f"lacks {', '.join(missing)}" if missing else "installed"
        for name, missing in lacking.items()
    }


def _unmet() -> Iterator[Trouble]:
    for line, extra in _requirements():
        if not extra and not _is_met(line, ""):
            found = _NAME.match(line)
            name = found[0] if found else line
            version = version_of(name)
            yield Trouble(
                f"replay needs {line.partition(';')[0].strip()}; "
                + (f"{version} is installed" if version else "it is not installed"),
                where=name,
                next=f"{sys.executable} -m pip install '{line.partition(';')[0].strip()}'",
            )


def _is_met(line: str, extra: str) -> bool:
    """Whether what a requirement asks for is installed, in a version that fits."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:  # pytest has it; without it the versions are not compared
        found = _NAME.match(line)
        return bool(found and (version_of(found[0]) or "sys_platform" in line))
    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return True
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
        return True
    version = version_of(wanted.name)
    return bool(version) and wanted.specifier.contains(version, prereleases=True)
