"""Layers between replay and the file system: one that fails on purpose, one that ignores case.

Both stand in place of the functions of `os`, `io` and `fcntl` that files are reached with, and
touch nothing outside of the folder that they are put over.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

BY_PATH = (
    "open", "stat", "lstat", "mkdir", "rmdir", "rename", "replace", "unlink", "scandir", "listdir",
    "readlink",
)  # fmt: skip
BY_HANDLE = ("read", "fsync", "fstat", "close")


class Faults:
    """Lets the k-th file-system operation below a folder fail: once, or from then on each one.

    Attributes:
        count: how many operations there were so far.
    """

    def __init__(self, root: Path, at: int, *, once: bool, code: int = errno.EIO) -> None:
        self.count = 0
        self._root, self._at, self._once, self._code = str(root), at, once, code
        self._handles: set[int] = set()

    @contextmanager
    def armed(self) -> Iterator[None]:
        """While this is open, operations are counted, and fail."""
        with pytest.MonkeyPatch.context() as patches:
            for name in BY_PATH:
                patches.setattr(os, name, self._by_path(name, getattr(os, name)))
            for name in BY_HANDLE:
                patches.setattr(os, name, self._by_handle(name, getattr(os, name)))
            patches.setattr(fcntl, "flock", self._by_handle("flock", fcntl.flock))
            patches.setattr(io, "open", self._opening(io.open))
            yield

    def concerns(self, path: Any) -> bool:
        """Whether a path lies in the folder."""
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(self._root)

    def step(self) -> None:
        """Count one operation; it may be the one that fails."""
        self.count += 1
        if self.count == self._at or (self.count > self._at and not self._once):
            raise OSError(self._code, os.strerror(self._code))

    def closed(self, handle: int) -> None:
        """Forget a handle: its number will be another file's."""
        self._handles.discard(handle)

    def _by_path(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any, *arguments: Any, **options: Any) -> Any:
            ours = self.concerns(path)
            if ours:
                self.step()
            done = real(path, *arguments, **options)
            if ours and name == "open":
                self._handles.add(done)
            return done

        return operation

    def _by_handle(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(handle: Any, *arguments: Any) -> Any:
            # Unlocking is no operation of a disk.
            if handle not in self._handles or arguments == (fcntl.LOCK_UN,):
                return real(handle, *arguments)
            if name == "close":
                self.closed(handle)
                real(handle)  # as the kernel does: closed, whatever it answers
                return self.step()
            self.step()
            return real(handle, *arguments)

        return operation

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if not self.concerns(path):
                return real(path, mode, *arguments, **options)
            self.step()
            raw = _Raw(os.fspath(path), mode.replace("b", "").replace("t", ""), self)
            self._handles.add(raw.fileno())
            if "b" in mode:
                return io.BufferedWriter(raw)
            encoding, newline = options.get("encoding"), options.get("newline")
            if arguments:  # as pathlib hands them on: buffering, encoding, errors, newline
                encoding, newline = arguments[1], arguments[3]
            return io.TextIOWrapper(io.BufferedWriter(raw), encoding, newline=newline)

        return operation


class _Raw(io.FileIO):
    """A file opened for writing, whose writes and closing count."""

    def __init__(self, path: str, mode: str, faults: Faults) -> None:
        super().__init__(path, mode)
        self._faults = faults

    def write(self, data: Any) -> int:
        try:
            self._faults.step()
        except OSError:
            super().write(bytes(data)[: len(data) // 2])  # a disk fills up in the middle of a text
            raise
        return super().write(data)

    def close(self) -> None:
        if not self.closed:
            self._faults.closed(self.fileno())
            super().close()
            self._faults.step()


@dataclass(frozen=True)
class _Entry:
    """An entry of a folder, below the path that was asked for."""

    name: str
    path: str
    is_dir: Callable[..., bool]


class _Entries:
    def __init__(self, entries: list[_Entry]) -> None:
        self._left = iter(entries)

    def __iter__(self) -> Iterator[_Entry]:
        return self._left

    def __next__(self) -> _Entry:
        return next(self._left)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None: ...


@contextmanager
def ignoring_case(root: Path) -> Iterator[None]:
    """A file system that ignores case, and keeps it, below a folder: as on macOS and Windows."""
    listdir, scandir = os.listdir, os.scandir
    base = str(root)

    def kept(path: Any) -> Any:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(base + "/"):
            return path
        found = base
        for part in os.fspath(path)[len(base) + 1 :].split("/"):
            try:
                there = {name.casefold(): name for name in listdir(found)}
            except OSError:
                there = {}
            found = f"{found}/{there.get(part.casefold(), part)}"
        return found

    def by_path(real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any, *arguments: Any, **options: Any) -> Any:
            return real(kept(path), *map(kept, arguments), **options)

        return operation

    def scanned(path: Any = ".") -> Any:
        asked = os.fspath(path)
        with scandir(kept(path)) as entries:
            return _Entries([_Entry(e.name, f"{asked}/{e.name}", e.is_dir) for e in entries])

    with pytest.MonkeyPatch.context() as patches:
        for name in BY_PATH:
            patches.setattr(os, name, by_path(getattr(os, name)))
        patches.setattr(os, "scandir", scanned)
        patches.setattr(io, "open", by_path(io.open))
        yield
