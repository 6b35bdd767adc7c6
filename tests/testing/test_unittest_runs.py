"""One miss is one failure, whichever way a session is opened, under unittest and under pytest."""

from __future__ import annotations

import io
import re
import sys
import unittest
from pathlib import Path
from types import ModuleType

import pytest
from support.suites import HEAD, Suite

SUITE = """
MISSED = []

def miss(id="in_1MissAbCdEfGhIjKlMnOpQrS"):
    secret = "sk_test_inALocal"
    url = f"https://api.stripe.com/v1/invoices/{id}"
    return requests.get(url, headers={"Authorization": f"Bearer {secret}"}, timeout=5)

def caught():
    try:
        miss()
    except BaseException:
        pass

def cassettes():
    return replay.use_cassettes(LIBRARY)

class EnterContext(unittest.TestCase):
    def setUp(self): self.enterContext(cassettes())
    def test(self): miss()

class InSetUp(unittest.TestCase):
    def setUp(self):
        self.enterContext(cassettes())
        miss()
    def test(self): pass

class InTearDown(unittest.TestCase):
    def setUp(self): self.enterContext(cassettes())
    def tearDown(self): miss()
    def test(self): pass

class InCleanup(unittest.TestCase):
    def setUp(self):
        self.enterContext(cassettes())
        self.addCleanup(miss)
    def test(self): pass

class AddCleanup(unittest.TestCase):
    def test(self):
        opened = cassettes()
        opened.__enter__()
        self.addCleanup(opened.__exit__, None, None, None)
        miss()

class TearDown(unittest.TestCase):
    def setUp(self):
        self.opened = cassettes()
        self.opened.__enter__()
    def tearDown(self): self.opened.__exit__(None, None, None)
    def test(self): miss()

class Stack(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        stack.enter_context(cassettes())
        self.addCleanup(stack.close)
    def test(self): miss()

class SubTest(unittest.TestCase):
    def test(self):
        self.enterContext(cassettes())
        with self.subTest("one"):
            miss()
        with self.subTest("two"):
            pass

class OpenedInSubTest(unittest.TestCase):
    def test(self):
        with self.subTest("one"):
            self.enterContext(cassettes())
            miss()

class DecoratedAroundSubTest(unittest.TestCase):
    @replay.use_cassettes(LIBRARY)
    def test(self):
        with self.subTest("one"):
            miss()

class EnterClassContext(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.enterClassContext(cassettes())
    def test(self): miss()

class InSetUpClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(cassettes())
        miss()
    def test(self): pass

class InATaskGroupOfSetUpClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(cassettes())
        async def task(): miss()
        async def main():
            async with asyncio.TaskGroup() as group:
                group.create_task(task())
        asyncio.run(main())
    def test(self): pass

class InTearDownClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.enterClassContext(cassettes())
    @classmethod
    def tearDownClass(cls): miss()
    def test(self): pass

class InClassCleanup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(cassettes())
        cls.addClassCleanup(miss)
    def test(self): pass

class EnterAsyncContext(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self): await self.enterAsyncContext(cassettes())
    async def test(self): miss()

class EnterContextOfAsync(unittest.IsolatedAsyncioTestCase):
    def setUp(self): self.enterContext(cassettes())
    async def test(self):
        with self.subTest("one"):
            miss()

class AddAsyncCleanup(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        opened = cassettes()
        await opened.__aenter__()
        self.addAsyncCleanup(opened.__aexit__, None, None, None)
        miss()
    async def test(self): pass

class InATaskGroup(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self): await self.enterAsyncContext(cassettes())
    async def test(self):
        async def task(): miss()
        async with asyncio.TaskGroup() as group:
            group.create_task(task())

class Wrapped(unittest.TestCase):
    def setUp(self): self.enterContext(cassettes())
    def test(self):
        try:
            miss()
        except BaseException as error:
            raise ValueError("the test's own") from error

class CaughtBeforeAFailure(unittest.TestCase):
    def setUp(self): self.enterContext(cassettes())
    def test(self):
        caught()
        self.fail("the test's own")

class CaughtBeforeAMiss(unittest.TestCase):
    def setUp(self): self.enterContext(cassettes())
    def test(self):
        caught()
        miss("in_1OtherAbCdEfGhIjKlMnOpQr")

class Caught(unittest.TestCase):
    def setUp(self): self.enterContext(cassettes())
    def test(self): caught()

class Expected(unittest.TestCase):
    def setUp(self): self.enterContext(cassettes())
    @unittest.expectedFailure
    def test(self): miss()
"""
MODULES = {
    "module": """
def setUpModule(): unittest.enterModuleContext(cassettes())
class EnterModuleContext(unittest.TestCase):
    def test(self): miss()
    def test_other(self): pass
""",
    "in_set_up": """
def setUpModule():
    unittest.enterModuleContext(cassettes())
    miss()
class InSetUpModule(unittest.TestCase):
    def test(self): pass
""",
    "in_tear_down": """
def setUpModule(): unittest.enterModuleContext(cassettes())
def tearDownModule(): miss()
class InTearDownModule(unittest.TestCase):
    def test(self): pass
""",
    "in_cleanup": """
def setUpModule():
    unittest.enterModuleContext(cassettes())
    unittest.addModuleCleanup(miss)
class InModuleCleanup(unittest.TestCase):
    def test(self): pass
""",
}
"""A module's own part: unittest calls its functions around all of its tests."""

PLAIN = """
@pytest.fixture
def finalized(request):
    opened = cassettes()
    opened.__enter__()
    request.addfinalizer(lambda: opened.__exit__(None, None, None))

@pytest.fixture(scope="module")
def of_module():
    with contextlib.ExitStack() as stack:
        stack.enter_context(cassettes())
        yield

def test_finalized(finalized): miss()

def test_caught_before_a_failure(finalized):
    caught()
    raise ValueError("the test's own")

def test_of_module(of_module): miss()

class TestMethods:
    def setup_method(self):
        self.opened = cassettes()
        self.opened.__enter__()
    def teardown_method(self): self.opened.__exit__(None, None, None)
    def test(self): miss()

@pytest.mark.skipif(pytest.version_tuple < (9,), reason="the fixture is of pytest 9")
class TestSubtests:
    def test_block(self, subtests):
        with cassettes(), subtests.test():
            miss()
    def test_inside(self, subtests):
        with subtests.test(), cassettes():
            miss()
    def test_fixture(self, finalized, subtests):
        with subtests.test():
            miss()
    @pytest.mark.cassettes(LIBRARY)
    def test_marked(self, subtests):
        with subtests.test():
            miss()
"""
CAUGHT = "The code under test caught this refusal"
REFUSED = "invoices in_1MissAbCdEfGhIjKlMnOpQrS is not recorded"
CLASSES = re.findall(r"(?m)^class (\w+)", "".join([SUITE, *MODULES.values()]))
BESIDE = {
    "Wrapped": "ValueError: the test's own",
    "CaughtBeforeAFailure": "the test's own",
    "CaughtBeforeAMiss": "invoices in_1OtherAbCdEfGhIjKlMnOpQr is not recorded",
}
"""What a failure says as well."""


@pytest.fixture
def files(library: Path, tmp_path: Path) -> dict[str, str]:
    """The suite's modules, on an empty library."""
    library.mkdir()
    start = f"LIBRARY = {str(library)!r}\n" + SUITE
    head = start[: start.index("class EnterContext")]
    parts = {f"test_{name}": head + part for name, part in MODULES.items()}
    return {"test_classes": start, **parts, "test_plain": head + PLAIN}


def test_each_miss_is_one_failure_under_unittest(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes to its end, and nothing of a client's is shown, not even with ``--locals``."""
    tests = unittest.TestSuite()
    for name, text in files.items():
        module = ModuleType(f"suite_{name}")
        exec(HEAD + text, vars(module))  # noqa: S102 - the suite above
        monkeypatch.setitem(sys.modules, module.__name__, module)
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, unittest.TestCase):
                found.__module__ = module.__name__
        tests.addTests(unittest.defaultTestLoader.loadTestsFromModule(module))
    result = unittest.TextTestRunner(io.StringIO(), tb_locals=True).run(tests)
    reports: dict[str, list[str]] = {name: [] for name in CLASSES}
    for test, text in [*result.errors, *result.failures]:
        (module, name) = re.search(r"suite_(\w+)(?:\.(\w+))?", str(test)).groups()
        reports[name or re.findall(r"class (\w+)", files[module])[-1]].append(text)
    assert [] == reports.pop("Expected")
    assert dict.fromkeys(reports, 1) == {name: len(texts) for name, texts in reports.items()}
    for name, (text,) in reports.items():
        assert REFUSED in text, name
        assert (name == "Caught") == (CAUGHT in text), name
        assert BESIDE.get(name, "") in text, name
        assert not re.search(r"site-packages.(?!replay\b)", text), name
    assert len(result.expectedFailures) == 1


def test_each_miss_is_one_failure_under_pytest(files: dict[str, str], tmp_path: Path) -> None:
    """Also where pytest's own means open the session, and where its `subtests` fail."""
    suite = Suite(tmp_path / "suite")
    for name, text in files.items():
        suite.write(text, f"{name}.py")
    ran = suite.run("--tb=short", "-rfE")
    # Beside a failed subtest, pytest counts the test that contains it.
    line = r"(?m)^(?:FAILED|ERROR|SUBFAILED\S*) \w+\.py::(\S+) - (?!contains)(\S+)"
    shown = re.findall(line, ran.out)
    missed = [f"{name}::test" for name in CLASSES if name not in {"Expected", "InModuleCleanup"}]
    missed += re.findall(r"(?m)^def (test\w+)", PLAIN)
    missed += ["TestMethods::test"]
    missed += [f"TestSubtests::{name}" for name in re.findall(r"def (\w+)\(self.*subtests", PLAIN)]
    assert sorted(missed) == sorted(name for name, _ in shown)
    own = {"AssertionError:", "ValueError:", "replay.errors.CassetteNotFound:"}
    assert own == {error for _, error in shown}
    assert ran.out.count(CAUGHT) == 1
    assert "decorator.py" not in ran.out
