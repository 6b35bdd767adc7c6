"""The library: found by key, listed by path, never one object in place of another."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.proof import no_wait
from support.takes import KEY, VERSION, cassette
from support.writing import settle, unchecked

from replay.errors import (
    CassetteConflict,
    CassetteDamaged,
    CassetteTooNew,
    CassetteUnsealed,
    ConfigError,
    KeyMismatch,
    LeakFound,
    LibraryError,
)
from replay.library import Library, files
from replay.library import library as library_module
from replay.library.format import codec, seals
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.model.cassette import Cassette, ObjectKey

NEW = "2025-03-31.basil"
BETA = "2023-10-16; feature_beta=v1"
NESTED = ObjectKey("customers/sources", "card_1", ("cus_1",))
BALANCE = ObjectKey("balance", "")
CONNECTED = ObjectKey("invoices", "in_1", (), "acct-00ff00ff00ff00ff")


def listed(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def lib(library: Path) -> Library:
    """A library that does not exist yet."""
    return Library(library)


def put(lib: Library, key: ObjectKey = KEY, version: str = VERSION, total: int = 1) -> Path:
    """Record an object."""
    with storage_of(lib).lock(key):
        return storage_of(lib).write(
            cassette({"id": key.id, "total": total}, key=key, version=version), unchecked
        )


@pytest.mark.parametrize(
    ("key", "version", "path"),
    [
        (KEY, VERSION, f"invoices/{KEY.id}/2024-06-20.yaml"),
        (NESTED, NEW, "customers/cus_1/sources/card_1/2025-03-31.basil.yaml"),
        (BALANCE, "unversioned", "balance/_singleton/unversioned.yaml"),
        (CONNECTED, VERSION, "_accounts/acct-00ff00ff00ff00ff/invoices/in_1/2024-06-20.yaml"),
        (
            ObjectKey("customers/cash_balance", "", ("cus_1",)),
            VERSION,
            "customers/cus_1/cash_balance/_singleton/2024-06-20.yaml",
        ),
        (ObjectKey("v2/core/events", "evt_1"), VERSION, "v2/core/events/evt_1/2024-06-20.yaml"),
        (
            ObjectKey("invoices", "", (), "", ""),
            VERSION,
            "invoices/_collection/_all/2024-06-20.yaml",
        ),
        (
            ObjectKey("customers/sources", "", ("cus_1",), "", ""),
            VERSION,
            "customers/cus_1/sources/_collection/_all/2024-06-20.yaml",
        ),
    ],
)
def test_places(lib: Library, key: ObjectKey, version: str, path: str) -> None:
    """A cassette stands where its resource, parents, ID, account and version say."""
    assert lib.path(key, version) == put(lib, key, version) == lib.root / path
    assert [path] == lib.paths()
    expected = cassette({"id": key.id, "total": 1}, key=key, version=version)
    assert expected == lib.load(key, version) == lib.read(path)
    assert (expected,) == lib.recorded(key)
    assert [(path, expected)] == list(lib.cassettes())


def test_beta_versions(lib: Library) -> None:
    """A version with betas is found by its canonical name, beside the plain one."""
    put(lib, KEY, BETA, 1)
    put(lib, KEY, "2023-10-16", 2)
    beta, plain = lib.load(KEY, BETA), lib.load(KEY, "2023-10-16")
    assert beta is not None
    assert plain is not None
    assert [BETA, "2023-10-16"] == [beta.api_version, plain.api_version]
    assert {BETA, "2023-10-16"} == {found.api_version for found in lib.recorded(KEY)}


def test_not_recorded(lib: Library) -> None:
    """What is not there is None or nothing, without a directory as well."""
    for _ in range(2):
        assert lib.load(KEY, VERSION) is None
        assert lib.load(NESTED, VERSION) is None
        assert () == lib.recorded(KEY)
        assert () == storage_of(lib).nearest(KEY)
        assert lib.read("invoices/in_9/2024-06-20.yaml") is None
        put(lib, ObjectKey("charges", "ch_1"))


def test_require(lib: Library, tmp_path: Path) -> None:
    """Listing a directory that is not there is misuse, not an empty library."""
    (tmp_path / "file").touch()
    file = Library(tmp_path / "file")
    for broken, what in ((lib, "no library at this path"), (file, "this is a file; a library is")):
        for ask in (
            storage_of(broken).require,
            broken.paths,
            lambda broken=broken: list(broken.cassettes()),
        ):
            with pytest.raises(ConfigError, match=what) as caught:
                ask()
            assert str(broken.root) == caught.value.where
    lib.root.mkdir()
    storage_of(lib).require()
    assert [] == lib.paths()


def test_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library below the working directory is shown as a person would type it."""
    assert "cassettes" == display_path(Library("cassettes").root)
    assert f"Library('{tmp_path}/cassettes')" == repr(Library("cassettes"))
    assert "/nowhere/else" == display_path(Library("/nowhere/else").root)
    here = Library("cassettes")
    monkeypatch.chdir("/")
    assert str(tmp_path / "cassettes").lstrip("/") == display_path(here.root)


def test_working_directory_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library is shown in full where the working directory is gone."""
    gone = tmp_path / "gone"
    gone.mkdir()
    lib = Library("/x")
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "/x" == display_path(lib.root)
    monkeypatch.chdir(tmp_path)


def test_read_once(lib: Library) -> None:
    """An unchanged file is read once in a process, however many sessions ask."""
    settle(put(lib))
    first = lib.load(KEY, VERSION)
    assert first is not None
    assert first is Library(lib.root).load(KEY, VERSION)
    assert (first,) == lib.recorded(KEY)


def test_changes_are_seen(lib: Library) -> None:
    """A file that was changed, damaged, restored or removed since is never served from memory."""
    path = put(lib, total=1)
    assert cassette({"id": KEY.id, "total": 1}) == lib.load(KEY, VERSION)
    old = path.read_bytes()
    put(lib, total=2)
    assert cassette({"id": KEY.id, "total": 2}) == lib.load(KEY, VERSION)
    path.write_bytes(old.replace(b'"total": 1', b'"total": 3'))
    with pytest.raises(CassetteUnsealed):
        lib.load(KEY, VERSION)
    path.write_bytes(old)
    assert cassette({"id": KEY.id, "total": 1}) == lib.load(KEY, VERSION)
    path.unlink()
    assert lib.load(KEY, VERSION) is None


def test_changes_within_a_tick_are_seen(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edits that leave inode, size and the ticks of a coarse clock alone are seen all the same."""
    path = put(lib, total=0)
    texts = [codec.dumps(cassette({"id": KEY.id, "total": n})) for n in range(10)]
    now = time.time_ns()
    coarse = files.Stamp(1, 1, now, now)  # every state of the file within this tick
    monkeypatch.setattr(files.Stamp, "of", lambda found: coarse)
    monkeypatch.setattr(time, "time_ns", lambda: now + 3_000_000)
    for n, text in enumerate(texts):
        path.write_text(text)
        assert cassette({"id": KEY.id, "total": n}) == lib.load(KEY, VERSION)


def test_removed_while_reading(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that changes, and goes between the look and the reading, is no error."""
    path = put(lib)
    settle(path)
    assert lib.load(KEY, VERSION) is not None
    put(lib, total=7)
    real = files.stamp

    def stamp_then_remove(name: str) -> files.Stamp | None:
        found = real(name)
        path.unlink()
        return found

    monkeypatch.setattr(files, "stamp", stamp_then_remove)
    assert lib.load(KEY, VERSION) is None
    assert not path.exists()


def test_memory_is_bounded(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more files than are remembered the oldest are read again, and all are right."""
    monkeypatch.setattr(library_module, "_MOST_CACHED", 3)
    monkeypatch.setattr(lib, "_cache", OrderedDict())
    keys = [ObjectKey("charges", f"ch_{n}") for n in range(5)]
    for n, key in enumerate(keys):
        settle(put(lib, key, total=n))
    first = [lib.load(key, VERSION) for key in keys]
    again = [lib.load(key, VERSION) for key in reversed(keys)]
    assert first == again[::-1]
    assert 3 == len(lib._cache)
    assert first[4] is again[0]
    assert first[0] is not again[4]


def lfs(data: bytes) -> bytes:
    """A pointer in the file's place."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
        hashlib.sha256(data).hexdigest().encode(), len(data),
    )  # fmt: skip


def conflict(data: bytes) -> bytes:
    """What git leaves of two recordings."""
    return b"<<<<<<< HEAD\n" + data + b"=======\n" + data + b">>>>>>> theirs\n"


ROWS: list[tuple[str, Callable[[bytes], bytes], type[CassetteDamaged], str]] = [
    ("1 empty", lambda _: b"", CassetteDamaged, "is empty"),
    ("2 white space", lambda _: b" \n\n", CassetteDamaged, "is empty"),
    ("3 truncated", lambda data: data[:-40], CassetteUnsealed, "seal does not fit"),
    (
        "4 one bit",
        lambda data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
        CassetteUnsealed,
        "seal does not fit",
    ),
    ("5 NULs", lambda data: b"\0" * len(data), CassetteDamaged, "is empty"),
    ("6 UTF-16", lambda data: data.decode().encode("utf-16"), CassetteDamaged, "is UTF-16"),
    ("7 latin-1", lambda data: data + b"# \xe9\n", CassetteDamaged, "is not UTF-8"),
    ("8 merge conflict", conflict, CassetteConflict, "unresolved git merge conflict"),
    ("12 git-LFS", lfs, CassetteDamaged, "git-LFS pointer"),
    (
        "22 future format",
        lambda data: data.replace(b"cassette 1", b"cassette 2", 1),
        CassetteTooNew,
        "has format 2",
    ),
]


@pytest.mark.parametrize(
    ("damage", "kind", "what"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_damaged_files(
    lib: Library, damage: Callable[[bytes], bytes], kind: type[CassetteDamaged], what: str
) -> None:
    """A damaged file is an error with its name on every way to it, and stays as it is."""
    path = put(lib)
    put(lib, KEY, NEW)
    path.write_bytes(damaged := damage(path.read_bytes()))
    for ask in (
        lambda: lib.load(KEY, VERSION), lambda: lib.recorded(KEY), lambda: list(lib.cassettes()),
        lambda: lib.read(f"invoices/{KEY.id}/{VERSION}.yaml"),
    ):  # fmt: skip
        with pytest.raises(CassetteDamaged, match=what) as caught:
            ask()
        assert kind is type(caught.value)
        assert str(path) == caught.value.where
        assert caught.value.hint
    assert damaged == path.read_bytes()
    assert lib.load(KEY, NEW) is not None


def test_too_large(lib: Library) -> None:
    """Row 18: a file of a gigabyte is refused unread."""
    path = put(lib)
    os.truncate(path, 2**30)
    with pytest.raises(
        CassetteDamaged, match=f"{2**30} bytes; a cassette has at most {seals.MAX_BYTES}"
    ):
        lib.load(KEY, VERSION)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "FIFO"])
def test_no_regular_file(lib: Library, make: Callable[[Path], None]) -> None:
    """Row 19: a directory or FIFO in a cassette's place is refused on every way to it."""
    path = put(lib)
    path.unlink()
    make(path)
    for ask in (
        lambda: lib.load(KEY, VERSION),
        lambda: lib.recorded(KEY),
        lambda: list(lib.cassettes()),
    ):
        with no_wait(path), pytest.raises(CassetteDamaged, match="not a regular file"):
            ask()
    with no_wait(path), pytest.raises(CassetteDamaged, match="not a regular file"):
        lib.read(f"invoices/{KEY.id}/{VERSION}.yaml")


def test_links(lib: Library, tmp_path: Path) -> None:
    """Row 20: nothing is read or written through a link that leads out of the library."""
    path = put(lib)
    outside = tmp_path / "outside"
    shutil.move(path.parent, outside)
    path.parent.symlink_to(outside)
    before = (outside / path.name).read_bytes()
    with pytest.raises(CassetteDamaged, match="leads out of the library"):
        lib.load(KEY, VERSION)
    with pytest.raises(CassetteDamaged, match="leads out of the library"):
        lib.recorded(KEY)
    with pytest.raises(LibraryError, match="leads out of the library"):
        put(lib, total=2)
    assert [path.name] == listed(outside)
    assert before == (outside / path.name).read_bytes()


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, id="in_other"),
        replace(KEY, resource="charges"),
        replace(KEY, account="acct-00ff00ff00ff00ff"),
        ObjectKey("customers/sources", KEY.id, ("cus_1",)),
    ],
)
def test_another_object_inside(lib: Library, other: ObjectKey) -> None:
    """Row 21: a cassette in another object's place is refused, whole as it is."""
    path = put(lib)
    path.write_text(codec.dumps(cassette(key=other)))
    for ask in (
        lambda: lib.load(KEY, VERSION),
        lambda: lib.recorded(KEY),
        lambda: list(lib.cassettes()),
    ):
        with pytest.raises(KeyMismatch) as caught:
            ask()
        assert str(path) == caught.value.where
        assert f"it holds {other} at {VERSION}" in caught.value.hint


def test_another_version_inside(lib: Library) -> None:
    """A cassette under another version's name is refused."""
    path = put(lib)
    shutil.copy(path, path.with_name(f"{NEW}.yaml"))
    assert lib.load(KEY, VERSION) is not None
    for ask in (
        lambda: lib.load(KEY, NEW),
        lambda: lib.recorded(KEY),
        lambda: list(lib.cassettes()),
    ):
        with pytest.raises(KeyMismatch, match="belongs to another object or version"):
            ask()


def test_crlf_and_bom(lib: Library) -> None:
    """Rows 24 and 25: a checkout with CRLF line ends or a BOM is the same library."""
    path = put(lib)
    data = path.read_bytes()
    for changed in (data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data):
        path.write_bytes(changed)
        assert cassette({"id": KEY.id, "total": 1}) == lib.load(KEY, VERSION)


@pytest.mark.parametrize(
    "id",
    [
        "%2e%2e",
        "x" * 255,
        "CON",
        "\u0456n_1",
        "$(x)",
        "ünï",
        "Nul.txt",
    ],
    ids=ascii,
)
def test_hostile_ids(lib: Library, id: str) -> None:
    """Rows 42 to 51: whatever an ID is, its cassette stays inside and is found again."""
    key = ObjectKey("coupons", id)
    path = put(lib, key)
    assert lib.root / "coupons" == path.parent.parent
    assert ["coupons"] == [name for name in listed(lib.root) if not name.startswith(".")]
    assert cassette({"id": id, "total": 1}, key=key) == lib.load(key, VERSION)
    assert 1 == len(list(lib.cassettes("coupons")))
    assert (key,) == tuple(found.key for found in lib.recorded(key))


@pytest.mark.parametrize(
    "id",
    [
        "../../x",
        "/etc/passwd",
        "x" * 300,
        "pi_x_secret_y",
        "..",
        "a/b",
        "a b",
        "a\0b",
        "",
        "\ufffd",
    ],
    ids=ascii,
)
def test_an_id_that_no_call_has_is_not_written(lib: Library, id: str) -> None:
    """Rows 42 to 51: no call of the API asks for such a one, so that none is served either."""
    with pytest.raises(CassetteDamaged, match=r"cassette\.id holds a control|request\.uri is not"):
        put(lib, ObjectKey("coupons", id))
    assert [] == lib.paths() if lib.exists() else True


def test_locks_are_per_object(lib: Library) -> None:
    """Recording one object does not wait for another, nor for another account's."""
    with (
        storage_of(lib).lock(KEY),
        storage_of(lib).lock(BALANCE, seconds=0.05),
        storage_of(lib).lock(CONNECTED, seconds=0.05),
    ):
        locks = listed(lib.root / ".replay" / "locks")
    assert 3 == len(locks)
    assert "*\n" == (lib.root / ".replay" / ".gitignore").read_text()
    assert [] == lib.paths()


@pytest.mark.parametrize("left", [b"", b"*"])
def test_state_that_a_crash_left_half(lib: Library, left: bytes) -> None:
    """A `.gitignore` that was cut off is completed; one that somebody wrote is left alone."""
    ignore = lib.root / ".replay" / ".gitignore"
    ignore.parent.mkdir(parents=True)
    ignore.write_bytes(left)
    with storage_of(lib).lock(KEY):
        assert b"*\n" == ignore.read_bytes()
    ignore.write_bytes(b"*\n!mine\n")
    with storage_of(lib).lock(KEY):
        assert b"*\n!mine\n" == ignore.read_bytes()


def test_state_that_cannot_be_written(lib: Library) -> None:
    """A broken `.gitignore` that cannot be completed is an error with its path."""
    ignore = lib.root / ".replay" / ".gitignore"
    ignore.parent.mkdir(parents=True)
    ignore.touch()
    with pytest.MonkeyPatch.context() as patches:

        def refuse(path: Path, data: bytes) -> int:
            raise PermissionError(13, "Permission denied", str(path))

        patches.setattr(Path, "write_bytes", refuse)
        with pytest.raises(LibraryError, match="cannot be written: Permission") as caught:
            storage_of(lib).lock(KEY)
    assert str(ignore) == caught.value.where
    assert "--library DIR" in caught.value.hint


def test_a_leak_leaves_no_trace(lib: Library) -> None:
    """What the check refuses leaves no file, and no folder with the object's name."""

    def refuse(text: str, written: Cassette, path: str) -> None:
        raise LeakFound("refused")

    with pytest.raises(LeakFound), storage_of(lib).lock(KEY):
        storage_of(lib).write(cassette(), refuse)
    assert [".replay"] == listed(lib.root)


def test_locks_show_nothing(lib: Library) -> None:
    """A call that may not be recorded leaves nothing of its ID or parameters on the disk."""
    for key in (
        ObjectKey("customers", "", (), "", "email=private%40example.net"),
        ObjectKey("coupons", "private"),
        ObjectKey("products/features", "feat_1", ("private",)),
    ):
        with storage_of(lib).lock(key):
            pass
    paths = [str(path.relative_to(lib.root)) for path in lib.root.rglob("*")]
    assert 6 == len(paths)
    assert [] == [path for path in paths if "private" in path or "customers" in path]


def test_lock_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A library in an impossible place is an error with its path."""
    (tmp_path / "file").touch()
    lib = Library(tmp_path / "file" / "cassettes")
    with (
        pytest.raises(LibraryError, match="a file stands where a folder belongs") as caught,
        storage_of(lib).lock(KEY),
    ):
        pytest.fail("nothing is locked")
    assert str(tmp_path / "file") == caught.value.where
    assert "move it away" == caught.value.hint


def test_threads_record(lib: Library) -> None:
    """Threads that read, add and write under the lock lose no take."""

    def work() -> None:
        for _ in range(5):
            with storage_of(lib).lock(KEY):
                found = lib.load(KEY, VERSION)
                takes = found.interactions if found else ()
                one = cassette({"n": len(takes)})
                storage_of(lib).write(
                    replace(one, interactions=(*takes, *one.interactions)), unchecked
                )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = lib.load(KEY, VERSION)
    assert found is not None
    expected = tuple(cassette({"n": n}).interactions[0] for n in range(20))
    assert expected == found.interactions


def test_a_place_that_cannot_be_listed(lib: Library) -> None:
    """A file where the resource's folder should be is damage, not an empty folder."""
    lib.root.mkdir()
    (lib.root / "invoices").touch()
    for ask in (
        lambda: lib.load(KEY, VERSION),
        lambda: lib.recorded(KEY),
        lambda: storage_of(lib).write(cassette(), unchecked),
    ):
        with pytest.raises(CassetteDamaged, match="a file stands where a folder belongs") as caught:
            ask()
        assert str(lib.root / "invoices") == caught.value.where
        assert "move it away" == caught.value.hint


def test_unreadable_folders(lib: Library) -> None:
    """A folder that may not be read is an error on every way into it, never an absence."""
    put(lib)
    loop = lib.root / "loop"
    loop.symlink_to(loop)
    looping = Library(loop)
    with pytest.raises(LibraryError, match="cannot be read"):
        looping.load(KEY, VERSION)
    with pytest.raises(LibraryError, match="cannot be read"):
        looping.recorded(KEY)
    assert () == storage_of(looping).nearest(KEY)


def test_unlisted_folders(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be listed stops the listing instead of being left out."""
    path = put(lib)
    real = os.scandir

    def refuse(folder: str) -> object:
        if str(folder) == str(path.parent):
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(LibraryError, match="cannot be read: Permission denied") as caught:
        lib.paths()
    assert str(path.parent) == caught.value.where


def test_listing(lib: Library) -> None:
    """Cassettes are listed by path; hidden files, other files and links are not among them."""
    keys = [
        ObjectKey("charges", "ch_1"),
        KEY,
        NESTED,
        BALANCE,
        CONNECTED,
        ObjectKey("checkout/sessions", "cs_1"),
    ]
    for key in keys:
        put(lib, key)
    put(lib, KEY, NEW)
    folder = lib.path(KEY, VERSION).parent
    for name in (".hidden.yaml", ".x.yaml.1.00.tmp", "notes.txt", "README"):
        (folder / name).write_text("x")
    (lib.root / ".git").mkdir()
    (lib.root / ".git" / "x.yaml").write_text("x")
    found = [path for path, _ in lib.cassettes()]
    assert sorted(found) == found == lib.paths()
    assert 7 == len(found)
    assert [VERSION, NEW] == [c.api_version for c in lib.recorded(KEY)]
    assert {c.key for _, c in lib.cassettes()} == set(keys)


@pytest.mark.parametrize(
    ("resource", "ids"),
    [
        ("invoices", [KEY.id, "in_1"]),
        ("customers/sources", ["card_1"]),
        ("customers", []),
        ("balance", [""]),
        ("checkout/sessions", ["cs_1"]),
        ("invoice", []),
        ("checkout", []),
    ],
)
def test_listing_one_resource(lib: Library, resource: str, ids: list[str]) -> None:
    """Only the cassettes of the resource asked for are listed, a connected account's too."""
    for key in (KEY, NESTED, BALANCE, CONNECTED, ObjectKey("checkout/sessions", "cs_1")):
        put(lib, key)
    assert sorted(ids) == sorted(found.key.id for _, found in lib.cassettes(resource))


def test_other_resources_are_not_read(lib: Library) -> None:
    """Damage in one resource does not stop the listing of another."""
    put(lib, NESTED)
    put(lib).write_text("x")
    assert 1 == len(list(lib.cassettes("customers/sources")))


def test_nearest(lib: Library) -> None:
    """The recorded IDs most like the one asked for come first, digests and other parents never."""
    for id in ("in_1AAAA", "in_1AAAB", "in_1ABCD", "zz", "a."):
        put(lib, ObjectKey("invoices", id))
    put(lib, NESTED)
    wanted = ObjectKey("invoices", "in_1AAAC")
    assert {"in_1AAAA", "in_1AAAB"} == set(storage_of(lib).nearest(wanted)[:2])
    assert "in_1ABCD" == storage_of(lib).nearest(wanted)[2]
    assert 1 == len(storage_of(lib).nearest(wanted, 1))
    assert {"in_1AAAA", "in_1AAAB", "in_1ABCD", "zz"} == set(storage_of(lib).nearest(wanted, 9))
    assert ("card_1",) == storage_of(lib).nearest(replace(NESTED, id="card_2"))
    assert () == storage_of(lib).nearest(replace(NESTED, parents=("cus_2",)))
    assert () == storage_of(lib).nearest(BALANCE)


def test_too_large_to_write(lib: Library) -> None:
    """A cassette over the limit is not written, and the old file stays."""
    path = put(lib)
    before = path.read_bytes()
    with storage_of(lib).lock(KEY), pytest.raises(CassetteDamaged, match="over the limit"):
        storage_of(lib).write(cassette({"id": "x" * seals.MAX_BYTES}), unchecked)
    assert before == path.read_bytes()


def test_an_unchanged_object_is_the_same_file(lib: Library) -> None:
    """Writing equal values gives equal bytes."""
    assert put(lib).read_bytes() == put(lib).read_bytes()


def test_values_are_shared_and_frozen(lib: Library) -> None:
    """What every session shares nobody can change."""
    put(lib)
    found = lib.load(KEY, VERSION)
    assert isinstance(found, Cassette)
    with pytest.raises(AttributeError):
        found.policy = "mine"  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.interactions[0] = None  # type: ignore[index]
    assert found.key == pickle.loads(pickle.dumps(found.key))  # noqa: S301 - our own bytes
