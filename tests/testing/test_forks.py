"""The forks that stand for interpreters in other tests are like them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import forks

ELSEWHERE = str(Path(__file__).parent)
TELL = """
import atexit, json, os, sys
atexit.register(print, "the end")
print(json.dumps([sys.argv, sys.path, os.getcwd(), os.environ.get("WORD"), __name__, sys.stdin.read()]))
print("an error", file=sys.stderr)
sys.exit(7)
"""  # noqa: E501


@pytest.mark.parametrize("how", ["-c", "-m", "script"])
def test_a_program_is_told_what_an_interpreter_would_tell_it(how: str, tmp_path: Path) -> None:
    """Arguments, paths, folder, environment, streams, exit status, and what runs at the end."""
    (tmp_path / "told.py").write_text(TELL, "utf-8")
    program = {"-c": ["-c", TELL], "-m": ["-m", "told"], "script": [str(tmp_path / "told.py")]}[how]
    args = [*program, "--option", "x"]
    env = {**os.environ, "WORD": "a\nb", "PYTHONPATH": os.pathsep.join([ELSEWHERE, str(tmp_path)])}
    forked = forks.run(args, cwd=tmp_path, env=env)
    started = subprocess.run(
        [sys.executable, *args], cwd=tmp_path, env=env, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert "the end" in forked.stdout
    assert (started.returncode, started.stdout, started.stderr) == (
        forked.returncode, forked.stdout, forked.stderr,
    )  # fmt: skip


def test_nothing_of_replay_is_loaded_before_the_fork() -> None:
    """Nor a plugin of pytest's, nor what tests share: a run loads and patches all by itself."""
    program = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(forks.run(["-c", program]).stdout)
    assert {"pytest", "requests", "stripe"} <= set(loaded)
    others = {"replay", "support", "xdist", "pytest_asyncio", "_hypothesis_pytestplugin"}
    assert not others & {name.partition(".")[0] for name in loaded}
    assert "anyio.pytest_plugin" not in loaded


def test_programs_run_beside_each_other_and_can_be_killed() -> None:
    """Each has streams of its own; a signal ends the one that it is sent to."""
    program = "import os\nwhile True: print(os.getpid(), input(), flush=True)"
    with forks.Piped(["-c", program]) as one, forks.Piped(["-c", program]) as other:
        for process, word in ((other, "a"), (one, "b")):
            process.stdin.write(f"{word}\n")
            process.stdin.flush()
            assert f"{process.pid} {word}\n" == process.stdout.readline()
        one.kill()
        assert -signal.SIGKILL == one.wait()
        one.kill()  # it has ended
        assert f"{other.pid} c\n" == other.communicate("c\n")
        assert 1 == other.returncode  # its input has ended
