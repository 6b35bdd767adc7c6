"""Real file systems of their own kind, mounted for a test; it is skipped where that is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def _run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{command[0]}: {done.stderr.strip() or 'refused'}")
    return done.stdout.strip()


def _need(*tools: str) -> None:
    if os.geteuid():
        pytest.skip("only root may mount a file system")
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


@contextmanager
def _mounted(at: Path, *command: object) -> Iterator[Path]:
    at.mkdir(parents=True, exist_ok=True)
    _run(*command, at)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)  # noqa: S607


@contextmanager
def small_disk(at: Path, size: int) -> Iterator[Path]:
    """A disk of `size` bytes."""
    _need("mount", "umount")
    with _mounted(at, "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield at


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder as a disk that is mounted read-only, for root too."""
    _need("mount", "umount")
    with _mounted(folder, "mount", "--bind", folder):
        _run("mount", "-o", "remount,ro,bind", folder)
        yield folder


@contextmanager
def exfat(at: Path) -> Iterator[Path]:
    """An exFAT disk: it ignores case and keeps it, and its clock counts whole seconds."""
    _need("mount", "umount", "losetup", "mkfs.exfat", "mount.exfat-fuse")
    with ExitStack() as undo, TemporaryDirectory() as folder:
        image = Path(folder, "disk")
        image.touch()
        os.truncate(image, 16 << 20)
        _run("mkfs.exfat", image)
        device = _run("losetup", "--find", "--show", image)
        undo.callback(_run, "losetup", "--detach", device)
        undo.enter_context(_mounted(at, "mount.exfat-fuse", device))
        yield at
