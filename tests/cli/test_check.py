"""`replay check` and `replay.check`: exit codes, formats, and that no value is printed."""

from __future__ import annotations

import json
import os
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from support.command import Done, replay_command
from support.recordings import NEW, OLD, twins
from support.writing import shelve

import replay

PRIVATE = "jane.doe@example.com"
BODY = {"id": "in_1A", "object": "invoice", "total": 5, "customer_email": "x@example.com"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four invoices at two versions; `paid` went in between."""
    bodies = [{**BODY, "id": f"in_{n}A"} for n in range(4)]
    return shelve(tmp_path_factory.mktemp("check") / "cassettes",
                  twins([{**body, "paid": True} for body in bodies], bodies))  # fmt: skip


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    """A folder with one double that has left its version."""
    folder = tmp_path / "fixtures"
    folder.mkdir()
    double = {**BODY, "paid": False, "total": PRIVATE, "customer_email": PRIVATE}
    (folder / "invoice.json").write_text(json.dumps(double, indent=1))
    (folder / "good.yml").write_text("object: invoice\ntotal: 3\n")
    (folder / "notes.txt").write_text('{"object": "invoice", "total": "no fixture"}')
    return folder


def check(library: Path, *arguments: object) -> Done:
    """Run the command on a library."""
    done = replay_command("check", "--library", library, *arguments)
    assert PRIVATE not in done.out + done.err
    return done


def test_findings_with_their_lines(library: Path, fixtures: Path) -> None:
    """Exit code 1; file, line, path and what is recorded, and not the double's values."""
    done = check(library, fixtures, "--api-version", NEW)
    assert (1, "") == (done.code, done.err)
    name = (fixtures / "invoice.json").as_posix()
    kind = f"a string; 4 recordings at {NEW} have integer [double-kind-differs]"
    gone = f"known at {OLD}, in 0 of 4 recordings at {NEW} [double-key-of-another-version]"
    assert done.out.splitlines() == [
        f"{name}:6: finding: invoice: paid: {gone}",
        f"{name}:4: finding: invoice: total: {kind}",
        "",
        f"2 doubles in 2 files compared with the recordings of {NEW}: 2 findings, 0 warnings",
        "1 object lacks keys that every recording has: --show info lists them, --complete makes "
        "them findings",
    ]


def test_clean_complete_and_nothing_to_compare(library: Path, fixtures: Path) -> None:
    """0 for what fits, 1 for missing keys with --complete, 3 where no object was compared."""
    good = fixtures / "good.yml"
    assert 0 == check(library, good).code
    shown = check(library, good, "--show", "info")
    assert (0, True) == (shown.code, "info: invoice: the body: lacks 2 keys" in shown.out)
    assert 1 == check(library, good, "--complete").code
    good.write_text("object: charge\n")
    done = check(library, good)
    assert 3 == done.code
    assert "not compared: 1 double of charge, recorded at no version; next: " in done.out
    good.write_text("id: x\n")
    done = check(library, good)
    assert (3, True) == (done.code, "next: name files whose objects have" in done.out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.json",), "there is no such file"),
        ((".", "--api-version", "yesterday"), "is not an API version"),
        ((".", "--resource", "invoces"), "is not a resource"),
        ((".", "--spec", "nowhere.json"), "cannot be read"),
        ((".", "--format", "xml"), "is not one of"),
        ((), "Missing argument"),
    ],
)
def test_misuse(
    library: Path, arguments: tuple[str, ...], message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Exit code 2, and one line says why."""
    monkeypatch.chdir(tmp_path)
    done = check(library, *arguments)
    assert (2, True) == (done.code, message in done.err), done.err


def test_resource_names_what_has_no_object_key(library: Path, tmp_path: Path) -> None:
    """A bare object is of the type that the option names."""
    file = tmp_path / "bare.json"
    file.write_text('{"id": "in_1", "paid": true}')
    assert 3 == check(library, file).code
    assert 1 == check(library, file, "--resource", "invoices").code


def test_machine_formats(library: Path, fixtures: Path) -> None:
    """JSON, GitHub's commands and SARIF name file and line of each remark."""
    name = (fixtures / "invoice.json").as_posix()
    told = check(library, fixtures, "--api-version", NEW, "--format", "json").json
    assert {"finding": 2, "warning": 0, "info": 1} == told["summary"]
    assert (name, 6, "paid") == tuple(told["remarks"][1][part] for part in ("file", "line", "path"))
    lines = check(library, fixtures, "--api-version", NEW, "--format", "github").out.splitlines()
    assert lines[0].startswith(f"::error file={name},line=6,title=double-key-of-another-version::")
    found = json.loads(check(library, fixtures, "--format", "sarif").out)["runs"][0]
    assert ["error", "error", "note"] == sorted(result["level"] for result in found["results"])
    region = found["results"][1]["locations"][0]["physicalLocation"]
    assert 6 == region["region"]["startLine"]


def test_files_that_cannot_be_read_fail_the_check(library: Path, tmp_path: Path) -> None:
    """A broken double is not a missing one; what never was one passes; links lead nowhere else."""
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "template.yaml").write_text("{% for x in y %}\n")
    (folder / "gone.json").symlink_to(tmp_path / "nowhere.json")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.json")
    (folder / "good.json").write_text('{"object": "invoice", "total": 1}')
    assert 0 == check(library, folder).code
    (folder / "broken.json").write_text('{"object": "invoice", "total": ')
    (folder / "bytes.yaml").write_bytes(b"object: \xff")
    done = check(library, folder)
    assert 2 == done.code
    assert f"{folder.as_posix()}/broken.json: not read: it is not readable as JSON" in done.out
    assert "bytes.yaml: not read: it is not text in UTF-8" in done.out


def test_hostile_names_of_files_start_no_commands(library: Path, tmp_path: Path) -> None:
    """A name with a line break cannot end a line of the report or a command of GitHub's."""
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "a\n::error::b.json").write_text('{"object": "invoice", "total": "1"}')
    for format in ("terminal", "github"):
        out = check(library, folder, "--format", format).out
        assert "\n::error::b" not in out


def test_recordings_are_no_doubles(library: Path) -> None:
    """A library below the path is passed over."""
    assert 3 == check(library, library).code


class _Sdk:
    """An object of an SDK."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def to_dict(self) -> dict[str, Any]:
        """Its values."""
        return self.values


class _Status(StrEnum):
    PAID = "paid"


def test_a_factory_checks_what_it_builds(library: Path) -> None:
    """It raises for a finding, and gives back warnings; SDK objects and enums are read."""
    good = _Sdk(object="invoice", total=3, customer_email=_Status.PAID)
    assert [] == replay.check(good, "invoice", api_version=NEW, library=library)
    (warned,) = replay.check({"zzz": 1}, "invoice", api_version=NEW, library=library)
    assert warned.startswith("invoice: zzz: a key that 0 of 8 recordings have")
    with pytest.raises(replay.DoubleDiffers, match=r"invoice: paid: known at 2024-06-20") as caught:
        replay.check({"paid": PRIVATE}, "invoice", api_version=NEW, library=library)
    assert 1 == len(caught.value.findings)
    assert PRIVATE not in str(caught.value)
    assert [] == replay.check({"paid": True}, "invoice", api_version=OLD, library=library)
    with pytest.raises(replay.DoubleDiffers, match="lacks 4 keys"):
        replay.check({}, "invoice", api_version=NEW, library=library, complete=True)


def test_a_factory_is_told_what_cannot_be_checked(library: Path) -> None:
    """Nothing recorded, a value that JSON has not, an object in itself: an error, never a pass."""
    with pytest.raises(replay.VersionNotRecorded, match="no charge is recorded at 2025"):
        replay.check({}, "charge", api_version=NEW, library=library)
    with pytest.raises(replay.ConfigError, match="a value of the type date cannot be"):
        replay.check({"created": date(2026, 1, 1)}, "invoice", library=library)
    with pytest.raises(replay.ConfigError, match="this is none"):
        replay.check([], "invoice", library=library)
    with pytest.raises(replay.ConfigError, match="of the type float cannot be"):
        replay.check({"total": float("nan")}, "invoice", library=library)
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(replay.ConfigError, match="in itself"):
        replay.check(loop, "invoice", library=library)
