"""`replay scan --diff`: a branch cannot pass what it adds, nor loosen the rules that judge it."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from replay.cli.main import cli
from replay.errors import ConfigError, PolicyError
from replay.scan import sources

TEST = "sk_test_51QaTestAbCdEfGhIjKl"
LIVE = "sk_live_51QaTestAbCdEfGhIjKl"
INVOICE = {
    "id": "in_1QaTestAbCdEfGhIjKlMnOp0", "object": "invoice", "status": "open",
    "customer_email": "greta@kiesel-werft.de", "customer_name": "Greta Ohm",
}  # fmt: skip


def git(*arguments: str, **options: Any) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, **options)  # noqa: S607
    return done.stdout.decode()


def write(name: str, data: bytes | str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)


def commit(message: str = "x", **files: bytes | str) -> None:
    for name, data in files.items():
        write(name, data)
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A repository with one commit on `main`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPLAY_POLICY", raising=False)
    git("init", "-q", "-b", "main")
    for key, value in (("user.email", "a@example.com"), ("user.name", "A")):
        git("config", key, value)
    commit("begin")
    return tmp_path


def branch() -> None:
    git("checkout", "-q", "-b", "work")


def gate(*options: str) -> tuple[int, list[tuple[str, str]]]:
    """Exit code, and path and rule of each finding of `--diff main`."""
    result = CliRunner().invoke(
        cli, ["scan", "--diff", "main", "--format", "json", "--all", *options]
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    rows = json.loads(result.stdout)["findings"]
    return result.exit_code, [(row["path"], row["rule"]) for row in rows]


def vcrpy(body: Any, sent: str = "null") -> str:
    return (
        f"interactions:\n- request:\n    body: {sent}\n    headers: {{}}\n    method: GET\n"
        "    uri: https://api.stripe.com/v1/invoices/in_1QaTestAbCdEfGhIjKlMnOp0\n  response:\n"
        f"    body:\n      string: {json.dumps(json.dumps(body))}\n"
        "    headers: {}\n    status: {code: 200, message: OK}\nversion: 1\n"
    )


# Values


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (f"key = {TEST}", f"key = {LIVE}", "secret-key"),
        (f"{TEST}", f"{TEST} {LIVE}", "secret-key"),
        (base64.b64encode(f"{TEST}:".encode()).decode(),
         base64.b64encode(f"{LIVE}:".encode()).decode(), "secret-key"),
        (f'"\\u0073{TEST[1:]}"', f'"\\u0073{LIVE[1:]}"', "secret-key"),
        (vcrpy(INVOICE), vcrpy(INVOICE | {"customer_email": "jonas@berg-werft.de"}),
         "private-field"),
        (vcrpy(INVOICE, "email=greta%40kiesel.de&limit=3"),
         vcrpy(INVOICE, "email=jonas%40kiesel.de&limit=3"), "private-parameter"),
        (vcrpy("by greta@kiesel-werft.de"), vcrpy("by jonas@kiesel-werft.de"), "email-address"),
        (vcrpy({"uname": "Darwin gretas-mbp 18.7.0", "lang": "ruby"}),
         vcrpy({"uname": "Darwin jonas-mbp 18.7.0", "lang": "ruby"}), "machine-name"),
        ("# replay cassette 1 sha256:0\n", "# replay cassette 1 sha256:1\n", "damaged-cassette"),
    ],
)  # fmt: skip
def test_a_value_that_replaced_another_is_new(before, after, rule):
    commit(**{"a.yaml": before})
    branch()
    assert (0, []) == gate()
    commit(**{"a.yaml": after})
    assert ("a.yaml", rule) in gate()[1]


MOVES: dict[str, Callable[[str], dict[str, str]]] = {
    "to another line": lambda text: {"a.yaml": f"# a comment\n\n{text}"},
    "to another file": lambda text: {"sub/b.yaml": text, "a.yaml": ""},
    "to another form": lambda text: {"a.yaml": "", "b.json": json.dumps(INVOICE, indent=3)},
    "into a list": lambda text: {
        "a.yaml": vcrpy({"object": "list", "url": "/v1/invoices", "data": [INVOICE, INVOICE]})
    },
}


@pytest.mark.parametrize("change", MOVES.values(), ids=MOVES)
def test_values_that_moved_are_not_new(change):
    text = vcrpy(INVOICE)
    commit(**{"a.yaml": text})
    branch()
    commit(**change(text))
    assert (0, []) == gate()


def test_a_value_that_stays_where_it_was_and_is_copied_is_new():
    commit(**{"a.txt": TEST})
    branch()
    commit(**{"a.txt": f"\n{TEST}", "b.txt": TEST})
    assert (1, [("b.txt", "secret-key")]) == gate()


def test_a_file_that_is_gone_and_one_that_is_renamed_are_not_blamed():
    commit(**{"a.txt": TEST, "b.txt": f"whsec_{TEST[8:]}"})
    branch()
    git("mv", "a.txt", "c.txt")
    Path("b.txt").unlink()
    assert (0, []) == gate()


# Ways past the gate


def test_a_secret_in_an_early_commit_is_found():
    branch()
    commit(**{"a.txt": LIVE})
    commit(**{"a.txt": "clean"})
    assert (1, [("a.txt", "secret-key")]) == gate()


def test_what_a_file_had_before_is_not_found_in_its_early_commits():
    commit(**{"a.txt": TEST, "b.txt": LIVE})
    branch()
    commit(**{"a.txt": f"1 {TEST}", "b.txt": f"1 {LIVE}"})
    commit(**{"a.txt": f"2 {TEST}", "b.txt": LIVE})  # b is as it was
    assert (0, []) == gate()


@pytest.mark.parametrize(
    "there", [{}, {"a.txt": "nothing"}, {"a.txt": f"key {TEST}"}], ids=["new", "old", "with a key"]
)
@pytest.mark.parametrize("then", ["edited", "deleted", "put back"])
def test_a_secret_that_is_staged_and_gone_from_the_working_tree_is_found(there, then):
    """What will be committed is read, whatever the working tree shows."""
    commit(**there)
    branch()
    commit("work", other="x")
    write("a.txt", f"key {LIVE}")
    git("add", "a.txt")
    if then == "edited":
        write("a.txt", "nothing")
    elif then == "deleted" or not there:
        Path("a.txt").unlink()
    else:
        write("a.txt", there["a.txt"])
    assert (1, [("a.txt", "secret-key")]) == gate()
    text = CliRunner().invoke(cli, ["scan", "--diff", "main"]).stdout
    assert "a.txt@staged:1" in text
    git("rm", "-q", "-f", "--cached", "a.txt")
    Path("a.txt").unlink(missing_ok=True)
    assert (0, []) == gate()


def test_a_secret_that_is_in_the_working_tree_and_not_staged_is_found():
    branch()
    write("a.txt", "nothing")
    git("add", "a.txt")
    write("a.txt", f"key {LIVE}")
    assert (1, [("a.txt", "secret-key")]) == gate()


def test_what_is_staged_is_told_once_and_by_what_was_there_before():
    commit(**{"a.txt": f"key {TEST}"})
    branch()
    write("a.txt", f"key {TEST} and more")
    git("add", "a.txt")
    write("a.txt", f"key {TEST} and less")
    assert (0, []) == gate()
    write("a.txt", f"key {LIVE}")
    git("add", "a.txt")
    write("a.txt", f"key {LIVE} again")
    assert (1, [("a.txt", "secret-key")]) == gate()


def test_rules_that_are_loosened_in_the_index_alone_are_found():
    branch()
    write("replay-policy.toml", '[[keep]]\ntype = "invoice"\npath = "customer_name"\n')
    git("add", "-A")
    Path("replay-policy.toml").unlink()
    assert ("replay-policy.toml", "policy-loosened") in gate()[1]


def test_a_secret_in_a_message_is_found():
    branch()
    commit(f"the key is {LIVE}")
    code, found = gate()
    assert 1 == code
    assert ["secret-key"] == [rule for _, rule in found]


def test_a_secret_in_the_name_of_a_file_is_found_and_not_shown():
    branch()
    commit(**{f"keys/{LIVE}.txt": "x"})
    result = CliRunner().invoke(cli, ["scan", "--diff", "main"])
    assert 1 == result.exit_code
    assert "keys/(secret).txt:1: high secret-key" in result.output
    assert "51QaTest" not in result.output


def test_a_secret_in_the_name_of_an_archives_member_is_found_and_not_shown():
    branch()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{LIVE}.txt", "x")
    commit(**{"a.zip": packed.getvalue()})
    code, found = gate()
    assert (1, {("a.zip", "secret-key")}) == (code, set(found))
    assert "51QaTest" not in CliRunner().invoke(cli, ["scan", "--diff", "main"]).output


def test_a_secret_in_the_target_of_a_link_is_found():
    branch()
    Path("link").symlink_to(LIVE)
    commit()
    assert (1, [("link", "secret-key")]) == gate()


def test_what_a_link_leads_to_outside_is_not_the_branchs(tmp_path):
    outside = tmp_path.parent / f"{tmp_path.name}.txt"
    outside.write_text(LIVE)
    branch()
    Path("link").symlink_to(outside)
    commit()
    assert (0, []) == gate()


def test_a_file_that_the_working_tree_leaves_out_is_read_from_git():
    branch()
    commit(**{"a.txt": LIVE})
    git("update-index", "--skip-worktree", "a.txt")
    Path("a.txt").unlink()
    assert (1, [("a.txt", "secret-key")]) == gate()


def test_a_file_that_git_ignores_and_tracks_is_read():
    commit(**{".gitignore": "*.env\n"})
    branch()
    write("a.env", LIVE)
    git("add", "-f", "a.env")
    git("commit", "-q", "-m", "x")
    assert (1, [("a.env", "secret-key")]) == gate()


def test_a_submodule_is_named_even_where_it_asks_to_be_ignored(tmp_path):
    other = tmp_path / "other"
    git("init", "-q", str(other))
    for key, value in (("user.email", "a@example.com"), ("user.name", "A")):
        git("config", key, value, cwd=other)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=other)
    head = git("rev-parse", "HEAD", cwd=other).strip()
    commit(**{".gitignore": "other\n"})
    branch()
    write(".gitmodules", '[submodule "tapes"]\n\tpath = tapes\n\turl = x\n\tignore = all\n')
    git("update-index", "--add", "--cacheinfo", f"160000,{head},tapes")
    git("add", ".gitmodules")
    Path("tapes").mkdir()
    git("commit", "-q", "-m", "x")
    assert (1, [("tapes", "unread-file")]) == gate()


def test_a_file_that_is_too_large_fails(monkeypatch):
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    branch()
    commit(**{"a.yaml": LIVE + " " * 2000})
    code, found = gate()
    assert 1 == code
    assert {("a.yaml", "unread-file")} == set(found)


def test_a_branch_from_an_old_commit_is_judged_by_the_policy_of_today():
    commit(**{"replay-policy.toml": '[[keep]]\npath = "customer_name"\npattern = "[A-Z].+"\n'})
    branch()
    commit(**{"a.json": json.dumps(INVOICE | {"customer_email": None})})
    assert (0, []) == gate()
    git("checkout", "-q", "main")
    commit(**{"replay-policy.toml": ""})
    git("checkout", "-q", "work")
    assert (1, [("a.json", "private-field")]) == gate()


def test_a_file_that_git_writes_in_another_encoding_is_read_as_git_keeps_it():
    branch()
    commit(**{".gitattributes": "a.txt working-tree-encoding=IBM037\n"})
    write("a.txt", f"key {LIVE} \n".encode("cp037"))
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    assert LIVE in git("cat-file", "blob", "HEAD:a.txt")
    assert (1, [("a.txt", "secret-key")]) == gate()


def test_a_base_that_a_tag_imitates_is_an_error():
    git("update-ref", "refs/remotes/origin/main", "main")
    branch()
    commit(**{"a.txt": LIVE})
    run = ["scan", "--diff", "origin/main"]
    assert 1 == CliRunner().invoke(cli, run).exit_code
    git("tag", "origin/main")  # of the branch itself: nothing would be new
    with pytest.raises(ConfigError, match="several things") as caught:
        CliRunner().invoke(cli, run, catch_exceptions=False)
    assert "refs/remotes/origin/main" in caught.value.hint
    run[-1] = "refs/remotes/origin/main"
    assert 1 == CliRunner().invoke(cli, run, catch_exceptions=False).exit_code


def test_a_merge_that_keeps_an_old_policy_is_found():
    """Git takes the stricter policy of the base; a merge commit can take the old one instead."""
    commit(**{"replay-policy.toml": KEEP})
    branch()
    commit(**{"a.txt": "x"})
    git("checkout", "-q", "main")
    commit(**{"replay-policy.toml": ""})
    git("checkout", "-q", "work")
    git("merge", "-q", "-s", "ours", "-m", "x", "main")
    assert (1, [("replay-policy.toml", "policy-loosened")]) == gate()


def test_a_policy_that_the_working_tree_leaves_out_is_read_from_git():
    branch()
    commit(**{"sub/replay.toml": "", "sub/replay-policy.toml": KEEP})
    git("update-index", "--skip-worktree", "sub/replay.toml", "sub/replay-policy.toml")
    Path("sub/replay.toml").unlink()
    Path("sub/replay-policy.toml").unlink()
    assert (1, [("sub/replay-policy.toml", "policy-loosened")]) == gate()


@pytest.mark.parametrize("name", ["tapes/a.yaml", "a.zip"])
def test_a_pointer_to_content_elsewhere_is_named(name):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n"
    commit(**{"old.yaml": pointer.format("0" * 64)})
    branch()
    commit(**{name: pointer.format("1" * 64), "photo.png": pointer.format("2" * 64)})
    assert (1, [(name, "unread-file")]) == gate()


# Its own rules


KEEP = '[[keep]]\ntype = "invoice"\npath = "customer_name"\npattern = "[A-Z].+"\n'
REDACT = '[[redact]]\ntype = "invoice"\npath = "number"\n'
ACCEPT = '[[ignore]]\npath = "*"\nreason = "r"\n'
LOOSER: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "a policy that keeps more": (
        {"replay-policy.toml": ""}, {"replay-policy.toml": KEEP}, "replay-policy.toml"),
    "a policy with a wider pattern": (
        {"replay-policy.toml": KEEP}, {"replay-policy.toml": KEEP.replace("[A-Z]", "")},
        "replay-policy.toml"),
    "a policy that redacts less": (
        {"replay-policy.toml": REDACT}, {"replay-policy.toml": ""}, "replay-policy.toml"),
    "a policy that redacts something else": (
        {"replay-policy.toml": REDACT},
        {"replay-policy.toml": REDACT.replace("number", "footer")}, "replay-policy.toml"),
    "a policy that redacts fewer types": (
        {"replay-policy.toml": REDACT.replace('type = "invoice"\n', "")},
        {"replay-policy.toml": REDACT}, "replay-policy.toml"),
    "a policy that is broken": (
        {"replay-policy.toml": REDACT}, {"replay-policy.toml": "[["}, "replay-policy.toml"),
    "a policy that is gone": (
        {"replay-policy.toml": REDACT}, {"replay-policy.toml": "\0"}, "replay-policy.toml"),
    "another policy file": (
        {"replay.toml": "", "replay-policy.toml": REDACT},
        {"replay.toml": 'policy = "docs/notes.toml"', "docs/notes.toml": REDACT + KEEP},
        "docs/notes.toml"),
    "a link to another policy file": (
        {"replay.toml": 'policy = "rules.toml"', "rules.toml": "@real.toml", "real.toml": ""},
        {"real.toml": KEEP}, "rules.toml"),
    "a switch in replay.toml": (
        {"replay.toml": "pseudonymise_ids = true"}, {"replay.toml": ""}, "replay.toml"),
    "a switch in pyproject.toml": (
        {"pyproject.toml": "[tool.replay]\nkeep_chosen_ids = false"},
        {"pyproject.toml": "[tool.replay]\nkeep_chosen_ids = true"}, "pyproject.toml"),
    "a nearer replay.toml": (
        {"replay.toml": "", "replay-policy.toml": REDACT}, {"sub/replay.toml": ""},
        "sub/replay.toml"),
    "a nearer pyproject.toml": (
        {"replay.toml": "pseudonymise_ids = true"}, {"sub/pyproject.toml": ""},
        "sub/pyproject.toml"),
    "a nearer policy": (
        {"sub/replay.toml": ""}, {"sub/replay-policy.toml": KEEP}, "sub/replay-policy.toml"),
    "an entry of the ignore file": ({}, {"replay-scan.toml": ACCEPT}, "replay-scan.toml"),
    "a wider entry": (
        {"replay-scan.toml": ACCEPT.replace("*", "a/*")}, {"replay-scan.toml": ACCEPT},
        "replay-scan.toml"),
    "an entry for every rule": (
        {"replay-scan.toml": f'{ACCEPT}rule = "secret-key"\n'}, {"replay-scan.toml": ACCEPT},
        "replay-scan.toml"),
    "a longer entry": (
        {"replay-scan.toml": f"{ACCEPT}until = 2027-01-01\n"},
        {"replay-scan.toml": f"{ACCEPT}until = 2028-01-01\n"}, "replay-scan.toml"),
    "another ignore file": ({}, {"sub/replay-scan.toml": ACCEPT}, "sub/replay-scan.toml"),
}  # fmt: skip


def lay(files: dict[str, str]) -> None:
    """Write files; a text that starts with @ is a link, and a NUL deletes."""
    for name, text in files.items():
        Path(name).unlink(missing_ok=True)
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        if text[:1] == "@":
            Path(name).symlink_to(text[1:])
        elif text != "\0":
            Path(name).write_text(text)


@pytest.mark.parametrize(("before", "after", "file"), LOOSER.values(), ids=LOOSER)
def test_a_branch_that_loosens_the_rules_fails(before, after, file):
    lay(before)
    commit()
    branch()
    lay(after)
    assert (1, [(file, "policy-loosened")]) == gate()
    commit()
    assert (1, [(file, "policy-loosened")]) == gate()


STRICTER = {
    "a policy that keeps less": ({"replay-policy.toml": KEEP}, {"replay-policy.toml": ""}),
    "a policy that redacts more": (
        {"replay-policy.toml": KEEP}, {"replay-policy.toml": KEEP + REDACT}),
    "rules in another order": (
        {"replay-policy.toml": REDACT + KEEP}, {"replay-policy.toml": f"# tidy\n{KEEP}{REDACT}"}),
    "a policy that moved": (
        {"replay.toml": "", "replay-policy.toml": KEEP},
        {"replay.toml": 'policy = "p.toml"', "replay-policy.toml": "\0", "p.toml": KEEP}),
    "a redaction for every type": (
        {"replay-policy.toml": REDACT},
        {"replay-policy.toml": REDACT.replace('type = "invoice"\n', "")}),
    "a switch": ({"replay.toml": ""}, {"replay.toml": "pseudonymise_ids = true"}),
    "other settings": (
        {"pyproject.toml": ""}, {"pyproject.toml": '[tool.replay]\nlibrary = "tapes"\n'}),
    "a nearer file that says the same": (
        {"replay.toml": "", "replay-policy.toml": REDACT},
        {"sub/replay.toml": 'policy = "../replay-policy.toml"'}),
    "a narrower entry": (
        {"replay-scan.toml": ACCEPT}, {"replay-scan.toml": ACCEPT.replace("*", "a/*")}),
    "an entry that ends": (
        {"replay-scan.toml": ACCEPT}, {"replay-scan.toml": f"{ACCEPT}until = 2027-01-01\n"}),
    "a broken file that was broken before": (
        {"sub/pyproject.toml": "[[", "a.txt": ""}, {"a.txt": "x"}),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), STRICTER.values(), ids=STRICTER)
def test_a_branch_that_loosens_nothing_passes(before, after):
    lay(before)
    commit()
    branch()
    lay(after)
    assert (0, []) == gate()


def test_what_the_base_loosened_since_is_not_the_branchs():
    commit(**{"replay-policy.toml": KEEP})
    branch()
    commit(**{"a.txt": "x"})
    git("checkout", "-q", "main")
    commit(**{"replay-policy.toml": ""})
    git("checkout", "-q", "work")
    assert (0, []) == gate()


def test_the_branchs_own_policy_does_not_judge_it():
    branch()
    commit(**{"replay-policy.toml": KEEP, "a.json": json.dumps(INVOICE)})
    found = gate()[1]
    assert 2 == found.count(("a.json", "private-field"))
    assert ("replay-policy.toml", "policy-loosened") in found


def test_the_bases_policy_judges_it_in_a_folder_too(monkeypatch):
    commit(**{"sub/replay.toml": 'policy = "rules.toml"', "sub/rules.toml": KEEP})
    branch()
    commit(**{"sub/a.json": json.dumps(INVOICE | {"customer_email": None})})
    assert (1, [("sub/a.json", "private-field")]) == gate()
    monkeypatch.chdir("sub")
    assert (0, []) == gate()


def test_the_variable_names_a_file_of_the_base(monkeypatch, tmp_path):
    commit(**{"rules.toml": ""})
    branch()
    commit(**{"rules.toml": KEEP, "a.json": json.dumps(INVOICE | {"customer_email": None})})
    for name in ("rules.toml", str(tmp_path / "rules.toml")):
        monkeypatch.setenv("REPLAY_POLICY", name)
        assert ("a.json", "private-field") in gate()[1]
    outside = tmp_path.parent / f"{tmp_path.name}.toml"
    outside.write_text(KEEP)
    monkeypatch.setenv("REPLAY_POLICY", str(outside))
    assert ("a.json", "private-field") not in gate()[1]


def test_the_branchs_own_ignore_file_accepts_nothing():
    branch()
    commit(**{"replay-scan.toml": ACCEPT, "a.txt": LIVE})
    assert {("replay-scan.toml", "policy-loosened"), ("a.txt", "secret-key")} == set(gate()[1])


def test_the_bases_ignore_file_accepts_but_a_loosened_policy_only_by_name():
    commit(**{"replay-scan.toml": ACCEPT})
    branch()
    commit(**{"a.txt": LIVE, "sub/replay-policy.toml": KEEP, "sub/replay.toml": ""})
    assert (1, [("sub/replay-policy.toml", "policy-loosened")]) == gate()
    git("checkout", "-q", "main")
    commit(**{"replay-scan.toml": f'{ACCEPT}{ACCEPT}rule = "policy-loosened"\n'})
    git("checkout", "-q", "work")
    assert (0, []) == gate()


def test_an_ignore_file_that_is_named_is_the_bases(tmp_path):
    commit(**{"tools/accepted.toml": ACCEPT.replace("*", "a.txt")})
    branch()
    commit(**{"a.txt": LIVE})
    assert (0, []) == gate("--ignore-file", "tools/accepted.toml")
    commit(**{"tools/accepted.toml": ACCEPT, "b.txt": LIVE.replace("51", "52")})
    assert {("tools/accepted.toml", "policy-loosened"), ("b.txt", "secret-key")} == set(
        gate("--ignore-file", "tools/accepted.toml")[1]
    )
    outside = tmp_path.parent / f"{tmp_path.name}.toml"
    outside.write_text(ACCEPT)
    assert ("b.txt", "secret-key") not in gate("--ignore-file", str(outside))[1]


def test_an_ignore_file_that_the_base_does_not_have_is_named():
    branch()
    commit(**{"mine.toml": ACCEPT, "a.txt": LIVE})
    result = CliRunner().invoke(cli, ["scan", "--diff", "main", "--ignore-file", "mine.toml"])
    assert 1 == result.exit_code
    assert "note: the base has no such ignore file" in result.output
    assert "a.txt:1: high secret-key" in result.output


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"replay-scan.toml": "[["}, ConfigError),
        ({"replay.toml": "polcy = 3"}, ConfigError),
        ({"replay-policy.toml": "[["}, PolicyError),
    ],
)
def test_a_wrong_file_of_the_base_is_an_error_that_names_the_commit(files, kind):
    commit(**files)
    base = git("rev-parse", "HEAD")[:12]
    branch()
    with pytest.raises(kind) as caught:
        gate()
    (name,) = files
    assert f"{base}:{name}:1" == caught.value.where


@pytest.mark.parametrize("base", ["nowhere", "--help", "main:a.txt"])
def test_a_base_that_is_no_commit_is_an_error(base):
    with pytest.raises(ConfigError, match="no such branch or commit"):
        CliRunner().invoke(cli, ["scan", "--diff", base], catch_exceptions=False)


def test_a_clone_without_the_beginning_of_the_branch_is_an_error():
    git("checkout", "-q", "--orphan", "work")
    commit(**{"a.txt": "x"})
    with pytest.raises(ConfigError, match="where the branch began") as caught:
        gate()
    assert "fetch-depth: 0" in caught.value.hint
