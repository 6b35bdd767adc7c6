"""Run one small suite with each major version of the Stripe SDK, and print a table.

``make sdks`` runs it: an environment per version under ``.venv-plugin-sdk-*``, with the built
wheel, pytest and that SDK. Each major version is tried at its first and at its newest release;
``--first`` leaves out the newest ones.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from plugin_matrix import ROOT, environments

OLDEST = 7
TESTS = 6
SKIPPED = {7: 2, 8: 1}
"""Major version -> how many of the tests may be skipped: for the client object, and for async."""


def rows(*, newest: bool = True) -> dict[str, tuple[str, ...]]:
    """Name of an environment -> the SDK that it has, up to the one that the tests have."""
    found: dict[str, tuple[str, ...]] = {}
    for major in range(OLDEST, int(version("stripe").partition(".")[0]) + 1):
        found[f"sdk-{major}-first"] = (f"stripe=={major}.0.*",)
        if newest:
            found[f"sdk-{major}-newest"] = (f"stripe=={major}.*",)
    return found


def is_right(major: int, said: str) -> bool:
    """Whether pytest's last line tells of all tests."""
    found = re.match(r"(\d+) passed, (?:(\d+) skipped, )?3 xfailed\b", said)
    if found is None:
        return False
    skipped = int(found[2] or 0)
    return int(found[1]) + skipped == TESTS and skipped <= SKIPPED.get(major, 0)


def run(python: str, folder: Path) -> str:
    """Run the suite in a folder of its own; the last line of what pytest says."""
    folder.mkdir()
    shutil.copytree(ROOT / "cassettes", folder / "cassettes")
    shutil.copy(ROOT / "tests" / "proofs" / "sdk_suite.py", folder / "test_sdk.py")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", "utf-8")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-W", "ignore", "--color=no"],
        capture_output=True, text=True, cwd=folder, check=False,
    )  # fmt: skip
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
    return (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]


def main() -> int:
    """Print a row for each version; 1 if a suite gave another result than it should."""
    wheel = next((ROOT / "dist").glob("*.whl"), None)
    if wheel is None:
        sys.exit("there is no wheel: run `make sdks`")
    bad = 0
    print(f"{'Stripe SDK':<12}{'result':<8}pytest said")
    with tempfile.TemporaryDirectory(prefix="replay-sdks-") as folder:
        for name, python in environments(wheel, rows(newest="--first" not in sys.argv)):
            asked = [
                python,
                "-c",
                "from importlib.metadata import version; print(version('stripe'))",
            ]
            sdk = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
            said = run(python, Path(folder) / name)
            major = int(name.split("-")[1])
            right = sdk.startswith(f"{major}.") and is_right(major, said)
            bad += not right
            print(f"{sdk:<12}{'ok' if right else 'FAILED':<8}{said}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
