"""The rules that a branch is judged by: its base's policy and ignore file, never its own.

Whoever opens a pull request can change the policy, the configuration that names it, and the ignore
file, or put a nearer configuration beside a library. So the files that decide what may be kept are
read from git, as the base has them, and what the branch keeps beyond them is a finding.

Both sides are written out to a temporary folder, these files alone, and read there by the same code
that reads them anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from replay.config import POLICY_FILE, resolve
from replay.errors import ConfigError, ReplayError
from replay.model import strict_toml
from replay.redaction.policy import Policy, default_policy
from replay.redaction.policy_source import PolicySource
from replay.redaction.team_policy import KeepRule, RedactRule
from replay.scan.ignores import FILE, Ignore, read_ignores
from replay.scan.rules import Hit
from replay.scan.sources import Branch

_CONFIGURATIONS = ("replay.toml", "pyproject.toml")
_NAMES = frozenset({*_CONFIGURATIONS, POLICY_FILE, FILE})
_MOST_BYTES = 4 * 1024 * 1024
_MOST_LINKS = 40
_LINK = "120000"

Reader = Callable[[str], bytes | None]
"""Gives the content of a file by its name from the top of the checkout; None for no file."""


@dataclass(frozen=True, slots=True)
class BranchRules:
    """The rules of the base commit, and where the branch is less strict.

    Attributes:
        policy: the base's redaction policy for the working directory.
        ignores: the entries of the base's ignore file.
        loosened: a finding for each kind of value that the branch leaves unredacted, and for each
            finding that it accepts, where the base does not.
        missing_ignore_file: whether the base lacks the ignore file that the user named.
    """

    policy: Policy
    ignores: tuple[Ignore, ...]
    loosened: tuple[Hit, ...]
    missing_ignore_file: bool = False


def rules_of(branch: Branch, ignore_file: str | None = None) -> BranchRules:
    """The rules that a branch is judged by.

    Args:
        branch: the branch to judge, and its base.
        ignore_file: the ignore file that was named; one outside the checkout is read as it is.

    Raises:
        ConfigError: the base's configuration, or an ignore file outside the checkout, is wrong.
        PolicyError: the base's policy is wrong.
    """
    here = Path.cwd().resolve()
    top = branch.top.resolve()
    folder = here.relative_to(top).as_posix() if here.is_relative_to(top) else "."
    named = _inside(top, here / (ignore_file or FILE))
    policy_named = os.environ.get("REPLAY_POLICY", "")
    extra = {
        name
        for name in (named, _inside(top, here / policy_named) if policy_named else None)
        if name is not None
    }
    with TemporaryDirectory() as made:
        room = Path(made).resolve()
        base, start, head, index = (room / name for name in ("base", "start", "head", "index"))
        _write(base, *_at(branch, branch.files_at(branch.base)), extra)
        if branch.start == branch.base:
            start = base
        else:
            _write(start, *_at(branch, branch.files_at(branch.start)), extra)
        _write(head, *_on_disk(branch), extra)
        ends = [head]
        if not branch.is_staged_as_it_is():
            _write(index, *_at(branch, branch.files_staged()), extra)
            ends.append(index)
        with _naming(base, f"{branch.base[:12]}:"):
            policy = _policy_of_base(base, folder, top, policy_named)
            if named is None:
                ignores = read_ignores(ignore_file)
            else:
                found = (base / named).is_file()
                ignores = read_ignores(str(base / named)) if found else ()
        missing = ignore_file is not None and named is not None and not (base / named).is_file()
        hits = [
            hit
            for end in ends
            for hit in (*_looser_policies(start, end), *_looser_ignores(start, end, named))
        ]
    return BranchRules(policy, ignores, tuple(dict.fromkeys(hits)), missing)


def _inside(top: Path, path: Path) -> str | None:
    """The name of a file from the top of the checkout; None for one outside."""
    plain = Path(os.path.normpath(path))
    return plain.relative_to(top).as_posix() if plain.is_relative_to(top) else None


@contextmanager
def _naming(root: Path, label: str) -> Iterator[None]:
    """Errors about files below a folder name the commit instead of the folder."""
    try:
        yield
    except ReplayError as error:
        where = error.where.replace(f"{root}/", label)
        raise type(error)(error.what, where=where, hint=error.hint) from None


def _policy_of_base(base: Path, folder: str, top: Path, named: str) -> Policy:
    variables = dict(os.environ)
    inside = _inside(top, Path.cwd() / named) if named else None
    if inside is not None:
        variables["REPLAY_POLICY"] = str(base / inside)
    directory = str(Path(os.path.normpath(base / folder)))
    config = resolve(mode="none", directory=directory, environment=variables)
    return PolicySource.of(config).load()


# The files of each side


def _at(branch: Branch, files: Mapping[str, tuple[str, str]]) -> tuple[list[str], Reader]:
    """The deciding files of a commit or of the index, and a reader of any file of it.

    Args:
        branch: the branch.
        files: name -> mode and blob.
    """
    links = {name: id for name, (mode, id) in files.items() if mode == _LINK}
    targets = {source.path: source.data or b"" for source in branch.read_at(links)}
    blobs = {name: id for name, (mode, id) in files.items() if name not in links}
    followed = {name: os.fsdecode(data) for name, data in targets.items()}
    wanted = {
        real: blobs[real]
        for name in files
        if PurePosixPath(name).name in _NAMES and (real := _followed(name, followed)) in blobs
    }
    read = {source.path: source.data for source in branch.read_at(wanted)}

    def reader(name: str) -> bytes | None:
        real = _followed(name, followed)
        if real not in read and real in blobs:
            read[real] = next(branch.read_at({real: blobs[real]})).data
        return read.get(real)

    return [name for name in files if PurePosixPath(name).name in _NAMES], reader


def _followed(name: str, links: Mapping[str, str]) -> str:
    """A name with the links on its way followed, as far as they stay inside the checkout."""
    for _ in range(_MOST_LINKS):
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            link = "/".join(parts[:end])
            if link in links:
                target = os.path.join(os.path.dirname(link), links[link], *parts[end:])  # noqa: PTH118, PTH120 - names in git, not files
                name = os.path.normpath(target)
                break
        else:
            return name
    return name


def _on_disk(branch: Branch) -> tuple[list[str], Reader]:
    """The deciding files of the checkout as they are now, and a reader of any file of it.

    A file that a sparse checkout leaves out is read from git's index.
    """

    def reader(name: str) -> bytes | None:
        path = branch.top / name
        try:
            if path.is_file() and path.stat().st_size <= _MOST_BYTES:
                return path.read_bytes()
        except (OSError, ValueError):
            return None
        return branch.staged(name) if name in left_out else None

    left_out = branch.left_out()
    return [name for name in branch.files_now() if PurePosixPath(name).name in _NAMES], reader


def _write(root: Path, names: Iterable[str], read: Reader, extra: Iterable[str]) -> None:
    """Write the deciding files of one side below a folder, with the policies that they name."""
    (root / ".git").mkdir(parents=True)  # the search for a configuration ends here
    pending = [*names, *extra]
    done: set[str] = set()
    while pending:
        name = pending.pop()
        data = read(name) if name not in done else None
        done.add(name)
        if data is None or name.startswith(("../", "/", ".git/")):
            continue
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if path.name in _CONFIGURATIONS:
            policy = _named_policy(data, path.name)
            if policy:
                pending.append(os.path.normpath(PurePosixPath(name).parent / policy))


def _named_policy(data: bytes, name: str) -> str:
    """The policy file that a configuration names; empty for none, and where it is not TOML."""
    try:
        table = strict_toml.parse(data.decode(), name)
        if name == "pyproject.toml":
            table = table.table("tool").table("replay")
        return table.text("policy")
    except (ConfigError, UnicodeDecodeError):
        return ""


# What the branch loosened


@dataclass(frozen=True, slots=True)
class _InForce:
    """What is kept in one folder of one side.

    Attributes:
        policy: the policy there; None where its files are wrong.
        masks: the settings that replace IDs.
        file: the file that decides, from the top of the checkout.
        text: the text of that file, where it is wrong.
    """

    policy: Policy | None
    masks: frozenset[str]
    file: str
    text: bytes = b""


def _looser_policies(start: Path, head: Path) -> Iterator[Hit]:
    """What the branch keeps in any folder and did not when it began; each thing once."""
    told: set[tuple[str, str]] = set()
    for folder in sorted({*_folders(start), *_folders(head)}):
        before, now = _in_force(start, folder), _in_force(head, folder)
        for what in _looser(before, now):
            if (now.file, what) not in told:
                told.add((now.file, what))
                yield _hit(now.file, what if folder == "." else f"{what} in {folder}/")


def _looser(before: _InForce, now: _InForce) -> Iterator[str]:
    """What is kept now in one folder and was not before, in words."""
    if now.policy is None:
        if before.policy is not None or before.text != now.text:
            yield "the policy cannot be used"
        return
    old = before.policy or default_policy()
    kept = {_same(rule) for rule in old.team.keeps}
    for rule in now.policy.team.keeps:
        if _same(rule) not in kept:
            yield f"keeps {_place(rule)}"
    for redacted in old.team.redacts:
        if not any(_covers(other, redacted) for other in now.policy.team.redacts):
            yield f"no longer redacts {_place(redacted)}"
    for setting in sorted(before.masks - now.masks):
        yield f"{setting} no longer replaces IDs"


def _folders(root: Path) -> Iterator[str]:
    """The folders of a side that hold a file that decides."""
    yield "."
    for path in root.rglob("*.toml"):
        yield path.parent.relative_to(root).as_posix()


def _in_force(root: Path, folder: str) -> _InForce:
    """What is kept in one folder, by its files alone."""
    directory = root if folder == "." else root / folder
    deciding = _deciding(root, directory)
    try:
        config = resolve(mode="none", directory=str(directory), environment={})
        source = PolicySource.of(config)
        policy = source.load()
    except ReplayError:
        path = root / deciding
        return _InForce(None, frozenset(), deciding, path.read_bytes() if path.is_file() else b"")
    masks = {word for word in source.masking.split(", ") if word}
    file = Path(os.path.relpath(source.file, root)).as_posix() if source.file else deciding
    return _InForce(policy, frozenset(masks), file)


def _deciding(root: Path, directory: Path) -> str:
    """The configuration that holds in a folder; the default policy file where there is none."""
    for folder in (directory, *directory.parents):
        for name in _CONFIGURATIONS:
            if (folder / name).is_file():
                return (folder / name).relative_to(root).as_posix()
        if folder == root:
            break
    return POLICY_FILE


def _same(rule: KeepRule) -> tuple[object, ...]:
    return (rule.pattern.pattern, rule.pattern.flags, rule.type, rule.path, rule.metadata,
            rule.parameter, rule.resource)  # fmt: skip


def _covers(rule: RedactRule, other: RedactRule) -> bool:
    return rule.path == other.path and rule.type in {"*", other.type}


def _place(rule: KeepRule | RedactRule) -> str:
    words = ("type", "path", "metadata", "parameter", "resource")
    given = ((word, getattr(rule, word, "")) for word in words)
    return " ".join(f"{word} {value}" for word, value in given if value not in {"", "*"})


def _looser_ignores(start: Path, head: Path, named: str | None) -> Iterator[Hit]:
    """Entries of the branch's ignore files that accept more than those that it began with."""
    files = {path.relative_to(head).as_posix() for path in head.rglob(FILE)}
    if named is not None and (head / named).is_file():
        files.add(named)
    for name in sorted(files):
        before: tuple[Ignore, ...] = ()
        try:
            if (start / name).is_file():
                before = read_ignores(str(start / name))
        except ConfigError:
            pass
        try:
            now = read_ignores(str(head / name))
        except ConfigError:
            if (
                not (start / name).is_file()
                or (start / name).read_bytes() != (head / name).read_bytes()
            ):
                yield _hit(name, "the ignore file cannot be used")
            continue
        for entry in now:
            if not any(_accepts_all(old, entry) for old in before):
                rule = f" by {entry.rule}" if entry.rule else ""
                yield _hit(name, f"accepts findings in {entry.path}{rule}")


def _accepts_all(old: Ignore, new: Ignore) -> bool:
    """Whether an entry accepts all that another does."""
    same = old.path == new.path
    # A pattern of stars alone matches another pattern only where it matches all that that one does.
    wider = not set("?[") & set(old.path) and fnmatchcase(new.path, old.path)
    return (
        (same or wider)
        and old.rule in {"", new.rule}
        and (old.until is None or (new.until is not None and new.until <= old.until))
    )


def _hit(path: str, detail: str) -> Hit:
    return Hit(path, 0, "policy-loosened", detail=detail)
