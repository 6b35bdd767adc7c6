"""The seal in a cassette's first line, which shows whether the text below is whole. No I/O.

It works on bytes and checks the digest first. So even the largest file is refused quickly, and
without a second copy of it in memory.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import shlex

from replay.errors import (
    CassetteConflict,
    CassetteDamaged,
    CassetteForeign,
    CassetteTooNew,
    CassetteUnsealed,
    KeyMismatch,
)

FORMAT = 1
MAX_BYTES = 32 * 1024 * 1024
"""The largest cassette read or written, in bytes."""

RESTORE = "restore it from version control, or delete it and record it again"

BEGIN = b"# replay cassette "
"""How a cassette begins, unless an editor put a byte order mark before it."""

BEGIN_SCENARIO = b"# replay scenario "
"""The same of a scenario file."""

_SEAL = re.compile(rb"# replay (cassette|scenario|vcr) ([0-9]{1,9}) sha256:([0-9a-f]{64})\n")
_VCR = re.compile(
    rb"""
    (?: \xef\xbb\xbf )? (?! \# \ replay \ cassette )
    (?: <<<<<<< [^\n]* \n )?
    (?: \# \ replay \ vcr \ |
        \{ \s* (?: "version": \s* [0-9]+ , \s* )? "interactions": \s* \[ |
        (?: (?: \# [^\n]* | --- [^\n]* | [ \t\r]* ) \n )*
        (?: (?: version: \ [0-9]+ \s* \n )? interactions:
            (?: \ \[\] | \s* \n (?: <<<<<<< [^\n]* \n )? \ * -\ + (?: request | response ) : ) |
            version: \ [0-9]+ \s* \n policy: [^\n]* \n interactions: ) )
    """,
    re.VERBOSE,
)
"""How vcrpy's files begin: with the seal of our persister or without, as YAML or as JSON, after
comments, indented by a formatter, in a git conflict. Ours name their object."""
_IN_LIBRARIES = frozenset({b"cassette", b"scenario"})
_BLANK = re.compile(rb"[ \t\r\n\0]*\Z")
_CHUNK = 1 << 20


def is_vcr(data: bytes) -> bool:
    """Whether a file is a cassette of vcrpy's, which users keep beside replay's."""
    return _VCR.match(data) is not None


def seal(body: str, kind: str = "cassette", *, where: str = "") -> str:
    """Put the seal above a text.

    Args:
        body: the text.
        kind: ``cassette`` or ``scenario``; ``vcr`` for a file that vcrpy's users keep outside a
            library.
        where: the file, for errors.

    Raises:
        CassetteDamaged: larger than `MAX_BYTES`.
    """
    data = body.encode("utf-8")
    text = f"# replay {kind} {FORMAT} sha256:{hashlib.sha256(data).hexdigest()}\n"
    size = len(text) + len(data)
    if size > MAX_BYTES:
        raise CassetteDamaged(
            f"a cassette of {size} bytes is over the limit of {MAX_BYTES}",
            where=where,
            hint="record fewer takes of this object, or into another library: --library DIR",
        )
    return text + body


def unseal(data: bytes, where: str, kind: str = "cassette") -> str:
    """The text below the seal.

    Raises:
        CassetteUnsealed: the first line is not such a seal, or its digest does not fit the text.
        CassetteDamaged: or another subclass: the file is empty, too large, not UTF-8, in a git
            conflict, or of a later format.
    """
    return decoded(whole(data, where, kind), where)


def whole(data: bytes, where: str, kind: str = "cassette") -> memoryview:
    """The bytes below the seal.

    Raises:
        CassetteDamaged: or a subclass, as in `unseal`.
    """
    digest, rest = _parted(data, where, kind)
    if hashlib.sha256(rest).hexdigest() != digest:
        _refuse_what_is_no_text(rest, where, kind)
        raise CassetteUnsealed(
            f"the {_noun(kind)} was changed after it was written: its seal does not fit its text",
            where=where,
            hint=f"if the edit is yours, accept it with: replay seal {shlex.quote(where)}\n"
            f"if it is not, {RESTORE}\n"
            "(a formatter such as prettier or a pre-commit hook may have made it: exclude the\n"
            "library from it, docs/cassette-format.md)",
        )
    return rest


def split(data: bytes, where: str, kind: str = "cassette") -> tuple[str, str]:
    """Take a sealed file apart, without comparing the digest with the text.

    Args:
        data: the file's bytes.
        where: the file, for errors.
        kind: ``cassette``, ``scenario`` or ``vcr``, as in `seal`.

    Returns:
        The digest that the first line states, and the text below that line with LF line ends.

    Raises:
        CassetteUnsealed: the first line is not such a seal.
        CassetteConflict: the file has the marks of a git merge instead of such a seal.
        CassetteTooNew: the seal is of a later format.
        CassetteDamaged: the file is empty, too large or not UTF-8.
    """
    digest, rest = _parted(data, where, kind)
    return digest, decoded(rest, where)


def refuse_conflict(text: str, where: str, kind: str = "cassette") -> None:
    """Raise if a text has the marks of a git merge.

    Raises:
        CassetteConflict: the text has them.
    """
    _refuse_conflict(text.encode("utf-8"), where, kind)


def too_new(version: int, where: str) -> CassetteTooNew:
    """The error of a cassette whose first line, or whose text, states a later format."""
    return CassetteTooNew(
        f"the cassette has format {version}; this release reads format {FORMAT}",
        where=where,
        hint="pip install --upgrade replay-cassettes",
    )


def _parted(data: bytes, where: str, kind: str) -> tuple[str, memoryview]:
    if len(data) > MAX_BYTES:
        raise _damaged(f"is larger than {MAX_BYTES} bytes", where, kind)
    given = data
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    found = _SEAL.match(data)
    if found is None or found[1] != kind.encode("ascii"):
        if kind == "cassette" and is_vcr(given):
            raise CassetteForeign(
                "this is a cassette of vcrpy's, not one of replay's",
                where=where,
                hint="vcrpy replays it, with replay.vcr.Persister or without: docs/vcrpy.md",
            )
        if _BLANK.match(given):
            raise _damaged("is empty", where, kind)
        if given[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            raise _damaged("is UTF-16, not UTF-8", where, kind)
        _refuse_what_is_no_text(memoryview(data), where, kind)
        if found is not None and {found[1], kind.encode("ascii")} <= _IN_LIBRARIES:
            raise KeyMismatch(
                f"this is a {found[1].decode('ascii')}, in the place of a {kind}",
                where=where,
                hint="move it back to where it was recorded; scenarios lie below scenarios/",
            )
        if data.startswith(b"version https://git-lfs.github.com/"):
            raise CassetteDamaged(
                f"this is a git-LFS pointer, not the {_noun(kind)}",
                where=where,
                hint="git lfs pull",
            )
        raise CassetteUnsealed(
            "the first line is not a seal of replay",
            where=where,
            hint=f"if the file is a {_noun(kind)} that you edited: "
            f"replay seal {shlex.quote(where)}\n{RESTORE}",
        )
    if int(found[2]) != FORMAT:
        raise too_new(int(found[2]), where)
    return found[3].decode("ascii"), memoryview(data)[found.end() :]


def _refuse_what_is_no_text(data: memoryview, where: str, kind: str) -> None:
    if not _is_text(data):
        raise _damaged("is not UTF-8", where, kind)
    _refuse_conflict(bytes(data), where, kind)


def _refuse_conflict(data: bytes, where: str, kind: str) -> None:
    marks = (b"<<<<<<< ", b"=======\n", b">>>>>>> ")
    if (
        data.startswith(marks)
        or any(b"\n" + mark in data for mark in marks)
        or data.endswith(b"\n=======")
    ):
        quoted = shlex.quote(where)
        raise CassetteConflict(
            f"the {_noun(kind)} holds an unresolved git merge conflict",
            where=where,
            hint=f"keep one side whole: replay seal --merge --take ours {quoted} (or theirs)\n"
            "or record it again"
            if kind == "scenario"
            else f"keep the recordings of both sides: replay seal --merge {quoted}\n"
            f"or take one side (git checkout --ours {quoted} or --theirs), or record it again",
        )


def decoded(data: memoryview, where: str) -> str:
    """Decode bytes as text.

    Raises:
        CassetteDamaged: they are not UTF-8.
    """
    if len(data) > _CHUNK and not _is_text(data):
        raise _damaged("is not UTF-8", where)
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise _damaged("is not UTF-8", where) from None


def _is_text(data: memoryview) -> bool:
    # In parts, to save memory: an error keeps its input, and the text may take four times that.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _CHUNK):
            decoder.decode(data[start : start + _CHUNK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _damaged(what: str, where: str, kind: str = "cassette") -> CassetteDamaged:
    return CassetteDamaged(f"the {_noun(kind)} {what}", where=where, hint=RESTORE)


def _noun(kind: str) -> str:
    return "scenario" if kind == "scenario" else "cassette"
