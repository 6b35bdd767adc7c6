"""Try replay on each supported Python, with wheels alone and with the lowest dependencies.

``make pythons`` runs it and prints three tables:

- wheels: whether what replay needs can be installed without a compiler, on each Python and system.
  Nothing is installed for that, so it covers Pythons and systems that are not at hand.
- tests: on each Python that is found, the wheel and what the tests drive are installed from wheels
  alone into ``.venv-python-*``, and the fast tests and those from end to end run there.
- lowest: the same on the lowest Python, with the lowest version of each dependency.

Pythons are looked for in ``PYTHONS`` (a list of interpreters, parted as ``PATH`` is), in ``PATH``,
and where pyenv and uv keep theirs. ``--short`` runs fewer tests, and looks up the wheels of the
highest Python alone. `unpack_pythons.sh` gets Pythons that a Debian does not have.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MINORS = (11, 12, 13, 14, 15)
SYSTEMS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl",
           "windows", "aarch64-apple-darwin", "x86_64-apple-darwin")  # fmt: skip
EXTRAS = ("apply", "server")
"""What users may install; the tests need more."""

FAST = ("model", "stripe_api", "redaction", "library", "drift", "render", "scan")
END_TO_END = ("e2e", "intercept", "session", "recording", "testing/test_decorator.py")
SHORT = ("model", "stripe_api/test_call.py", "library/test_files.py", "e2e", "test_config.py")
_NAME = re.compile(r"python3\.\d+t?")
ASK = (
    "import sys, sysconfig; v = sys.version_info;"
    "free = sysconfig.get_config_var('Py_GIL_DISABLED');"
    "print(v[1], v[2], int(bool(free)), sys.implementation.name)"
)


@dataclass(frozen=True, order=True)
class Python:
    """An interpreter that was found. They sort by version."""

    minor: int
    micro: int
    free_threaded: bool
    path: str

    @property
    def name(self) -> str:
        """As people write it: 3.14, 3.14t."""
        return f"3.{self.minor}{'t' if self.free_threaded else ''}"


def found() -> dict[str, Python]:
    """The newest interpreter of each supported version that this machine has."""
    newest: dict[str, Python] = {}
    for path in dict.fromkeys(_candidates()):
        done = subprocess.run([path, "-c", ASK], capture_output=True, text=True, check=False)
        said = done.stdout.split()
        if done.returncode or len(said) != 4 or said[3] != "cpython":
            continue  # a shim of a version that is not chosen
        python = Python(int(said[0]), int(said[1]), said[2] == "1", path)
        if python.minor in MINORS and python > newest.get(python.name, Python(0, 0, False, "")):
            newest[python.name] = python
    return dict(sorted(newest.items(), key=lambda pair: pair[1]))


def _candidates() -> Iterator[str]:
    yield from filter(None, os.environ.get("PYTHONS", "").split(os.pathsep))
    for minor in MINORS:
        for name in (f"python3.{minor}", f"python3.{minor}t"):
            if (path := shutil.which(name)) is not None:
                yield path
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    for folder in (pyenv / "versions", home / ".local" / "share" / "uv" / "python",
                   home / ".cache" / "replay-pythons"):  # fmt: skip
        for found_there in sorted(folder.glob("*/bin/python3.*")):
            if _NAME.fullmatch(found_there.name):
                yield str(found_there)


def uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the uv that lies beside this interpreter."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "uv"), *arguments, "--quiet"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip


def wheels(minor: int, system: str) -> tuple[bool, str]:
    """Whether wheels alone do on a Python and a system, and how many packages they are."""
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    done = uv("pip", "compile", "pyproject.toml", "--no-header", "--no-annotate", *extras,
              "--only-binary", ":all:", "--python-version", f"3.{minor}",
              "--python-platform", system)  # fmt: skip
    if done.returncode:
        return False, " ".join(done.stderr.split())
    return True, f"{done.stdout.count('==')} packages"


def wheels_free_threaded(minor: int) -> tuple[bool, str]:
    """The same for the free-threaded build of a Python on Linux; uv resolves for none of these."""
    wheel = next((ROOT / "dist").glob("*.whl"))
    platforms = [f"--platform=manylinux_2_{glibc}_x86_64" for glibc in (17, 28, 34)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--dry-run",
         "--ignore-installed", "--target", str(ROOT / "build"), "--only-binary", ":all:",
         "--implementation", "cp", "--python-version", f"3.{minor}", "--abi", f"cp3{minor}t",
         *platforms, f"{wheel}[{','.join(EXTRAS)}]"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        return False, " ".join(done.stderr.split())
    return True, f"{len(done.stdout.splitlines()[-1].split()) - 2} packages"


def tried(python: Python, *, lowest: bool, tests: tuple[str, ...]) -> tuple[bool, str]:
    """What pytest says in an environment of that Python, or why there is none.

    Args:
        python: the interpreter.
        lowest: take the lowest version of each dependency, of those that pyproject.toml names.
        tests: the files and folders below ``tests``.
    """
    folder = ROOT / f".venv-python-{python.name}{'-lowest' if lowest else ''}"
    inside = folder / ("Scripts" if sys.platform == "win32" else "bin")
    wheel = next((ROOT / "dist").glob("*.whl"))
    install = ("pip", "install", "--python", str(inside / "python"), "--only-binary", ":all:")
    for step in (
        ("venv", "--clear", "--seed", "--python", python.path, str(folder)),
        (*install, "-r", "pyproject.toml", "--extra", "test",
         "--resolution", "lowest-direct" if lowest else "highest"),
        (*install, "--no-deps", "--reinstall", str(wheel)),
    ):  # fmt: skip
        done = uv(*step)
        if done.returncode:
            return False, " ".join(done.stderr.split())
    run = subprocess.run(
        [str(inside / "python"), "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider",
         "-m", "not slow", *(str(ROOT / "tests" / each) for each in tests)],
        capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PATH": os.pathsep.join((str(inside), os.environ.get("PATH", "")))},
    )  # fmt: skip
    if run.returncode:
        print(run.stdout, run.stderr, file=sys.stderr)
    return run.returncode == 0, (run.stdout.strip() or run.stderr.strip()).splitlines()[-1]


def main() -> int:
    """Print the tables; 1 if wheels do not do, or a test failed."""
    short = "--short" in sys.argv
    if next((ROOT / "dist").glob("*.whl"), None) is None:
        sys.exit("there is no wheel: run `make pythons`")
    bad = 0

    def row(name: str, result: tuple[bool, str]) -> None:
        nonlocal bad
        right, said = result
        bad += not right
        print(f"{name:<36}{'ok' if right else 'FAILED':<8}{said[:300]}", flush=True)

    print(f"{'from wheels alone':<36}result")
    for minor in MINORS[-1:] if short else MINORS:
        for system in SYSTEMS:
            row(f"3.{minor} {system}", wheels(minor, system))
    for minor in MINORS[-2:]:  # the first for which Python's makers say "supported", and the next
        row(f"3.{minor}t linux, free-threaded", wheels_free_threaded(minor))
    pythons = found()
    tests = SHORT if short else (*FAST, *(path.name for path in (ROOT / "tests").glob("test_*.py")))
    tests = tests if short else (*tests, *END_TO_END)
    print(f"\n{'tests on':<36}result")
    for python in pythons.values():
        row(f"{python.name}.{python.micro}", tried(python, lowest=False, tests=tests))
    for name in sorted({f"3.{minor}" for minor in MINORS} - pythons.keys()):
        print(f"{name:<36}not here")
    print(f"\n{'with the lowest dependencies on':<36}result")
    lowest = next(iter(pythons.values()))
    row(f"{lowest.name}.{lowest.micro}", tried(lowest, lowest=True, tests=tests))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
