"""Unpacks what files are packed in: gzip, zlib, bzip2, xz, zip (wheels too) and tar, also nested.

Texts that are compressed inside a PDF or a PNG are unpacked as well.

Nothing is unpacked without a limit: on bytes, on their ratio to the packed ones, on members and on
nesting. A part that is refused, damaged or in a format that is not read here is named with the
reason, and what could be unpacked of it is given all the same.
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

MEGABYTE = 1024 * 1024
MOST_BYTES = 64 * MEGABYTE
"""All that is unpacked from one file, in bytes."""
MOST_MEMBERS = 20_000
MOST_NESTED = 4
MOST_RATIO, ALWAYS_ALLOWED = 100, 4 * MEGABYTE
"""A part may be unpacked to so many times its size, and to this many bytes in any case."""

_ZLIB_STARTS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_NOT_READ = {
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x04\x22\x4d\x18": "LZ4",
    b"LZIP\x01": "lzip",
    b"\x1f\x9d": "compress",
    b"MSCF\x00\x00\x00\x00": "cabinet files",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was found in a file: the file itself, or a member of what it packs.

    Attributes:
        data: its bytes, unpacked; empty where nothing could be read.
        name: its name inside the file, with slashes; empty for the file itself.
        problem: why (the rest of) it could not be read; empty if all was.
    """

    data: bytes = field(repr=False)
    name: str = ""
    problem: str = ""


@dataclass(slots=True)
class Budget:
    """What has been used of the limits: one for a file, with all that is packed in its texts.

    Attributes:
        bytes: how many were unpacked.
        members: how many members were looked at.
    """

    bytes: int = 0
    members: int = 0

    def allowance(self, packed: int) -> int:
        """How many bytes a part of this packed size may become."""
        return min(MOST_BYTES - self.bytes, max(ALWAYS_ALLOWED, MOST_RATIO * packed))


def parts(data: bytes, budget: Budget | None = None) -> Iterator[Part]:
    """Some bytes, unpacked as far as they are packed; each part once, in order.

    Args:
        data: the bytes of a file, or of a text in it.
        budget: what the file has used of its limits; it is updated. By default nothing.
    """
    yield from _parts(data, "", MOST_NESTED, budget or Budget())


def inflated(data: bytes) -> bytes | None:
    """Bytes without the compression "deflate", which has no mark of its own; None if it fails."""
    engine = zlib.decompressobj(-15)
    try:
        found = engine.decompress(data, max(ALWAYS_ALLOWED, MOST_RATIO * len(data)))
    except zlib.error:
        return None
    return found if engine.eof else None


def is_packed(data: bytes) -> bool:
    """Whether bytes start as one of the formats that are unpacked here."""
    return _kind(data) != ""


def _parts(data: bytes, name: str, deeper: int, budget: Budget) -> Iterator[Part]:
    kind = _kind(data)
    if not kind:
        unread = next((what for start, what in _NOT_READ.items() if data.startswith(start)), "")
        yield Part(data, name, f"it is packed with {unread}, which is not read" if unread else "")
    elif not deeper:
        yield Part(data, name, f"it is packed more than {MOST_NESTED} times")
    elif kind == "zip":
        yield from _zip(data, name, deeper, budget)
    elif kind == "tar":
        yield from _tar(data, name, deeper, budget)
    elif kind in {"PDF", "PNG"}:
        yield from _with_streams(kind, data, name, budget)
    else:
        yield from _stream(kind, data, name, deeper, budget)


def _kind(data: bytes) -> str:
    if data.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if data.startswith(_ZLIB_STARTS):
        return "zlib"
    if data.startswith(b"BZh") and data[4:10] in {b"1AY&SY", b"\x17rE8P\x90"}:
        return "bz2"
    if data.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    if data[257:262] == b"ustar":
        return "tar"
    if data.startswith(b"%PDF-"):
        return "PDF"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")) or (
        # A program or a picture may stand before a zip archive.
        b"PK\x05\x06" in data[-65_558:] and b"PK\x01\x02" in data
    ):
        return "zip"
    return ""


def _stream(kind: str, data: bytes, name: str, deeper: int, budget: Budget) -> Iterator[Part]:
    """One compressed stream, and what follows it: more of them, or anything else."""
    start = 0
    while True:
        allowed = budget.allowance(len(data) - start)
        if allowed <= 0:
            yield Part(b"", name, _too_much())
            return
        found, end, problem = _inflated(kind, data, start, allowed)
        if not found and problem == _DAMAGED:  # text may start like zlib data
            yield Part(data[start:], name, "" if kind == "zlib" else problem)
            return
        budget.bytes += len(found)
        if found or end == len(data):
            yield from _parts(found, name, deeper - 1, budget)
        if problem:  # the bytes may be something else after all
            yield Part(data[start:] if problem == _DAMAGED else b"", name, problem)
        if problem or end == len(data):
            return
        budget.members += 1
        if budget.members > MOST_MEMBERS:
            yield Part(b"", name, _too_many())
            return
        if _kind(data[end : end + 512]) != kind:
            yield from _parts(data[end:], name, deeper, budget)
            return
        start = end


def _with_streams(kind: str, data: bytes, name: str, budget: Budget) -> Iterator[Part]:
    """A PDF or a PNG as it is, and the texts that are compressed in it."""
    yield Part(data, name)
    texts: list[bytes] = []
    for start in _pdf_streams(data) if kind == "PDF" else _png_texts(data):
        sample, _, _ = _inflated("zlib", data, start, _SAMPLE)
        strange = sum(byte < 9 or 13 < byte < 32 or byte > 126 for byte in sample)
        if not sample or strange > len(sample) // 5:
            continue  # a picture or a font
        allowed = budget.allowance(len(data))
        found, _, problem = _inflated("zlib", data, start, max(allowed, 1))
        budget.bytes += len(found)
        texts.append(found)
        budget.members += 1
        if budget.members > MOST_MEMBERS or (problem and problem != _DAMAGED):
            yield Part(b"", name, problem or _too_many())
            break
    if texts:
        yield Part(b"\n".join(texts), name)


_SAMPLE = 2048


def _pdf_streams(data: bytes) -> Iterator[int]:
    """Where streams with zlib's mark start."""
    for found in re.finditer(rb"stream\r?\n(?=\x78[\x01\x5e\x9c\xda])", data):
        yield found.end()


def _png_texts(data: bytes) -> Iterator[int]:
    """Where the compressed texts of a PNG start."""
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        keyword = data.find(b"\0", at + 8, at + 8 + length)
        if kind in {b"zTXt", b"iTXt"} and keyword > 0:
            start = data.find(b"\x78", keyword + 2, at + 8 + length)
            while start >= 0 and data[start : start + 2] not in _ZLIB_STARTS:
                start = data.find(b"\x78", start + 1, at + 8 + length)
            if start >= 0:
                yield start
        at += 12 + length


_BROKEN_ZIP = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError,
    zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip
"""What `zipfile` raises for an archive that is damaged, or packed in a way that it cannot read."""

_DAMAGED = "it is damaged"


def _inflated(kind: str, data: bytes, start: int, most: int) -> tuple[bytes, int, str]:
    """The content of a stream, where the stream ends, and what went wrong."""
    engine: Any
    if kind in {"gzip", "zlib"}:
        engine = zlib.decompressobj(47)
    elif kind == "bz2":
        engine = bz2.BZ2Decompressor()
    else:
        engine = lzma.LZMADecompressor(memlimit=128 * MEGABYTE)
    found: list[bytes] = []
    left, fed = most, start
    try:
        # In pieces: where the data are damaged, what came before is not lost.
        while left > 0 and not engine.eof:
            given = getattr(engine, "unconsumed_tail", b"")
            if not given and getattr(engine, "needs_input", True):
                given = data[fed : fed + _AT_ONCE]
                fed += len(given)
            piece = engine.decompress(given, min(left, 4 * _AT_ONCE))
            if not piece and fed == len(data) and not engine.eof:
                return b"".join(found), fed, _DAMAGED
            found.append(piece)
            left -= len(piece)
    except (zlib.error, OSError, lzma.LZMAError, EOFError):
        return b"".join(found), fed, _DAMAGED
    if not engine.eof:
        return b"".join(found), fed, _too_much(most)
    return b"".join(found), fed - len(engine.unused_data), ""


_AT_ONCE = 64 * 1024


def _too_much(most: int = MOST_BYTES) -> str:
    return f"it would be larger than {max(most // MEGABYTE, 1)} MB when unpacked"


def _too_many() -> str:
    return f"it holds more than {MOST_MEMBERS:,} members"


def _inside(name: str, member: str) -> str:
    return f"{name}/{member}" if name else member


def _zip(data: bytes, name: str, deeper: int, budget: Budget) -> Iterator[Part]:
    if data.count(b"PK\x01\x02") > MOST_MEMBERS:  # before the directory is read into memory
        yield Part(b"", name, _too_many())
        return
    try:
        archive = zipfile.ZipFile(BytesIO(data))
        members = archive.infolist()
    except _BROKEN_ZIP:
        yield Part(data, name, _DAMAGED if data.startswith(b"PK") else "")
        return
    names = "\n".join([member.filename for member in members])
    start = min((member.header_offset for member in members), default=0)
    yield Part(b"\n".join([data[:start], names.encode("utf-8", "replace"), archive.comment]), name)
    for member in members:
        if member.filename.endswith("/"):  # `is_dir` fails for an empty name
            continue
        inside = _inside(name, member.filename)
        budget.members += 1
        if budget.members > MOST_MEMBERS:
            yield Part(b"", name, _too_many())
            return
        if member.flag_bits & 1:
            yield Part(b"", inside, "it is encrypted")
            continue
        allowed = budget.allowance(member.compress_size)
        try:
            with archive.open(member) as file:
                found = file.read(allowed + 1) if allowed > 0 else b""
            problem = ""
        except _BROKEN_ZIP:
            found, problem = b"", _DAMAGED
        if allowed <= 0 or len(found) > allowed:
            found, problem = found[:allowed], _too_much(allowed)
        budget.bytes += len(found)
        if found or not problem:
            yield from _parts(found, inside, deeper - 1, budget)
        if problem:
            yield Part(b"", inside, problem)


def _tar(data: bytes, name: str, deeper: int, budget: Budget) -> Iterator[Part]:
    names = []
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as archive:
            for member in archive:
                names.append(f"{member.name} {member.linkname}".strip())
                budget.members += 1
                if budget.members > MOST_MEMBERS:
                    yield Part(b"", name, _too_many())
                    break
                if not member.isfile():
                    continue
                inside = _inside(name, member.name)
                if member.size > budget.allowance(len(data)):
                    yield Part(b"", inside, _too_much(budget.allowance(len(data))))
                    continue
                file = archive.extractfile(member)
                found = file.read() if file is not None else b""
                budget.bytes += len(found)
                yield from _parts(found, inside, deeper - 1, budget)
    except (tarfile.TarError, OSError, EOFError, ValueError, struct.error):
        # What stands behind the damage is not lost: it is not compressed.
        yield Part(data, name, _DAMAGED)
    if names:
        yield Part("\n".join(names).encode("utf-8", "replace"), name)
