"""Rows 67 to 72 of the nasty inputs: trees that are scanned, as users scan them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from replay.cli.main import cli
from replay.scan.report import FORMATS
from support.nasty import Bench, row

TAIL = "51QaTestAbCdEfGhIjKl"
CUSTOMER = {
    "id": "cus_QaTestAbCdEf01", "object": "customer", "email": "greta@kiesel-werft.de",
    "name": "Greta Ohm",
}  # fmt: skip


def scanned(bench: Bench, *options: str) -> tuple[int, str]:
    """Exit code and output of `replay scan` in the bench's folder."""
    with bench.timed():
        result = CliRunner().invoke(cli, ["scan", *options], catch_exceptions=False)
    return result.exit_code, result.stdout


def found(bench: Bench, *options: str) -> set[tuple[str, str]]:
    """Path and rule of each finding."""
    rows = json.loads(scanned(bench, "--format", "json", "--all", *options)[1])["findings"]
    return {(row["path"], row["rule"]) for row in rows}


def git(*arguments: str) -> None:
    identity = "-c", "user.name=A", "-c", "user.email=a@example.com"
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)  # noqa: S607


def put(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, "utf-8")


def vcrpy(body: Any) -> str:
    """A cassette of vcrpy's with one answer."""
    return (
        "interactions:\n- request:\n    body: null\n    headers: {}\n    method: GET\n"
        "    uri: https://api.stripe.com/v1/customers/cus_QaTestAbCdEf01\n  response:\n"
        f"    body:\n      string: {json.dumps(json.dumps(body))}\n"
        "    headers: {}\n    status: {code: 200, message: OK}\nversion: 1\n"
    )


@row(67, "a secret that replaced another in its line", "F")
def _(bench: Bench) -> str:
    os.chdir(bench.folder)
    git("init", "-q", "-b", "main")
    put("a.txt", f"key = sk_test_{TAIL}\n")
    put("b.yaml", vcrpy(CUSTOMER))
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    assert set() == found(bench, "--diff", "main")
    put("a.txt", f"key = sk_live_{TAIL}\n")
    put("b.yaml", vcrpy(CUSTOMER | {"email": "jonas@kiesel-werft.de"}))
    rows = found(bench, "--diff", "main")
    assert {("a.txt", "secret-key"), ("b.yaml", "private-field")} == rows
    return "a live key for a test key, and one person's address for another's"


@row(68, "recordings below a folder @scope", "F")
def _(bench: Bench) -> str:
    os.chdir(bench.folder)
    put("packages/@acme/tapes@2/c.yaml", vcrpy(CUSTOMER))
    assert {("packages/@acme/tapes@2/c.yaml", "private-field")} == found(bench)
    return "scanned as recordings, and named in full"


@row(69, "JSON arrays, as nock records them", "F")
def _(bench: Bench) -> str:
    os.chdir(bench.folder)
    call = {"scope": "https://api.stripe.com:443", "method": "GET", "status": 200,
            "path": "/v1/customers/cus_QaTestAbCdEf01", "response": CUSTOMER}  # fmt: skip
    put("nock.json", json.dumps([call]))
    put("list.json", json.dumps([[CUSTOMER, CUSTOMER]]))
    names = {"nock.json", "list.json"}
    assert {(name, "private-field") for name in names} == found(bench)
    return "their bodies are scanned"


@row(70, "a file name that is a workflow command", "F")
def _(bench: Bench) -> str:
    os.chdir(bench.folder)
    names = ("a\n::error title=X::b", "::error title=X::b", " ::add-mask::b", "##[error]b")
    for name in names:
        put(name, f"sk_live_{TAIL}")
    for format_ in FORMATS:
        code, text = scanned(bench, "--format", format_)
        assert 1 == code
        own = {line for line in text.split("\n") if line.lstrip().startswith("::")}
        assert "##" not in text
        assert all(line.startswith("::error file=") for line in own)
        assert len(own) == (format_ == "github")
    return f"{len(names)} names in {len(FORMATS)} formats: nothing that a CI system obeys"


@row(71, "a file name that is no UTF-8", "F")
def _(bench: Bench) -> str:
    os.chdir(bench.folder)
    put(os.fsdecode(b"caf\xe9-\xff.txt"), f"sk_live_{TAIL}")
    for format_ in FORMATS:
        code, text = scanned(bench, "--format", format_)
        assert 1 == code
        assert text.isascii()
        assert any(shown in text for shown in ("caf\\xe9-\\xff", "caf\\\\xe9-\\\\xff",
                   "caf\\udce9-\\udcff", "caf%E9-%FF", "caf\\\\udce9-\\\\udcff")), text  # fmt: skip
    return f"exit code 1 in {len(FORMATS)} formats, and SARIF has its bytes"


@row(72, "20 kB of base64 of one secret prefix", "F")
def _(bench: Bench) -> str:
    os.chdir(bench.folder)
    for prefix in ("sk_live_", "whsec_", "_secret_"):
        repeated = (prefix * 20_000)[:20_000].encode()
        for number, text in enumerate((base64.b64encode(repeated).decode(), repeated.hex())):
            put(f"{prefix}{number}.txt", text)
            scanned(bench, f"{prefix}{number}.txt")
    return "in base64 and in hex"
