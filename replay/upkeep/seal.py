"""Seals a cassette that a person edited, after the same checks as for a recording."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from replay.errors import (
    CassetteDamaged,
    CassetteForeign,
    CassetteUnsealed,
    ConfigError,
    LeakFound,
    LibraryError,
    NotRecordable,
)
from replay.library import Library, files
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.model import json_body
from replay.model.cassette import Cassette, Interaction, ObjectKey

if TYPE_CHECKING:
    from replay.redaction.policy import Policy
    from replay.redaction.redactor import Redaction


def seal(path: Path, policy: Policy | None = None, *, follow_links: bool = False) -> bool:
    """Give an edited cassette the seal of its text; False if its seal fits already.

    The text stays as the person left it, except for line ends and a byte-order mark.

    Raises:
        ConfigError: there is no such file.
        CassetteDamaged: or a subclass: the edit breaks the format, or the file is where its key
            does not belong.
        LeakFound: the edit holds a secret, or a value that the policy would have replaced.
        LibraryError: the file was edited behind a link that leads out of the library.
    """
    where = str(path)
    found = files.read(where, str(path.parent), seals.MAX_BYTES, follow_links=follow_links)
    if found is None:
        raise ConfigError("there is no such file", where=where, hint="`replay list` names them")
    body = _body(found[0], where)
    text = seals.seal(body)
    cassette = codec.loads(text.encode("utf-8"), where)
    full, library = located(path, cassette)
    sealed = text.encode("utf-8") == found[0]
    check(text, cassette, where, policy)
    if sealed:
        return False
    rewrite(library, cassette.key, full, text, before=found[0])
    return True


def rewrite(library: Library, key: ObjectKey, path: Path, text: str, *, before: bytes) -> None:
    """Replace a file by the text that was made from it.

    Raises:
        LibraryError: the file has changed since, or a link leads to it; it is left as it is.
    """
    replace_file(library, storage_of(library).lock(key), path, text, before=before)


def replace_file(
    library: Library, lock: AbstractContextManager[None], path: Path, text: str, *, before: bytes
) -> None:
    """Replace a file of a library by a text, under a lock.

    Raises:
        LibraryError: the file has changed since, or a link leads to it; it is left as it is.
    """
    files.refuse_link_out(str(path), str(library.root))
    with lock:
        require_unchanged(path, library, before)
        files.write(path, text, str(library.root))


def require_unchanged(path: Path, library: Library, before: bytes) -> None:
    """Make sure that a file has not changed since it was read. The caller holds its lock.

    Raises:
        LibraryError: it has.
    """
    found = files.read(str(path), str(library.root), seals.MAX_BYTES)
    if (found[0] if found is not None else b"") != before:
        raise LibraryError(
            "the cassette has changed in the meantime, and is left as it is now",
            where=str(path),
            hint="run the command again",
        )


def _body(data: bytes, where: str) -> str:
    try:
        body = seals.split(data, where)[1]
    except CassetteForeign:
        raise
    except CassetteUnsealed:
        # The edit may have removed the first line, or left another seal there.
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        body = text.partition("\n")[2] if text.startswith("# replay cassette") else text
    seals.refuse_conflict(body, where)
    return body


def located(path: Path, cassette: Cassette) -> tuple[Path, Library]:
    """The absolute path of a cassette, and the library that it is in.

    Raises:
        CassetteDamaged: it is not in a library.
        KeyMismatch: it is where its key does not belong.
    """
    full = Path(os.path.abspath(path))  # noqa: PTH100 - `absolute` leaves the `..` in
    # The key tells how many folders lie between the file and its library.
    here = Library(Path.cwd())
    depth = len(here.path(cassette.key, cassette.api_version).relative_to(here.root).parts)
    if len(full.parents) < depth:
        raise CassetteDamaged(
            "the cassette is not in a library",
            where=str(full),
            hint="move it to where replay recorded it: RESOURCE/ID/VERSION.yaml below a folder",
        )
    library = Library(full.parents[depth - 1])
    storage_of(library).check_folder(full, cassette.key, cassette.api_version)
    return full, library


def check(text: str, cassette: Cassette, where: str, policy: Policy | None) -> None:
    """Refuse a text that no recording could have written.

    Args:
        text: the cassette's text.
        cassette: the parsed cassette.
        where: the file, for errors.
        policy: the policy in force; None for the one that ships with replay.

    Raises:
        LeakFound: the text holds a secret, or a value that the policy would have replaced.
        CassetteDamaged: a body that replay cannot have written.
    """
    from replay.redaction.policy import default_policy
    from replay.redaction.secrets import find_secrets
    from replay.upkeep.proof import unproven_frame

    for hit in find_secrets(text):
        raise LeakFound(
            f"the file holds a secret ({hit.id})",
            where=where,
            hint="take it out and seal again; roll the key too: anyone who could read the file\n"
            "may have it",
            kind=hit.id,
        )
    for place, told in unproven_frame(cassette, policy or default_policy()):
        raise LeakFound(
            f"this may hold a private value: {told}",
            where=f"{where} {place}",
            hint="put back what was recorded there",
            pointer=place,
        )
    for number, take in enumerate(cassette.interactions):
        if not take.response.body:
            continue
        # Redacting a redacted body changes nothing: what does change, the edit put there.
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
    """A recorded body, redacted again.

    Args:
        take: the recording; it has a body.
        cassette: the cassette that it is in.
        number: its number in the cassette.
        where: the file, for errors.
        policy: what may stay.

    Raises:
        CassetteDamaged: a body that replay cannot have written.
    """
    from replay.redaction.redactor import redact

    place = f"{where} take {number}"
    try:
        return redact(
            json_body.parse_recorded(take.response.body, place),
            owner=cassette.key.seed,
            policy=policy,
            listed=take.redacted,
        )
    except NotRecordable as error:
        raise CassetteDamaged(error.what, where=place, hint=seals.RESTORE) from None
