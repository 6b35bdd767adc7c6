"""IDs and versions that differ in case only, on file systems that heed case and that ignore it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from support.layers import ignoring_case
from support.mounts import exfat
from support.takes import VERSION, cassette
from support.writing import unchecked

from replay.errors import CassetteDamaged, KeyMismatch, LibraryBusy
from replay.library import Library, names
from replay.library.folders import Folders
from replay.library.format import codec
from replay.library.library import storage_of
from replay.model.cassette import ObjectKey

NEW = "2025-03-31.basil"
UPPER, LOWER, MIXED = (ObjectKey("coupons", id) for id in ("SALE", "sale", "Sale"))
GOLD, gold = (ObjectKey("products", id) for id in ("GOLD", "gold"))
FEATURES = [
    ObjectKey("products/features", id, (parent,))
    for parent in ("GOLD", "gold", "Gold") for id in ("feat_1a", "feat_1A")
]  # fmt: skip


@pytest.fixture(params=["heeded", "ignored", "exFAT"])
def lib(request: pytest.FixtureRequest, library: Path) -> Iterator[Library]:
    """A library where case is heeded, where a layer ignores it, and on a real exFAT disk."""
    if request.param == "exFAT":
        with exfat(library):
            yield Library(library / "cassettes")
        return
    with ignoring_case(library) if request.param == "ignored" else nullcontext():
        yield Library(library)


def put(lib: Library, key: ObjectKey, version: str = VERSION, total: int = 1) -> Path:
    """Record an object."""
    made = cassette({"id": key.id, "total": total}, key=key, version=version)
    with storage_of(lib).lock(key):
        return storage_of(lib).write(made, unchecked)


def held(lib: Library, key: ObjectKey, version: str = VERSION) -> str:
    """The body of an object's cassette."""
    found = lib.load(key, version)
    assert found is not None
    assert key == found.key
    return found.interactions[0].response.body.decode()


@pytest.mark.parametrize(
    "keys",
    [[UPPER, LOWER, MIXED], [LOWER, MIXED, UPPER], FEATURES, [GOLD, *FEATURES, gold],
     [FEATURES[3], gold, FEATURES[0], GOLD]],
    ids=["coupons", "in another order", "nested", "parents too", "children first"],
)  # fmt: skip
def test_ids_that_differ_in_case_only(lib: Library, keys: list[ObjectKey]) -> None:
    """Row 48: each keeps a folder that no file system takes for another's, and is listed there."""
    places = {}
    for n, key in enumerate(keys):
        assert lib.load(key, VERSION) is None
        assert () == lib.recorded(key)
        places[key] = put(lib, key, total=n)
        put(lib, key, NEW, total=n)
    folded = {str(path).casefold() for path in places.values()}
    assert len(keys) == len(folded)
    for n, key in enumerate(keys):
        assert f'"total": {n}\n' in held(lib, key)
        assert 2 == len(lib.recorded(key))
        assert places[key] == put(lib, key, total=n + 10)
        assert f'"total": {n + 10}\n' in held(lib, key)
        assert f'"total": {n}\n' in held(lib, key, NEW)
    assert sorted(map(str, keys * 2)) == sorted(str(found.key) for _, found in lib.cassettes())


@pytest.mark.parametrize("version", ["2025-03-31.Basil", "2023-10-16; feature_beta=V1"])
def test_a_version_in_another_case_is_not_written(lib: Library, version: str) -> None:
    """It would take the name of the one in lower case where case is ignored."""
    put(lib, UPPER, version.lower())
    with pytest.raises(CassetteDamaged, match=r"api_version is not an API version"):
        put(lib, UPPER, version, total=2)
    assert lib.load(UPPER, version) is None
    assert '"total": 1\n' in held(lib, UPPER, version.lower())


@pytest.mark.parametrize("id", ["CON", "aux.txt", "Lpt1", "a:b", "a*b?", "a.", "x" * 200])
def test_names_that_some_systems_reserve(lib: Library, id: str) -> None:
    """Rows 46 and 47: reserved, long and forbidden names are kept under a digest."""
    key = ObjectKey("coupons", id)
    path = put(lib, key)
    assert "~" in path.parent.name
    assert f'"id": "{id}"' in held(lib, key)
    assert [key] == [found.key for _, found in lib.cassettes()]


def test_a_sibling_that_goes(lib: Library) -> None:
    """An ID keeps its folder when the sibling it made way for is removed."""
    path = put(lib, UPPER)
    there = put(lib, LOWER, total=1)
    path.unlink()
    path.parent.rmdir()
    assert there == put(lib, LOWER, total=2)
    assert [LOWER] == [found.key for found in lib.recorded(LOWER)]
    assert () == lib.recorded(UPPER)


def test_a_siblings_cassette_in_ones_own_place(library: Path) -> None:
    """Where case is heeded, a sibling's cassette in one's own folder is damage, not absence."""
    lib = Library(library)
    path = put(lib, UPPER)
    path.write_text(codec.dumps(cassette({"id": "sale"}, key=LOWER)))
    for ask in (lambda: lib.load(UPPER, VERSION), lambda: lib.recorded(UPPER)):
        with pytest.raises(KeyMismatch, match="belongs to another object") as caught:
            ask()
        assert str(path) == caught.value.where


def test_siblings_share_a_lock(lib: Library) -> None:
    """A process that decides on a folder for one ID excludes those that do so for its sibling."""
    with (
        storage_of(lib).lock(UPPER),
        pytest.raises(LibraryBusy, match="coupons sale"),
        storage_of(lib).lock(LOWER, seconds=0.05),
    ):
        pytest.fail("two decide at once")


def test_a_folder_is_named_by_one_at_a_time(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parent and another parent's child, recorded at once, do not both take the plain name."""
    lib, inside = Library(library), threading.Barrier(2)
    real = Folders.to_write

    def together(self: Folders, key: ObjectKey) -> str:
        chosen = real(self, key)
        if chosen_first.pop(key, None):
            inside.wait(5)  # both have looked before either has made its folder
        return chosen

    chosen_first = {GOLD: True, FEATURES[2]: True}
    monkeypatch.setattr(Folders, "to_write", together)
    threads = [threading.Thread(target=put, args=(lib, key)) for key in (GOLD, FEATURES[2])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    folders = [path.name for path in (library / "products").iterdir()]
    assert 2 == len({name.casefold() for name in folders}) == len(folders)
    assert 2 == len(list(lib.cassettes()))


def test_a_checkout_elsewhere(library: Path, tmp_path: Path) -> None:
    """A library that was recorded where case is heeded is whole where it is ignored."""
    keys = [UPPER, LOWER, MIXED, GOLD, *FEATURES]
    for n, key in enumerate(keys):
        put(Library(library), key, total=n)
    moved = shutil.copytree(library, tmp_path / "moved")
    with ignoring_case(moved):
        lib = Library(moved)
        for n, key in enumerate(keys):
            assert f'"total": {n}\n' in held(lib, key)
        assert len(keys) == len(list(lib.cassettes()))


def test_the_layer_ignores_case(tmp_path: Path) -> None:
    """What stands in for such a file system behaves as one."""
    with ignoring_case(tmp_path):
        (tmp_path / "SALE").mkdir()
        (tmp_path / "sale" / "Cassette").write_text("x")
        assert ["SALE"] == [path.name for path in tmp_path.iterdir()]
        assert "x" == (tmp_path / "Sale" / "cASSETTE").read_text()
        with pytest.raises(FileExistsError):
            (tmp_path / "sALE").mkdir()
    assert ["Cassette"] == [path.name for path in (tmp_path / "SALE").iterdir()]
    assert not (tmp_path / "sale").exists()


def test_file_names_of_versions() -> None:
    """A version in lower case is its own name; another's is told apart by more than case."""
    assert "2025-03-31.basil.yaml" == names.file("2025-03-31.basil")
    assert "2025-03-31.Basil~" == names.file("2025-03-31.Basil")[:17]
