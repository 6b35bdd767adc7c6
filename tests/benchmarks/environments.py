"""One environment per rival, with the same versions of all they share with replay's own.

replay is measured where this script runs: that environment holds the built wheel.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RIVALS = {"cassetter": "cassetter==0.16.1", "vcrpy": "vcrpy==9.4.2"}
SHARED = ("stripe", "requests", "urllib3", "httpx", "aiohttp", "PyYAML")


def pythons(tools: list[str]) -> dict[str, str]:
    """The interpreter of each tool; makes what is missing."""
    wheel = subprocess.run(
        [sys.executable, "-P", "-c", "import replay; print(replay.__file__)"],
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    if wheel.returncode or "site-packages" not in wheel.stdout:
        sys.exit("replay is not installed in this environment: run `make bench`")
    shared = [f"{name}=={version(name)}" for name in SHARED]
    return {
        tool: environment(tool, [RIVALS[tool], *shared]) if tool in RIVALS else sys.executable
        for tool in tools
    }


def environment(name: str, wanted: list[str]) -> str:
    """The interpreter of an environment that holds what is wanted; makes or remakes it."""
    folder = ROOT / f".venv-bench-{name}"
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_text("utf-8").split() != wanted:
        print(f"making {folder.name}: {' '.join(wanted)}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted], check=True)
        stamp.write_text("\n".join(wanted), "utf-8")
    return str(python)
