"""What has not changed rewrites nothing: no byte, no time stamp, no name in the library."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from support.command import replay_command
from support.runs import another_run
from support.standin import DRAFT, NEW, OLD, StandIn, generated
from support.suites import Suite

import replay
from replay.library import Library
from replay.model.cassette import ObjectKey

GONE = generated("in", "gone")
IDS = [DRAFT, *(generated("in", str(n)) for n in range(3))]


@pytest.fixture
def source(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A live source of four invoices and a list, and a key for it."""
    for id in IDS[1:]:
        stand_in.add_invoice(id)
    stand_in.lists["/v1/invoices"] = [f"/v1/invoices/{id}" for id in IDS]
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)
    return stand_in


def state(library: Path) -> dict[str, object]:
    """All that is in a library: inode, size, times of change and bytes of each file and folder.

    The files of locks are there to be opened; only their names count. The notes of what mode `all`
    re-recorded are of the run, not of the library.
    """
    found: dict[str, object] = {}
    notes = library / ".replay" / "rerecorded"
    for path in [library, *library.rglob("*")]:
        if path == notes or notes in path.parents:
            continue
        stat = path.stat()
        locks = ".replay" in path.parts
        found[str(path)] = None if locks else (
            stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns,
            path.read_bytes() if path.is_file() else b"",
        )  # fmt: skip
    return found


def ask(library: Path, source: StandIn, mode: str) -> None:
    """One session: objects at two versions, with an expand set, a list, an unknown ID, repeats."""
    another_run(library)
    with (
        replay.use_cassettes(library, mode=mode, api_base=source.url),
        httpx.Client(base_url=source.url) as client,
    ):
        for version in (OLD, NEW):
            for path in (
                *IDS,
                f"{DRAFT}?expand[]=payments",
                "in_1GoneGoneGoneGone0001",
                "?limit=3",
            ):
                url = f"/v1/invoices/{path}".replace("/?", "?")
                for _ in range(2):
                    client.get(url, headers={"Stripe-Version": version})


@pytest.mark.parametrize("mode", ["none", "once", "new_episodes", "all"])
def test_sessions(mode: str, source: StandIn, library: Path) -> None:
    """A session in any mode leaves what the source says again as it is."""
    ask(library, source, "once")
    before, hits = state(library), source.hits.total()
    assert len(before) > 20
    for _ in range(2):
        ask(library, source, mode)
    assert before == state(library)
    assert (mode in {"new_episodes", "all"}) == (source.hits.total() > hits)


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
@pytest.mark.parametrize("twins", [(), ("--api-version", OLD, "--api-version", NEW)],
                         ids=["alone", "twins"])  # fmt: skip
def test_the_command(mode: str, twins: tuple[str, ...], source: StandIn, library: Path) -> None:
    """`replay record`, also of twins, says that nothing changed, and changes nothing."""
    arguments = ("record", "invoice", *IDS, *twins, "--library", library, "--rate", "1000")
    assert 0 == replay_command(*arguments).code
    before, hits = state(library), source.hits.total()
    for _ in range(2):
        done = replay_command(*arguments, "--mode", mode)
        assert 0 == done.code
        assert "0 recorded" in done.out
    assert before == state(library)
    assert (mode != "once") == (source.hits.total() > hits)


@pytest.mark.parametrize("mode", ["new_episodes", "all"])
def test_workers(mode: str, source: StandIn, tmp_path: Path) -> None:
    """pytest with workers that all record the same objects again changes nothing."""
    suite = Suite(tmp_path / "suite")
    suite.write(
        f"""
        IDS = {IDS!r}

        @pytest.mark.parametrize("n", range(8))
        @pytest.mark.cassettes
        def test_it(n):
            assert IDS[n % 4] == get(IDS[n % 4]).id
            assert IDS[n % 3] == get(IDS[n % 3]).id
        """
    )
    assert 0 == suite.run(f"--replay-mode={mode}", STRIPE_API_BASE=source.url).code
    library = suite.folder / "cassettes"
    before, hits = state(library), source.hits.total()
    ran = suite.run("-n", "2", f"--replay-mode={mode}", STRIPE_API_BASE=source.url)
    assert 0 == ran.code, ran.out
    assert {"passed": 8} == ran.outcomes
    assert before == state(library)
    assert source.hits.total() > hits


@pytest.mark.parametrize(
    "command", [("seal",), ("seal", "--redact"), ("scan",), ("list",)], ids=" ".join
)
def test_commands_that_find_nothing_to_do(
    command: tuple[str, ...], source: StandIn, library: Path
) -> None:
    """Neither sealing nor redacting what is as it should be rewrites anything."""
    ask(library, source, "once")
    before = state(library)
    where = (library,) if command[0] in {"seal", "scan"} else ("--library", library)
    assert 0 == replay_command(*command, *where).code
    assert before == {path: found for path, found in state(library).items() if path in before}
    assert before.keys() == {path for path in state(library) if ".replay" not in path} | {
        path for path in before if ".replay" in path
    }


def test_a_change_is_written(source: StandIn, library: Path) -> None:
    """What did change is: else this file could not fail."""
    ask(library, source, "once")
    before = state(library)
    source.add_invoice(DRAFT, status="paid")
    ask(library, source, "all")
    changed = {path for path, found in state(library).items() if found != before.get(path)}
    folder = Library(library).path(ObjectKey("invoices", DRAFT), OLD).parent
    cassettes = {str(folder / f"{version}.yaml") for version in (OLD, NEW)}
    assert cassettes <= changed
    assert all(path.startswith(str(folder)) or path.count("/_collection/") for path in changed)
