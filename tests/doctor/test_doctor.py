"""`replay doctor`: what it finds, in which words, and with which exit code."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from support.command import Done, replay_command
from support.written import written

from replay.doctor import clients, installed, report
from replay.doctor.plugins import PLUGINS, TESTED
from replay.doctor.report import Report, Row, Section, Trouble
from replay.intercept.clients import CLIENTS, Client, Way

ROOT = Path(__file__).parents[2]
KEY = "sk_live_" + "Abcd1234" * 3


@pytest.fixture
def library() -> Path:
    """Two recordings of the sample library, in ./cassettes."""
    one = Path("cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv")
    shutil.copytree(ROOT / one, one)
    return Path("cassettes")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that the report would speak of."""
    for name in list(os.environ):
        if name.startswith(("REPLAY_", "PYTEST_")):
            monkeypatch.delenv(name)


def doctor(*args: object) -> Done:
    """The report, without trying the clients."""
    return replay_command("doctor", "--no-try", *args)


def told(done: Done) -> list[dict[str, str]]:
    """What it says is wrong, from the JSON."""
    found: list[dict[str, str]] = done.json["problems"]
    return found


def rows(done: Done, section: str) -> dict[str, dict[str, Any]]:
    """The rows of a section, by name."""
    return {row["name"]: row for row in done.json["sections"][section]["rows"]}


def test_a_clean_place(library: Path) -> None:
    """Exit 0; every setting is a default; the library is counted."""
    done = doctor("--format", "json")
    assert (0, []) == (done.code, told(done))
    assert {"default"} == {row["note"] for row in rows(done, "settings").values()}
    counts = rows(done, "library")
    versions = len(list(library.rglob("*.yaml")))
    assert str(versions) == counts["cassettes"]["value"]
    assert "0" == counts["damaged"]["value"]
    text = doctor()
    assert (0, "no problems") == (text.code, text.out.splitlines()[-1])


def test_where_each_setting_comes_from(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Option, variable, file with its line, default."""
    Path("replay.toml").write_text(
        '# settings\nlibrary = "other"\napi_version = "2024-06-20"\nkeep_chosen_ids = false\n'
        '[drift]\nfail_on = "warning"\n',
        "utf-8",
    )
    Path("replay-policy.toml").write_text("", "utf-8")
    monkeypatch.setenv("REPLAY_API_VERSION", "2025-03-31.basil")
    done = doctor("--format", "json", "--library", library)
    found = {name: (row["value"], row["note"]) for name, row in rows(done, "settings").items()}
    assert ("cassettes", "option --library") == found["library"]
    assert ("2025-03-31.basil", "variable REPLAY_API_VERSION") == found["api_version"]
    assert ("false", "replay.toml:4") == found["keep_chosen_ids"]
    assert ("is set", "replay.toml:6") == found["drift.fail_on"]
    assert ("replay-policy.toml", "beside the configuration") == found["policy"]
    assert ("none", "default") == found["mode"]


@pytest.mark.parametrize("mode", ["once", "all", "new_episodes"])
def test_a_mode_that_goes_online(mode: str, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with the place that sets it and what undoes it."""
    monkeypatch.setenv("REPLAY_MODE", mode)
    done = doctor("--format", "json")
    (problem,) = told(done)
    assert 1 == done.code
    assert f"the mode is {mode}" in problem["what"]
    assert ("variable REPLAY_MODE", "unset REPLAY_MODE") == (problem["where"], problem["next"])


BROKEN = {
    "no TOML": ("mode = ", "replay.toml"),
    "a misspelt name": ('mod = "none"', "replay.toml:1"),
    "a mode that is none": ('mode = "nome"', "replay.toml:1: mode"),
    "a policy that is not there": ('policy = "gone.toml"', "replay.toml:1: policy"),
    "another host": ('api_base = "https://example.com"', "replay.toml:1: api_base"),
}


@pytest.mark.parametrize(("text", "where"), BROKEN.values(), ids=BROKEN)
def test_a_broken_configuration(text: str, where: str) -> None:
    """It is one of the problems; the rest of the report is there."""
    Path("replay.toml").write_text(text, "utf-8")
    done = doctor("--format", "json")
    (problem,) = told(done)
    assert 1 == done.code
    assert where in problem["where"]
    assert "Python" in rows(done, "environment")
    assert "library" not in done.json["sections"]


def test_an_empty_library() -> None:
    """It is not broken, but every call would be refused: a note says so."""
    Path("cassettes").mkdir()
    done = doctor()
    assert 0 == done.code
    assert "nothing is recorded" in done.out


def test_a_library_of_scenarios() -> None:
    """Scenario files are counted, and such a library is not empty; a test that is gone is fine."""
    written()
    Path("tests").mkdir()
    Path("tests/test_pay.py").write_text("")
    assert 1 == replay_command("verify").code
    done = replay_command("doctor", "--no-try", "--format", "json")
    assert (0, "2", "0") == (
        done.code,
        rows(done, "library")["scenario files"]["value"],
        rows(done, "library")["other files"]["value"],
    ), done.out
    assert "nothing is recorded" not in done.out


def test_another_python(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the SDK is not installed, the tests probably run with another Python."""
    version_of = installed.version_of
    monkeypatch.setattr(
        installed, "version_of", lambda name: "" if name == "stripe" else version_of(name)
    )
    assert "-m replay doctor" in " ".join(doctor().out.split())


def test_misuse() -> None:
    """A wrong option is exit 2, as everywhere."""
    assert 2 == doctor("--api-base", "ftp://x").code
    assert 2 == doctor("--nonsense").code
    assert 2 == doctor("argument").code


def test_no_library() -> None:
    """It says so, and how to get one."""
    done = doctor()
    assert 1 == done.code
    assert "1. there is no library" in done.out
    assert "replay record" in done.out


def test_a_library_with_damage(library: Path) -> None:
    """Each damaged file is a problem with its next command; others are counted."""
    one, two, *_ = sorted(library.rglob("*.yaml"))
    one.write_bytes(one.read_bytes() + b"\n")
    two.write_bytes(b"\xff\xfe")
    (library / "notes.txt").write_text("x", "utf-8")
    (library / "tape.yaml").write_text(
        "interactions:\n- request: {method: GET, uri: x}\nversion: 1\n", "utf-8"
    )
    done = doctor("--format", "json")
    counts = {name: row["value"] for name, row in rows(done, "library").items()}
    assert ("1", "1", "1", "1") == (
        counts["unsealed"], counts["damaged"], counts["vcrpy's"], counts["other files"],
    )  # fmt: skip
    assert 1 == done.code
    assert [one.name, two.name] == [Path(each["where"]).name for each in told(done)]
    assert all(each["next"] for each in told(done))


def test_many_damaged_files_are_summed_up(library: Path) -> None:
    """A few are shown, and the command that shows all."""
    for number in range(9):
        (library / f"{number}.yaml").write_text("# replay cassette 1 sha256:0\n", "utf-8")
    done = doctor("--format", "json")
    assert 6 == len(told(done))
    assert ("4 more like these", "replay verify --library cassettes") == (
        told(done)[-1]["what"], told(done)[-1]["next"],
    )  # fmt: skip


SECRETS = {
    "STRIPE_API_KEY": KEY,
    "STRIPE_API_BASE": f"https://{KEY}@api.example.com",
    "REPLAY_API_VERSION": KEY,
    "REPLAY_MODE": KEY,
    "REPLAY_LIBRARY": f"x/{KEY}",
    "REPLAY_POLICY": KEY,
    "HTTPS_PROXY": f"http://user:{KEY}@proxy.example.com",
    "PYTEST_ADDOPTS": f"-p no:replay_cassettes --key={KEY}",
    "REPLAY_MOD": KEY,
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("format_", ["text", "json"])
def test_no_secret_is_shown(
    name: str, format_: str, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that stands in the wrong variable."""
    monkeypatch.setenv(name, SECRETS[name])
    done = doctor("--format", format_)
    assert 1 == done.code or name == "HTTPS_PROXY"
    assert name in done.out
    assert "Abcd1234" not in done.out + done.err
    assert format_ == "text" or done.json


LEFT_OUT = {
    "a variable": ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, ""),
    "options": ({"PYTEST_ADDOPTS": "-p no:replay_cassettes"}, ""),
    "a file": ({}, "[pytest]\naddopts = -q -p no:replay_cassettes\n"),
}


@pytest.mark.parametrize(("variables", "ini"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_plugin_that_pytest_leaves_out(
    variables: dict[str, str], ini: str, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked tests would have no session."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if ini:
        Path("pytest.ini").write_text(ini, "utf-8")
    (problem,) = told(doctor("--format", "json"))
    assert "go online" in problem["what"]
    assert problem["where"] == (
        "pytest.ini:2" if ini else f"environment variable {next(iter(variables))}"
    )


def test_a_misspelt_variable(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the one that was meant; another program's variable is none of its business."""
    monkeypatch.setenv("REPLAY_LIBARY", "x")
    monkeypatch.setenv("REPLAY_IO_TOKEN_FOR_SOMETHING", "x")
    (problem,) = told(doctor("--format", "json"))
    assert "did you mean REPLAY_LIBRARY?" in problem["what"]


def test_the_pin_of_the_sdk(library: Path) -> None:
    """The version that the SDK asks for is shown, and noted if nothing is recorded at it."""
    import stripe

    done = doctor("--format", "json")
    assert stripe.api_version == installed.sdk_pin()
    assert (
        f"asks for API version {stripe.api_version}" == rows(done, "environment")["stripe"]["note"]
    )
    (note,) = [
        note for note in done.json["sections"]["library"]["notes"] if "the Stripe SDK" in note
    ]
    assert f"replay upgrade {stripe.api_version}" in note


REQUIREMENTS = [
    "click>=8.2", "nosuchthing>=1", "httpx>=999; python_version > '3'",
    "uvicorn>=0.1; extra == 'server'",
    "gone; extra == 'server'", "other; sys_platform == 'none'",
]  # fmt: skip


def test_needs_that_are_not_met(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing distribution, one that is too old, and an extra that lacks something."""
    monkeypatch.setattr("importlib.metadata.requires", lambda name: REQUIREMENTS)
    done = doctor("--format", "json")
    assert ["nosuchthing", "httpx"] == [each["where"] for each in told(done)]
    assert "it is not installed" in told(done)[0]["what"]
    assert told(done)[1]["next"].endswith("-m pip install 'httpx>=999'")
    assert "lacks gone" == rows(done, "environment")["replay[server]"]["value"]


def test_another_distribution_of_the_same_name(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone else's distribution has the import name, too."""
    owners = {"replay": ["replay", "replay-cassettes"]}
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: owners)
    (problem,) = told(doctor("--format", "json"))
    assert "pip uninstall replay\n" in problem["next"]


def test_the_sdk_falls_back_to_pycurl(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without requests, the SDK takes pycurl, which is refused."""
    version_of = installed.version_of
    monkeypatch.setattr(
        installed, "version_of", lambda name: "" if name == "requests" else version_of(name)
    )
    (problem,) = told(doctor("--format", "json"))
    assert "uses pycurl" in problem["what"]


@pytest.mark.slow
def test_the_clients_here_are_tried(library: Path) -> None:
    """Each of them is as the table says; nothing arrives anywhere."""
    done = replay_command("doctor", "--format", "json")
    assert 0 == done.code, told(done)
    ways = {client.name or client.module: client.way.value for client in CLIENTS}
    found = rows(done, "clients")
    assert {"requests", "httpx", "pycurl", "http.client", "urllib3"} <= found.keys()
    assert {name: ways[name] for name in found} == {
        name: row["note"] for name, row in found.items()
    }


ONLINE = (
    "import subprocess, sys\n"
    "ask = 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])'\n"
    "subprocess.run([sys.executable, '-c', ask, url])"
)
TRIALS = {
    "goes online": (Way.REFUSED, ONLINE, False, "calls of click"),
    "breaks": (Way.ANSWERED, "raise LookupError", False, "does not work with replay here"),
    "ends the process": (Way.ANSWERED, "import os; os._exit(3)", False, "ended with 3"),
    "lacks a part of its own": (Way.REFUSED, "import nosuchthing", False, ""),
    "swallows the refusal": (
        Way.ANSWERED,
        "import contextlib, requests\nwith contextlib.suppress(BaseException): requests.get(url)",
        True,
        "",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("way", "probe", "good", "problem"), TRIALS.values(), ids=TRIALS)
def test_what_a_trial_shows(
    way: Way, probe: str, good: bool, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that arrives is a problem, and so is a client that stopped working."""
    monkeypatch.setattr(clients, "CLIENTS", (Client("click", "click", way, probe=probe),))
    before = threading.active_count()
    section = clients.clients(tried=True)
    assert before == threading.active_count()
    assert [good] == [row.good for row in section.rows]
    assert problem in "".join(trouble.what for trouble in section.troubles)
    assert bool(problem) == bool(section.troubles)


def test_a_trial_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a proxy, nor replay's settings; the rest of the environment stays."""
    for name in ("STRIPE_API_KEY", "REPLAY_MODE", "https_proxy", "ALL_PROXY", "PYTHONWARNINGS"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("KEPT", "x")
    found = clients._environment()
    assert {"KEPT"} == found.keys() & {
        "STRIPE_API_KEY", "REPLAY_MODE", "https_proxy", "ALL_PROXY", "PYTHONWARNINGS", "KEPT",
    }  # fmt: skip


def test_eighty_columns(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is wider, but for paths and commands, which stay whole."""
    monkeypatch.setenv("REPLAY_MODE", "once")
    monkeypatch.setenv("REPLAY_PSEUDONYMISE_IDS", "true")
    long = Section(
        "x", "x", (Row("a" * 30, "b" * 30, "c " * 60), Row("d", "e", "f " * 50)),
        (Trouble("g " * 90),), ("h " * 90,),
    )  # fmt: skip
    for text in (doctor().out, report.to_text(Report((long,)))):
        wide = [line for line in text.splitlines() if len(line) > report.WIDTH]
        assert [] == [
            line
            for line in wide
            if not line.strip().startswith(("where:", "next:", "Python", "replay "))
        ]


def test_names_that_are_hostile(library: Path) -> None:
    """A file name cannot write control characters or a workflow command on a line of its own."""
    (library / "a\n::error::x\x1b[31m.yaml").write_text("x", "utf-8")
    done = doctor()
    assert 1 == done.code
    assert "\x1b" not in done.out
    assert not any(line.startswith("::") for line in done.out.splitlines())


def test_the_manual_tells_of_each_plugin() -> None:
    """The page of pytest and the command have the same data."""
    page = (ROOT / "docs" / "pytest.md").read_text("utf-8")
    for plugin in PLUGINS:
        assert f"| {plugin.name} | {plugin.note} |" in page


def test_the_matrix_runs_what_is_said_to_work() -> None:
    """`make plugins` proves it for each."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        from plugin_matrix import PLUGINS as MATRIX
    finally:
        sys.path.pop(0)
    tested = {name for names, *_ in MATRIX.values() for name in names}
    assert {plugin.name for plugin in PLUGINS if plugin.note == TESTED} <= tested
