"""Names: safe on every file system, the same everywhere, and never shared by two keys."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.proof import proved

from replay.library.names import SUFFIX, digested, directories, plain, segment
from replay.model.cassette import ObjectKey
from replay.stripe_api.routes import Route, retrieves, table

ANY = st.text(st.characters(codec=None), min_size=1, max_size=300) | st.text(
    alphabet="aA.~-_/\\: xyaml", min_size=1, max_size=20
)
GENERATED = st.from_regex(r"[a-z]{2,6}_[0-9A-Za-z]{1,40}", fullmatch=True)

# Rows 42 to 51 of the nasty inputs, and more of their kind.
HOSTILE = [
    "../x",
    "..",
    ".",
    "/etc/passwd",
    "%2e%2e",
    "a\0b",
    "x" * 300,
    "CON",
    "con",
    "Nul",
    "COM1",
    "lpt9",
    "aux.txt",
    "CON.x",
    "con.a.b",
    "ünicode",
    "\u0456n_1",  # a Cyrillic look-alike
    "",
    " ",
    "a ",
    " a",
    "a.",
    ".a",
    "-a",
    "a/b",
    "a\\b",
    "a:b",
    "C:",
    "a\nb",
    "a*",
    "a?",
    "~",
    "~a",
    "a~b",
    "_accounts",
    "_singleton",
    ".replay",
    ".git",
    "x.yaml",
    "\ud800",
    "\u202e",
    "a" * 121,
    "$(x)",
    "a|b",
    '"',
    "<",
    "é",
]


@given(GENERATED)
def test_generated_ids(id: str) -> None:
    """An ID as Stripe makes them is its own folder's name."""
    assert id == segment(id)
    assert plain(id)


@pytest.mark.parametrize(
    "version", ["2024-06-20", "2025-03-31.basil", "2026-01-28.preview", "unversioned"]
)
def test_versions(version: str) -> None:
    """A version is its own file's name."""
    assert version == segment(version)


def test_beta_versions() -> None:
    """A version with betas has a readable name of one form."""
    expected = "2023-10-16-feature_beta-v1~" + "0" * 24
    assert expected == re.sub("(?<=~).*", "0" * 24, segment("2023-10-16; feature_beta=v1"))


def test_names_never_change() -> None:
    """A digest is the same on every machine and in every release: libraries are in git."""
    assert "2023-10-16-feature_beta-v1~eb8866ceb3de22a39306804c" == segment(
        "2023-10-16; feature_beta=v1"
    )
    assert "x~d6b96a97d147daaae49eb87a" == segment("../x")


def safe(name: str) -> bool:
    """Whether a name is one harmless part of a path on POSIX and on Windows, judged on its own."""
    return (
        bool(re.fullmatch(r"[A-Za-z0-9_~][A-Za-z0-9_.~-]*", name))
        and len(name) <= 120
        and not name.endswith((".", " ", SUFFIX))
        and (name,) == PurePosixPath(name).parts == PureWindowsPath(name).parts
        and not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name)
        and name not in {"_accounts", "_singleton"}
    )


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_hostile(name: str) -> None:
    """A hostile ID is stored under a digest, which escapes nowhere and is nobody else's."""
    assert safe(segment(name))
    assert "~" in segment(name)
    assert not plain(name)


@proved
@given(ANY)
def test_safe(name: str) -> None:
    """Whatever a name is, its file name is safe."""
    assert safe(segment(name))
    assert safe(digested(name))


@proved
@given(ANY, ANY)
def test_no_collision(one: str, other: str) -> None:
    """Two names share a file name only if they are one; plain and digested ones never meet."""
    assert (one == other) == (segment(one) == segment(other))
    assert segment(one) != digested(other) or not plain(one)
    if segment(one).casefold() == segment(other).casefold():
        assert one.casefold() == other.casefold()


@pytest.mark.parametrize("id", ["in_1abc", "In_1abc", "IN_1ABC"])
def test_case_siblings(id: str) -> None:
    """IDs that differ in case only have digests that do not."""
    others = {"in_1abc", "In_1abc", "IN_1ABC"} - {id}
    assert digested(id).casefold() not in {digested(other).casefold() for other in others}


LITERALS = sorted({part for route in retrieves() for part in route.resource.split("/")})
IDS = st.sampled_from(LITERALS) | GENERATED | ANY
ROUTES = st.sampled_from(table())


def key(route: Route, ids: list[str], account: str, query: str = "") -> ObjectKey:
    """A key of a route; `query` counts for a collection alone."""
    parents, id = (ids, "") if route.singleton else (ids[:-1], ids[-1])
    asked = query if route.collection else None
    return ObjectKey(route.resource, id, tuple(parents), account, asked)


KEYS = ROUTES.flatmap(
    lambda route: st.builds(
        key, st.just(route), st.lists(IDS, min_size=route.parameters, max_size=route.parameters),
        st.sampled_from(["", "acct-00ff", "acct-11ee"]), st.sampled_from(["", "limit=3"]) | ANY,
    )
)  # fmt: skip


@proved
@given(KEYS, KEYS)
def test_keys_do_not_collide(one: ObjectKey, other: ObjectKey) -> None:
    """Two keys share a folder only if they are one, even if an ID is a word of the API."""
    assert (one == other) == (directories(one) == directories(other))


@pytest.mark.parametrize("route", retrieves(), ids=lambda route: route.path)
def test_folders_follow_the_url(route: Route) -> None:
    """An object's folders are its URL's segments, a singleton's last one being its own."""
    ids = [f"id_{n}" for n in range(route.parameters)]
    made = key(route, ids, "")
    url = route.url_path(made.parents, made.id).removeprefix("/v1").strip("/").split("/")
    expected = [*url, "_singleton"] if route.singleton else url
    assert expected == list(directories(made))
    account = ObjectKey(made.resource, made.id, made.parents, "acct-00ff")
    assert ["_accounts", "acct-00ff", *expected] == list(directories(account))


@pytest.mark.parametrize(
    "route", [r for r in table() if r.collection], ids=lambda route: route.path
)
def test_folders_of_collections(route: Route) -> None:
    """A collection's folders are its URL's segments and its parameters', apart from any ID's."""
    ids = [f"id_{n}" for n in range(route.parameters)]
    made = key(route, ids, "")
    url = route.url_path(made.parents, made.id).removeprefix("/v1").strip("/").split("/")
    assert [*url, "_collection", "_all"] == list(directories(made))
    asked = directories(replace(made, query="limit=3&x=\u00fc"))
    assert [*url, "_collection"] == list(asked[:-1])
    assert safe(asked[-1])
    assert "~" in asked[-1]
