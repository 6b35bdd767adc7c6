"""A library inside of a zip file or wheel: read like one on disk, and only read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.resources import files as resources
from pathlib import Path

import pytest
import requests
from support.command import replay_command
from support.standin import DRAFT, NEW, StandIn
from support.takes import KEY, VERSION, cassette
from support.writing import settle, unchecked

import replay
from replay.errors import (
    CassetteDamaged,
    CassetteUnsealed,
    ConfigError,
    KeyMismatch,
    LibraryError,
)
from replay.library import Library, archive
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.model.cassette import ObjectKey

PLACE = f"invoices/{KEY.id}/{VERSION}.yaml"
TEXT = codec.dumps(cassette())


def zipped(path: Path, members: dict[str, bytes | str], **options: int) -> Path:
    """A zip file of some members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data, **options)
    return path


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A zip file with a library of one invoice at two versions at its top, and a charge."""
    charge = ObjectKey("charges", "ch_1")
    return zipped(
        tmp_path / "bundle.zip",
        {
            PLACE: TEXT,
            f"invoices/{KEY.id}/{NEW}.yaml": codec.dumps(cassette(version=NEW)),
            f"charges/ch_1/{VERSION}.yaml": codec.dumps(cassette(key=charge)),
        },
    )


def test_everything_that_reads_reads_it(bundle: Path) -> None:
    """Lookup, versions, listing and near misses are those of a library on disk."""
    library = Library(bundle)
    storage_of(library).require()
    assert cassette() == library.load(KEY, VERSION) == library.read(PLACE)
    settle(bundle)
    assert library.load(KEY, VERSION) is library.load(KEY, VERSION)
    assert (VERSION, NEW) == tuple(found.api_version for found in library.recorded(KEY))
    assert [f"charges/ch_1/{VERSION}.yaml", PLACE, f"invoices/{KEY.id}/{NEW}.yaml"] == (
        library.paths()
    )
    assert 3 == len(list(library.cassettes()))
    assert (KEY.id,) == storage_of(library).nearest(ObjectKey("invoices", "in_2"))
    assert TEXT.encode() == storage_of(library).read_bytes(PLACE)
    assert library.load(KEY, "2020-01-01") is None
    assert storage_of(library).read_bytes("nothing") is None
    assert library.read("a/b") is None
    assert () == library.recorded(ObjectKey("refunds", "re_1"))
    assert bundle.name == display_path(library.root)


def test_a_folder_inside(bundle: Path, tmp_path: Path) -> None:
    """The library may lie below folders of the archive, with or without entries of their own."""
    inner = zipped(
        tmp_path / "pkg-1.whl", {"pkg/": b"", "pkg/data/": b"", f"pkg/data/{PLACE}": TEXT}
    )
    library = Library(inner / "pkg" / "data")
    storage_of(library).require()
    assert [PLACE] == library.paths()
    assert cassette() == library.load(KEY, VERSION)
    assert [
        ("", ["invoices"], []),
        ("invoices", [KEY.id], []),
        (f"invoices/{KEY.id}", [], [f"{VERSION}.yaml"]),
    ] == list(storage_of(library).walk())
    for missing in (inner / "pkg" / "other", bundle / "no"):
        with pytest.raises(ConfigError, match="no library at this path"):
            storage_of(Library(missing)).require()


def test_commands_read_it(bundle: Path) -> None:
    """list, show and diff take an archive as their library."""
    listed = replay_command("list", "--library", bundle, "--format", "json")
    assert (0, 3) == (listed.code, len(listed.json["cassettes"]))
    shown = replay_command("show", "invoice", KEY.id, "--library", bundle)
    assert (0, True) == (shown.code, KEY.id in shown.out)
    compared = replay_command("diff", VERSION, NEW, "--library", bundle, "--format", "json")
    assert 0 == compared.code, compared.err


def test_nothing_is_recorded_into_it(bundle: Path, stand_in: StandIn) -> None:
    """Every mode that writes is refused with what to do; no byte changes, nothing is asked."""
    before = bundle.read_bytes()
    for mode in ("once", "new_episodes", "all"):
        with pytest.raises(LibraryError, match="can only be read") as caught:
            replay.use_cassettes(bundle, mode=mode, api_base=stand_in.url)
        assert "unzip" in caught.value.hint
    library = Library(bundle)
    with pytest.raises(LibraryError, match="can only be read"), storage_of(library).lock(KEY):
        pass
    with pytest.raises(LibraryError, match="can only be read"):
        storage_of(library).write(cassette(), unchecked)
    os.environ["STRIPE_API_KEY"] = "sk_test_" + "0" * 10
    try:
        done = replay_command(
            "record", "invoice", DRAFT, "--library", bundle, "--api-base", stand_in.url
        )
    finally:
        del os.environ["STRIPE_API_KEY"]
    assert (True, True) == (done.code != 0, "can only be read" in done.err)
    assert before == bundle.read_bytes()
    assert [] == stand_in.seen


def test_a_new_archive_is_seen(bundle: Path) -> None:
    """An archive that is replaced while it is used answers with what it holds now."""
    library = Library(bundle)
    assert cassette() == library.load(KEY, VERSION)
    other = cassette({"id": KEY.id, "total": 2})
    zipped(bundle.with_name("next.zip"), {PLACE: codec.dumps(other)}).replace(bundle)
    assert other == library.load(KEY, VERSION)
    bundle.unlink()
    assert library.load(KEY, VERSION) is None
    assert library.read(PLACE) is None
    assert storage_of(library).read_bytes(PLACE) is None
    assert () == library.recorded(KEY)
    with pytest.raises(ConfigError, match="no library"):
        storage_of(library).require()


def refused(path: Path, place: str = PLACE) -> LibraryError:
    """The error that a cassette in an archive gets."""
    with pytest.raises(LibraryError) as caught:
        Library(path).read(place)
    assert caught.value.hint
    assert str(path) in caught.value.where
    return caught.value


def test_seals_and_keys_hold(tmp_path: Path) -> None:
    """What a library on disk refuses is refused in an archive too."""
    edited = zipped(tmp_path / "a.zip", {PLACE: TEXT.replace("1000", "1001")})
    assert CassetteUnsealed is type(refused(edited))
    moved = zipped(tmp_path / "b.zip", {"invoices/in_2/2024-06-20.yaml": TEXT})
    assert KeyMismatch is type(refused(moved, "invoices/in_2/2024-06-20.yaml"))
    folder = zipped(tmp_path / "c.zip", {f"{PLACE}/": b""})
    assert [PLACE] == Library(folder).paths()
    assert "not a regular file" in refused(folder).what


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """A member that would unpack to more than a cassette may have is refused before it is read."""
    bomb = zipped(tmp_path / "bomb.zip", {PLACE: b"0" * (seals.MAX_BYTES + 1)})
    assert bomb.stat().st_size < 200_000
    assert f"at most {seals.MAX_BYTES}" in refused(bomb).what


def test_a_lie_about_the_size_is_found(tmp_path: Path) -> None:
    """A member that says it is small unpacks no further than that, and its sum does not fit."""
    liar = zipped(tmp_path / "liar.zip", {PLACE: b"0" * (seals.MAX_BYTES + 1)})
    data = liar.read_bytes()
    size = (seals.MAX_BYTES + 1).to_bytes(4, "little")
    assert 2 == data.count(size)
    liar.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    assert "damaged at this file" in refused(liar).what


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(b"PK\5\6" + b"\0" * 9), "cannot be read"),
        (lambda path: path.write_bytes(b"no zip at all"), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "cannot be read"),
        (lambda path: zipped(path, {f"a/../{PLACE}": TEXT}), "leads elsewhere"),
        (lambda path: zipped(path, {"a//b.yaml": TEXT}), "leads elsewhere"),
        (lambda path: zipped(path, {"a/" * 30 + "b.yaml": TEXT}), "too many folders"),
    ],
    ids=["empty", "cut table", "no zip", "truncated", "dots", "empty folder", "deep"],
)
def test_broken_archives(make: Callable[[Path], object], what: str, bundle: Path) -> None:
    """An archive that cannot be trusted is refused as a whole, with its name."""
    make(bundle)
    assert what in refused(bundle).what


def test_too_many_files(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of contents that would fill the memory is not read; nor is one of zip64."""
    monkeypatch.setattr(archive, "MAX_DIRECTORY", 100)
    assert "too many files" in refused(bundle).what
    monkeypatch.undo()
    data = bundle.read_bytes()
    end = data.rindex(b"PK\5\6")
    bundle.write_bytes(data[:end] + b"PK\6\7" + b"\0" * 16 + data[end:])
    assert "too many files" in refused(bundle).what


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_ambiguous_and_foreign_members(bundle: Path, tmp_path: Path) -> None:
    """Two entries of one name, other compression and encryption are refused, not guessed at."""
    with zipfile.ZipFile(bundle, "a") as more:
        more.writestr(PLACE, TEXT)
    assert "twice" in refused(bundle).what
    packed = zipped(tmp_path / "lzma.zip", {PLACE: TEXT}, compress_type=zipfile.ZIP_LZMA)
    assert "encrypted, or not by deflate" in refused(packed).what


def test_damage_inside(bundle: Path) -> None:
    """A flipped bit in a member's data is told by its sum."""
    with zipfile.ZipFile(bundle) as opened:
        start = opened.getinfo(PLACE).header_offset + 30 + len(PLACE)
    data = bytearray(bundle.read_bytes())
    data[start + 40] ^= 1
    bundle.write_bytes(bytes(data))
    assert CassetteDamaged is type(refused(bundle))


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    """A path below a plain file, or one that no file system takes, is no library."""
    (tmp_path / "file.txt").write_text("x")
    for path in (tmp_path / "file.txt" / "x", Path("a\0b"), Path("x" * 5000)):
        with pytest.raises(ConfigError, match="no library"):
            storage_of(Library(path)).require()
    assert archive.leads_into(str(tmp_path / "new" / "library")) is None
    assert archive.leads_into("") is None


def test_forked_processes_read_it(bundle: Path) -> None:
    """A process that was forked while the archive was open reads it right, beside its parent."""
    library = Library(bundle)
    library.read(PLACE)
    code = (
        "import os, sys\n"
        "from replay.library import Library\n"
        "from replay.library.library import storage_of\n"
        "library = Library(sys.argv[1])\n"
        "files = storage_of(library)\n"
        "def read():\n"
        "    return [files.read_bytes(path) for path in library.paths()]\n"
        "want = read()\n"
        "children = []\n"
        "for _ in range(4):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        ok = all(read() == want for _ in range(200))\n"
        "        os._exit(not ok)\n"
        "    children.append(child)\n"
        "assert all(read() == want for _ in range(200))\n"
        "assert [0] * 4 == [os.waitpid(child, 0)[1] for child in children]\n"
    )
    subprocess.run([sys.executable, "-c", code, str(bundle)], check=True)


PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "shipped"
version = "1"
"""
READ = """
import importlib.resources, json, sys
import requests, replay, shipped
from replay.library.location import display_path
place = importlib.resources.files("shipped") / "cassettes"
with replay.use_cassettes(place) as session:
    body = requests.get("https://api.stripe.com/v1/invoices/" + sys.argv[1], timeout=5).json()
shown = display_path(replay.Library(place).root)
print(json.dumps([type(place).__name__, body["id"], session.counts.played, shown]))
"""


def test_a_wheel_ships_its_recordings(stand_in: StandIn, tmp_path: Path) -> None:
    """A package's recordings are replayed from its wheel on the path, and once it is installed."""
    source = tmp_path / "source"
    (source / "shipped").mkdir(parents=True)
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "shipped" / "__init__.py").touch()
    with replay.use_cassettes(source / "shipped/cassettes", mode="once", api_base=stand_in.url):
        requests.get(f"{stand_in.url}/v1/invoices/{DRAFT}", timeout=5)
    stand_in.stop()
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    def read(where: Path) -> list[object]:
        done = subprocess.run(
            [sys.executable, "-c", READ, DRAFT], check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(where)},
        )  # fmt: skip
        found: list[object] = json.loads(done.stdout)
        return found

    assert ["Path", DRAFT, 1] == read(wheel)[:3]
    assert f"{wheel.name}/shipped/cassettes" == read(wheel)[3]
    home = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(home), str(wheel)], check=True)
    assert ["PosixPath", DRAFT, 1] == read(home)[:3]


def test_resources(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resource is taken where it lies in a folder or a zip file, and refused elsewhere."""
    assert cassette() == Library(zipfile.Path(bundle)).load(KEY, VERSION)
    space = tmp_path / "site" / "spaced"
    (space / "invoices").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert space == Library(resources("spaced")).root
    (tmp_path / "more" / "spaced" / "charges").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "more")
    monkeypatch.delitem(sys.modules, "spaced", raising=False)
    with pytest.raises(ConfigError, match="neither in one folder nor in a zip"):
        Library(resources("spaced"))
    with pytest.raises(ConfigError, match="neither in one folder nor in a zip"):
        Library(object())  # type: ignore[arg-type]
