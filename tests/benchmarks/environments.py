"""One environment per tool, with the same versions of all that they share.

replay is measured where this script runs, which holds the built wheel, unless a row needs an
environment with nothing in it but the tool.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from hashlib import sha256
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


def distribution(tool: str) -> str:
    """What pip installs of a tool; of replay, the built wheel."""
    if tool in RIVALS:
        return RIVALS[tool]
    (wheel,) = (ROOT / "dist").glob("*.whl")
    return f"{wheel.as_uri()}#sha256={sha256(wheel.read_bytes()).hexdigest()}"


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
