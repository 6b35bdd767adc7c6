"""Text to `Cassette` and back: the file format. No I/O.

The text is a valid vcrpy version-1 cassette; replay adds the first line (the seal) and the key
``cassette:``. docs/cassette-format.md specifies it. PyYAML is imported only to write, and to read a
text that is not in the form that replay writes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from replay.errors import CassetteDamaged
from replay.library.format import fast_reader, schema
from replay.library.format.fields import Unfit
from replay.library.format.seals import RESTORE, decoded, seal, too_new, unseal, whole
from replay.model.cassette import Cassette, Interaction, ObjectKey


def dumps(cassette: Cassette, where: str = "") -> str:
    """The text of a cassette, sealed; ASCII, LF line ends.

    Raises:
        CassetteDamaged: the text would be larger than `MAX_BYTES`; `where` names its file.
    """
    from replay.library.format import yaml_writer

    return seal(yaml_writer.whole(cassette), where=where)


def dumps_vcr(takes: Sequence[Interaction], extra: Mapping[str, Any]) -> str:
    """The sealed text of a vcrpy cassette, which may hold takes of many objects.

    Args:
        takes: what the file holds, in this order.
        extra: the other keys at the top level.

    Raises:
        CassetteDamaged: larger than `MAX_BYTES`, or `extra` is not plain data.
    """
    from replay.library.format import yaml_writer

    return seal(yaml_writer.takes(takes, extra), "vcr")


def loads_vcr(data: bytes, where: str) -> tuple[tuple[Interaction, ...], Mapping[str, Any]]:
    """The takes and the other keys of a text that `dumps_vcr` wrote.

    Raises:
        CassetteDamaged: or one of its kinds.
    """
    body = unseal(data, where, "vcr")
    try:
        return schema.takes(_parsed(body))
    except Unfit as error:
        raise _damaged(error, where) from None


def loads(data: bytes, where: str) -> Cassette:
    """Read a cassette's bytes.

    Args:
        data: the file's bytes; a BOM and CRLF line ends, which git may make, are accepted.
        where: the file's name, for errors.

    Raises:
        CassetteDamaged: or one of its kinds, which says what is wrong and what to do.
    """
    body = whole(data, where)
    try:
        return fast_reader.read(bytes(body)) or schema.to_cassette(_parsed(decoded(body, where)))
    except schema.Later as error:
        raise too_new(error.version, where) from None
    except Unfit as error:
        raise _damaged(error, where) from None


def head(data: bytes, where: str) -> tuple[ObjectKey, str]:
    """The object and API version of a sealed cassette.

    Raises:
        CassetteDamaged: or one of its kinds, as `loads`.
    """
    found = fast_reader.read_head(bytes(whole(data, where)))
    if found is not None:
        return found
    cassette = loads(data, where)
    return cassette.key, cassette.api_version


def _parsed(text: str) -> Any:
    from replay.library.format.yaml_reader import Malformed, parse

    try:
        return parse(text)
    except Malformed as error:
        raise Unfit(str(error)) from None


def _damaged(error: ValueError, where: str) -> CassetteDamaged:
    return CassetteDamaged(
        f"the cassette {error}",
        where=where,
        hint="if you edited it, put back there what was recorded, and run: "
        f"replay seal {shlex.quote(where)}\nif you did not, {RESTORE}",
    )
