"""The settings: from arguments, else the environment, else a configuration file, else the defaults.

The file is ``replay.toml``, or ``[tool.replay]`` in ``pyproject.toml``. It is looked for from the
working directory upwards, and the search ends at the project's edge (see `_file`).

A file comes with a repository, so it may not send the API key to a host of its choice. Only an
argument or the environment can name a base that is neither Stripe's nor on this machine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from replay.errors import ConfigError
from replay.library.location import path_of
from replay.model import strict_toml
from replay.model.modes import RecordMode
from replay.model.strict_toml import Table
from replay.model.text_files import read_text, reading_hint
from replay.stripe_api.call import API_BASE, API_HOST
from replay.stripe_api.versions import checked_version

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

ENVIRONMENT = {
    "mode": "REPLAY_MODE",
    "library": "REPLAY_LIBRARY",
    "api_base": "STRIPE_API_BASE",
    "api_version": "REPLAY_API_VERSION",
    "policy": "REPLAY_POLICY",
    "pseudonymise_ids": "REPLAY_PSEUDONYMISE_IDS",
    "keep_chosen_ids": "REPLAY_KEEP_CHOSEN_IDS",
    "follow_links": "REPLAY_FOLLOW_LINKS",
}
DEFAULTS = {
    "mode": RecordMode.NONE.value,
    "library": "cassettes",
    "api_base": API_BASE,
    "api_version": "",
    "policy": "",
    "pseudonymise_ids": "false",
    "keep_chosen_ids": "true",
    "follow_links": "false",
}
_SWITCHES = frozenset({"pseudonymise_ids", "keep_chosen_ids", "follow_links"})
POLICY_FILE = "replay-policy.toml"
"""The policy file that is in force where the settings name none."""

_EDGES = ("pyproject.toml", ".git")
"""A folder with one of them is the top of a project: what lies above belongs to another."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The address of an API.

    Attributes:
        host: in lower case; every name of this machine is ``127.0.0.1``.
        port: the port, also where the URL leaves it out.
    """

    host: str
    port: int

    @classmethod
    def of(cls, base: str) -> Origin:
        """The origin of a base URL that `resolve` accepted."""
        return _origin(base)

    def __str__(self) -> str:
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


@lru_cache(maxsize=64)
def _origin(base: str) -> Origin:
    parts = urlsplit(base)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Origin(plain_host(parts.hostname or ""), port)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one session or command.

    Attributes:
        library: the library's directory, as given.
        mode: the record mode.
        api_base: base URL of the live source, without a trailing slash.
        api_version: the version to replay and record, whichever the client pins; None leaves it to
            the client.
        policy: path of the team's own policy file; empty for none.
        pseudonymise_ids: whether recordings hold pseudonyms in place of generated IDs.
        keep_chosen_ids: whether recordings hold the IDs that people choose for plans, prices,
            coupons and products.
        follow_links: whether links that lead out of the library are read.
    """

    library: str
    mode: RecordMode
    api_base: str
    api_version: str | None
    policy: str = ""
    pseudonymise_ids: bool = False
    keep_chosen_ids: bool = True
    follow_links: bool = False


def plain_host(host: str) -> str:
    """A host name in the form for comparing: lower case, no brackets or final dot, one loopback."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "127.0.0.1":
        return name
    # A connection to an unspecified address reaches this machine too.
    return "127.0.0.1" if is_loopback(name) or name in {"0.0.0.0", "::"} else name  # noqa: S104 - compared, not bound


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    if host == "localhost":
        return True
    if not host or host[0] not in "0123456789:":
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def resolve(
    *,
    library: str | os.PathLike[str] | Traversable | None = None,
    mode: str | None = None,
    api_base: str | None = None,
    api_version: str | None = None,
    directory: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Decide each setting. An argument of None was not given.

    Args:
        library, mode, api_base, api_version: as in `Config`; they win over environment and file.
        directory: where the configuration file and the policy are looked for, in place of the
            working directory.
        environment: the environment variables, in place of the process's own.

    Raises:
        ConfigError: a value that cannot be used; names the option, variable or file.
    """
    given = path_of(library) if library is not None else None, mode, api_base, api_version
    # Cached: a suite asks for the same settings again in every test.
    variables = os.environ if environment is None else environment
    named = tuple(map(variables.get, ENVIRONMENT.values()))
    if directory is None:
        directory = os.getcwd()  # noqa: PTH109 - a cache key on the hot path
    try:
        config, policy, where = _decided(given, named, directory)
    except TypeError:  # not hashable, so of a wrong type: without the cache, the user is told so
        config, policy, where = _decided.__wrapped__(given, named, directory)
    found = _policy(policy, where, directory)
    return replace(config, policy=found) if found else config


@lru_cache(maxsize=256)
def _decided(
    given: tuple[str | None, ...], environment: tuple[str | None, ...], directory: str
) -> tuple[Config, str, str]:
    """The settings, the policy file that was named, and where it was named."""
    values = _named(given, environment, directory)
    version, where = values["api_version"]
    config = Config(
        library=values["library"][0],
        mode=RecordMode.parse(*values["mode"]),
        api_base=checked_base(*values["api_base"]),
        api_version=checked_version(version, where) if version else None,
        pseudonymise_ids=_switch(*values["pseudonymise_ids"]),
        keep_chosen_ids=_switch(*values["keep_chosen_ids"]),
        follow_links=_switch(*values["follow_links"]),
    )
    return config, *values["policy"]


def _named(
    given: tuple[str | None, ...], environment: tuple[str | None, ...], directory: str | None
) -> dict[str, tuple[str, str]]:
    """Each setting's value, as it is written, and where that is. Without a directory, no file."""
    values: dict[str, tuple[str, str]] = {}
    arguments = dict(zip(("library", "mode", "api_base", "api_version"), given, strict=True))
    for (name, variable), found in zip(ENVIRONMENT.items(), environment, strict=True):
        argument = arguments.get(name)
        if argument is not None:
            values[name] = argument, name
        elif found:
            values[name] = found, f"environment variable {variable}"
    if len(values) < len(ENVIRONMENT):
        table = _file(directory) if directory is not None else None
        for name in ENVIRONMENT:
            if name not in values and table is not None and name in table:
                values[name] = _setting(table, name), f"{table.where(name)}: {name}"
                if name == "api_base":
                    _refuse_redirect(*values[name])
            elif name not in values:
                values[name] = DEFAULTS[name], "default"
    return values


def sources(
    *, library: str | None = None, api_base: str | None = None, file: bool = True
) -> dict[str, tuple[str, str]]:
    """Each setting's value, as it is written, and where that is: to be shown, not used.

    Args:
        library, api_base: as in `resolve`.
        file: whether to look for a configuration file.

    Raises:
        ConfigError: the configuration file cannot be used.
    """
    directory = os.getcwd()  # noqa: PTH109 - the same key as in `resolve`
    environment = tuple(map(os.environ.get, ENVIRONMENT.values()))
    values = _named((library, None, api_base, None), environment, directory if file else None)
    if not values["policy"][0] and os.path.isfile(_beside(directory) if file else POLICY_FILE):  # noqa: PTH113 - hot path
        values["policy"] = POLICY_FILE, "beside the configuration"
    return values


def is_configured(directory: str) -> bool:
    """Whether a configuration or a policy of the team's holds in a directory.

    Raises:
        ConfigError: the configuration file cannot be used.
    """
    return _file(directory) is not None or os.path.isfile(_beside(directory))  # noqa: PTH113 - hot path


def _policy(named: str, where: str, directory: str) -> str:
    # A team's policy is beside the configuration, in a file that code owners can guard.
    if named:
        path = os.path.join(directory, named)  # noqa: PTH118 - keeps absolute ones
        try:
            # Not with Path.is_file: since Python 3.14 it says False for a refusal of the system.
            found = S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - hot path
        except (FileNotFoundError, NotADirectoryError):
            found = False
        except OSError as error:
            raise ConfigError(
                f"the policy file {named} cannot be looked at: {error.strerror}",
                where=where,
                hint="give this user the right to its folder, or name another file",
            ) from error
        if not found:
            raise ConfigError(
                f"there is no policy file {named}",
                where=where,
                hint="write the file, or correct or remove the setting",
            )
        return path
    beside = _beside(directory)
    return beside if os.path.isfile(beside) else ""  # noqa: PTH113 - hot path


@lru_cache(maxsize=16)
def _beside(directory: str) -> str:
    table = _file(directory)
    if table is not None:
        return str(Path(table.file).parent / POLICY_FILE)
    for folder in (Path(directory), *Path(directory).parents):
        if os.path.exists(folder / POLICY_FILE):  # noqa: PTH110 - False for what may not be looked at
            return str(folder / POLICY_FILE)
        if any(os.path.exists(folder / name) for name in _EDGES):  # noqa: PTH110 - as above
            break
    return str(Path(directory) / POLICY_FILE)


def _switch(text: str, where: str) -> bool:
    if text not in {"true", "false"}:
        raise ConfigError(
            "this must be true or false", where=where, hint="write it in lower case, without blanks"
        )
    return text == "true"


def _refuse_redirect(base: str, where: str) -> None:
    host = urlsplit(checked_base(base, where)).hostname or ""
    if host != API_HOST and not is_loopback(host):
        raise ConfigError(
            f"a configuration file may not send the API key to {host}",
            where=where,
            hint="name this base with --api-base or STRIPE_API_BASE",
        )


@lru_cache(maxsize=64)
def checked_base(base: str, where: str) -> str:
    """A base URL that the API key may be sent to, in plain form without a trailing slash.

    Raises:
        ConfigError: it is neither https nor on this machine, or has parts that a base has not.
    """
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if (
        not host
        or port == 0
        or "@" in base
        or parts.query
        or parts.fragment
        or parts.path.strip("/")
    ):
        raise ConfigError(
            "this is not a base URL", where=where, hint=f"give one such as {API_BASE}"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ConfigError(
            f"{parts.scheme}://{host} would carry the API key unencrypted",
            where=where,
            hint="use https, or a loopback address such as http://127.0.0.1:8000",
        )
    netloc = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{netloc}{f':{port}' if port else ''}"


def drift_table() -> Table | None:
    """The ``drift`` table of the configuration file, unread; None where there is none.

    Raises:
        ConfigError: the file cannot be used.
    """
    table = _file(os.getcwd())  # noqa: PTH109 - the same key as in `resolve`
    return table.table("drift") if table is not None and "drift" in table else None


@lru_cache(maxsize=16)
def _file(directory: str) -> Table | None:
    """The configuration that holds in a directory; None where there is none.

    The search ends at the first ``replay.toml`` or ``pyproject.toml``, and in a folder that has a
    ``.git``: files above belong to another project, and may well be broken.
    """
    # Per working directory and process: a suite does not change its configuration while it runs.
    for folder in (Path(directory), *Path(directory).parents):
        own = _parsed(folder / "replay.toml")
        if own is not None:
            return _checked(own)
        project = _parsed(folder / "pyproject.toml")
        if project is not None:
            tool = project.values.get("tool")
            named = isinstance(tool, dict) and "replay" in tool
            if "replay" in project:
                raise project.wrong(
                    "pyproject.toml holds replay's settings below [tool.replay]", "replay",
                    hint="write [tool.replay] for [replay]",
                )  # fmt: skip
            return _checked(project.table("tool").table("replay")) if named else None
        if os.path.exists(folder / ".git"):  # noqa: PTH110 - False for what may not be looked at
            return None
    return None


def _parsed(path: Path) -> Table | None:
    try:
        text = read_text(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(
            f"the configuration cannot be read: {error.strerror}",
            where=str(path),
            hint=reading_hint(error),
        ) from error
    return strict_toml.parse(text, str(path))


def _checked(table: Table) -> Table:
    tool = table.values.get("tool")
    header = ("tool", "replay") if isinstance(tool, dict) and "replay" in tool else ("replay",)
    if not table.path and (len(header) == 2 or "replay" in table):
        raise table.wrong(
            f"replay.toml holds replay's settings without the header [{'.'.join(header)}]",
            *header,
            hint=f"remove the header, and write [drift] for [{'.'.join(header)}.drift]:"
            " only pyproject.toml needs [tool.replay]",
        )
    table.only((*DEFAULTS, "drift"))  # drift has settings of its own, and reads them itself
    for name in DEFAULTS:
        if name in table:
            _setting(table, name)  # a wrong type is an error even where a variable overrides it
    return table


def _setting(table: Table, name: str) -> str:
    value = table.values[name]
    if name in _SWITCHES and isinstance(value, bool):
        return str(value).lower()
    value = table.text(name)
    return str(Path(table.file).parent / value) if name in {"library", "policy"} else value
