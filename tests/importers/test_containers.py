"""Packed files are unpacked within limits; what is refused or damaged is named, never skipped."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import time
import zipfile
import zlib
from functools import cache

import pytest
from support import foreign

from replay.importers import containers
from replay.importers.containers import MEGABYTE, Budget, Part, parts

NOISE = bytes(range(256)) * 4


def problems(data: bytes) -> list[tuple[str, str]]:
    return [(part.name, part.problem) for part in parts(data) if part.problem]


def everything(data: bytes) -> bytes:
    return b"\n".join(part.data for part in parts(data))


@pytest.mark.parametrize("packing", foreign.PACKED)
def test_what_is_packed_is_given_unpacked(packing):
    """Whatever packs it, the content comes out, without a problem."""
    _, pack = foreign.PACKED[packing]
    packed = pack(NOISE, "a.bin")
    assert NOISE in everything(packed)
    assert [] == problems(packed)


def test_a_plain_file_is_one_part():
    """Its bytes are given as they are."""
    for data in (b"", b"text", NOISE, b"x^2 + 1", b"x\x9c no zlib", b"PK", b"BZh9 no bzip2"):
        assert [Part(data)] == list(parts(data))


def test_members_have_names():
    """A member's name tells where it lies, also in an archive in an archive."""
    inner = foreign.PACKED["zip"][1](b"x", "a.yaml")
    nested = foreign.PACKED["tar.gz"][1](inner, "b.zip")
    names = {part.name for part in parts(nested)}
    assert "pkg/tapes/b.zip/pkg/tapes/a.yaml" in names


@cache
def gzip_bomb() -> bytes:
    """A hundred megabytes of nothing."""
    return gzip.compress(bytes(100 * MEGABYTE), 9)


BOMBS = {
    "gzip": gzip_bomb,
    "zlib": lambda: zlib.compress(bytes(100 * MEGABYTE), 9),
    "bzip2": lambda: bz2.compress(bytes(100 * MEGABYTE)),
    "xz": lambda: lzma.compress(bytes(100 * MEGABYTE), preset=0),
    "zip": lambda: foreign.PACKED["zip"][1](bytes(100 * MEGABYTE), "a"),
    "a bomb in a tar": lambda: foreign.PACKED["tar"][1](gzip_bomb(), "a.gz"),
    "a bomb of bombs": lambda: gzip.compress(gzip_bomb() * 40, 9),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_and_named(bomb):
    """Its start is given, never all of it."""
    packed = BOMBS[bomb]()
    start = time.process_time()
    found = list(parts(packed))
    assert time.process_time() - start < 5
    assert sum(len(part.data) for part in found) <= containers.MOST_BYTES
    assert any("larger than" in part.problem for part in found)


def test_the_limits_hold_for_a_whole_file():
    """Many small bombs do not add up: they share one budget."""
    budget = Budget()
    bomb = gzip.compress(bytes(16 * MEGABYTE), 9)
    sizes = [sum(len(part.data) for part in parts(bomb, budget)) for _ in range(40)]
    assert sum(sizes) <= containers.MOST_BYTES
    assert 0 == sizes[-1]
    assert any(part.problem for part in parts(bomb, budget))


def test_a_large_file_that_packs_well_is_no_bomb():
    """Recordings repeat themselves: a ratio of a hundred is usual."""
    text = b"".join(b'{"id": "cus_%07d", "object": "customer"}\n' % n for n in range(200_000))
    packed = gzip.compress(text)
    assert len(text) > containers.ALWAYS_ALLOWED
    assert [Part(text)] == list(parts(packed))


def test_too_many_members_are_refused_before_they_are_listed():
    """A directory of a million entries would fill the memory."""
    entry = b"PK\x01\x02" + bytes(42)
    data = b"PK\x03\x04" + entry * (containers.MOST_MEMBERS + 1)
    assert [("", f"it holds more than {containers.MOST_MEMBERS:,} members")] == problems(data)
    block = tarfile.TarInfo("a").tobuf()
    assert "members" in problems(block * (containers.MOST_MEMBERS + 1))[0][1]
    assert "members" in problems(gzip.compress(b"") * (containers.MOST_MEMBERS + 2))[-1][1]


def test_nesting_has_a_limit():
    """What is packed too often is given as it is at that depth, and named."""
    data = b"x"
    for _ in range(containers.MOST_NESTED + 1):
        data = gzip.compress(data)
    assert [("", f"it is packed more than {containers.MOST_NESTED} times")] == problems(data)


@pytest.mark.parametrize("packing", ["gzip", "zlib", "bzip2", "xz"])
def test_the_readable_part_of_a_damaged_file_is_given(packing):
    """A file that was cut off may still hold a secret in its first half."""
    text = b"\n".join(b"%d first %d" % (n, n * n) for n in range(20_000))
    small_blocks = packing == "bzip2"
    packed = bz2.compress(text, 1) if small_blocks else foreign.PACKED[packing][1](text, "")
    for damaged in (packed[:-200], packed[: len(packed) * 3 // 4]):
        assert b"0 first 0\n1 first 1" in everything(damaged)
        assert "it is damaged" in {problem for _, problem in problems(damaged)}


@pytest.mark.parametrize("packing", ["zip", "zip, bzip2", "tar", "tar.gz"])
def test_a_damaged_archive_is_named(packing):
    """It never fails the scan, and what is not compressed is given all the same."""
    packed = foreign.PACKED[packing][1](NOISE * 64, "a.bin")
    for at in range(0, len(packed), max(1, len(packed) // 60)):
        for damaged in (packed[:at], packed[:at] + b"\xff" + packed[at + 1 :]):
            list(parts(damaged))
    assert problems(packed[: len(packed) // 2])


def test_an_encrypted_member_is_named():
    """Others of the archive are read."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"first")
        archive.writestr("b", b"second")
    data = bytearray(out.getvalue())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    assert [("a", "it is encrypted")] == problems(bytes(data))
    assert b"second" in everything(bytes(data))


def test_formats_that_are_not_read_are_named():
    """Their bytes are searched as they stand, and the reason is told."""
    for start, tool in ((b"\x28\xb5\x2f\xfd", "Zstandard"), (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
                        (b"Rar!\x1a\x07", "RAR")):  # fmt: skip
        (part,) = parts(start + NOISE)
        assert start + NOISE == part.data
        assert f"it is packed with {tool}, which is not read" == part.problem


def test_what_follows_or_precedes_packed_data_is_given():
    """A secret can stand behind a gzip stream, before a zip archive, or in its comment."""
    assert b"behind" in everything(gzip.compress(b"x") + b"behind")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a-telling-name", b"")
        archive.comment = b"a comment"
    found = everything(b"before" + out.getvalue())
    assert all(part in found for part in (b"before", b"a comment", b"a-telling-name"))


def test_links_in_a_tar_are_not_followed():
    """Their targets are given as text; nothing of the disk is read."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert b"a /etc/passwd" == everything(out.getvalue())
