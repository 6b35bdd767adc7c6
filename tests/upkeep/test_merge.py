"""`replay seal --merge`: what git could not merge, with real repositories, merges and rebases."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import requests
from support.command import Done, replay_command
from support.git import commit, git
from support.shelves import copied
from support.standin import DRAFT, PREVIEW, StandIn
from support.writing import unchecked

import replay
from replay.errors import CassetteConflict
from replay.library import Library
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.model.cassette import Cassette, Interaction

FILE = Path("cassettes") / "invoices" / DRAFT / f"{PREVIEW}.yaml"


def record(source: StandIn, library: Path) -> None:
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        requests.get(f"{source.url}/v1/invoices/{DRAFT}", timeout=5)


@pytest.fixture
def base() -> Cassette:
    """A repository with ./cassettes committed: the draft invoice, recorded."""
    copied(record, Path("cassettes"))
    git("init", "--quiet", "-b", "main")
    commit()
    found = Library("cassettes").read(FILE.relative_to("cassettes").as_posix())
    assert found is not None
    return found


def take(of: Cassette, status: str, minute: int) -> Interaction:
    """Another take of the draft: of a status, and of a minute of the year 2027."""
    last = of.interactions[-1]
    body = last.response.body.replace(b'"status": "draft"', f'"status": "{status}"'.encode())
    return replace(
        last,
        response=replace(last.response, body=body),
        recorded_at=f"2027-01-01T00:{minute:02}:00Z",
    )


def put(of: Cassette, *takes: Interaction) -> None:
    """Write a cassette with these takes in its place."""
    library = Library("cassettes")
    with storage_of(library).lock(of.key):
        storage_of(library).write(replace(of, interactions=takes), unchecked)


def conflict(base: Cassette, ours: list[Interaction], theirs: list[Interaction],
             how: str = "merge", *options: str) -> None:  # fmt: skip
    """Record on two branches and let git fail to bring them together."""
    git("switch", "--quiet", "-c", "side")
    put(base, *theirs)
    commit()
    git("switch", "--quiet", "main")
    put(base, *ours)
    commit()
    if how == "rebase":
        git("switch", "--quiet", "side")
        git(*options, "rebase", "main", code=1)
    else:
        git(*options, "merge", "side", code=1)


def takes() -> list[tuple[str, str]]:
    """Status and minute of the takes that the library serves."""
    (found,) = [cassette for _, cassette in Library("cassettes").cassettes()]
    return [
        (one.response.body.partition(b'"status": "')[2].partition(b'"')[0].decode(),
         one.recorded_at[14:16])
        for one in found.interactions
    ]  # fmt: skip


def merge(*paths: object) -> Done:
    return replay_command("seal", "--merge", *(paths or (FILE,)))


@pytest.mark.parametrize("how", ["merge", "rebase"])
@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
def test_both_sides_are_kept(base: Cassette, how: str, style: str) -> None:
    """Two branches that recorded on: named as a conflict, then merged oldest first."""
    first = base.interactions[0]
    ours, theirs = [first, take(base, "paid", 20)], [first, take(base, "open", 10)]
    conflict(base, ours, theirs, how, "-c", f"merge.conflictStyle={style}")
    with (
        pytest.raises(CassetteConflict, match=r"git merge conflict(?s:.*)replay seal --merge"),
        replay.use_cassettes(),
    ):
        requests.get(f"https://api.stripe.com/v1/invoices/{DRAFT}", timeout=5)
    refused = replay_command("seal", FILE)
    assert (2, True) == (refused.code, "unresolved git merge conflict" in refused.err)
    done = merge()
    sides = "ours 1, theirs 1"
    told = f"merged 3 takes (both 1, {sides})  {FILE}\nnext: git add {FILE}\n"
    assert (0, told, "") == (done.code, done.out, done.err)
    assert [("open", "10"), ("paid", "20")] == takes()[1:]
    git("add", "-A")
    git(*(["rebase", "--continue"] if how == "rebase" else ["commit", "-m", "merged"]))
    assert 0 == replay_command("list").code


def test_without_a_common_start(base: Cassette) -> None:
    """Two branches that both recorded an object which neither had, with the very same answer."""
    git("rm", "-rq", "cassettes")
    git("commit", "--quiet", "-m", "gone")
    one, other = take(base, "draft", 1), take(base, "draft", 2)
    conflict(base, [other], [one])
    assert 0 == merge().code
    assert [("draft", "02")] == takes()  # the repeat collapses to its newest, as when recording


def test_each_batch_keeps_a_take(base: Cassette) -> None:
    """Two branches that each fetched a twin: the recording they share stays the twin of both."""
    one, other = (replace(take(base, "draft", minute), batch=f"{minute:012}") for minute in (1, 2))
    conflict(
        base,
        [take(base, "draft", 0), one],
        [other, replace(other, recorded_at="2027-01-02T00:00:00Z")],
    )
    assert 0 == merge().code
    (found,) = [cassette for _, cassette in Library("cassettes").cassettes()]
    assert [one.batch, other.batch] == [kept.batch for kept in found.interactions]


def test_an_equal_take_counts_once_and_others_stay(base: Cassette) -> None:
    """A state that came back is no duplicate; a recording that both sides have is."""
    shared = take(base, "open", 5)
    ours = [shared, take(base, "draft", 10), take(base, "open", 30)]
    theirs = [shared, take(base, "void", 20)]
    conflict(base, ours, theirs)
    assert "(both 1, ours 2, theirs 1)" in merge().out
    assert [("open", "05"), ("draft", "10"), ("void", "20"), ("open", "30")] == takes()


def test_each_expand_set_keeps_its_takes(base: Cassette) -> None:
    """Repeats collapse within one call; a recording with expand is another call."""
    plain = take(base, "paid", 1)
    uri = plain.request.uri + "?expand%5B%5D=payments"
    wide = replace(plain, request=replace(plain.request, uri=uri))
    conflict(
        base,
        [plain, replace(wide, recorded_at="2027-01-01T00:02:00Z")],
        [replace(wide, recorded_at="2027-01-01T00:03:00Z")],
    )
    assert 0 == merge().code
    assert ["01", "03"] == [minute for _, minute in takes()]


def test_marks_alone_are_enough(base: Cassette) -> None:
    """Without git's index, whole files in conflict are read by their marks: CRLF, diff3, a BOM."""
    ours, theirs = (
        codec.dumps(replace(base, interactions=(take(base, status, minute),)))
        for status, minute in (("paid", 2), ("open", 1))
    )
    whole = f"<<<<<<< HEAD\n{ours}||||||| base\nold\n=======\n{theirs}>>>>>>> side\n"
    lines = list(zip(ours.splitlines(), theirs.splitlines(), strict=True))
    parts = "".join(
        f"{one}\n" if one == two else f"<<<<<<< a\n{one}\n|||||||\nx\n=======\n{two}\n>>>>>>> b\n"
        for one, two in lines
    )
    assert parts.count("<<<<<<<") > 2
    for text in (whole, parts, whole.replace("\n", "\r\n"), parts.replace("\n", "\r\n")):
        shutil.rmtree(".git", ignore_errors=True)
        FILE.write_bytes(text.encode())
        done = merge()
        assert (0, "") == (done.code, done.err)
        assert [("open", "01"), ("paid", "02")] == takes()
        assert b"\r" not in FILE.read_bytes()


def test_a_crlf_checkout(base: Cassette) -> None:
    """A repository that checks out CRLF loads, conflicts and merges all the same."""
    git("config", "core.autocrlf", "true")
    FILE.unlink()
    git("checkout", "--", str(FILE))
    assert b"\r\n" in FILE.read_bytes()
    assert 0 == replay_command("list").code
    first = base.interactions[0]
    git("config", "core.safecrlf", "false")
    conflict(base, [first, take(base, "paid", 2)], [first, take(base, "open", 1)])
    assert b"\r\n" in FILE.read_bytes()
    assert "merged 3 takes" in merge().out


def test_after_git_add_too(base: Cassette) -> None:
    """A conflict that was added with its marks is read by them; git can put them back."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    git("add", "-A")
    done = merge()
    assert (0, "", False) == (done.code, done.err, "next:" in done.out)
    assert [("open", "01"), ("paid", "02")] == takes()


def test_what_git_merged_by_itself_is_not_guessed_at(base: Cassette) -> None:
    """Marks around a part, with the rest merged by git, give no whole side; git's index does."""
    first = base.interactions[0]
    last = take(base, "paid", 9)
    middle = [take(base, "open", n) for n in range(1, 8)]
    conflict(
        base,
        [replace(first, source="one.example"), *middle, last],
        [first, *middle, replace(last, source="two.example")],
    )
    marked = FILE.read_bytes()
    git("add", "-A")
    refused = merge()
    assert (2, marked) == (refused.code, FILE.read_bytes())
    assert "theirs cannot be used" in refused.err
    assert f"git checkout -m -- {FILE}" in refused.err
    git("checkout", "-m", "--", str(FILE))
    done = merge()
    assert (0, True) == (done.code, "merged" in done.out), done.err
    assert {"one.example", "two.example"} <= {
        one.source for _, found in Library("cassettes").cassettes() for one in found.interactions
    }


EDITS: dict[str, Callable[[bytes], bytes]] = {
    "a value": lambda data: data.replace(b'"status": "open"', b'"status": "void"'),
    "a line between the marks": lambda data: data.replace(b"<<<<<<<", b"# mine\n<<<<<<<", 1),
    "marks partly gone": lambda data: data[data.index(b"=======\n") + 8 :],
    "one side chosen, and changed": lambda data: re.sub(
        rb"<{7}[^\n]*\n(.*?)={7}\n.*?>{7}[^\n]*\n", rb"\1", data, flags=re.DOTALL
    ).replace(b"paid", b"void"),
    "emptied": lambda data: b"",
}


@pytest.mark.parametrize("how", ["merge", "rebase"])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_in_the_conflict_is_not_lost(base: Cassette, edit: str, how: str) -> None:
    """The index knows nothing of it: it is refused, left as it is, and the way out is named."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)], how)
    edited = EDITS[edit](FILE.read_bytes())
    assert edited != FILE.read_bytes()
    FILE.write_bytes(edited)
    status = git("ls-files", "--stage")
    done = merge()
    assert (2, "", edited) == (done.code, done.out, FILE.read_bytes())
    assert "edited since git wrote the conflict" in done.err
    assert f"git checkout --merge -- {FILE} && replay seal --merge {FILE}" in done.err
    assert status == git("ls-files", "--stage")
    git("checkout", "--merge", "--", str(FILE))
    assert 0 == merge().code
    assert [("open", "01"), ("paid", "02")] == takes()


@pytest.mark.parametrize("style", ["merge", "diff3", "zdiff3"])
def test_a_conflict_that_git_wrote_again_is_no_edit(base: Cassette, style: str) -> None:
    """Other words on the marks, or another style than before, and from within a folder."""
    first = base.interactions[0]
    conflict(base, [first, take(base, "paid", 2)], [first, take(base, "open", 1)])
    git("update-ref", "-d", "AUTO_MERGE")
    assert 0 == merge().code  # as older gits leave it
    git("checkout", f"--conflict={style}", "--", str(FILE))
    assert b"<<<<<<< ours" in FILE.read_bytes()
    with contextlib.chdir(FILE.parent):
        assert 0 == merge(FILE.name).code
    assert [("open", "01"), ("paid", "02")] == takes()[1:]


def test_merging_again_loses_nothing(base: Cassette) -> None:
    """Until git add the conflict stands: what was recorded meanwhile survives another merge."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    assert 0 == merge().code
    merged = FILE.read_bytes()
    assert (0, merged) == (merge().code, FILE.read_bytes())
    (found,) = [cassette for _, cassette in Library("cassettes").cassettes()]
    put(found, *found.interactions, take(base, "void", 3))
    assert 0 == merge().code
    assert [("open", "01"), ("paid", "02"), ("void", "03")] == takes()


def test_a_folder_is_merged_whole(base: Cassette) -> None:
    """--merge of a folder finds its conflicts, also where the file left the working tree."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    FILE.unlink()
    done = merge("cassettes")
    assert (0, True) == (done.code, "cassettes: 1 of 1 merged" in done.out), done.err
    git("add", "-A")
    assert "cassettes: 0 of 1 merged\n" == merge("cassettes").out
    assert f"no conflict  {FILE}\n" == merge().out


def bad(change: Callable[[bytes], bytes], stage: str) -> None:
    """Put another blob into git's index as one side."""
    blob = git("cat-file", "blob", f":{stage}:{FILE}")
    name = git("hash-object", "-w", "--stdin", stdin=change(blob)).decode().strip()
    git("update-index", "--index-info", stdin=f"100644 {name} {stage}\t{FILE}\n".encode())


@pytest.mark.parametrize(
    ("stage", "side", "other"), [("2", "ours", "theirs"), ("3", "theirs", "ours")]
)
def test_a_damaged_side_is_refused(base: Cassette, stage: str, side: str, other: str) -> None:
    """A side whose seal does not fit is never merged; the error names it and the way out."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    marked = FILE.read_bytes()
    bad(lambda blob: blob.replace(b'"total": ', b'"total": 1', 1), stage)
    done = merge()
    assert (2, marked) == (done.code, FILE.read_bytes())
    assert f"{side} cannot be used" in done.err
    assert f"git checkout --{other} -- {FILE}" in done.err


def test_another_object_is_refused(base: Cassette) -> None:
    """Sides of two objects are not one recording."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    text = codec.dumps(base).partition("\n")[2].replace(base.key.id, "in_1Another2Invoice3")
    bad(lambda _: seals.seal(text).encode(), "3")
    done = merge()
    assert (2, True) == (done.code, "of two objects or versions" in done.err)
    assert "git checkout --ours" in done.err


def test_a_removed_side_is_refused(base: Cassette) -> None:
    """One side removed the file, the other recorded on: that is for a person to decide."""
    git("switch", "--quiet", "-c", "side")
    git("rm", "-q", str(FILE))
    commit_message = "gone"
    git("commit", "--quiet", "-m", commit_message)
    git("switch", "--quiet", "main")
    put(base, take(base, "paid", 2))
    commit()
    git("merge", "side", code=1)
    done = merge()
    assert (2, True) == (done.code, f"git rm {FILE}" in done.err)


@pytest.mark.parametrize(
    "text",
    [
        "<<<<<<< a\nx\n", "<<<<<<< a\n<<<<<<< b\n=======\n>>>>>>> c\n", "<<<<<<< a\n>>>>>>> b\n",
        "<<<<<<< a\nx\n=======\ny\n", "<<<<<<< a\n=======\n=======\n>>>>>>> b\n",
    ],
)  # fmt: skip
def test_broken_marks_are_refused(base: Cassette, text: str) -> None:
    """Marks that do not pair are nobody's recording."""
    FILE.write_text(text)
    done = merge()
    assert (2, True) == (done.code, "do not belong together" in done.err)
    assert text == FILE.read_text()


def test_private_values_are_refused(base: Cassette) -> None:
    """What a side holds against the policy does not pass by way of a merge."""
    first = take(base, "paid", 2)
    body = first.response.body.replace(b'"footer": null', b'"footer": "for Jenny"')
    leaky = replace(first, response=replace(first.response, body=body))
    conflict(base, [leaky], [take(base, "open", 1)])
    marked = FILE.read_bytes()
    done = merge()
    assert (2, marked) == (done.code, FILE.read_bytes())
    assert "/footer" in done.err
    assert "Jenny" not in done.err


def test_a_side_that_no_recording_has_is_named(base: Cassette) -> None:
    """A key that somebody added to one side is not merged: the error names it and the side."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    bad(lambda blob: seals.seal(codec.dumps(base).partition("\n")[2] + "note: x\n").encode(), "3")
    done = merge()
    assert (2, True) == (done.code, "theirs cannot be used" in done.err)
    assert "note is a key that replay does not write" in done.err


def test_policies_that_differ(base: Cassette) -> None:
    """Sides of two policies are checked by the one in force, and say so."""
    old = replace(base, policy="stripe-1 sha256:000000000000")
    git("switch", "--quiet", "-c", "side")
    put(old, take(base, "open", 1))
    commit()
    git("switch", "--quiet", "main")
    put(base, take(base, "paid", 2))
    commit()
    git("merge", "side", code=1)
    assert 0 == merge().code
    (found,) = [cassette for _, cassette in Library("cassettes").cassettes()]
    assert base.policy == found.policy


def test_without_git(base: Cassette) -> None:
    """Where git is not installed the marks are read."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    with mock.patch.dict(os.environ, PATH=""):
        assert 0 == merge("cassettes").code
    assert 2 == len(takes())


def test_misuse(base: Cassette) -> None:
    """No such file, two jobs at once, a folder without cassettes: exit 2 and what to do."""
    assert "there is no such file" in merge("nowhere.yaml").err
    assert "there is no such file" in merge("nowhere/at/all.yaml").err
    Path("empty").mkdir()
    assert "there is no cassette in empty" in merge("empty").err
    assert 2 == replay_command("seal", "--merge", "--redact", FILE).code
    assert base == Library("cassettes").read(FILE.relative_to("cassettes").as_posix())


def test_a_side_too_large_is_not_read(base: Cassette) -> None:
    """A blob of more bytes than a cassette may have is refused by its size."""
    conflict(base, [take(base, "paid", 2)], [take(base, "open", 1)])
    bad(lambda _: random.Random(1).randbytes(1 << 16) + b"\0" * seals.MAX_BYTES, "2")
    done = merge()
    assert (2, True) == (done.code, f"at most {seals.MAX_BYTES}" in done.err)
