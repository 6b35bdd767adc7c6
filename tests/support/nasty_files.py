"""Rows 1 to 25 and 61 to 66 of the nasty inputs: files that stand where a cassette should."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from replay.errors import ReplayError
from replay.library import Library
from replay.library.format import codec, seals
from replay.model import json_body
from replay.model.cassette import Interaction, ObjectKey
from replay.model.modes import RecordMode
from replay.redaction.policy import default_policy
from replay.scan.rules import Confidence
from replay.scan.run import scan
from replay.upkeep.seal import seal
from replay.upkeep.verify.check import verify
from replay.upkeep.verify.problems import ProblemKind
from support.nasty import SAMPLES, Bench, all_cassettes, aside, row
from support.proof import no_wait
from support.standin import DRAFT, OLD, invoice

FLIPS = 10_000


def resealed(data: bytes, change: Callable[[str], str]) -> bytes:
    """A changed text with a seal that fits it, as a careless editor or an attacker makes it."""
    body = change(data.decode().partition("\n")[2])
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"# replay cassette 1 sha256:{digest}\n{body}".encode()


def _write(path: Path, damage: Callable[[bytes], bytes], whole: bytes) -> None:
    path.write_bytes(damage(whole))


def refuses(bench: Bench, *damages: Callable[[bytes], bytes]) -> str:
    """R, for each of several files."""
    path = bench.recorded()
    whole = path.read_bytes()
    said = []
    for damage in damages:
        aside(partial(_write, path, damage, whole))
        error = bench.refused(path)
        said.append(f"{type(error).__name__}: {error.what}")
    return said[0]


@row(1, "empty", "R")
def _(bench: Bench) -> str:
    return refuses(bench, lambda _: b"")


@row(2, "only white space", "R")
def _(bench: Bench) -> str:
    return refuses(bench, lambda _: b" \n\t\r\n ", lambda _: b"\xef\xbb\xbf\n")


def every(bench: Bench, damages: Callable[[bytes], object], what: str) -> str:
    """R for many damages of every sample cassette, in every mode."""
    library = shutil.copytree(SAMPLES, bench.library)
    sessions = [bench.session(mode) for mode in RecordMode]
    tried = cassettes = 0
    for path, asked in all_cassettes(library):
        whole = path.read_bytes()
        cassettes += 1
        for damaged in damages(whole):  # type: ignore[attr-defined]
            path.write_bytes(damaged)
            bench.refused(path, asked, sessions=sessions)
            tried += 1
            for session in sessions:
                session.refusals.clear()  # a session keeps each; 40,000 of them are this row's
        path.write_bytes(whole)
    return f"all of {tried:,} {what} of {cassettes} sample cassettes, in each mode"


@row(3, "truncated at each byte", "R")
def _(bench: Bench) -> str:
    step = 1 if bench.full else 97
    return every(
        bench, lambda whole: (whole[:n] for n in range(0, len(whole), step)), "truncations"
    )


@row(4, "one bit flipped", "R")
def _(bench: Bench) -> str:
    rng = random.Random(4)

    def flips(whole: bytes) -> object:
        for _ in range(FLIPS if bench.full else 60):
            at = rng.randrange(len(whole))
            yield whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :]

    return every(bench, flips, "random flips")


@row(5, "a block of NULs", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: data[:512] + b"\0" * 512 + data[1024:],
        lambda data: b"\0" * len(data),
        lambda data: data + b"\0" * 4096,
        lambda data: resealed(data, lambda body: body + "\0" * 4096),
    )


@row(6, "UTF-16", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: data.decode().encode("utf-16"),
        lambda data: data.decode().encode("utf-16-le"),
        lambda data: data.decode().encode("utf-32"),
    )


@row(7, "latin-1", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: data + "# ü\n".encode("latin-1"),
        lambda data: data.replace(b"draft", "dräft".encode("latin-1")),
    )


@row(8, "merge-conflict markers", "R")
def _(bench: Bench) -> str:
    def below(data: bytes) -> bytes:
        head, _, body = data.partition(b"interactions:\n")
        return (head + b"interactions:\n<<<<<<< HEAD\n" + body + b"=======\n" + body
                + b">>>>>>> theirs\n")  # fmt: skip

    return refuses(
        bench,
        lambda data: b"<<<<<<< HEAD\n" + data + b"=======\n" + data + b">>>>>>> theirs\n",
        below,
        lambda data: resealed(below(data), lambda body: body),
    )


@row(9, "duplicate keys", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: resealed(data, lambda body: body + "version: 1\n"),
        lambda data: resealed(data, lambda b: b.replace("  id: ", "  id: in_other\n  id: ", 1)),
    )


@row(10, "two documents", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: resealed(data, lambda body: f"{body}---\n{body}"),
        lambda data: resealed(data, lambda body: f"---\n{body}...\n---\n{body}"),
    )


@row(11, "tabs", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: resealed(data, lambda body: body.replace("\n  ", "\n\t")),
        lambda data: data.replace(b"  ", b"\t"),
    )


@row(12, "a git-LFS pointer", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
            % (hashlib.sha256(data).hexdigest().encode(), len(data))
        ),
    )


@row(13, "!!python/… tags", "R")
def _(bench: Bench) -> str:
    ran = bench.folder / "ran"

    def tagged(body: str) -> str:
        return body + f"x: !!python/object/apply:os.mkdir ['{ran}']\n"

    said = refuses(
        bench,
        lambda data: resealed(data, tagged),
        lambda data: resealed(data, lambda _: f"!!python/object/apply:os.mkdir ['{ran}']\n"),
        lambda data: resealed(data, lambda body: body + "x: !!python/name:os.system\n"),
        lambda data: resealed(data, lambda body: body + "x: !mine 1\n"),
    )
    assert not ran.exists()
    return said


@row(14, "an alias bomb", "R")
def _(bench: Bench) -> str:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    return refuses(
        bench,
        lambda data: resealed(data, lambda body: body + bomb),
        lambda data: resealed(data, lambda _: bomb),
    )


@row(15, "an alias of itself", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: resealed(data, lambda body: body + "x: &x [*x]\n"),
        lambda data: resealed(data, lambda _: "&x {version: *x}\n"),
        lambda data: resealed(data, lambda body: body + "x: *y\n"),
    )


@row(16, "nesting 100,000 deep", "R")
def _(bench: Bench) -> str:
    deep = 100_000
    return refuses(
        bench,
        lambda data: resealed(data, lambda body: f"{body}x: {'[' * deep}{']' * deep}\n"),
        lambda data: resealed(data, lambda body: body + "x: " + "[" * deep),
        lambda data: resealed(data, lambda _: "{a: " * deep),
        lambda data: resealed(data, lambda _: "- " * deep),
        lambda data: resealed(data, lambda _: "? " * deep),
        lambda data: resealed(data, lambda _: "[" * (seals.MAX_BYTES - 100)),
    )


@row(17, "an integer of 5,000 digits", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: resealed(data, lambda body: body.replace("code: 200", "code: " + "9" * 5000)),
        lambda data: resealed(data, lambda body: body + "x: -" + "1" * 5000 + "\n"),
    )


def _fill(path: Path, filler: bytes, count: int) -> None:
    with path.open("ab") as file:
        file.write(filler * count)


@row(18, "a file of 1 GB", "R")
def _(bench: Bench) -> str:
    path = bench.recorded()
    whole = path.read_bytes()
    os.truncate(path, 2**30)
    error = bench.refused(path)
    for filler in (b"\0", b" ", b"a", "ü".encode(), "\U0001f600".encode()):  # the largest read
        for start in (whole, b""):
            size = (seals.MAX_BYTES - len(start)) // len(filler)
            path.write_bytes(start)
            aside(partial(_fill, path, filler, size))
            bench.refused(path)
    return f"{type(error).__name__}: {error.what}"


@row(19, "a directory or FIFO in its place", "R")
def _(bench: Bench) -> str:
    path = bench.recorded()
    path.unlink()
    path.mkdir()
    bench.refused(path)
    path.rmdir()
    os.mkfifo(path)
    with no_wait(path):
        error = bench.refused(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    bench.refused(path)
    path.unlink()
    path.symlink_to("nowhere")
    bench.refused(path)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file in its folder's place")
    bench.refused(path.parent)
    return f"{type(error).__name__}: {error.what}"


@row(20, "a symlink out of the library", "R")
def _(bench: Bench) -> str:
    path = bench.recorded()
    outside = Path(shutil.move(path.parent, bench.folder / "outside"))
    path.parent.symlink_to(outside)
    bench.refused(path)
    path.parent.unlink()
    path.parent.mkdir()
    path.symlink_to(outside / path.name)
    error = bench.refused(path)
    return f"{type(error).__name__}: {error.what}"


@row(21, "another ID inside", "R")
def _(bench: Bench) -> str:
    def other(data: bytes) -> bytes:
        cassette = codec.loads(data, "")
        return codec.dumps(replace(cassette, key=ObjectKey("invoices", "in_other"))).encode()

    return refuses(bench, other)


@row(22, "a future format number", "R")
def _(bench: Bench) -> str:
    return refuses(
        bench,
        lambda data: data.replace(b"replay cassette 1 ", b"replay cassette 2 "),
        lambda data: data.replace(b"replay cassette 1 ", b"replay cassette 999999999 "),
        lambda data: resealed(data, lambda body: body.replace("version: 1", "version: 2", 1)),
    )


@row(23, "a truncated interaction list, valid YAML", "R")
def _(bench: Bench) -> str:
    bench.recorded()
    bench.source.objects[f"/v1/invoices/{DRAFT}"] = lambda *_: {"id": DRAFT, "object": "invoice"}
    session = bench.session("new_episodes")
    session.answer(bench.request())
    session.answer(bench.request())
    (path,) = bench.written()
    whole = path.read_bytes()
    cut = whole.rindex(b"- recorded_at:")
    assert 2 == whole.count(b"- recorded_at:")
    path.write_bytes(whole[:cut])
    error = bench.refused(path)
    path.write_bytes(resealed(whole, lambda body: body.partition("interactions:")[0]
                              + "interactions: []\n"))  # fmt: skip
    bench.refused(path)
    return f"{type(error).__name__}: {error.what}"


def same(bench: Bench, change: Callable[[bytes], bytes]) -> str:
    """P: the changed file answers as the whole one did, in every mode that replays."""
    path = bench.recorded()
    for version in (OLD, None):
        before = bench.session("none").answer(bench.request(version=version)).body
        whole = path.read_bytes()
        path.write_bytes(change(whole))
        hits = bench.source.hits.total()
        for mode in ("none", "once", "new_episodes"):
            with bench.timed():
                assert before == bench.session(mode).answer(bench.request(version=version)).body
        assert hits == bench.source.hits.total()
        assert change(whole) == path.read_bytes()
        path.write_bytes(whole)
    return "the same answer, and the file as it was"


@row(24, "a BOM", "P")
def _(bench: Bench) -> str:
    return same(bench, lambda data: b"\xef\xbb\xbf" + data)


@row(25, "a CRLF checkout", "P")
def _(bench: Bench) -> str:
    return same(bench, lambda data: data.replace(b"\n", b"\r\n"))


def planted(bench: Bench, *changes: Callable[[str], str]) -> str:
    """R: what a stranger sealed is refused in every mode; `verify` and `seal` name the file."""
    path = bench.recorded()
    whole = path.read_bytes()
    said = []
    for change in changes:
        path.write_bytes(resealed(whole, change))
        assert path.read_bytes() != resealed(whole, str)
        said.append(bench.refused(path))
        (problem,) = verify(Library(bench.library)).problems
        named = problem.path, problem.kind
        assert (str(path.relative_to(bench.library)), ProblemKind.DAMAGED) == named
        assert str(path) == _unsealed(path).where
        assert path.read_bytes() == resealed(whole, change)
    return f"{type(said[0]).__name__}: {said[0].what}"


def _unsealed(path: Path) -> ReplayError:
    try:
        seal(path)
    except ReplayError as error:
        return error
    raise AssertionError("sealed")


HEADERS = "      Content-Type: [application/json]\n"


@row(61, "a redirect to a stranger's host", "R")
def _(bench: Bench) -> str:
    line = f"{HEADERS}      Location: ['{bench.source.url}/v1/x']\n"

    def redirect(status: int) -> Callable[[str], str]:
        answered = f"code: {status}, message: Found"
        return lambda body: body.replace("code: 200, message: OK", answered).replace(HEADERS, line)

    kinds = (300, 301, 302, 303, 305, 307, 308, 399)
    bare = [lambda body, n=n: body.replace("code: 200", f"code: {n}") for n in (101, *kinds, 600)]
    return planted(bench, *bare, *map(redirect, kinds))


@row(62, "a header that recording does not write", "R")
def _(bench: Bench) -> str:
    lines = (
        "Location: [/v1/charges]", "Set-Cookie: [a=b]", "Server: [x]", "content-type: [x]",
        "Transfer-Encoding: [chunked]", "Content-Length: ['1']", "'': [x]", "X-Name: []",
    )  # fmt: skip
    return planted(
        bench,
        *(
            lambda body, line=line: body.replace(HEADERS, f"{HEADERS}      {line}\n", 1)
            for line in lines
        ),
    )


@row(63, "CR or LF in a header value", "R")
def _(bench: Bench) -> str:
    values = (r"1\r\nLocation: http://127.0.0.1/", r"1\n", r"1\r", r"1\0", r"1\x85", r"1\u2028")
    return planted(
        bench,
        *(
            lambda body, v=v: body.replace(HEADERS, f'{HEADERS}      Retry-After: ["{v}"]\n', 1)
            for v in values
        ),
        lambda body: body.replace("message: OK", 'message: "OK\\r\\nLocation: http://127.0.0.1/"'),
        *(
            lambda body, name=name: re.sub(rf"{name}: .*", rf'{name}: "x\\n"', body, count=1)
            for name in ("source", "recorded_at", "uri", "method", "policy")
        ),
    )


@row(64, "Content-Encoding beside a plain body", "R")
def _(bench: Bench) -> str:
    return planted(
        bench,
        lambda body: body.replace(HEADERS, f"{HEADERS}      Content-Encoding: [gzip]\n", 1),
    )


@row(65, "a stand-in of another owner or field", "F")
def _(bench: Bench) -> str:
    body = invoice(DRAFT, OLD) | {"metadata": {"Jenny Rosen": "x", "jenny@rosen": "1.25"}}
    body |= {
        "new_number": 1_700_000_123,
        "new_count": 77,
        "new_rate": 1.25,
        "new_day": "2020-02-02",
    }
    bench.served(200, {"Stripe-Version": OLD}, body)
    (path,) = bench.written()
    cassette = codec.loads(path.read_bytes(), str(path))
    (take,) = cassette.interactions
    assert len(take.redacted) > 20
    assert {"unknown-name"} == {hit.rule for hit in scan([str(path)], default_policy()).hits}
    for pointer in (*take.redacted, "/response/headers/Request-Id"):
        forged = replace(cassette, interactions=(replaced(take, pointer),))
        for policy, confidence in (
            (cassette.policy, Confidence.HIGH),
            ("stripe-1 sha256:0123456789ab", Confidence.MEDIUM),
        ):
            path.write_text(codec.dumps(replace(forged, policy=policy)), "utf-8")
            with bench.timed():
                hits = scan([str(path)], default_policy()).hits
            placed = {
                hit.pointer.partition(" ")[2]: hit for hit in hits if hit.rule != "unknown-name"
            }
            at = pointer.rpartition("/")[0] if pointer not in placed else pointer
            hit = placed.get(pointer) or next(
                h for p, h in placed.items() if p.startswith(f"{at}/")
            )
            assert (str(path), True) == (hit.path, hit.confidence.rank <= confidence.rank), pointer
            found = verify(Library(bench.library), policy=default_policy()).problems
            assert {ProblemKind.STAND_IN} == {problem.kind for problem in found}, (pointer, found)
            assert all("Rosen" not in problem.detail for problem in found)
    return f"{len(take.redacted) + 1} stand-ins changed, each is named by scan and verify --deep"


def replaced(take: Interaction, pointer: str) -> Interaction:
    """A take with another stand-in of the same form at a pointer."""
    if pointer.startswith("/response"):
        lines = tuple((n, other(v) if n == "Request-Id" else v) for n, v in take.response.headers)
        return replace(take, response=replace(take.response, headers=lines))
    body = json.loads(take.response.body)
    *above, last = pointer.split("/")[1:]
    place = body
    for step in above:
        place = place[int(step) if isinstance(place, list) else step]
    redacted = dict(take.redacted)
    if redacted[pointer].startswith("key"):
        place[other(last)] = place.pop(last)
        redacted["/".join(["", *above, other(last)])] = redacted.pop(pointer)
    else:
        place[int(last) if isinstance(place, list) else last] = other(
            place[int(last) if isinstance(place, list) else last]
        )
    response = replace(take.response, body=json_body.dump(body))
    return replace(take, response=response, redacted=redacted)


def other(value: Any) -> Any:
    """Another value of the same form: a number, or a text with another last digit."""
    if not isinstance(value, str):
        return value + 1
    end = max(found.start() for found in re.finditer("[0-9a-f]", value.partition("@")[0]))
    return f"{value[:end]}{'1' if value[end] == '0' else '0'}{value[end + 1 :]}"


@row(66, "a key over 1,024 characters in YAML", "R")
def _(bench: Bench) -> str:
    return planted(
        bench,
        lambda body: body.replace("  redacted:\n", f"  redacted:\n    /{'k' * 1025}: text\n", 1),
        lambda body: body.replace("cassette:\n", f"cassette:\n  {'k' * 1025}: text\n", 1),
    )
