"""An unchanged suite on another API version, and what it reads of the answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command import replay_command
from support.standin import DRAFT, NEW, OLD, StandIn
from support.suites import Suite


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """An empty suite with twins of the draft invoice in ./cassettes."""
    made = Suite(tmp_path / "suite")
    with StandIn() as source:
        monkeypatch.setenv("STRIPE_API_BASE", source.url)
        monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")
        versions = ["--api-version", OLD, "--api-version", NEW]
        library = ["--library", made.folder / "cassettes"]
        assert 0 == replay_command("record", "invoice", DRAFT, *versions, *library).code
    monkeypatch.delenv("STRIPE_API_BASE")
    return made


SUITE = """
    OLD = "2024-06-20"

    @pytest.mark.cassettes("cassettes")
    def test_marked():
        assert get(version=OLD).payment_intent

    @replay.use_cassettes("cassettes")
    def test_decorated():
        assert get(version=OLD)["subscription"]

    @pytest.mark.cassettes("cassettes")
    def test_fine():
        assert get(version=OLD).total
"""


def test_what_breaks_fails_and_says_what_moved(suite: Suite) -> None:
    """Marked and decorated tests fail on the new version, each with the drift that it met."""
    suite.write(SUITE)
    ran = suite.run(f"--replay-api-version={NEW}")
    assert {"failed": 2, "passed": 1} == ran.outcomes, ran.out
    assert f"replay: API version {NEW}, regardless of pins" in ran.out
    assert "AttributeError" in ran.out
    assert 2 == ran.out.count(f"answered at {NEW}; the client asked for {OLD}")
    sections = ran.out.split("Captured replay drift call")[1:]
    firsts = [section.splitlines()[2] for section in sections]
    assert "proven  invoices: payment_intent removed; invoice_payments may have it" in firsts[0]
    assert "subscription moved, probably to parent.subscription_details.subscription" in firsts[1]
    assert f"all of it: replay diff {OLD} {NEW} --library cassettes" in sections[0]


def test_an_unpinned_client_is_compared_with_what_else_is_recorded(suite: Suite) -> None:
    """Without a pinned version, the object's newest older recording is the old side."""
    suite.write("""
        @pytest.mark.cassettes("cassettes")
        def test_unpinned():
            url = f"https://api.stripe.com/v1/invoices/{DRAFT}"
            assert "charge" in requests.get(url, headers={"Authorization": "Bearer x"}).json()
    """)
    ran = suite.run(REPLAY_API_VERSION=NEW)  # as the option
    assert {"failed": 1} == ran.outcomes
    assert f"answered at {NEW}; the client asked for {OLD}" in ran.out
    assert "invoices: charge removed" in ran.out.split("Captured replay drift")[1].splitlines()[2]


def test_a_test_with_a_version_of_its_own_is_told_of(suite: Suite) -> None:
    """What did not run on the new version is no proof of anything, and the summary says so."""
    suite.write("""
        @pytest.mark.cassettes("cassettes", api_version="2024-06-20")
        def test_own():
            assert get().charge

        @replay.use_cassettes("cassettes", api_version="2024-06-20")
        def test_decorated():
            assert get().charge
    """)
    ran = suite.run(f"--replay-api-version={NEW}")
    assert {"passed": 2} == ran.outcomes
    assert f"kept at an API version of its own, and not run on {NEW} (2 tests)" in ran.out


def test_a_version_that_is_not_recorded_names_the_command(suite: Suite) -> None:
    """A refusal on the new version says how to fetch all that is recorded, and tells no drift."""
    suite.write(SUITE)
    ran = suite.run("--replay-api-version=2026-01-28.preview", "-k", "marked")
    assert {"failed": 1, "deselected": 2} == ran.outcomes, ran.out
    assert "VersionNotRecorded" in ran.out
    assert "replay upgrade 2026-01-28.preview --library cassettes" in ran.out
    assert "the client asked for" not in ran.out


def test_what_cannot_be_told_masks_no_failure(suite: Suite) -> None:
    """Where the comparison itself fails, the test's own failure is reported all the same."""
    suite.write(SUITE)
    other = suite.folder / "cassettes" / "invoices" / "in_2" / f"{OLD}.yaml"
    other.parent.mkdir()
    other.write_text("# replay cassette 1 sha256:" + "0" * 64 + "\nnothing\n")
    ran = suite.run(f"--replay-api-version={NEW}", "-k", "marked")
    assert {"failed": 1, "deselected": 2} == ran.outcomes
    assert "AttributeError" in ran.out
    assert "what differs cannot be shown" in ran.out
    assert str(other.name) in ran.out


def test_a_large_library_is_not_compared_for_one_failure(suite: Suite) -> None:
    """The section names the command instead."""
    suite.write("""
        import replay.testing.drift_hints
        replay.testing.drift_hints._MOST_CASSETTES = 1

        @pytest.mark.cassettes("cassettes")
        def test_it():
            assert get(version="2024-06-20").charge
    """)
    out = suite.run(f"--replay-api-version={NEW}").out
    assert f"2 cassettes: see replay diff {OLD} {NEW} --library cassettes" in out


def test_with_tracking_a_failure_names_what_it_read(suite: Suite) -> None:
    """Only findings on paths that the failing test read are told, not those of the test before."""
    suite.write("""
        @pytest.mark.cassettes("cassettes")
        def test_one():
            assert get(version="2024-06-20").charge

        @pytest.mark.cassettes("cassettes")
        def test_two():
            assert get(version="2024-06-20").total == 0
    """)
    ran = suite.run(f"--replay-api-version={NEW}", "--replay-track-fields")
    one, two = ran.out.split("Captured replay drift call")[1:]
    assert "invoices: charge removed" in one
    assert "payment_intent" not in one
    assert "is on a path that the test read" in two
    assert "charge removed" not in two.split("used-fields")[0].split("short test summary")[0]


TRACKED = """
    OLD = "2024-06-20"

    @pytest.mark.cassettes("cassettes")
    def test_attributes():
        invoice = get(version=OLD)
        assert invoice.payment_intent and invoice.lines.data[0].price.id

    @replay.use_cassettes("cassettes")
    def test_items():
        assert get(version=OLD)["metadata"]["order"]
        assert not hasattr(get(version=OLD), "forgiven")

    @pytest.mark.cassettes("cassettes")
    def test_async():
        assert asyncio.run(get_async(version=OLD)).status_transitions.to_dict()
"""

PATHS = {
    "/payment_intent", "/lines", "/lines/data", "/lines/data/*", "/lines/data/*/price",
    "/lines/data/*/price/id", "/metadata", "/metadata/*", "/forgiven", "/status_transitions",
    "/status_transitions/**",
}  # fmt: skip


def bodies(suite: Suite, name: str = "used-fields.json") -> dict[tuple[str, str], set[str]]:
    document = json.loads((suite.folder / name).read_text())
    assert {"format", "bodies"} == document.keys()
    for row in document["bodies"]:
        assert {"resource", "type", "version", "paths", "sites"} == row.keys()
    return {(row["type"], row["version"]): set(row["paths"]) for row in document["bodies"]}


def test_used_fields_of_all_tests_and_workers(suite: Suite) -> None:
    """The file holds what all tests of all workers read, and no value."""
    suite.write(TRACKED)
    ran = suite.run("--replay-track-fields", "-n2")
    assert {"passed": 3} == ran.outcomes, ran.out
    assert {("invoice", OLD): PATHS, ("price", OLD): {"/id"}} == bodies(suite)
    text = (suite.folder / "used-fields.json").read_text()
    assert DRAFT not in text
    assert "price_" not in text


def test_runs_add_up(suite: Suite) -> None:
    """A later run adds to the file; JSON clients count as reading the whole body."""
    suite.write(TRACKED)
    suite.run("--replay-track-fields=used.json", "-k", "attributes")
    assert "/metadata" not in bodies(suite, "used.json")["invoice", OLD]
    suite.write("""
        @pytest.mark.cassettes("cassettes")
        def test_json():
            url = f"https://api.stripe.com/v1/invoices/{DRAFT}"
            headers = {"Authorization": "Bearer x", "Stripe-Version": NEW}
            assert requests.get(url, headers=headers).json()["total"]
    """)
    suite.run("--replay-track-fields=used.json")
    found = bodies(suite, "used.json")
    assert {"/**"} == found["invoice", NEW]
    assert "/payment_intent" in found["invoice", OLD]


def test_findings_are_ranked_by_use(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """replay diff --used tells what breaks these tests from what does not, and can gate on it."""
    suite.write("""
        @pytest.mark.cassettes("cassettes")
        def test_it():
            assert get(version="2024-06-20").payment_intent
    """)
    suite.run("--replay-track-fields")
    monkeypatch.chdir(suite.folder)
    command = ["diff", OLD, NEW, "--used", "used-fields.json"]
    done = replay_command(*command)
    assert 1 == done.code
    used, unused = done.out.split("  invoice, not used\n")
    assert "  invoice, used by these tests\n" in used
    assert "payment_intent removed" in used
    assert "charge removed" in unused
    assert "breaking: 1 used by these tests, 11 not used" in done.out
    (comparison,) = replay_command(*command, "--format", "json").json["comparisons"]
    first, *others = comparison["findings"]
    assert ("/payment_intent", True) == (first["path"], first["used"])
    assert {False} == {finding["used"] for finding in others}
    table = replay_command(*command, "--format", "markdown").out
    (row,) = (line for line in table.splitlines() if "payment\\_intent removed" in line)
    assert "(1 of 1 pairs agree) (**used by these tests**)" in row
    assert 1 == replay_command(*command, "--format", "html").out.count(" (used by these tests)")
    done = replay_command(*command, "--fail-on-used", "--format", "github")
    assert (1, 1) == (done.code, done.out.count("::error"))
    text = (suite.folder / "used-fields.json").read_text()
    (suite.folder / "total.json").write_text(text.replace("payment_intent", "total"))
    command = ["diff", OLD, NEW, "--used", "total.json"]
    assert 1 == replay_command(*command).code
    assert 0 == replay_command(*command, "--fail-on-used").code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not a file of used fields"),
        ("[]", "this is not a file of used fields"),
        ('{"format": 1, "bodies": [{"paths": 1}]}', "this is not a file of used fields"),
        ('{"format": 2}', "of another format"),
    ],
)
def test_a_file_of_another_kind_is_left_alone(suite: Suite, text: str, message: str) -> None:
    """Neither pytest nor diff take it for used fields, and nothing overwrites it."""
    suite.write(TRACKED)
    path = suite.folder / "used-fields.json"
    path.write_text(text)
    if not text:
        ran = suite.run("--replay-track-fields")
        assert 4 == ran.code
        assert message in ran.out
    done = replay_command("diff", "--used", path, "--library", suite.folder / "cassettes")
    assert 2 == done.code
    assert message in done.err
    assert text == path.read_text()


def test_a_version_that_is_none_is_misuse(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the command line and in the environment, before any test runs."""
    suite.write(TRACKED)
    named = suite.run("--replay-api-version=junk")
    monkeypatch.setenv("REPLAY_API_VERSION", "junk")
    for ran, where in ((named, "--replay-api-version"), (suite.run(), "REPLAY_API_VERSION")):
        assert 4 == ran.code
        assert "'junk' is not an API version" in ran.out
        assert f"where: {where}" in ran.out
        assert "a version looks like 2024-06-20" in ran.out


def test_misuse(suite: Suite) -> None:
    """A test path that was swallowed as the file's name is refused, and so is a lone gate."""
    suite.write(TRACKED)
    for swallowed in ("cassettes", "test_it.py", "test_it.py::test_one", "new_test.py"):
        ran = suite.run("--replay-track-fields", swallowed)
        assert 4 == ran.code
        assert "is not a file of used fields: write --replay-track-fields=FILE, or put" in ran.out
    assert "goes with --used" in replay_command("diff", "--fail-on-used").err
    library = ["--library", suite.folder / "cassettes"]
    done = replay_command("diff", "--used", "nowhere.json", *library)
    assert "make the file first" in done.err
