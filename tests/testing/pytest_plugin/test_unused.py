"""Which cassettes no test played: only after a full run that passed, over workers too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.suites import Suite
from support.written import written

SOME = """
    @pytest.mark.cassettes
    def test_one():
        assert get().status == "draft"

    @replay.use_cassettes("cassettes")
    def test_two():
        get("in_1Paid00000000000000000001")
"""
LEFT = "cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2024-06-20.yaml"
REST = "    def test_three():\n        get(version='2024-06-20')\n"


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize(("word", "code"), [("warn", 0), ("fail", 1)])
def test_unused_cassettes_are_listed(
    suite: Suite, word: str, code: int, workers: tuple[str, ...]
) -> None:
    """`warn` lists them, `fail` fails the run; marked and decorated tests of all workers count."""
    suite.write(SOME)
    ran = suite.run(f"--replay-unused={word}", *workers)
    assert ({"passed": 2}, code) == (ran.outcomes, ran.code), ran.out
    assert "replay: 2 played, 0 recorded, 0 refused, 1 unused" == ran.summary
    assert LEFT in ran.out.splitlines()
    assert 1 == sum(line.startswith("cassettes/") for line in ran.out.splitlines())
    note = json.loads((suite.folder / "cassettes" / ".replay" / "unused.json").read_text("utf-8"))
    assert [LEFT.removeprefix("cassettes/")] == note["unused"]


def test_a_run_that_uses_all_passes(suite: Suite) -> None:
    """The setting in the ini file counts; scenarios, which tests own, are no unused cassettes."""
    scenarios = written(suite.folder / "more").root / "scenarios"
    scenarios.rename(suite.folder / "cassettes" / "scenarios")
    suite.ini("replay_unused = fail")
    suite.write(SOME + "\n    @pytest.mark.cassettes\n" + REST)
    ran = suite.run()
    assert ({"passed": 3}, 0) == (ran.outcomes, ran.code), ran.out
    assert "replay: 3 played, 0 recorded, 0 refused, 0 unused" == ran.summary


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("-k", "test_one"), "tests were deselected"),
        (("-m", "cassettes"), "tests were deselected"),
        (("--deselect", "test_suite.py::test_two"), "tests were deselected"),
        (("test_suite.py",), "tests were named"),
        (("test_suite.py::test_one",), "tests were named"),
        (("--lf",), "tests were selected"),
        (("-n", "2", "-k", "test_one"), "tests were deselected"),
    ],
)
def test_a_part_of_the_suite_proves_nothing(suite: Suite, args: tuple[str, ...], why: str) -> None:
    """A run of some tests lists nothing, passes, and says why."""
    suite.write(SOME)
    ran = suite.run("--replay-unused=fail", *args)
    assert 0 == ran.code, ran.out
    assert ran.summary.endswith(f"unused not looked for: {why}"), ran.summary
    assert LEFT not in ran.out


def test_paths_that_hold_all_tests_are_a_full_run(suite: Suite) -> None:
    """The folder itself, or what `testpaths` names; `--pyargs` may name it as a package."""
    suite.write(SOME)
    assert 1 == suite.run("--replay-unused=fail", ".").code
    suite.ini("testpaths = test_suite.py")
    assert 1 == suite.run("--replay-unused=fail", "test_suite.py").code
    shop = suite.folder / "src" / "shop"
    shop.mkdir(parents=True)
    (shop / "__init__.py").touch()
    (suite.folder / "test_suite.py").rename(shop / "test_suite.py")
    suite.ini("testpaths = src/shop", "pythonpath = src")
    for module, code in (("shop", 1), ("shop.test_suite", 0)):
        ran = suite.run("--replay-unused=fail", "--pyargs", module)
        assert ({"passed": 2}, code) == (ran.outcomes, ran.code), ran.out


def test_a_skipped_test_may_have_used_them(suite: Suite) -> None:
    """With a marked test skipped nothing is listed; another test's skip does not matter."""
    suite.write(SOME + "\n    @pytest.mark.skip\n    @pytest.mark.cassettes\n" + REST)
    ran = suite.run("--replay-unused=fail")
    assert 0 == ran.code
    assert ran.summary.endswith("unused not looked for: 1 marked test was skipped")
    suite.write(SOME + "\n    @pytest.mark.skip\n" + REST)
    assert 1 == suite.run("--replay-unused=fail").code


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("pytest.skip('not here', allow_module_level=True)", "a module was skipped"),
        (
            "@pytest.mark.skip\n    @replay.use_cassettes\n    def test_b(): pass",
            "1 marked test was skipped",
        ),
        (
            "@replay.use_cassettes\n    class TestB(unittest.TestCase):\n"
            "        @unittest.skip('')\n        def test_b(self): pass",
            "1 marked test was skipped",
        ),
    ],
)
def test_what_is_skipped_without_a_marker_may_have_used_them(
    suite: Suite, tests: str, why: str
) -> None:
    """A whole module, or a test that is decorated: none of their cassettes is called unused."""
    suite.write(SOME)
    assert 1 == suite.run("--replay-unused=fail").code
    suite.write("\n    " + tests, "test_more.py")
    ran = suite.run("--replay-unused=fail")
    assert 0 == ran.code, ran.out
    assert ran.summary.endswith(f"unused not looked for: {why}")


@pytest.mark.parametrize("head", ["", "# replay vcr 1 sha256:0\n"], ids=["plain", "sealed"])
def test_cassettes_of_vcrpys_are_not_called_unused(head: str, suite: Suite, shelf: Path) -> None:
    """pytest-recording keeps them in the same folder by default, and plays them itself."""
    (suite.folder / "cassettes").unlink()
    shutil.copytree(shelf, suite.folder / "cassettes")
    suite.write(SOME)
    before = suite.run("--replay-unused=fail")
    tape = suite.folder / "cassettes" / "test_suite" / "test_other.yaml"
    tape.parent.mkdir()
    tape.write_text(f"{head}interactions:\n- request:\n    body: null\nversion: 1\n")
    ran = suite.run("--replay-unused=fail")
    assert before.summary == ran.summary
    assert "test_other" not in ran.out


def test_a_failure_is_not_masked(suite: Suite) -> None:
    """A run that failed stays as it is, and so does one that collected nothing."""
    suite.write(SOME + "\n    def test_bad():\n        assert False\n")
    ran = suite.run("--replay-unused=fail")
    assert ({"passed": 2, "failed": 1}, 1) == (ran.outcomes, ran.code)
    assert "unused not looked for: the run did not pass" in ran.summary
    suite.write("def nothing(): pass")
    assert 5 == suite.run("--replay-unused=fail").code
