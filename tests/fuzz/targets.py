"""What is fuzzed: the readers of what strangers may write, each as a function of bytes.

A target returns for all that replay takes or refuses in order. It raises where a law of all readers
is broken: another error than a `ReplayError`, a private value in a message, or two readers that
disagree. `run.py` adds the bounds of time and memory.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from replay.drift.doubles import Doubles
from replay.drift.observe.pointers import unescape
from replay.errors import ReplayError
from replay.importers.documents import Unreadable
from replay.importers.doubles import doubles
from replay.library import Library
from replay.library.format import codec, fast_reader, schema, seals, yaml_reader
from replay.library.format.fields import Unfit
from replay.model import json_body, strict_toml
from replay.model.cassette import Request
from replay.redaction.policy import Policy, default_policy
from replay.scan.search import hits_in
from replay.scan.sources import Source
from replay.stripe_api.call import expand_of, read_call

ROOT = Path(__file__).parents[2]
PRIVATE = "plantedjanedoe42"
"""A private value in the seeds: no message may hold it."""


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        check: reads bytes; raises where a law is broken.
        seeds: inputs to start from.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


@contextmanager
def _in_order() -> Iterator[None]:
    """Lets errors of replay's by, if their texts are not private."""
    try:
        yield
    except ReplayError as error:
        _not_private(str(error))


def _not_private(text: str) -> None:
    assert PRIVATE not in text, "a message holds a private value"


@cache
def _samples() -> tuple[bytes, ...]:
    found = sorted((ROOT / "cassettes").rglob("*.yaml"))
    assert found, "there is no sample library"
    return tuple(path.read_bytes() for path in found[:: max(1, len(found) // 12)])


def _bodies() -> list[bytes]:
    bodies = [data.partition(b"\n")[2] for data in _samples()]
    planted = bodies[0].replace(b'"object"', f'"{PRIVATE}": "{PRIVATE}", "object"'.encode(), 1)
    other = bodies[0].replace(b"string: |-", b"string: >-", 1)
    return [*bodies, planted, other, b"", b"version: 1\ncassette: {}\ninteractions: []\n"]


def _tape() -> bytes:
    path = ROOT / "tests" / "library" / "recorded_by_0_1_0" / "tape.yaml"
    return path.read_bytes().partition(b"\n")[2]


def _check_readers(data: bytes) -> None:
    """The quick reader says what the YAML reader says, or leaves the text to it."""
    found = fast_reader.read(data)
    head = fast_reader.read_head(data)
    try:
        slow = schema.to_cassette(yaml_reader.parse(data.decode("utf-8")))
    except (yaml_reader.Malformed, Unfit, schema.Later, UnicodeDecodeError) as error:
        assert found is None, "only the quick reader takes this text"
        _not_private(str(error))
        return
    assert found is None or found == slow, "the two readers give different values"
    assert head is None or head == (slow.key, slow.api_version), "the head is another"


def _check_loader(data: bytes) -> None:
    """A file as it stands, and the same with a seal that fits: as a cassette, and as a tape."""
    with _in_order():
        codec.loads(data, "x.yaml")
    with _in_order():
        codec.head(data, "x.yaml")
    text = data.decode("utf-8", "replace")
    with _in_order():
        codec.loads_vcr(seals.seal(text, "vcr").encode("utf-8", "replace"), "x.yaml")
    with _in_order():
        sealed = seals.seal(text).encode("utf-8", "replace")
        cassette = codec.loads(sealed, "x.yaml")
        json_body.require_readable(cassette, "x.yaml")
        for take in cassette.interactions:
            expand_of(take.request)
            with _in_order():
                read_call(take.request)
        again = codec.loads(codec.dumps(cassette).encode(), "x.yaml")
        assert cassette == again, "a cassette that is written is read as another"


def _check_call(data: bytes) -> None:
    """Method, address and headers, a line each; then the body."""
    head, _, body = data.partition(b"\n\n")
    lines = head.decode("latin-1").split("\n")
    method, uri = ([*lines, ""])[:2]
    pairs = [line.partition(": ") for line in lines[2:]]
    headers = tuple((name, value) for name, _, value in pairs)
    with _in_order():
        call = read_call(Request(method, uri, headers, body or None))
        str(call)


def _call_seeds() -> list[bytes]:
    uris = [
        "https://api.stripe.com/v1/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv?expand[]=customer",
        f"https://api.stripe.com/v1/customers?email={PRIVATE}%40example.com&limit=3",
        "https://api.stripe.com/v1/customers/search?query=name%3A%22x%22&expand%5B0%5D=data",
        "https://api.stripe.com/v2/core/accounts/acct_1?include[0]=identity",
        "http://[::1]:8420/v1/balance", f"/v1/coupons/{PRIVATE}", "https://[x/v1/invoices/in_1",
    ]  # fmt: skip
    return [
        f"GET\n{uri}\nStripe-Version: 2024-06-20; b=v1\nStripe-Account: {PRIVATE}\n\n".encode()
        for uri in uris
    ]


def _check_form(data: bytes) -> None:
    """The form of a preview, which is a read."""
    uri = "https://api.stripe.com/v1/invoices/create_preview"
    headers = (("Content-Type", "application/x-www-form-urlencoded"),)
    with _in_order():
        one = read_call(Request("POST", uri, headers, data))
        two = read_call(Request("POST", uri, headers, one.key.query.encode()))
        assert one.key == two.key, "what a form says changes when it is written again"


def _form_seeds() -> list[bytes]:
    return [
        b"customer=cus_1&expand[]=lines.data&subscription_details[items][0][price]=price_1",
        f"customer_details[name]={PRIVATE}&a%5B10%5D=1&a[9]=2&a[]=3&x=".encode(),
        b"a=%ff&b=%zz&&==&;=+&expand[0]=a&expand=",
    ]


def _check_json(data: bytes) -> None:
    """A live answer, and the body of a recording."""
    with _in_order():
        json_body.dump(json_body.parse(data))
    with _in_order():
        json_body.parse_recorded(data, "x.yaml")


def _check_toml(data: bytes) -> None:
    """A configuration or policy file."""
    with _in_order():
        strict_toml.parse(data.decode("utf-8", "replace"), "replay.toml")


def _check_archive(data: bytes) -> None:
    """A zip file as a library: all its cassettes, or errors in order."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(data)
        file.flush()
        with _in_order():
            library = Library(file.name)
            for path in library.paths():
                with _in_order():
                    library.read(path)


def _zip(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr("invoices/in_1/2024-06-20.yaml", _samples()[0])
        archive.writestr(
            "notes.json", f'{{"object": "customer", "email": "{PRIVATE}@example.com"}}'
        )
    return made.getvalue()


@cache
def _policy() -> Policy:
    return default_policy()


def _check_scan(data: bytes) -> None:
    """A file of any kind: its name, a line, then what it holds."""
    name, _, content = data.partition(b"\n")
    path = name.decode("utf-8", "replace") or "x"
    with _in_order():
        for hit in hits_in(Source(path, content), _policy()):
            _not_private(hit.detail)


def _scan_seeds() -> list[bytes]:
    customer = f'{{"id": "cus_1", "object": "customer", "email": "{PRIVATE}@example.com"}}'
    vcr = (
        "http_interactions:\n- request:\n    method: get\n    uri: https://api.stripe.com/v1/x\n"
        "    body: {encoding: UTF-8, string: a=b}\n    headers: {Accept: [text]}\n"
        f"  response:\n    status: {{code: 200}}\n    body:\n      string: '{customer}'\n"
    )
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        info = tarfile.TarInfo("a.json")
        info.size = len(customer)
        archive.addfile(info, io.BytesIO(customer.encode()))
    har = f'{{"log": {{"entries": [{{"response": {{"content": {{"text": {customer!r}}}}}}}]}}}}'
    return [
        b"a.json\n" + customer.encode(), b"a.yaml\n" + vcr.encode(), b"a.har\n" + har.encode(),
        b"a.toml\n[[a]]\nobject = 'customer'\n", b"a.zz\n" + zlib.compress(customer.encode()),
        b"a.zip\n" + _zip(), b"a.tgz\n" + tar.getvalue(), b"a\n" + customer.encode("utf-16"),
        b"a.json\n[" + customer.encode() + b"]", b"a.txt\nsk_live_" + b"4" * 24,
        b"c.yaml\n" + _samples()[0],
    ]  # fmt: skip


@cache
def _recorded() -> Doubles:
    return Doubles(Library(ROOT / "cassettes"))


def _check_doubles(data: bytes) -> None:
    """A fixture: the end of its name, a line, then its text. A remark has a line and a place."""
    suffix, _, content = data.partition(b"\n")
    text = content.decode("utf-8", "replace")
    try:
        found = doubles(text, suffix.decode("latin-1"), _recorded().types, "invoice")
    except Unreadable as error:
        _not_private(str(error))
        return
    for double in found:
        for remark in _recorded().check(double.body, double.type) or []:
            _stands_at(double.body, remark.pointer)
            assert 1 <= double.line(remark.pointer) <= 1 + len(re.findall("\r\n?|\n", text))
            if PRIVATE not in str(_keys(double.body)):
                _not_private(f"{remark} {remark.pointer}")


def _stands_at(body: Any, pointer: str) -> None:
    for segment in pointer.split("/")[1:]:
        body = body[int(segment) if isinstance(body, list) else unescape(segment)]


def _keys(value: Any) -> list[Any]:
    """All keys in a value. They may be named in a remark, as values may not."""
    if isinstance(value, Mapping):
        return [*value, *map(_keys, value.values())]
    return [*map(_keys, value)] if isinstance(value, list) else []


def _double_seeds() -> list[bytes]:
    private = f"{PRIVATE}@example.com"
    invoice = f"""{{
 "object": "invoice", "total": "{private}", "status": "{PRIVATE}", "a/b~c": [null],
 "lines": {{"object": "list", "data": [{{"object": "line_item", "amount": 1.5, "plan": null}}]}}
}}"""
    mock = json.dumps({"request": {"url": "/v1/invoices"}, "response": {"body": invoice}})
    yaml = f"- &a {{object: invoice, paid: yes, customer: {private}}}\n- <<: *a\n  lines: [1]\n"
    return [
        b".json\n" + invoice.encode(), b".json\n" + mock.encode(), b".yaml\n" + yaml.encode(),
        b".jsonl\n" + b'{"object":"invoice"}\r\n{"object":"event","data":{"object":{}}}\r\n',
        b".yml\nobject: invoice\nlines:\n  data:\n  - amount: '1'\n", b".json\n[{\"id\": 1}, []]",
        b".yaml\nbody: |\n  " + invoice.replace("\n", "\n  ").encode(),
    ]  # fmt: skip


TARGETS: dict[str, Target] = {
    "readers": Target(_check_readers, _bodies),
    "loader": Target(_check_loader, lambda: [*_samples()[:3], *_bodies(), _tape()]),
    "call": Target(_check_call, _call_seeds),
    "form": Target(_check_form, _form_seeds),
    "json": Target(
        _check_json,
        lambda: [b'{"id": "x", "n": 1e400, "a": [1, 2.50, null]}', f'{{"{PRIVATE}": 1'.encode()],
    ),
    "toml": Target(
        _check_toml,
        lambda: [b'[tool.replay]\nmode = "none"\n', b"[[a]]\nb = 1979-05-27\n", b"a = {b=[1,2]}"],
    ),
    "archive": Target(_check_archive, lambda: [_zip(), _zip(zipfile.ZIP_STORED)]),
    "scan": Target(_check_scan, _scan_seeds),
    "doubles": Target(_check_doubles, _double_seeds),
}
