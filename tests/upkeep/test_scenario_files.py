"""`replay seal` and `replay scenario rename`: scenario files are edited, merged and renamed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.command import Done, replay_command
from support.git import commit, git
from support.written import FOLDER, MAIL, NEW, OLD, PAY, edit, paths, scenario_in, written

from replay.library import Library
from replay.library.library import storage_of
from replay.library.scenarios import ScenarioFiles

FILE = FOLDER / f"{OLD}.yaml"


@pytest.fixture(autouse=True)
def library() -> Library:
    """./cassettes with the scenario at two versions."""
    return written()


def seal(*options: object, code: int = 0) -> Done:
    done = replay_command("seal", *options)
    assert code == done.code, done.out + done.err
    return done


def write_in(pattern: str, new: str) -> None:
    """Change the first match of a pattern, and leave the seal as it is."""
    text, count = re.subn(pattern, new, FILE.read_text(), count=1)
    assert count, text
    FILE.write_text(text)


# ---- seal


def test_an_edit_is_sealed(library: Library) -> None:
    """A changed amount is refused until it is sealed; the rest of the text stays."""
    write_in("amount: '500'", "amount: '600'")
    before = FILE.read_text().partition("\n")[2]
    assert 1 == replay_command("verify").code
    assert f"sealed  {FILE}\n" == seal(FILE).out
    assert before == FILE.read_text().partition("\n")[2]
    assert 0 == replay_command("verify", "--deep").code
    found = ScenarioFiles(storage_of(library), PAY).load(OLD)
    assert found is not None
    assert "600" == str(found.steps[2].sends["amount"])
    assert f"sealed already  {FILE}\n" == seal(FILE).out


def test_a_file_without_its_first_line_is_sealed() -> None:
    """The seal may be lost in the edit."""
    whole = FILE.read_bytes()
    FILE.write_bytes(whole.partition(b"\n")[2].replace(b"\n", b"\r\n"))
    assert "sealed  " in seal(FILE).out
    assert whole == FILE.read_bytes()


def test_a_whole_library_is_sealed() -> None:
    """A folder means its scenarios, too."""
    write_in("amount: '500'", "amount: '600'")
    assert "cassettes: 1 of 2 sealed\n" in seal("cassettes").out


@pytest.mark.parametrize(
    ("pattern", "new", "says"),
    [
        (r"email: 'any#1'", f"email: {MAIL}", "may hold a private value: the value of email"),
        (r"email: 'any#1'", "email: sk_" + "test_" + "4eC39HqLyjWDarjtT1zdp7dc", "holds a secret"),
        (r"email: 'any#1'", "email: '{7/id}'", "names a step that comes later"),
        (r"customers/\{0/id\}", "customers/ann.other", "an ID in the path"),
        (r'"email": "redacted\+\w+@example.com"', f'"email": "{MAIL}"', "does not keep /email"),
        (r"name: '?tests/test_pay", "name: tests/test_other", "not that of its path"),
        (r"lane: 0", "colour: blue", "key that replay does not write"),
        (r'"created": 1700000000', '"object": "twice"', "the answer of step 0 cannot be read"),
    ],
)
def test_an_edit_that_no_recording_writes(pattern: str, new: str, says: str) -> None:
    """It is refused with what is wrong, without the value, and the file stays as it is."""
    write_in(pattern, new)
    before = FILE.read_bytes()
    done = seal(FILE, code=2)
    assert says in done.err
    assert "next: " in done.err
    assert MAIL not in done.err
    assert before == FILE.read_bytes()


def test_redacting_again_leaves_scenarios() -> None:
    """A scenario that the policy in force proves needs nothing; another one is recorded again."""
    assert "cassettes: 0 of 2 redacted\n" == seal("--redact", "cassettes").out
    write_in(r'"email": "redacted\+\w+@example.com"', f'"email": "{MAIL}"')
    edit(FILE)
    done = seal("--redact", "cassettes", code=2)
    assert "record the scenario again" in done.err
    assert "0 of 2 redacted, 1 failed" in done.out


# ---- seal --merge


@pytest.fixture
def sides() -> tuple[bytes, bytes]:
    """A repository in which two branches recorded the scenario again: ours, theirs."""
    git("init", "--quiet", "-b", "main")
    commit()
    git("switch", "--quiet", "-c", "side")
    write_in("amount: '500'", "amount: '700'")
    edit(FILE)
    theirs = FILE.read_bytes()
    commit()
    git("switch", "--quiet", "main")
    write_in("amount: '500'", "amount: '600'")
    edit(FILE)
    ours = FILE.read_bytes()
    commit()
    git("merge", "side", code=1)
    return ours, theirs


def test_a_conflict_is_refused_without_a_side(sides: tuple[bytes, bytes]) -> None:
    """Nothing is guessed: the message names both ways, and the conflict stays."""
    before = FILE.read_bytes()
    for target in (FILE, "cassettes"):
        done = seal("--merge", target, code=2)
        assert "it is one test's run, so both cannot be kept" in done.err
        assert f"replay seal --merge --take ours {FILE}" in done.err
    assert before == FILE.read_bytes()
    done = replay_command("verify")
    assert "conflict: the scenario holds an unresolved git merge conflict" in done.out
    assert "keep one side whole: replay seal --merge --take ours " in done.out


@pytest.mark.parametrize("target", [FILE, Path("cassettes")], ids=str)
@pytest.mark.parametrize(("side", "number"), [("ours", 0), ("theirs", 1)])
def test_one_side_is_taken_whole(
    sides: tuple[bytes, bytes], target: Path, side: str, number: int
) -> None:
    """Every byte is that side's; after git add the merge is done."""
    done = seal("--merge", "--take", side, target)
    assert f"took {side}  {FILE}\nnext: git add {FILE}\n" in done.out
    assert sides[number] == FILE.read_bytes()
    git("add", str(FILE))
    git("commit", "--quiet", "-m", "merged")
    assert 0 == replay_command("verify", "--deep").code


def test_a_side_may_be_changed_until_it_is_added(sides: tuple[bytes, bytes]) -> None:
    """The index has both sides until then."""
    seal("--merge", "--take", "ours", FILE)
    seal("--merge", "--take", "theirs", FILE)
    assert sides[1] == FILE.read_bytes()


def test_a_scenario_that_was_recorded_again_is_kept(sides: tuple[bytes, bytes]) -> None:
    """What is neither side is not thrown away."""
    FILE.write_bytes(sides[0])
    write_in("amount: '600'", "amount: '800'")
    edit(FILE)
    before = FILE.read_bytes()
    done = seal("--merge", "--take", "ours", FILE, code=2)
    assert "was recorded again since the conflict" in done.err
    assert before == FILE.read_bytes()


def test_an_edited_conflict_is_refused(sides: tuple[bytes, bytes]) -> None:
    """An edit inside the conflict would be lost."""
    FILE.write_bytes(FILE.read_bytes() + b"# mine\n")
    assert "the edit would be lost" in seal("--merge", "--take", "ours", FILE, code=2).err


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_side_that_git_merged_in_part(sides: tuple[bytes, bytes], side: str) -> None:
    """Marks without an index: a side whose seal does not fit is a mixture, and refused."""
    conflicted = FILE.read_bytes()
    git("add", "-A")
    git("commit", "--quiet", "-m", "committed with its marks")
    mixed = conflicted.replace(b"interval: month", b"interval: year")
    assert mixed != conflicted
    FILE.write_bytes(mixed)
    done = seal("--merge", "--take", side, FILE, code=2)
    assert f"{side} cannot be used" in done.err
    assert "git checkout -m --" in done.err
    assert mixed == FILE.read_bytes()
    FILE.write_bytes(conflicted)
    seal("--merge", "--take", side, FILE)
    assert sides[side == "theirs"] == FILE.read_bytes()


def test_take_without_merge() -> None:
    """A side without a conflict is misuse."""
    assert "--take belongs to --merge" in seal("--take", "ours", FILE, code=2).err
    assert f"no conflict  {FILE}\n" == seal("--merge", "--take", "ours", FILE).out


# ---- rename


def rename(old: str, new: str, code: int = 0) -> Done:
    done = replay_command("scenario", "rename", old, new)
    assert code == done.code, done.out + done.err
    return done


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (PAY, "tests/test_pay.py::TestPay::test_paid", "tests/test_pay.py::TestPay::test_paid"),
        ("tests/test_pay.py", "tests/unit/test_pay.py",
         "tests/unit/test_pay.py::TestPay::test_pay"),
        ("tests/test_pay.py::TestPay", "tests/test_pay.py::Pay",
         "tests/test_pay.py::Pay::test_pay"),
        ("tests", "t", "t/test_pay.py::TestPay::test_pay"),
    ],
)  # fmt: skip
def test_a_renamed_test_keeps_its_scenario(library: Library, old: str, new: str, name: str) -> None:
    """All versions move, of one test or of all below a class, a file or a folder."""
    before = ScenarioFiles(storage_of(library), PAY).recorded()
    done = rename(old, new)
    assert 2 == done.out.count(" -> ")
    after = ScenarioFiles(storage_of(library), name).recorded()
    assert [one.steps for one in before] == [one.steps for one in after]
    assert {name} == {one.name for one in after}
    assert 2 == len(paths(library))
    assert 0 == replay_command("verify", "--deep").code


def test_a_name_that_is_taken(library: Library) -> None:
    """Another scenario is never overwritten; what a killed rename left is finished."""
    rename(PAY, "tests/test_pay.py::test_b")
    other = written(Path("more"))
    (library.root / "scenarios/tests/test_pay.py/TestPay").mkdir()
    (other.root / FOLDER.relative_to("cassettes")).rename(FOLDER)
    write_in("amount: '500'", "amount: '600'")
    edit(FILE)
    done = rename(PAY, "tests/test_pay.py::test_b", code=2)
    assert "a scenario of the new name is there already" in done.err
    assert 4 == len(paths(library))
    FILE.unlink()
    rename(PAY, "tests/test_pay.py::test_b")
    assert 2 == len(paths(library))


def test_a_name_that_nothing_has() -> None:
    """The nearest one is named; a part of a word is no scenario's name."""
    for name in ("tests/test_pay.py::TestPay::test_pa", "tests/test_p", "refund"):
        assert "there is no scenario of this name" in rename(name, "x", code=2).err
    assert f"did you mean {PAY}?" in rename(f"{PAY}s", "x", code=2).err


def test_a_file_that_cannot_be_read_is_not_renamed(library: Library) -> None:
    """Its folder would be left behind in part: nothing is renamed."""
    (FOLDER / f"{NEW}.yaml").write_bytes(b"")
    assert "is empty" in rename("tests", "t", code=2).err
    assert 2 == len(paths(library))
    assert PAY == scenario_in(FILE).name
