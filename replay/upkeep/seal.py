"""Seals a cassette that a person edited, after the checks that a recording passes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import (
    CassetteDamaged,
    CassetteUnsealed,
    ConfigError,
    LeakFound,
    LibraryError,
    NotRecordable,
)
from replay.library import Library, files
from replay.library.format import codec, seals
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction, ObjectKey

if TYPE_CHECKING:
    from replay.redaction.policy import Policy
    from replay.redaction.redactor import Redaction


def seal(path: Path, policy: Policy | None = None) -> bool:
    """Give an edited cassette the seal of its text; False where it fits already.

    The text stays as the person left it, but for line ends and a BOM.

    Raises:
        ConfigError: there is no such file.
        CassetteDamaged: or one of its kinds: the edit is not in the format, or the file stands
            where its key does not belong.
        LeakFound: the edit holds a secret, or a value that the policy would have replaced.
    """
    where = str(path)
    found = files.read(where, str(path.parent), seals.MAX_BYTES)
    if found is None:
        raise ConfigError("there is no such file", where=where, hint="`replay list` names them")
    body = _body(found[0], where)
    text = seals.seal(body)
    cassette = codec.loads(text.encode("utf-8"), where)
    full, library = located(path, cassette)
    sealed = text.encode("utf-8") == found[0]
    check(text, cassette, where, policy, keys=sealed)
    if sealed:
        return False
    rewrite(library, cassette.key, full, text, before=found[0])
    return True


def rewrite(library: Library, key: ObjectKey, path: Path, text: str, *, before: bytes) -> None:
    """Put a text in the place of the bytes that it was made from.

    Raises:
        LibraryError: the file has changed since; it is left as it is.
    """
    with library.lock(key):
        require_unchanged(path, library, before)
        files.write(path, text, library.place)


def require_unchanged(path: Path, library: Library, before: bytes) -> None:
    """Make sure that nothing was recorded into a file since it was read. The lock is held.

    Raises:
        LibraryError: something was.
    """
    found = files.read(str(path), library.place, seals.MAX_BYTES)
    if (found[0] if found is not None else b"") != before:
        raise LibraryError(
            "the cassette was changed meanwhile, and is left as it is now",
            where=str(path),
            hint="run the command again",
        )


def _body(data: bytes, where: str) -> str:
    try:
        body = seals.split(data, where)[1]
    except CassetteUnsealed:
        # An edit may have taken the first line with it.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        body = text.partition("\n")[2] if text.startswith("# replay cassette") else text
    seals.refuse_conflict(body, where)
    return body


def located(path: Path, cassette: Cassette) -> tuple[Path, Library]:
    """Where a cassette stands, from the root on, and the library that it lies in.

    Raises:
        CassetteDamaged: it lies in none.
        KeyMismatch: it stands where its key does not belong.
    """
    full = Path(os.path.abspath(path))  # noqa: PTH100 - `absolute` leaves the `..` in
    # The key says how many folders lie between the file and its library.
    here = Library(Path.cwd())
    depth = len(here.path(cassette.key, cassette.api_version).relative_to(here.root).parts)
    if len(full.parents) < depth:
        raise CassetteDamaged("the cassette stands outside of a library", where=str(full))
    library = Library(full.parents[depth - 1])
    library.check_place(full, cassette.key, cassette.api_version)
    return full, library


def check(
    text: str, cassette: Cassette, where: str, policy: Policy | None, *, keys: bool = False
) -> None:
    """Refuse what a recording could not have written.

    Args:
        text: the cassette's text.
        cassette: what it says.
        where: the file, for errors.
        policy: the policy in force; None for the one that ships with replay.
        keys: whether it may have keys that replay does not write: those of a later release were
            sealed by that.

    Raises:
        LeakFound: the text holds a secret, or a value that the policy would have replaced.
        CassetteDamaged: a body that no recording has.
    """
    from replay.redaction.policy import default_policy
    from replay.redaction.secrets import find_secrets
    from replay.upkeep.proof import around, telling_comments

    for hit in find_secrets(text):
        raise LeakFound(
            f"the file holds a secret ({hit.id})",
            where=where,
            hint="take it out, roll the key, for whoever could read the file may have it,\n"
            "and seal again",
            kind=hit.id,
        )
    for place, told in around(cassette, policy or default_policy(), keys=keys):
        raise LeakFound(
            f"this may hold a private value: {told}",
            where=f"{where} {place}",
            hint="put back what was recorded there",
            pointer=place,
        )
    for line in telling_comments(text.encode("utf-8"), where):
        raise LeakFound(
            "this comment may hold a private value",
            where=f"{where}:{line}",
            hint="take it out, or use words in lower case alone",
        )
    for number, take in enumerate(cassette.interactions):
        if not take.response.body:
            continue
        # A redacted body is its own redaction: whatever differs, the edit put there.
        again = redacted(take, cassette, number, where, policy)
        private = [(original.pointer, original.kind) for original in again.originals]
        private += [(p, kind) for p, kind in again.redacted.items() if p not in take.redacted]
        for pointer, kind in private:
            raise LeakFound(
                f"the policy does not keep {pointer} ({kind}) of take {number}",
                where=where,
                hint="write a stand-in there (replay.pseudonym) and list it under redacted:,\n"
                "or null",
                pointer=pointer,
                kind=kind,
            )


def redacted(
    take: Interaction, cassette: Cassette, number: int, where: str, policy: Policy | None
) -> Redaction:
    """What the policy makes of a recorded body.

    Args:
        take: the recording; it has a body.
        cassette: the one that it is in.
        number: which take it is.
        where: the file, for errors.
        policy: the policy.

    Raises:
        CassetteDamaged: a body that no recording has.
    """
    from replay.redaction.redactor import redact

    place = f"{where} take {number}"
    try:
        return redact(
            json_body.recorded(take.response.body, place), owner=str(cassette.key), policy=policy
        )
    except NotRecordable as error:
        raise CassetteDamaged(error.what, where=place, hint=seals.RESTORE) from None
