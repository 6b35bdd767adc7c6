"""pytest looks for no tests in libraries, and in everything else as ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.suites import Suite

from replay.testing.collecting import is_library

ONE = """
    @pytest.mark.cassettes
    def test_it():
        get()
"""


def test_the_folders_of_a_library_are_not_collected(suite: Suite) -> None:
    """No folder of a library is opened by pytest; the tests beside it run."""
    suite.write(ONE)
    suite.write(
        """
        def pytest_collect_directory(path):
            assert path.name != "cassettes"
        """,
        "conftest.py",
    )
    assert {"passed": 1} == suite.run(".").outcomes


def test_tests_in_a_folder_of_that_name_are_found(suite: Suite) -> None:
    """A package of tests that is called cassettes is none of our libraries."""
    (suite.folder / "cassettes").unlink()
    (suite.folder / "cassettes" / "deep").mkdir(parents=True)
    (suite.folder / "cassettes" / "2024-06-20.yaml").write_text("")
    (suite.folder / "cassettes" / "deep" / "test_it.py").write_text("def test_it(): pass\n")
    assert {"passed": 1} == suite.run(".").outcomes


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["invoices/in_1/2024-06-20.yaml"], True),
        (["invoices/in_1/2025-03-31.basil.yaml", "balance/_singleton/unversioned.yaml"], True),
        ([".replay/locks/x.lock", ".gitattributes", "invoices/in_1/2024-06-20.yaml"], True),
        (["invoices/in_1/2024-06-20.yaml", "README.md"], False),
        (["invoices/in_1/2024-06-20.yaml", "invoices/in_1/test_x.yaml"], False),
        (["test_x/2024.py"], False),
        ([f"invoices/in_1MtHbELkdIwHu7ix{n}/2024-06-20.yaml" for n in range(9)], True),
        ([*(f"a/in_1MtHbELkdIwHu7ix{n}/2024-06-20.yaml" for n in range(9)), "a/a.py"], False),
        (
            [
                f"a/test_{name}/{file}"
                for name in (
                    "invoice2payments_new",
                    "InvoicePaymentsNew",
                    "invoice2paymentsnew",
                    "In2",
                )
                for file in ("2024-06-20.yaml", "test_a.py")
            ],
            False,
        ),
        (["cassettes/invoices/in_1/2024-06-20.yaml", "test_InvoicesBasil2025/test_a.py"], False),
        (["cassettes/invoices/in_1/2024-06-20.yaml", "in_1MtHbELkdIwHu7ixl4/test_a.py"], False),
        ([], False),
    ],
)
def test_a_library_is_known_by_its_files(files: list[str], expected: bool, tmp_path: Path) -> None:
    """Cassettes alone, hidden files apart: what else is there may be a test."""
    for file in files:
        path = tmp_path / "folder" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "folder").mkdir(exist_ok=True)
    assert expected == is_library(str(tmp_path / "folder"))


@pytest.mark.parametrize(
    ("marker", "workers"),
    [("casettes", "0"), ("cassette", "0"), ("Cassettes", "0"), ("use_cassettes", "0"),
     ("casettes", "2")],
)  # fmt: skip
def test_a_misspelt_marker_is_refused(suite: Suite, marker: str, workers: str) -> None:
    """Tests that are not marked by a slip do not run, and the message names the line."""
    suite.write(f"""
        @pytest.mark.{marker}
        def test_it():
            pass
    """)
    ran = suite.run("-n", workers)
    assert 0 != ran.code
    assert "passed" not in ran.out
    assert "test_suite.py:" in ran.out
    assert f"pytest.mark.{marker} is not a marker of replay" in ran.out
    assert "did you mean cassettes?" in ran.out


def test_markers_of_others_are_not_ours(suite: Suite) -> None:
    """A marker that is registered, or nothing like ours, is left alone."""
    suite.ini("markers =", "    cassette: of somebody else")
    suite.write("""
        @pytest.mark.cassette
        @pytest.mark.case
        def test_it():
            pass
    """)
    assert {"passed": 1} == {k: n for k, n in suite.run().outcomes.items() if k == "passed"}
