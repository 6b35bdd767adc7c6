"""Settings: which source wins, what is refused, and where the API key may go."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from replay.config import (
    DEFAULTS,
    ENVIRONMENT,
    Config,
    Origin,
    _file,
    drift_table,
    is_loopback,
    plain_host,
    resolve,
)
from replay.errors import ConfigError
from replay.model.modes import RecordMode
from replay.stripe_api.call import API_BASE

VALUES = {
    # setting: argument, environment, file, default
    "mode": ("all", "once", "new_episodes", "none"),
    "library": ("by-argument", "by-environment", "by-file", "cassettes"),
    "api_base": (
        "https://argument.example",
        "https://environment.example",
        "http://127.0.0.1:12111",
        API_BASE,
    ),
    "api_version": ("2025-03-31.basil", "2024-06-20", "2023-10-16", None),
}


def write(path: Path, text: str) -> None:
    """A configuration file."""
    path.write_text(text, "utf-8")


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize(
    ("argument", "environment", "file"), list(product([True, False], repeat=3))
)
@pytest.mark.parametrize("kind", ["replay.toml", "pyproject.toml"])
def test_precedence(
    name: str, argument: bool, environment: bool, file: bool, kind: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Argument beats environment beats file beats default, for each setting on its own."""
    values = VALUES[name]
    if environment:
        monkeypatch.setenv(ENVIRONMENT[name], values[1])
    if file:
        head = "[tool.replay]\n" if kind == "pyproject.toml" else ""
        write(tmp_path / kind, f'{head}{name} = "{values[2]}"\n')
    config = resolve(**({name: values[0]} if argument else {}))  # type: ignore[arg-type]
    expected = values[[argument, environment, file, True].index(True)]
    if name == "library" and expected == "by-file":
        expected = str(tmp_path / "by-file")
    assert expected == getattr(config, name)
    for other in VALUES.keys() - {name}:
        assert VALUES[other][3] == getattr(config, other)


def test_defaults() -> None:
    """Without any setting nothing goes online, and the source would be Stripe."""
    assert Config("cassettes", RecordMode.NONE, "https://api.stripe.com", None) == resolve()


def test_empty_environment_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing sets nothing."""
    for variable in ENVIRONMENT.values():
        monkeypatch.setenv(variable, "")
    assert Config("cassettes", RecordMode.NONE, "https://api.stripe.com", None) == resolve()


def test_nearest_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file upwards counts, replay.toml before pyproject.toml; nothing is merged."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    write(tmp_path / "replay.toml", 'mode = "all"\napi_version = "2024-06-20"\n')
    write(tmp_path / "a" / "replay.toml", 'mode = "once"\nlibrary = "here"\n')
    write(tmp_path / "a" / "pyproject.toml", '[tool.replay]\nmode = "new_episodes"\n')
    monkeypatch.chdir(deep)
    expected = Config(str(tmp_path / "a" / "here"), RecordMode.ONCE, API_BASE, None)
    assert expected == resolve()


@pytest.mark.parametrize("broken", ["replay.toml", "pyproject.toml"])
@pytest.mark.parametrize("edge", ["replay.toml", "pyproject.toml", ".git", ".git file"])
def test_the_search_ends_at_the_project(
    edge: str, broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken file of a folder above stops no project that has a file or a checkout of its own."""
    write(tmp_path / broken, "mode = ")
    tests = tmp_path / "project" / "tests"
    tests.mkdir(parents=True)
    monkeypatch.chdir(tests)
    with pytest.raises(ConfigError, match="not valid TOML"):
        resolve()
    _file.cache_clear()
    if edge == ".git":
        (tmp_path / "project" / ".git").mkdir()
    else:  # a worktree has a file of that name
        write(tmp_path / "project" / edge.removesuffix(" file"), "")
    assert RecordMode.NONE is resolve().mode


def test_a_package_of_a_monorepo_is_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pyproject.toml ends the search even if it has no settings: nothing is inherited."""
    package = tmp_path / "packages" / "billing"
    package.mkdir(parents=True)
    write(tmp_path / "replay.toml", 'mode = "once"\n')
    monkeypatch.chdir(package)
    assert RecordMode.ONCE is resolve().mode
    _file.cache_clear()
    write(package / "pyproject.toml", '[project]\nname = "billing"\n')
    assert RecordMode.NONE is resolve(api_version="2024-06-20").mode


@pytest.mark.parametrize("kind", ["replay.toml", "pyproject.toml"])
def test_library_and_policy_stand_beside_the_configuration(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder below too, with a .git between them."""
    write(tmp_path / kind, "[tool.replay]\nlibrary = 'c'\n" if kind[0] == "p" else "library = 'c'")
    write(tmp_path / "replay-policy.toml", "")
    (tmp_path / ".git").mkdir()
    (tmp_path / "tests" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "tests" / "deep")
    assert str(tmp_path / "c") == resolve().library
    assert str(tmp_path / "replay-policy.toml") == resolve().policy


@pytest.mark.parametrize("table", ["tool.replay", "tool.replay.drift", "replay", "replay.drift"])
def test_the_header_of_pyproject_in_replay_toml(table: str, tmp_path: Path) -> None:
    """The message says how to write it."""
    write(tmp_path / "replay.toml", f"# settings\n[{table}]\n")
    with pytest.raises(ConfigError, match="without the header") as caught:
        resolve()
    assert caught.value.where == f"{tmp_path / 'replay.toml'}:2"
    assert "remove the header" in caught.value.hint


def test_the_header_of_replay_toml_in_pyproject(tmp_path: Path) -> None:
    """It is not passed over."""
    write(tmp_path / "pyproject.toml", '[project]\nname = "x"\n[replay]\nlibrary = "x"\n')
    with pytest.raises(ConfigError, match=r"below \[tool.replay\]") as caught:
        resolve()
    assert caught.value.where == f"{tmp_path / 'pyproject.toml'}:3"


@pytest.mark.parametrize(
    "text", ["", "tool = 3\n", "[tool]\nreplay-x = 1\n", "[tool.other]\nreplay = 1\n"]
)
def test_foreign_pyproject(text: str, tmp_path: Path) -> None:
    """A pyproject.toml that says nothing of replay is nothing to us."""
    write(tmp_path / "pyproject.toml", text)
    assert RecordMode.NONE is resolve().mode


def test_folder_in_a_files_place(tmp_path: Path) -> None:
    """A folder called replay.toml is no configuration."""
    (tmp_path / "replay.toml").mkdir()
    assert RecordMode.NONE is resolve().mode


def test_drift_has_settings_of_its_own(tmp_path: Path) -> None:
    """The drift table is left to drift."""
    write(tmp_path / "replay.toml", 'mode = "once"\n[drift]\nfail_on = "breaking"\n')
    assert RecordMode.ONCE is resolve().mode
    table = drift_table()
    assert table is not None
    assert {"fail_on": "breaking"} == table.values
    _file.cache_clear()
    write(tmp_path / "replay.toml", "drift = []\n")
    with pytest.raises(ConfigError, match="drift must be a table"):
        drift_table()


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ('mod = "once"', "unknown setting 'mod'", "did you mean mode?"),
        ('api-base = "x"', "unknown setting 'api-base'", "did you mean api_base?"),
        (
            'cassettes = "x"',
            "unknown setting 'cassettes'",
            "use one of: mode, library, api_base, api_version, policy, pseudonymise_ids,"
            " keep_chosen_ids, follow_links, drift",
        ),
        ("mode = 3", "mode must be a string", 'write it in quotes: mode = "…"'),
        ("library = ['x']", "library must be a string", 'write it in quotes: library = "…"'),
    ],
)
@pytest.mark.parametrize("kind", ["replay.toml", "pyproject.toml"])
def test_misspelt_setting(kind: str, text: str, what: str, hint: str, tmp_path: Path) -> None:
    """A setting that does not exist is an error that names the line and the nearest one."""
    write(tmp_path / kind, ("[tool.replay]\n" if kind == "pyproject.toml" else "\n") + text)
    with pytest.raises(ConfigError) as caught:
        resolve()
    assert (what, f"{tmp_path / kind}:2", hint) == (
        caught.value.what, caught.value.where, caught.value.hint,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "what", "hint"),
    [
        (b"mode = ", "not valid TOML", ""),
        (b"\xff\xfe", "configuration cannot be read", "save it as UTF-8"),
        (b'mode = "once"\nmode = "all"\n', "not valid TOML", ""),
        (b"x = " + b"[" * 100_000, "TOML", ""),
    ],
    ids=["syntax", "not UTF-8", "twice", "deep"],
)
def test_broken_file(data: bytes, what: str, hint: str, tmp_path: Path) -> None:
    """A file that is no TOML is an error that names it, never an absent one."""
    (tmp_path / "replay.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=what) as caught:
        resolve()
    assert str(tmp_path / "replay.toml") in caught.value.where
    assert hint in caught.value.hint


def test_tool_replay_is_a_table(tmp_path: Path) -> None:
    """A [tool.replay] that is not a table is refused."""
    write(tmp_path / "pyproject.toml", "[tool]\nreplay = 3\n")
    with pytest.raises(ConfigError, match="replay must be a table"):
        resolve()


@pytest.mark.parametrize(
    ("name", "bad"),
    [("mode", "always"), ("api_base", "http://example.com"), ("api_version", "not/one")],
)
def test_bad_values_name_their_source(
    name: str, bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that cannot be used is refused with the option, the variable or the file."""
    with pytest.raises(ConfigError) as caught:
        resolve(**{name: bad})  # type: ignore[arg-type]
    assert name == caught.value.where
    monkeypatch.setenv(ENVIRONMENT[name], bad)
    with pytest.raises(ConfigError) as caught:
        resolve()
    assert f"environment variable {ENVIRONMENT[name]}" == caught.value.where
    monkeypatch.delenv(ENVIRONMENT[name])
    file = tmp_path / "project" / "replay.toml"
    file.parent.mkdir()
    write(file, f'{name} = "{bad}"\n')
    monkeypatch.chdir(file.parent)
    with pytest.raises(ConfigError) as caught:
        resolve()
    assert f"{file}:1: {name}" == caught.value.where


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("https://api.stripe.com", "https://api.stripe.com"),
        ("https://api.stripe.com/", "https://api.stripe.com"),
        ("https://API.Stripe.com:443", "https://api.stripe.com:443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000//", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://stripe.example:8443", "https://stripe.example:8443"),
    ],
)
def test_bases(base: str, expected: str) -> None:
    """A base is https or loopback, and is kept without its slash."""
    assert expected == resolve(api_base=base).api_base


@pytest.mark.parametrize(
    "base",
    ["http://api.stripe.com", "http://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com",
     "http://127.1.evil", "http://10.0.0.1", "ftp://127.0.0.1", "http://0.0.0.0:1", "http://[::2]", "http://128.0.0.1",
     "http://localhost@example.com", "ws://localhost"],
)  # fmt: skip
def test_unencrypted_bases(base: str) -> None:
    """The API key never leaves this machine unencrypted."""
    with pytest.raises(ConfigError) as caught:
        resolve(api_base=base)
    assert "unencrypted" in caught.value.what or "not a base URL" in caught.value.what


@pytest.mark.parametrize(
    "base",
    ["", "api.stripe.com", "https://", "https://api.stripe.com/v1", "https://api.stripe.com?x=1",
     "https://api.stripe.com#x", "https://user@api.stripe.com", "https://:pw@api.stripe.com",
     "https://api.stripe.com\\@example.com", "https://api.stripe.com:0", "https://api.stripe.com:x",
     "https://api.stripe.com:99999", "https://[::1", "/v1", "https:///v1"],
)  # fmt: skip
def test_no_bases(base: str) -> None:
    """A base with a path, a query, a user or an impossible port is none."""
    with pytest.raises(ConfigError, match="this is not a base URL"):
        resolve(api_base=base)


@pytest.mark.parametrize(
    "base", ["https://example.com", "https://api.stripe.com.example.com", "https://xapi.stripe.com",
             "https://api.stripe.com.", "https://10.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["replay.toml", "pyproject.toml"])
def test_a_file_may_not_redirect_the_key(kind: str, base: str, tmp_path: Path) -> None:
    """A checked-out file cannot send the key to its author; the same base by argument may."""
    head = "[tool.replay]\n" if kind == "pyproject.toml" else ""
    write(tmp_path / kind, f'{head}api_base = "{base}"\n')
    with pytest.raises(ConfigError, match="may not send the API key to") as caught:
        resolve()
    line = 2 if head else 1
    assert f"{tmp_path / kind}:{line}: api_base" == caught.value.where
    assert base == resolve(library="x", mode="none", api_base=base, api_version="").api_base


@pytest.mark.parametrize(
    "base", ["https://api.stripe.com", "http://localhost:12111", "http://[::1]:1"]
)
def test_a_file_may_name_safe_bases(base: str, tmp_path: Path) -> None:
    """Stripe's own host and this machine may be named by a file."""
    write(tmp_path / "replay.toml", f'api_base = "{base}"\n')
    assert base == resolve().api_base


def test_library_of_a_file_is_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's library is relative to the file; an argument's is as given."""
    write(tmp_path / "replay.toml", 'library = "tests/cassettes"\n')
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert str(tmp_path / "tests" / "cassettes") == resolve().library
    assert "other" == resolve(library=Path("other")).library


LIKE = "a version looks like 2024-06-20"


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        ("junk", LIKE), ("2024-06-20.", LIKE), ("2024-06-20x", LIKE), ("latest", LIKE),
        ("2024-6-20", "did you mean 2024-06-20?"),
        ("2024/06/20", "did you mean 2024-06-20?"),
        ("2025-03-31", "did you mean 2025-03-31.basil?"),
        ("20250331", "did you mean 2025-03-31.basil?"),
        ("2025-03-31.Basil", "did you mean 2025-03-31.basil?"),
        ("2025-03-31-basil", "did you mean 2025-03-31.basil?"),
        ("2025-03-31.clover", "did you mean 2025-03-31.basil?"),
        ("2025-09-30.basil", "did you mean 2025-09-30.clover?"),
        ("2024-06-20.acacia", "did you mean 2024-06-20?"),
        ("2025-05-28.other", "did you mean 2025-05-28.basil?"),
        ("2026-01-28.previw", "did you mean 2026-01-28.preview?"),
        ("2025-03-31; beta=v1", "did you mean 2025-03-31.basil; beta=v1?"),
        ("2025-13-99", "did you mean 2025-03-31.basil?"),
        ("basil", "did you mean 2025-03-31.basil?"),
    ],
)  # fmt: skip
def test_a_version_has_the_form_of_one(
    version: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever named it hears so at once, and not of recordings that are missing."""
    for name in ("api_version", "environment variable REPLAY_API_VERSION"):
        with pytest.raises(ConfigError, match="is not an API version") as raised:
            resolve(api_version=version if name == "api_version" else None)
        assert name == raised.value.where
        assert hint in raised.value.hint
        monkeypatch.setenv("REPLAY_API_VERSION", version)


@pytest.mark.parametrize(
    "version",
    [
        "2024-06-20",
        "2025-05-28.basil",
        "2026-01-28.preview",
        "2027-03-31.fern",
        "2026-11-25.endive",
    ],
)
def test_a_version_that_there_may_be_is_taken(version: str) -> None:
    """Previews, and trains that a later release may know."""
    assert version == resolve(api_version=version).api_version


def test_what_was_recorded_without_a_version_can_be_named() -> None:
    """As cassettes name it."""
    assert "unversioned" == resolve(api_version="unversioned").api_version


def test_version_is_canonical() -> None:
    """The setting's version is spelled as cassettes spell it."""
    assert "2023-10-16; a=v1; b=v2" == resolve(api_version="2023-10-16;b=v2;a=v1").api_version


@pytest.mark.parametrize(
    ("base", "shown"),
    [
        ("https://api.stripe.com", "api.stripe.com"),
        ("https://API.STRIPE.COM.:443", "api.stripe.com"),
        ("http://localhost:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "127.0.0.1:8000"),
        ("http://127.0.0.1", "127.0.0.1:80"),
        ("https://stripe.example:8443", "stripe.example:8443"),
    ],
)
def test_origins(base: str, shown: str) -> None:
    """An origin is host and port, every name of this machine being one."""
    assert shown == str(Origin.of(base))


@pytest.mark.parametrize(
    ("host", "loopback", "plain"),
    [
        ("localhost", True, "127.0.0.1"),
        ("127.0.0.1", True, "127.0.0.1"),
        ("127.8.8.8", True, "127.0.0.1"),
        ("::1", True, "127.0.0.1"),
        ("", False, ""),
        ("12.example.com", False, "12.example.com"),
        ("Api.Stripe.COM.", False, "api.stripe.com"),
        ("::2", False, "::2"),
    ],
)
def test_hosts(host: str, loopback: bool, plain: str) -> None:
    """Hosts are compared in lower case without a final dot; loopback is told by its address."""
    assert (loopback, plain) == (is_loopback(host), plain_host(host))


def test_every_setting_has_a_variable_and_a_default() -> None:
    """No setting is left without a variable or a default."""
    assert set(DEFAULTS) == set(ENVIRONMENT) == set(Config.__slots__)


@pytest.mark.usefixtures("every_path_lib")
def test_a_policy_file_that_cannot_be_looked_at_is_a_config_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the system refuses names what asked for the file, and the reason."""
    # As from Python 3.14 on, where no error comes out of it.
    monkeypatch.setattr(Path, "is_file", lambda _: False)
    monkeypatch.setenv("REPLAY_POLICY", "x" * 300)  # a name too long, for root as well
    with pytest.raises(ConfigError, match="cannot be looked at") as caught:
        resolve()
    assert "environment variable REPLAY_POLICY" == caught.value.where


@pytest.mark.parametrize("name", ["none.toml", "replay.toml/none.toml", "folder"])
def test_a_policy_file_that_is_not_there_is_a_config_error(name: str, tmp_path: Path) -> None:
    """A folder in its place is no file either; the setting's line is named."""
    (tmp_path / "folder").mkdir()
    write(tmp_path / "replay.toml", f'policy = "{name}"\n')
    with pytest.raises(ConfigError, match="there is no policy file") as caught:
        resolve()
    assert f"{tmp_path / 'replay.toml'}:1: policy" == caught.value.where
