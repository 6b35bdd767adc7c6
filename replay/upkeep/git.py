"""Runs a git command: returns its output as bytes, and raises a ConfigError if git fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from replay.errors import ConfigError


def git(
    *arguments: str, cwd: Path | None = None, missing: bytes | None = None,
    index: Path | None = None,
) -> bytes:  # fmt: skip
    """The output of a git command.

    Args:
        arguments: the command.
        cwd: where to run it.
        missing: the result if the command fails; None raises an error.
        index: a file to use in place of git's index.

    Raises:
        ConfigError: the command failed, or there is no git.
    """
    try:
        environment = {**os.environ, "GIT_INDEX_FILE": str(index)} if index is not None else None
        done = subprocess.run(  # noqa: S603 - no shell
            ["git", *arguments],  # noqa: S607 - wherever the user has it
            cwd=cwd, env=environment, capture_output=True, check=False,
        )  # fmt: skip
    except OSError as error:
        raise ConfigError(
            "git cannot be run",
            where=f"git {arguments[0]}",
            hint="install git, and put it on PATH",
        ) from error
    if done.returncode == 0:
        return done.stdout
    if missing is not None:
        return missing
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    raise ConfigError(
        lines[0] if lines else "git failed", where=f"git {arguments[0]}",
        hint="run it inside a git checkout, and name a branch or commit that it has",
    )  # fmt: skip
