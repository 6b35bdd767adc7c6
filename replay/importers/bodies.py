"""Turns the body of a recorded message into bytes, in whatever form a tool keeps it."""

from __future__ import annotations

import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from replay.importers import containers

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+\Z")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_ERLANG_BINARY = b"\x83m"
"""The start of a binary in Erlang's external term format; four bytes of length follow."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body.

    Attributes:
        data: its bytes; None where there is none.
        problem: why it could not be read as it was sent; empty if it could.
        packed: whether it stands in base64, in hex or compressed in the recording.
    """

    data: bytes | None = field(default=None, repr=False)
    problem: str = ""
    packed: bool = False


def body_of(found: Any, *, binary: bool = False, type: Any = None, encoding: Any = None) -> Body:
    """The bytes of a body.

    Args:
        found: what the recording holds: text, bytes, a mapping that says more, a list of pieces in
            hex, or the body's own JSON.
        binary: whether the recording says that the text stands for bytes.
        type: cassetter's word for what the text is.
        encoding: HAR's word for how the text is encoded.
    """
    if found is None:
        return Body()
    if isinstance(found, bytes):
        return Body(found, packed=True)
    if isinstance(found, dict):
        return _mapping(found)
    if isinstance(found, list):
        return _list(found)
    if not isinstance(found, str):
        return Body(json.dumps(found, default=str).encode())
    if encoding == "base64" or (binary and not _HEX.match(found)):
        data = _base64(found)
        if data is None:
            return Body(found.encode("utf-8", "replace"), "is not the base64 that it should be")
        return Body(data[6:] if data.startswith(_ERLANG_BINARY) else data, packed=True)
    if (type == "binary" or binary) and _HEX.match(found):
        return Body(bytes.fromhex(found), packed=True)
    return Body(found.encode("utf-8", "surrogatepass"))


def _mapping(found: dict[str, Any]) -> Body:
    if isinstance(found.get("base64_string"), str | bytes):
        text = found["base64_string"]
        data = text if isinstance(text, bytes) else _base64(text)
        return (
            Body(data, packed=True) if data is not None else Body(None, "is not readable as base64")
        )
    if "string" in found and found.keys() <= {"string", "encoding", "base64_string", "file"}:
        return body_of(found["string"])
    if "content" in found and found.keys() <= {"type", "content"}:
        return body_of(found["content"], type=found.get("type"))
    if found.keys() == {"type"}:
        return Body()
    return Body(_json(found))


def _list(found: list[Any]) -> Body:
    if found and all(isinstance(one, str) and _HEX.match(one) for one in found):
        return Body(bytes.fromhex("".join(found)), packed=True)  # nock's pieces of a packed body
    return Body(_json(found))


def _json(found: Any) -> bytes:
    if isinstance(found, dict) and all(
        isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)
        for value in found.values()
    ):  # a form as Go parses it
        return urlencode([(key, value[0]) for key, value in found.items()]).encode()
    return json.dumps(found, default=_text).encode()


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _base64(text: str) -> bytes | None:
    joined = "".join(text.split())
    if joined and not _BASE64.match(joined):
        return None
    plain = joined.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None


def without_encoding(body: Body, encoding: str) -> Body:
    """A body without its content encoding; one that is packed all the same is unpacked too."""
    data = body.data
    if data and encoding.strip().lower() == "deflate" and not containers.is_packed(data):
        plain = containers.inflated(data)
        return body if plain is None else Body(plain, body.problem, packed=True)
    if not data or not (encoding.strip() or containers.is_packed(data)):
        return body
    parts = list(containers.parts(data))
    said = next((part.problem for part in parts if part.problem), "")
    problem = said.removeprefix("it ") or body.problem
    whole = [part.data for part in parts if part.data and not part.name]
    if len(whole) != 1:
        return body
    unknown = encoding.strip().lower() in {"br", "zstd"} and whole[0] is data
    if unknown and not _is_json(data):
        problem = f"is packed with {encoding.strip().lower()}, which is not read"
    return Body(whole[0], problem, body.packed or whole[0] is not data)


def _is_json(data: bytes) -> bool:
    return data.lstrip()[:1] in {b"{", b"["}
