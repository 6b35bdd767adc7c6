"""One invented customer in every form of recording, packing and encoding: all of it is found."""

from __future__ import annotations

import json

import pytest
import yaml
from support import foreign

from replay.redaction.policy import default_policy
from replay.scan.rules import Hit
from replay.scan.search import hits_in
from replay.scan.sources import Source

POLICY = default_policy()


def hits(name: str, data: bytes) -> list[Hit]:
    return list(hits_in(Source(name, data), POLICY))


def fields(name: str, data: bytes) -> set[str]:
    found = hits(name, data)
    assert all("holm" not in repr(hit).lower() for hit in found)
    return {hit.detail for hit in found if hit.rule == "private-field"}


@pytest.mark.parametrize("form", foreign.RECORDINGS)
def test_each_tools_recording_is_read(form):
    """Each private field of the answer is named, and each private parameter of the form."""
    name, data = foreign.RECORDINGS[form]
    assert fields(name, data) >= foreign.FIELDS
    details = {hit.detail for hit in hits(name, data) if hit.rule == "private-parameter"}
    assert {"body parameter name", "body parameter email"} == details


@pytest.mark.parametrize("form", foreign.TEXTS)
def test_an_object_of_stripes_is_found_in_any_file(form):
    """JSON, YAML and TOML are read whatever the file is for."""
    assert fields(*foreign.TEXTS[form]) >= foreign.FIELDS


@pytest.mark.parametrize("packing", foreign.PACKED)
@pytest.mark.parametrize("form", ["Ruby VCR", "nock", "cassetter, TOML"])
def test_files_are_unpacked(form, packing):
    """A recording is found in every archive and compressed file."""
    name, data = foreign.RECORDINGS[form]
    suffix, pack = foreign.PACKED[packing]
    assert fields(name + suffix, pack(data, name)) >= foreign.FIELDS


@pytest.mark.parametrize("encoding", foreign.ENCODED)
@pytest.mark.parametrize("form", ["vcrpy, pretty body", "HAR", "cassetter, TOML"])
def test_files_in_every_encoding_are_read(form, encoding):
    """A recording is found in whatever encoding its file has, with a mark or without."""
    name, data = foreign.RECORDINGS[form]
    assert fields(name, foreign.ENCODED[encoding](data.decode())) >= foreign.FIELDS


QUOTED = foreign.BODY.replace('"', "&quot;")
DOUBLED = foreign.BODY.replace('"', '""')
DRESSED = {
    "HTML": ("a.html", f"<pre>{QUOTED}</pre>"),
    "HTML, numbers": ("a.html", f"<pre>{foreign.BODY.replace(chr(34), '&#34;')}</pre>"),
    "a table": ("a.csv", f'id,body\n1,"{DOUBLED}"\n'),
    "a notebook": ("a.ipynb", json.dumps({"text": foreign.PRETTY.splitlines(keepends=True)})),
    "Markdown": ("a.md", f"# A\n\n```yaml\n{yaml.safe_dump(foreign.CUSTOMER)}```\n"),
    "Python": ("a.py", f"answer = {foreign.CUSTOMER!r}\n"),
    "a snapshot": ("a.snap", f"exports[`a`] = `\n{foreign.PRETTY}\n`;"),
    "TypeScript": ("a.ts", f"const a = {foreign.BODY} as const satisfies Answer;"),
}


@pytest.mark.parametrize("form", DRESSED)
def test_an_object_of_stripes_is_found_in_pages_tables_and_code(form):
    name, text = DRESSED[form]
    assert fields(name, text.encode()) >= foreign.FIELDS
