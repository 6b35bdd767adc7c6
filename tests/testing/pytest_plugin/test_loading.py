"""How a run loads our modules, and what it keeps of them to the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import typing

from support.suites import SUPPORT, Suite

import replay

LOADED = """
    import sys
    from importlib.machinery import SourceFileLoader

    @pytest.mark.cassettes
    def test_modules_are_loaded_as_they_were_compiled():
        get()
        for name in ("replay.testing.plugin", "replay.testing.summary", "replay.intercept.guard"):
            assert type(sys.modules[name].__spec__.loader) is SourceFileLoader

    @pytest.mark.cassettes
    def test_pytest_rewrites_what_comes_later():
        import later

        with pytest.raises(AssertionError, match="where 2 = len"):
            later.check([1, 2])
"""
KEPT = """
import sys
import pytest

class Look:
    def pytest_unconfigure(self):
        from replay.library.library import _cache

        sys.stdout.write(f"during {len(_cache)}\\n")

code = pytest.main(["-q", "-p", "no:cassetter", "."], plugins=[Look()])
from replay.library.library import _cache

sys.stdout.write(f"after {code:d}: {len(_cache)}\\n")
"""


def test_pytest_rewrites_no_module_of_ours(suite: Suite) -> None:
    """The modules that a marked test needs are not rewritten; what a conftest names still is."""
    suite.write(LOADED)
    (suite.folder / "later.py").write_text("def check(row):\n    assert len(row) == 3\n")
    (suite.folder / "conftest.py").write_text(
        'import pytest\n\npytest.register_assert_rewrite("later")\n'
    )
    assert {"passed": 2} == suite.run(with_="all").outcomes
    assert {"failed": 1, "passed": 1} == suite.run("--assert=plain").outcomes


def test_cassettes_are_forgotten_after_the_run(suite: Suite) -> None:
    """They are kept between tests, and not beyond: the process ends without tidying them up."""
    suite.write("""
        @pytest.mark.cassettes
        def test_it():
            get()
    """)
    paths = SUPPORT, os.environ.get("PYTHONPATH")
    ran = subprocess.run(
        [sys.executable, "-c", KEPT], capture_output=True, text=True, cwd=suite.folder, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )  # fmt: skip
    assert ["during 1", "after 0: 0"] == [
        line for line in ran.stdout.splitlines() if line.startswith(("during", "after"))
    ]


def test_nobody_holds_the_decorator() -> None:
    """Typing keeps overloads for ever, and with them whatever imported the module: pytest, say."""
    assert [] == typing.get_overloads(replay.use_cassettes)
