"""A library that vcrpy's users keep their cassettes in too: each command skips those, once."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import requests
import vcr
from support.clients import HEADERS
from support.command import replay_command
from support.shelves import copied
from support.standin import DRAFT, NEW, OLD, StandIn

import replay
import replay.vcr

KINDS = {"plain": "yaml", "persister": "yaml", "short": "yml", "json": "json"}


def record(source: StandIn, library: Path) -> None:
    url = f"{source.url}/v1/invoices/{DRAFT}"
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        for version in (OLD, NEW):
            requests.get(url, headers={"Stripe-Version": version}, timeout=5)
    for kind, suffix in KINDS.items():
        recorder = vcr.VCR(serializer="json" if kind == "json" else "yaml")
        if kind == "persister":
            recorder.register_persister(replay.vcr.Persister())
        path = library / f"test_module/test_{kind}.{suffix}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STRIPE_API_BASE", source.url)
            with recorder.use_cassette(str(path)):
                requests.get(url, headers=HEADERS, timeout=5)
        assert path.exists()


@pytest.fixture(autouse=True, params=[*KINDS, "all"])
def recorded(request: pytest.FixtureRequest) -> list[str]:
    """./cassettes with an invoice at two versions, and what vcrpy wrote for tests of a module."""
    copied(record, Path("cassettes"))
    made = []
    for kind, suffix in KINDS.items():
        path = f"test_module/test_{kind}.{suffix}"
        if request.param in {kind, "all"}:
            made.append(path)
        else:
            Path("cassettes", path).unlink()
    return sorted(made)


def noted(err: str, made: list[str]) -> bool:
    """Whether the one note about them is there."""
    notes = [line for line in err.splitlines() if "vcrpy's, not replay's" in line]
    return 1 == len(notes) and str(len(made)) in notes[0] and made[0] in notes[0]


def test_list_skips_them(recorded: list[str]) -> None:
    """Two cassettes are listed, nothing is damaged."""
    done = replay_command("list")
    assert (0, False) == (done.code, "damaged" in done.err)
    assert noted(done.err, recorded)
    document = replay_command("list", "--format", "json").json
    assert (2, []) == (len(document["cassettes"]), document["damaged"])


@pytest.mark.parametrize("options", [(), ("--deep",), ("--older-than", "90d")], ids=str)
def test_verify_skips_them(recorded: list[str], options: tuple[str, ...]) -> None:
    """They are no finding and are not counted, in any check."""
    done = replay_command("verify", *options)
    assert 0 == done.code, done.out
    assert "2 cassettes in cassettes: no findings" in done.out
    assert noted(done.out, recorded)


def test_diff_skips_them(recorded: list[str]) -> None:
    """The versions are compared all the same."""
    done = replay_command("diff", OLD, NEW, "--fail-on", "never")
    assert 0 == done.code, done.err
    assert "1 old, 1 new" in done.out
    assert noted(done.err, recorded)


@pytest.mark.parametrize("options", [(), ("--redact",)], ids=str)
def test_seal_leaves_them_alone(recorded: list[str], options: tuple[str, ...]) -> None:
    """A folder is sealed without them; one that is named is refused, and stays as it is."""
    before = [Path("cassettes", path).read_bytes() for path in recorded]
    done = replay_command("seal", *options, "cassettes")
    assert 0 == done.code, done.err
    assert " of 2 " in done.out
    assert noted(done.err, recorded)
    if not options:
        named = replay_command("seal", f"cassettes/{recorded[0]}")
        assert 2 == named.code
        assert "this is a cassette of vcrpy's" in named.err
    assert before == [Path("cassettes", path).read_bytes() for path in recorded]


def test_one_that_is_named_like_ours_is_noted_too(recorded: list[str]) -> None:
    """By a version, in a folder of tests and in the place of an object; by each command, once."""
    text = Path("cassettes", recorded[0]).read_bytes()
    for folder in ("test_module", f"invoices/{DRAFT[:-1]}x"):
        path = Path("cassettes", folder, f"{NEW}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text)
        recorded.append(path.relative_to("cassettes").as_posix())
    recorded.sort()
    for command in (("list",), ("diff", OLD, NEW, "--fail-on", "never"), ("seal", "cassettes")):
        done = replay_command(*command)
        assert (0, True) == (done.code, noted(done.err, recorded)), done.err
    assert noted(replay_command("verify").out, recorded)


def test_one_in_an_objects_place_is_not_read_as_missing(recorded: list[str]) -> None:
    """A call for that object says what stands there, and records nothing over it."""
    path = Path("cassettes", "invoices", DRAFT, f"{NEW}.yaml")
    path.write_bytes(Path("cassettes", recorded[0]).read_bytes())
    with pytest.raises(replay.CassetteDamaged) as refused, replay.use_cassettes("cassettes"):
        requests.get(
            f"https://api.stripe.com/v1/invoices/{DRAFT}",
            headers={"Stripe-Version": NEW}, timeout=5,
        )  # fmt: skip
    assert "vcrpy's" in refused.value.what


def test_an_empty_one_and_one_of_windows_are_known_too() -> None:
    """vcrpy writes an empty list of interactions where nothing was asked."""
    folder = Path("cassettes", "test_other")
    folder.mkdir()
    (folder / "test_none.yaml").write_bytes(b"interactions: []\nversion: 1\n")
    (folder / "test_crlf.yaml").write_bytes(b"interactions:\r\n- request:\r\n    body: null\r\n")
    (folder / "test_formatted.yaml").write_bytes(b"# mine\n---\ninteractions:\n  - request:\n")
    (folder / "test_sorted.json").write_bytes(b'{"version": 1, "interactions": []}')
    (folder / "test_unsealed.yaml").write_bytes(b"version: 1\npolicy: x\ninteractions:\n- x: y\n")
    (folder / "test_other.yaml").write_bytes(b"interactions:\n- recorded_at: x\n")
    (folder / "other.json").write_bytes(b'{"version": "1"}')
    found = json.loads(replay_command("verify", "--format", "json").out)["findings"]
    assert ["test_other/other.json", "test_other/test_other.yaml"] == [r["path"] for r in found]


def test_merging_a_library_leaves_their_conflicts_alone(recorded: list[str]) -> None:
    """A conflict of git in one of them is the user's: `seal --merge` skips it with the note."""
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    for branch, text in (("theirs", b"uri: http://b/"), ("main2", b"uri: http://c/")):
        git("checkout", "-qb", branch, "HEAD" if branch == "theirs" else "HEAD~1")
        for path in recorded:
            file = Path("cassettes", path)
            file.write_bytes(file.read_bytes() + b"\n# " + text)
        git("commit", "-qam", branch)
    git("merge", "-q", "theirs", fails=True)
    before = [Path("cassettes", path).read_bytes() for path in recorded]
    assert all(b"<<<<<<<" in data for data in before)
    done = replay_command("seal", "--merge", "cassettes")
    assert 0 == done.code, done.err
    assert "0 of 2 merged" in done.out
    assert noted(done.err, recorded)
    assert before == [Path("cassettes", path).read_bytes() for path in recorded]


def git(*arguments: str, fails: bool = False) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], check=not fails, capture_output=True)  # noqa: S607
    assert fails == (done.returncode != 0)
