"""Reports of a scan: rows and counts, what is left out, and names of files that mean harm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from click.testing import CliRunner

from replay.cli.main import cli
from replay.redaction.policy import default_policy
from replay.scan import rows
from replay.scan.report import FORMATS, Json
from replay.scan.rows import PLACES, Gathering
from replay.scan.rules import RULES, Hit
from replay.scan.run import scan

KEY = "sk_test_51QaTestAbCdEfGhIjKl"
NAMED = "pk_test_51QaTestAbCdEfGhIjKl"
REQUEST = "interactions:\n- response: req_QaTestAbCdEf01\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["scan", *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def parsed(*options: str) -> Any:
    return json.loads(run("--format", "json", *options)[1])


def test_findings_of_one_rule_and_field_are_one_row_with_the_first_places():
    for number in range(9):
        Path(f"{number}.txt").write_text(f"{KEY}\n{NAMED}\n{KEY[:-1]}x")
    document = parsed()
    found = {row["rule"]: row for row in document["findings"]}
    assert ["secret-key", "publishable-key"] == list(found)
    key = found["secret-key"]
    assert (18, 9, "0.txt", 1) == (key["count"], key["files"], key["path"], key["line"])
    places = [(place["path"], place["line"]) for place in key["places"]]
    assert [("0.txt", 1), ("0.txt", 3), ("1.txt", 1), ("1.txt", 3), ("2.txt", 1)] == places
    counts = {row["rule"]: row["count"] for row in document["rules"]}
    assert {"secret-key": 18, "publishable-key": 9} == counts
    assert (2, 9, 0, [], []) == tuple(
        document[key] for key in ("format", "files", "accepted", "unused", "notes")
    )


def test_the_text_shows_rows_a_summary_and_how_many_more_there_are():
    for number in range(9):
        Path(f"{number}.txt").write_text(KEY)
    text = run()[1]
    assert "high secret-key: a secret or restricted API key: 9 in 9 files\n    0.txt:1\n" in text
    assert "    and 4 more: --all lists them\n" in text
    assert "\n9 high secret-key\n" in text
    assert text.endswith("\n9 high in 9 files\n")


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "github"])
def test_all_lists_every_finding(format_):
    for number in range(9):
        Path(f"{number}.txt").write_text(KEY)
    text = run("--format", format_, "--all")[1]
    assert [str(n) for n in range(9)] == sorted({*re.findall(r"(\d)\.txt", text)})
    if format_ in {"json", "sarif"}:
        found = json.loads(text)
        listed = found["findings"] if format_ == "json" else found["runs"][0]["results"]
        assert 9 == len(listed)


def test_a_table_lists_rows_alone():
    assert 2 == CliRunner().invoke(cli, ["scan", "--all", "--format", "markdown"]).exit_code


@pytest.mark.parametrize("options", [(), ("--all",)])
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    ("least", "code", "left"),
    [
        (None, 1, ["secret-key", "publishable-key", "request-id"]),
        ("low", 1, ["secret-key", "publishable-key", "request-id"]),
        ("medium", 1, ["secret-key", "publishable-key"]),
        ("high", 1, ["secret-key"]),
    ],
)
def test_the_least_confidence_filters_in_every_format(format_, least, code, left, options):
    if options and format_ == "markdown":
        return
    Path("a.yaml").write_text(f"{REQUEST}  body: {KEY} {NAMED}\n")
    chosen = ("--min-confidence", least) if least else ()
    exit_code, text = run("--format", format_, *chosen, *options)
    if format_ == "sarif" and not options:
        rules = [rule["id"] for rule in json.loads(text)["runs"][0]["tool"]["driver"]["rules"]]
        assert sorted(left) == rules
    if format_ == "sarif":
        text = "".join(one["ruleId"] for one in json.loads(text)["runs"][0]["results"])
    assert code == exit_code
    assert set(left) == {rule for rule in RULES if rule in text}


@pytest.mark.parametrize(("least", "code"), [("high", 0), ("medium", 1), ("low", 1), (None, 1)])
def test_the_exit_code_counts_what_is_shown(least, code):
    Path("a.txt").write_text(NAMED)
    assert code == run(*(("--min-confidence", least) if least else ()))[0]


HOSTILE = [
    "a\n::error title=X::pwned.txt",
    "::error title=X::pwned.txt",
    "  ::stop-commands::x.txt",
    "##vso[task.setvariable variable=x]pwned.txt",
    "a##[add-mask]b.txt",
    "a\r::warning::b.txt",
    "a\x1b[31mred.txt",
    "a\u2028::error::b.txt",
    "a\u202egnp.txt",
    os.fsdecode(b"caf\xe9\xff.txt"),
    "a%0A::error::b.txt",
    "@acme/tapes, title=x:y.txt",
    "a|b`c`<img>.txt",
]


@pytest.mark.parametrize("options", [(), ("--all",)])
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_name_of_a_file_commands_or_breaks_anything(name, format_, options):
    if options and format_ == "markdown":
        return
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(KEY)
    code, text = run("--format", format_, *options)
    assert 1 == code
    assert text.encode("utf-8").isascii() or format_ in {"text", "github", "markdown"}
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u202e\ud800-\udfff]", text)
    commands = [line for line in text.split("\n") if line.lstrip().startswith("::")]
    assert (format_ == "github") * 1 == len(commands)
    assert "##" not in text
    if format_ == "github":
        (command,) = commands
        head, _, message = command.removeprefix("::").partition("::")
        assert re.fullmatch(r"error file=[^,:\n]+,line=1,title=secret-key", head)
        assert "::" not in message
    if format_ == "json":
        (row,) = json.loads(text)["findings"]
        assert os.fsencode(name) == row["path"].replace("\\xe9\\xff", "\udce9\udcff").encode(
            "utf-8", "surrogateescape"
        )
    if format_ == "sarif":
        (result,) = json.loads(text)["runs"][0]["results"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert os.fsencode(name) == unquote_to_bytes(uri)
        assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", uri)
    if format_ == "markdown":
        assert 3 == sum(line.startswith("|") for line in text.split("\n"))


def test_a_recording_in_a_folder_of_a_scope_is_a_recording():
    path = Path("packages/@acme/tapes/c.yaml")
    path.parent.mkdir(parents=True)
    path.write_text(REQUEST)
    (row,) = parsed()["findings"]
    assert (str(path), "request-id") == (row["path"], row["rule"])
    Path("replay-scan.toml").write_text(f'[[ignore]]\npath = "{path}"\nreason = "r"\n')
    assert 1 == parsed()["accepted"]


def test_a_file_that_is_named_from_the_root_is_one_in_sarif(folder):
    (folder / "a b.txt").write_text(KEY)
    (result,) = json.loads(run(str(folder), "--format", "sarif")[1])["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert (folder / "a b.txt").as_uri() == uri


def test_an_output_that_cannot_show_a_name_gets_it_escaped():
    Path("gr\u00fc\u00dfe.txt").write_text(KEY)
    done = subprocess.run(
        [sys.executable, "-m", "replay", "scan"], capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (1, b"") == (done.returncode, done.stderr)
    assert b"gr\\xfc\\xdfe.txt:1" in done.stdout


def test_a_branch_with_hostile_names_is_reported_too():
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], check=True, capture_output=True)  # noqa: S607

    git("init", "-q", "-b", "main")
    git("config", "user.email", "a@example.com")
    git("config", "user.name", "A")
    git("commit", "-q", "--allow-empty", "-m", "x")
    git("checkout", "-q", "-b", "work")
    for name in HOSTILE:
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(KEY)
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    for options in (("--diff", "main"), ("--history",)):
        for format_ in FORMATS:
            code, text = run(*options, "--format", format_)
            assert 1 == code
            assert "\n::error title=X" not in text


def test_machines_read_a_report_without_findings():
    Path("a.txt").write_text("nothing")
    for options in ((), ("--all",)):
        assert [] == parsed(*options)["findings"]
        (one,) = json.loads(run("--format", "sarif", *options)[1])["runs"]
        assert [] == one["results"]
    assert (0, "nothing found in 1 files\n") == run()


def test_a_table_is_bounded():
    gathering = Gathering()
    for number in range(1500):
        gathering.add(Hit("a" * 60, 1, "private-field", detail=f"field {number}"))
    report = FORMATS["markdown"]()
    from replay.scan.run import ScanResult

    text = "".join(report.end(ScanResult(gathering.rows(), 1)))
    assert 55_000 < len(text) < 65_536
    assert " more rows are left out." in text


def test_rows_are_bounded_whatever_fields_there_are(monkeypatch):
    monkeypatch.setattr(rows, "_MOST_ROWS", 10)
    gathering = Gathering()
    for number in range(1000):
        gathering.add(Hit("a", 1, "private-field", detail=f"field {number}"))
    found = gathering.rows()
    assert 11 == len(found)
    assert (990, "other fields") == (found[0].count, found[0].field)
    assert PLACES == len(found[0].places)


def test_memory_does_not_grow_with_the_findings(folder):
    """All hits of one file are let go before the next file is read."""
    for number in range(40):
        (folder / f"{number:02}.txt").write_text("\n".join(f"{KEY}{n}" for n in range(200)))
    held = []
    from replay.scan.run import Watch

    report = Json(every=True)
    sizes = []
    watch = Watch(hit=lambda hit: sizes.append(len(report.hit(hit))), file=lambda: held.append(1))
    result = scan(["."], default_policy(), watch=watch)
    assert (8000, 40) == (len(sizes), len(held))
    assert 1 == len(result.rows)
    assert PLACES == len(result.hits)


def test_a_progress_bar_is_for_terminals_alone(folder, monkeypatch, capsys):
    for number in range(3):
        (folder / f"{number}.txt").write_text("x")
    run()
    assert "" == capsys.readouterr().err
    from replay.cli.scan import _progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    for paths in (["."], []):
        with _progress(paths, quiet=False) as step:
            for _ in range(3):
                step()
        assert "scanning" in capsys.readouterr().err
    with _progress(["."], quiet=True) as step:
        step()
    assert "" == capsys.readouterr().err
