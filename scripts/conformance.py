"""`make conformance`: vcrpy's own test suite, without replay and inside an open session of it.

If the same tests pass both times, replay leaves calls to other hosts alone. The first run downloads
vcrpy's source distribution and what its tests need, into an environment of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENV = ROOT / ".venv-conformance"
PYTHON = VENV / "bin" / "python"
VCRPY = "9.4.2"
NEEDS = [
    f"vcrpy=={VCRPY}", "pytest", "pytest-asyncio", "pytest-httpbin>=2.1", "pytest-aiohttp",
    "aiohttp", "boto3", "httplib2", "httpx", "requests", "tornado", "urllib3", "werkzeug",
    "setuptools", "cassetter",
]  # fmt: skip
PLUGIN = """
import tempfile
import replay

_session = replay.use_cassettes(tempfile.mkdtemp())

def pytest_configure(config):
    _session.__enter__()

def pytest_unconfigure(config):
    _session.__exit__(None, None, None)
"""

READERS = """
import cassetter, json, requests, vcr
from replay import Library
count = 0
for path, cassette in Library("cassettes").cassettes():
    take = cassette.interactions[0]
    for use in (vcr.use_cassette, cassetter.use_cassette):
        with use(f"cassettes/{path}", record_mode="none"):
            found = requests.get(take.request.uri, headers=dict(take.request.headers), timeout=5)
        assert found.status_code == take.response.status, path
        assert found.json() == json.loads(take.response.body), path
        # cassetter serialises the JSON again; vcrpy returns the bytes of the file.
        assert use is not vcr.use_cassette or found.content == take.response.body, path
    count += 1
print(f"{count} sample cassettes replay in vcrpy (the same bytes) and cassetter (the same JSON)")
"""
"""Other tools replay our cassettes: they return what was recorded."""


def run(*command: object, cwd: Path = ROOT) -> str:
    """Run a command and return its output; a failing test is not an error here."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def prepare() -> Path:
    """The environment, with replay's wheel, and vcrpy's unpacked source."""
    if not PYTHON.exists():
        run(sys.executable, "-m", "venv", VENV)
        print(run(PYTHON, "-m", "pip", "install", "--quiet", *NEEDS), end="")
    wheel = next((ROOT / "dist").glob("*.whl"))
    print(run(PYTHON, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", wheel))
    print(run(PYTHON, "-m", "pip", "install", "--quiet", "rich", "filelock", "tenacity",
              "ahocorasick_rs", "click", "deepdiff", "anyio"), end="")  # fmt: skip
    source = VENV / f"vcrpy-{VCRPY}"
    if not source.exists():
        run(PYTHON, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
            "--dest", VENV, f"vcrpy=={VCRPY}")  # fmt: skip
        with tarfile.open(VENV / f"vcrpy-{VCRPY}.tar.gz") as archive:
            archive.extractall(VENV, filter="data")
    (source / "replay_open_session.py").write_text(PLUGIN)
    return source


def suite(source: Path, *options: str, tests: Sequence[str] = ("tests",)) -> dict[str, str]:
    """Outcome of each offline test of vcrpy's suite."""
    output = run(
        PYTHON, "-m", "pytest", *tests, "-m", "not online", "-q", "-rA", "--no-header",
        "-p", "no:cacheprovider", "-p", "no:replay_cassettes", "-p", "no:cassetter", "--tb=no",
        *options,
        cwd=source,
    )  # fmt: skip
    return {
        found[2]: found[1]
        for found in re.finditer(r"^(PASSED|FAILED|ERROR) (\S+)", output, re.MULTILINE)
    }


def main() -> None:
    """Run both, print the comparison; exit 1 if a test passes only without replay."""
    source = prepare()
    without = suite(source)
    inside = suite(source, "-p", "replay_open_session")
    passed = {name for name, outcome in without.items() if outcome == "PASSED"}
    broken = sorted(name for name in passed if inside.get(name) != "PASSED")
    for _ in range(3):  # some of vcrpy's tests fail now and then, also without replay
        again = suite(source, "-p", "replay_open_session", tests=broken) if broken else {}
        broken = [name for name in broken if again.get(name) != "PASSED"]
    print(f"vcrpy {VCRPY}: {len(passed)} of {len(without)} offline tests pass without replay,")
    print(f"{len(passed) - len(broken)} of these inside an open session of replay")
    for name in broken:
        print(f"  only without: {name} ({inside.get(name, 'not run')})")
    readers = subprocess.run([PYTHON, "-c", READERS], cwd=ROOT, check=False)
    sys.exit(1 if broken or not passed or readers.returncode else 0)


if __name__ == "__main__":
    main()
