"""git in a test's folder, as a person with a plain configuration would run it."""

from __future__ import annotations

import os
import subprocess


def git(*arguments: str, code: int = 0, stdin: bytes = b"") -> bytes:
    """Run git; what it prints."""
    environment = {
        **os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_EDITOR": "true",
    }  # fmt: skip
    person = ["-c", "user.name=tester", "-c", "user.email=tester@example.com"]
    command = ["git", *person, *arguments]  # whichever git is installed
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, check=False)
    assert code == done.returncode, done.stdout + done.stderr
    return done.stdout


def commit() -> None:
    """Commit all files."""
    git("add", "-A")
    git("commit", "--quiet", "-m", "recorded")
