"""`replay verify` of what is on disk: each thing that can be wrong is named, and nothing else."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from support.command import replay_command
from support.shelves import copied
from support.standin import DRAFT, PREVIEW, StandIn, generated
from support.takes import cassette
from support.writing import unchecked

import replay
from replay.cli.main import main
from replay.cli.verify import days
from replay.errors import ConfigError
from replay.library import Library, names
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.model.cassette import Interaction

OTHER = generated("in", "other")
FILE = f"invoices/{DRAFT}/{PREVIEW}.yaml"


def record(source: StandIn, library: Path) -> None:
    source.add_invoice(OTHER)
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        requests.get(f"{source.url}/v1/invoices/{DRAFT}", timeout=5)
        requests.get(f"{source.url}/v1/invoices/{OTHER}", timeout=5)
        old = {"Stripe-Version": "2024-06-20"}
        requests.get(f"{source.url}/v1/invoices/{DRAFT}", headers=old, timeout=5)


@pytest.fixture(autouse=True)
def recorded() -> Library:
    """./cassettes with two invoices, recorded, one of them at two versions."""
    return Library(copied(record, Path("cassettes")))


def found(*options: object, code: int = 1) -> set[tuple[str, str]]:
    """The path and rule of each finding."""
    done = replay_command("verify", "--format", "json", *options)
    assert code == done.code, done.err + done.out
    return {(row["path"], row["rule"]) for row in done.json["findings"]}


def tree() -> dict[str, tuple[bytes, int]]:
    """Every file with its content and time."""
    return {
        str(path): (path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns)
        for path in sorted(Path("cassettes").rglob("*"))
    }


def test_a_clean_library() -> None:
    """Exit 0, the number of cassettes, and not a byte written."""
    before = tree()
    done = replay_command("verify")
    assert (0, "3 cassettes in cassettes: no findings\n") == (done.code, done.out)
    assert (0, "") == (replay_command("verify", "--deep").code, done.err)
    assert set() == found("--deep", "--older-than", "1d", code=0)
    assert before == tree()


@pytest.mark.parametrize("options", [(), ("--deep",), ("--older-than", "90d")], ids=str)
def test_a_date_that_is_yet_to_come(recorded: Library, options: tuple[str, ...]) -> None:
    """A take that a frozen clock dated is a finding of every check; a clock ahead is none."""
    first, second = FILE, f"invoices/{OTHER}/{PREVIEW}.yaml"
    for path, ahead in ((first, timedelta(days=400)), (second, timedelta(minutes=20))):
        held = recorded.read(path)
        assert held is not None
        when = f"{datetime.now(UTC) + ahead:%Y-%m-%dT%H:%M:%SZ}"
        takes = tuple(replace(take, recorded_at=when) for take in held.interactions)
        storage_of(recorded).write(replace(held, interactions=takes), unchecked)
    assert {(first, "future")} == found(*options)


def test_nothing_to_verify(tmp_path: Path) -> None:
    """An empty library is exit 3, none at all is misuse."""
    (tmp_path / "empty").mkdir()
    done = replay_command("verify", "--library", "empty")
    assert (3, "there is nothing to verify in empty\n") == (done.code, done.out)
    assert 2 == replay_command("verify", "--library", "nowhere").code


def edit(change: Callable[[bytes], bytes], file: str = FILE) -> None:
    path = Path("cassettes", file)
    before = path.read_bytes()
    path.write_bytes(change(before))
    assert before != path.read_bytes()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda data: b"", "damaged"),
        (lambda data: data[:-1], "unsealed"),
        (lambda data: data.replace(b"draft", b"void!"), "unsealed"),
        (lambda data: b"<<<<<<< a\n" + data + b"=======\n" + data + b">>>>>>> b\n", "conflict"),
        (lambda data: data.replace(b"cassette 1", b"cassette 2", 1), "too-new"),
        (lambda data: codec.dumps(cassette()).encode(), "misplaced"),
        (lambda data: b"x" * (seals.MAX_BYTES + 1), "damaged"),
    ],
    ids=["empty", "cut", "edited", "conflict", "later", "another object", "too large"],
)
@pytest.mark.parametrize("deep", [(), ("--deep",)], ids=["default", "deep"])
def test_damage(change: Callable[[bytes], bytes], rule: str, deep: tuple[str, ...]) -> None:
    """What reading refuses, verifying names, with what to do; both ways of looking agree."""
    edit(change)
    assert {(FILE, rule)} == found(*deep)
    text = replay_command("verify", *deep)
    assert (1, True) == (text.code, f"{FILE}: {rule}: " in text.out)
    assert "  next: " in text.out
    assert text.out.endswith("3 cassettes in cassettes: 1 findings\n")


def test_checkouts_by_windows() -> None:
    """CRLF line ends and a BOM are no finding, deep or not."""
    edit(lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert set() == found(code=0) == found("--deep", code=0)


def test_strangers() -> None:
    """Leftovers, foreign files and empty folders are named; what belongs to git is welcome."""
    root = Path("cassettes")
    folder = root / "invoices" / DRAFT
    for name in (".gitattributes", ".gitignore", "README.md", "invoices/.gitkeep", "__init__.py"):
        (root / name).touch()
    stale, fresh = (folder / f".{PREVIEW}.yaml.{n}.0a.tmp" for n in (1, 2))
    for path in (stale, fresh):
        path.write_text("half")
    os.utime(stale, (0, 0))
    (folder / f"{PREVIEW}.yaml.orig").touch()
    (root / "charges" / "ch_1" / "deep").mkdir(parents=True)
    (root / "refunds").mkdir()
    below = f"invoices/{DRAFT}"
    assert {
        (f"{below}/{stale.name}", "temporary-file"),
        (f"{below}/{PREVIEW}.yaml.orig", "unknown-file"),
        ("charges", "empty-folder"), ("refunds", "empty-folder"),
    } == found()  # fmt: skip
    text = replay_command("verify").out
    assert f"next: rm cassettes/{below}/{stale.name}" in text
    assert "next: rmdir cassettes/refunds" in text
    assert "half" == stale.read_text()


def test_case_only() -> None:
    """Names that one file system keeps apart and another does not are named."""
    shutil.copytree(f"cassettes/invoices/{DRAFT}", f"cassettes/invoices/{DRAFT.lower()}")
    assert (f"invoices/{DRAFT.lower()}", "case-only") in found()


def test_twice() -> None:
    """An object in its plain folder and in the one for names that differ in case is there twice."""
    twin = f"invoices/{names.digested(DRAFT)}"
    shutil.copytree(f"cassettes/invoices/{DRAFT}", f"cassettes/{twin}")
    assert {
        (f"{twin}/{PREVIEW}.yaml", "duplicate"), (f"{twin}/2024-06-20.yaml", "duplicate"),
    } == found()  # fmt: skip


def test_evidence_is_checked_too() -> None:
    """The evidence beside a library has seals and places of its own, and is no duplicate."""
    shutil.copytree("cassettes/invoices", "cassettes/_evidence/invoices")
    assert set() == found(code=0) == found("--deep", code=0)
    edit(lambda data: data[:-1], f"_evidence/{FILE}")
    shutil.copy(f"cassettes/{FILE}", f"cassettes/_evidence/invoices/{OTHER}/{PREVIEW}.yaml")
    wrong = {
        (f"_evidence/{FILE}", "unsealed"),
        (f"_evidence/invoices/{OTHER}/{PREVIEW}.yaml", "misplaced"),
    }
    assert wrong == found() == found("--deep")


def test_an_archive(tmp_path: Path) -> None:
    """A library in a zip file is verified where it lies."""
    with zipfile.ZipFile("bundle.zip", "w") as made:
        for path in sorted(Path("cassettes").rglob("*.yaml")):
            made.write(path, path.relative_to("cassettes"))
        made.writestr("invoices/.x.tmp", "half")
        made.writestr("invoices/x.yaml", "broken")
    assert {("invoices/.x.tmp", "temporary-file"), ("invoices/x.yaml", "unsealed")} == found(
        "--deep", "--library", "bundle.zip"
    )


def test_a_folder_or_archive_around_the_library() -> None:
    """Where all cassettes lie in a folder below, that is named in place of all of them."""
    with zipfile.ZipFile("pkg.whl", "w") as made:
        for path in sorted(Path("cassettes").rglob("*.yaml")):
            made.write(path, Path("pkg") / path)
    for outer, inner in (("pkg.whl", "pkg.whl/pkg/cassettes"), (".", "cassettes")):
        done = replay_command("verify", "--library", outer)
        assert 2 == done.code
        assert f"replay verify --library {inner}\n" in done.err
        assert 0 == replay_command("verify", "--library", inner).code


def test_a_file_is_no_library() -> None:
    """A cassette where a library belongs: said so, and what to name."""
    done = replay_command("verify", "--library", f"cassettes/{FILE}")
    assert (2, True) == (done.code, "this is a file; a library is the folder" in done.err)


def change(make: Callable[[Interaction], Interaction], **of_cassette: Any) -> None:
    """Rewrite the draft's recording, sealed, as no recording would write it."""
    library = Library("cassettes")
    made = library.read(FILE)
    assert made is not None
    takes = (make(made.interactions[0]), *made.interactions[1:])
    storage_of(library).write(replace(made, interactions=takes, **of_cassette), unchecked)


def body_of(take: Interaction, body: bytes) -> Interaction:
    return replace(take, response=replace(take.response, body=body))


def asked(query: str) -> Callable[[Interaction], Interaction]:
    return lambda take: replace(
        take,
        request=replace(take.request, uri=take.request.uri + query),
        response=replace(
            take.response, headers=tuple(h for h in take.response.headers if h[0] != "Request-Id")
        ),
    )


def listing(pointer: str) -> Callable[[Interaction], Interaction]:
    return lambda take: replace(take, redacted={**take.redacted, pointer: "text"})


KEY = b"sk_test_" + b"a1" * 12


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda take: body_of(take, b"{no JSON}"), "body"),
        (
            lambda take: body_of(take, take.response.body.replace(b'"draft"', b'"%s"' % KEY)),
            "secret",
        ),
        (listing("/no/such"), "redacted"),
        (listing("/lines/data/99"), "redacted"),
        (asked("?expand%5B%5D=jane"), "request"),
        (lambda take: replace(take, recorded_at="2020-02-30T00:00:00Z"), "request"),
    ],
    ids=["body", "secret", "field", "item", "expand", "day"],
)
def test_deep_findings(make: Callable[[Interaction], Interaction], rule: str) -> None:
    """What a sealed cassette must not say is found by --deep, and only there."""
    change(make)
    assert set() == found(code=0)
    # A secret is also a value that the policy does not keep.
    rules = {rule, "not-kept"} if rule == "secret" else {rule}
    assert {(FILE, one) for one in rules} == found("--deep")


def test_what_is_no_cassette_below_its_head_is_found() -> None:
    """A sealed text that cannot be loaded is damaged, whatever its head says."""
    data = Path("cassettes", FILE).read_text()
    head = data.partition("\n")[2].partition("interactions:\n")[0]
    for below in (
        "interactions:\n",
        "interactions:\nversion: 1\n",
        "interactions:\ncassette: {}\n",
    ):
        Path("cassettes", FILE).write_text(seals.seal(head + below))
        assert {(FILE, "damaged")} == found() == found("--deep")


def test_a_head_of_another_form_is_parsed_whole() -> None:
    """A head that a person wrote in another order is read by the parser, not guessed at."""
    data = Path("cassettes", FILE).read_text().partition("\n")[2]
    head, _, rest = data.partition("interactions:\n")
    lines = head.splitlines(keepends=True)
    turned = "".join([*lines[:2], *reversed(lines[2:])]) + "interactions:\n" + rest
    Path("cassettes", FILE).write_text(seals.seal(turned))
    assert set() == found(code=0) == found("--deep", code=0)
    fooled = turned.replace(f"  id: {DRAFT}\n", f"  id: {DRAFT}\n    {OTHER}\n")
    Path("cassettes", FILE).write_text(seals.seal(fooled))
    assert {(FILE, "damaged")} == found() == found("--deep")


@pytest.mark.parametrize("id", ["null", "true", "'it''s'", "|-\n    x", "&a x", "!x y", "a: b"])
def test_a_crafted_head_does_not_fool_it(id: str) -> None:
    """An ID in whichever spelling of YAML is what the parser makes of it, or refused."""
    data = Path("cassettes", FILE).read_text().partition("\n")[2]
    Path("cassettes", FILE).write_text(
        seals.seal(data.replace(f"  id: {DRAFT}\n", f"  id: {id}\n"))
    )
    assert found() == found("--deep")


def test_another_policy_is_no_finding_by_itself() -> None:
    """A policy that changed says so; only values that it does not keep are findings."""
    change(lambda take: take, policy="stripe-1 sha256:000000000000")
    done = replay_command("verify", "--deep")
    assert (0, True) == (done.code, "note: 1 cassettes name another policy" in done.out)
    change(
        lambda take: body_of(
            take, take.response.body.replace(b'"footer": null', b'"footer": "Jenny"')
        )
    )
    done = replay_command("verify", "--deep")
    assert 1 == done.code
    assert f"{FILE}: not-kept: take 0: the policy in force does not keep /footer" in done.out
    assert f"next: replay seal --redact cassettes/{FILE}" in done.out
    assert "Jenny" not in done.out


def test_many_pointers_are_cut_short() -> None:
    """A finding names some of many pointers and counts the rest."""
    lost = {f"/x{n}": "text" for n in range(9)}
    change(lambda take: replace(take, redacted={**take.redacted, **lost}))
    assert "/x4 and 4 more" in replay_command("verify", "--deep").out


def test_age() -> None:
    """The newest take of each call decides; a time that is none is old."""

    def at(days_ago: int) -> str:
        return (datetime.now(UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")

    library = Library("cassettes")
    made = library.read(FILE)
    assert made is not None
    take = made.interactions[0]
    wide = replace(
        take, request=replace(take.request, uri=take.request.uri + "?expand%5B%5D=payments")
    )

    def put(*takes: Interaction) -> None:
        storage_of(library).write(replace(made, interactions=takes), unchecked)

    put(replace(take, recorded_at=at(400)), replace(take, recorded_at=at(10)))
    assert set() == found("--older-than", "90d", code=0)
    assert {(FILE, "old")} == found("--older-than", "10d") == found("--older-than", "1w")
    put(replace(take, recorded_at=at(10)), replace(wide, recorded_at=at(100)))
    done = replay_command("verify", "--older-than", "3m")
    assert (1, True) == (done.code, "with expand payments" in done.out)
    assert "100 days ago" in done.out
    put(replace(take, recorded_at="2023-02-30T00:00:00Z"))
    assert {(FILE, "old")} == found("--older-than", "1y")


def test_ages() -> None:
    """Days, weeks, months and years; anything else is misuse."""
    assert [90, 84, 180, 365, 30] == [days(age) for age in ("90d", "12w", "6m", "1y", " 1M ")]
    for wrong in ("", "90", "0d", "-1d", "1.5y", "d", "999999d", "1h"):
        with pytest.raises(ConfigError, match="this is not an age"):
            days(wrong)
    assert 2 == replay_command("verify", "--older-than", "soon").code


def test_gone_while_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes between listing and reading is no finding."""
    from replay.upkeep.verify import check

    real = check.look

    def look_and_remove(library: Library) -> Any:
        seen = real(library)
        for path in seen[0]:
            Path("cassettes", path).unlink(missing_ok=True)
        return seen

    monkeypatch.setattr(check, "look", look_and_remove)
    before = tree()
    assert set() == found(code=0)
    for name, (data, _) in before.items():
        if name.endswith(".yaml"):
            Path(name).write_bytes(data)
    assert set() == found("--deep", code=0)


def test_a_terminal_sees_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar on stderr, on a terminal alone."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert "" == replay_command("verify").err
    terminal = Terminal()
    monkeypatch.setattr(sys, "argv", ["replay", "verify"])
    with contextlib.redirect_stderr(terminal), pytest.raises(SystemExit, match="0"):
        main()
    assert "verifying" in terminal.getvalue()


def test_json_is_whole() -> None:
    """Machine output has a number of its own and every part, clean or not."""
    document = replay_command("verify", "--format", "json").json
    assert {
        "format": 1, "library": "cassettes", "checked": 3, "scenarios": 0, "asked": None,
        "findings": [], "unasked": [], "notes": [],
    } == document  # fmt: skip
    assert json.dumps(document)


@pytest.mark.parametrize("target", ["nowhere", "2030-01-01.yaml", "below/2030-01-01.yaml"])
def test_links_that_lead_to_no_file(target: str) -> None:
    """A link to nothing or to itself is a damaged file; the others are checked all the same."""
    link = Path("cassettes", "invoices", DRAFT, "2030-01-01.yaml")
    link.symlink_to(target)
    Path("cassettes", FILE).write_bytes(b"x")
    expected = {(f"invoices/{DRAFT}/{link.name}", "damaged"), (FILE, "unsealed")}
    assert expected == found() == found("--deep")


def test_a_folder_in_a_cassettes_place() -> None:
    """A directory with a cassette's name is refused as one, not overlooked."""
    Path("cassettes/invoices", OTHER, "2024-06-20.yaml").mkdir()
    assert {(f"invoices/{OTHER}/2024-06-20.yaml", "damaged")} == found() == found("--deep")


def test_only_what_rmdir_can_remove_is_to_be_removed_by_it() -> None:
    """Folders that hold folders alone are to be moved away; one in a cassette's place is enough."""
    Path("cassettes/invoices/in_1Full/2024-06-20.yaml/x").mkdir(parents=True)
    Path("cassettes/charges/ch_1Empty").mkdir(parents=True)
    Path("cassettes/payouts").mkdir()
    told = {
        row["path"]: row for row in replay_command("verify", "--format", "json").json["findings"]
    }
    misnamed = "invoices/in_1Full/2024-06-20.yaml"
    assert [("charges", "empty-folder"), (misnamed, "damaged"), ("payouts", "empty-folder")] == [
        (path, row["rule"]) for path, row in told.items()
    ]
    assert "move it away" == told[misnamed]["next"]
    assert "move it away" == told["charges"]["next"]
    assert "rmdir cassettes/payouts" == told["payouts"]["next"]


def test_what_cannot_be_read_is_named_and_the_rest_is_checked() -> None:
    """The exit code says that the check is not whole, whatever else was found."""
    (Path("cassettes") / FILE).write_text("edited")
    with socket.socket(socket.AF_UNIX) as closed_to_all:  # to root as well
        closed_to_all.bind(f"cassettes/invoices/{OTHER}/2024-06-20.yaml")
    done = replay_command("verify", "--format", "json")
    assert 2 == done.code, done.err
    rules = {row["path"]: row["rule"] for row in done.json["findings"]}
    assert {FILE: "unsealed", f"invoices/{OTHER}/2024-06-20.yaml": "unreadable"} == rules
    assert 3 == done.json["checked"]
    assert "3 cassettes in cassettes: 2 findings" in replay_command("verify").out
