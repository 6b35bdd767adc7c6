"""The scanner over recordings of every kind, a branch, a history; its reports and exit codes."""

from __future__ import annotations

import base64
import errno
import json
import os
import subprocess
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from replay.cli.main import cli
from replay.errors import ConfigError, LibraryError
from replay.library.format import codec, seals
from replay.redaction.policy import default_policy, with_team
from replay.scan import ignores
from replay.scan.rules import RULES, Confidence, Hit
from replay.scan.run import scan, scan_branch
from replay.scan.search import hits_in
from replay.scan.sources import MAX_BYTES, Source

POLICY = default_policy()
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "cassettes/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv/2025-03-31.basil.yaml"
IN = "in_1QaTestAbCdEfGhIjKlMnOp0"
KEY = "sk_test_51QaTestAbCdEfGhIjKl"
INVOICE = {
    "id": IN, "object": "invoice", "customer_email": "greta@kiesel-werft.de", "status": "open",
    "customer_name": "Greta Ohm", "number": None, "amount_due": 5, "lines": {"object": "list",
    "data": [{"id": "il_1QaTestLineAbCdEf01", "object": "line_item", "description": "Boat"}]},
}  # fmt: skip
PRIVATE = {("private-field", f"invoice/{field}") for field in
           ("customer_email", "customer_name", "lines/data/description")}  # fmt: skip
URI = f"https://api.stripe.com/v1/invoices/{IN}"


def found(data: bytes | str, path: str) -> set[tuple[str, str]]:
    raw = data.encode() if isinstance(data, str) else data
    return {(f.rule, f.detail) for f in hits_in(Source(path, raw), POLICY)}


def vcrpy(body: str, uri: str = URI, sent: str = "null") -> str:
    return (
        f"interactions:\n- request:\n    body: {sent}\n    headers: {{}}\n    method: GET\n"
        f"    uri: {uri}\n  response:\n    body:\n      string: {json.dumps(body)}\n"
        "    headers: {}\n    status: {code: 200, message: OK}\nversion: 1\n"
    )


def ruby(body: str) -> str:
    packed = base64.encodebytes(body.encode()).decode().replace("\n", "\n        ")
    return (
        f"---\nhttp_interactions:\n- request:\n    method: get\n    uri: {URI}\n  response:\n"
        f"    body:\n      encoding: ASCII-8BIT\n      string: !binary |-\n        {packed}\n"
        "recorded_with: VCR 6.1.0\n"
    )


def har(body: str) -> str:
    entry = {"request": {"url": URI}, "response": {"content": {"text": body}}}
    return json.dumps({"log": {"version": "1.2", "entries": [entry]}})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (vcrpy(json.dumps(INVOICE)), "a.yaml"),
        (ruby(json.dumps(INVOICE)), "a.yml"),
        (har(json.dumps(INVOICE)), "a.har"),
        (har(json.dumps(INVOICE)), "a.json"),
        (json.dumps(INVOICE), "a.json"),
        (json.dumps({"interactions": [{"body": json.dumps(INVOICE)}]}), "a.json"),
    ],
    ids=["vcrpy", "Ruby VCR", "HAR", "HAR as JSON", "JSON", "vcrpy as JSON"],
)
def test_private_fields_of_a_recording_are_named(text, path):
    assert found(text, path) >= PRIVATE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (vcrpy("{}", URI + "?email=greta%40kiesel.de&limit=3"),
         {("private-parameter", "query parameter email")}),
        (vcrpy("{}", URI + "?expand[]=customer&limit=3"), set()),
        (vcrpy("{}", URI, "email=greta%40kiesel.de&limit=3"),
         {("private-parameter", "body parameter email")}),
        (vcrpy("{}", URI, "email=greta%40kiesel.de"),
         {("private-parameter", "body parameter email")}),
        (vcrpy("{}", URI, "metadata[Greta]=7&items[0][name]=Ohm"),
         {("private-parameter", "body parameter metadata[]"),
          ("private-parameter", "body parameter items[][name]")}),
        (vcrpy("{}", URI, "GRETA!=7&limit=3"), {("private-parameter", "a body parameter")}),
        (vcrpy("seen by greta@kiesel-werft.de"), {("email-address", "")}),
        (vcrpy("seen by greta@kiesel.example, a@example.com"), set()),
        (vcrpy('{"a": [1, {"b": "greta@kiesel-werft.de"}]}'), {("email-address", "")}),
        (vcrpy('{"error": {"message": "Greta", "code": "x"}}'),
         {("private-field", "error/error/message")}),
        (vcrpy('{"error": {"message": "Invalid API Key provided: sk_test_****************Ab1C",'
               '"type": "invalid_request_error"}}'), set()),
        (vcrpy('{"error": {"message": "Invalid API Key provided: sk_test_51QaTestAbCdEfGhIj"}}'),
         {("secret-key", ""), ("private-field", "error/error/message")}),
        (vcrpy("[" * 150 + "]" * 150), set()),
        (vcrpy(json.dumps({"object": "invoice", "a": json.loads("[" * 150 + "]" * 150)})),
         {("private-field", "an answer that cannot be read")}),
        (vcrpy("req_QaTestAbCdEf01"), {("request-id", "")}),
        (vcrpy("QWJjZGVmZ2hpamtsbW5vcA=="), set()),
        (vcrpy("{not json"), set()),
    ],
)  # fmt: skip
def test_other_private_parts_of_a_recording(text, expected):
    assert expected == found(text, "a.yaml")


def test_a_recording_that_is_no_yaml_is_read_line_by_line():
    assert ("email-address", "") in found("interactions:\n\t- greta@kiesel-werft.de: [", "a.yaml")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"name": "greta@kiesel-werft.de"}', "package.json"),
        ("mail greta@kiesel-werft.de", "notes.txt"),
        ("a: greta@kiesel-werft.de", "a.yaml"),
        ('["object"]', "a.json"),
    ],
)
def test_what_is_no_recording_is_searched_for_secrets_alone(text, path):
    assert set() == found(text, path)


def sample(change: Any = None) -> bytes:
    text = SAMPLE.read_text("utf-8")
    body = text.partition("\n")[2].replace(
        codec.loads(SAMPLE.read_bytes(), "x").policy, POLICY.label
    )
    return seals.seal(change(body) if change else body).encode()


def replaced(old: str, new: str) -> Any:
    def change(body: str) -> str:
        assert old in body
        return body.replace(old, new, 1)

    return change


def test_our_own_cassette_is_proven():
    assert set() == found(sample(), "a.yaml")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (replaced('"billing_reason": "subscription_cycle"', '"billing_reason": "Greta Ohm"'),
         "unproven-leaf"),
        (replaced("    /account_name: name\n", ""), "unproven-leaf"),
        (replaced('"status": "', '"invented": "Greta", "status": "'), "unproven-leaf"),
        (replaced('"account_name": "Redacted ', '"account_name": "Greta Ohm '), "forged-stand-in"),
        (replaced("message: OK", "message: Greta7"), "damaged-cassette"),
        (replaced("      Content-Type: [application/json]",
                  "      Content-Type: [application/json]\n      X-Greta: [ohm]"),
         "damaged-cassette"),
        (replaced("Request-Id: [req_replay", "Request-Id: [req_QaTest"), "damaged-cassette"),
        (replaced("  batch: ", "  greta: ohm\n  batch: "), "damaged-cassette"),
        (replaced("  api_version:", "  greta: ohm\n  api_version:"), "damaged-cassette"),
        (replaced("\n  source: ", "\n  source: Greta"), "damaged-cassette"),
        (replaced("    headers:\n      Stripe-V", "    headers:\n      Greta: [x]\n      Stripe-V"),
         "damaged-cassette"),
        (replaced(f"policy: {POLICY.label}", "policy: stripe-1 sha256:000000000000"),
         "policy-behind"),
        (replaced(f"policy: {POLICY.label}", "policy: stripe-1 sha256:0123456789ab"),
         "policy-behind"),
    ],
)  # fmt: skip
def test_what_has_no_right_to_stand_in_a_cassette_is_found(change, rule):
    assert {rule} == {rule for rule, _ in found(sample(change), "a.yaml")} - {"unknown-name"}


@pytest.mark.parametrize("data", [sample() + b"\n", sample()[:-40], sample()[:70]])
def test_a_cassette_that_cannot_be_read_is_not_proven(data):
    assert "damaged-cassette" in {rule for rule, _ in found(data, "a.yaml")}


def test_a_finding_points_at_its_line():
    data = sample(replaced('"billing_reason": "subscription_cycle"', '"billing_reason": "Greta"'))
    (finding,) = hits_in(Source("a.yaml", data), POLICY)
    assert "billing_reason" in data.decode().split("\n")[finding.line - 1]
    assert "interactions/0 /billing_reason" == finding.pointer


@pytest.mark.parametrize(
    ("query", "named"),
    [("?email=greta%40kiesel.de", "email=greta%40kiesel.de"), ("?expand%5B%5D=greta.ohm", ""),
     ("?expand%5B%5D=Greta", "expand%5B%5D=Greta")],
)  # fmt: skip
def test_a_private_parameter_in_a_cassette_is_found(query, named):
    uri = f"uri: https://api.stripe.com/v1/invoices/{SAMPLE.parent.name}"
    asked = replaced(uri + "\n", uri + query + "\n")
    key = replaced("  api_version:", f"  query: {named}\n  api_version:") if named else str
    stands_in = {"forged-stand-in", "unproven-leaf"}
    hits = found(sample(lambda body: key(asked(body))), "a.yaml")
    assert ("unproven-leaf", "request/uri") in hits
    assert stands_in >= {rule for rule, _ in hits}
    if named:  # the parameter stands in the key, too
        assert {"damaged-cassette"} == {rule for rule, _ in found(sample(asked), "a.yaml")}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for key, value in (("user.email", "a@example.com"), ("user.name", "A")):
        git("init", "-q", "-b", "main")
        git("config", key, value)
    return tmp_path


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)  # noqa: S607
    return done.stdout


def commit(name: str, data: bytes | str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    git("add", "-A")
    git("commit", "-q", "-m", "x")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["scan", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_a_branch_is_blamed_for_what_it_adds_alone(checkout):
    commit("old.txt", f"{KEY}\n")
    commit("both.txt", f"{KEY}\n")
    git("checkout", "-q", "-b", "work")
    commit("both.txt", f"\n\n{KEY}\nwhsec_51QaTestAbCdEfGhIjKl\n")
    Path("untracked.txt").write_text(KEY)
    code, text = run("--diff", "main", "--format", "json")
    rows = {(row["path"], row["line"], row["rule"]) for row in json.loads(text)["findings"]}
    assert 1 == code
    assert {("both.txt", 4, "webhook-secret"), ("untracked.txt", 1, "secret-key")} == rows


def test_what_a_branch_newly_keeps_is_listed(checkout):
    commit("lib/a.yaml", sample())
    git("checkout", "-q", "-b", "work")
    commit(
        "lib/a.yaml",
        sample(replaced('"footer": null', '"footer": "", "billing": "card"')),
    )
    commit("lib/b.yaml", sample())
    commit("lib/c.yaml", b"# replay cassette 1 broken")
    text = run("--diff", "main", "--format", "json")[1]
    rows = [
        (r["rule"], r["message"]) for r in json.loads(text)["findings"] if r["rule"] == "newly-kept"
    ]
    assert [("newly-kept", f"{RULES['newly-kept'].title} (invoice/billing)")] == rows


def test_the_history_remembers_what_was_deleted(checkout):
    commit("gone.txt", KEY)
    Path("gone.txt").unlink()
    commit("other.txt", "x")
    assert 0 == run()[0]
    code, text = run("--history")
    assert 1 == code
    assert "gone.txt@" in text


def test_ignored_files_are_left_out_and_others_are_not(checkout):
    Path(".gitignore").write_text("ignored.txt\n")
    Path("ignored.txt").write_text(KEY)
    assert 0 == run()[0]
    Path("new.txt").write_text(KEY)
    assert 1 == run()[0]


def test_without_git_folders_of_tools_are_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (".venv", "node_modules", "src"):
        Path(folder).mkdir()
        Path(folder, "a.txt").write_text(KEY)
    report = scan(["."], POLICY)
    assert ["src/a.txt"] == [f.path for f in report.hits]


def test_a_machine_without_git_can_scan(tmp_path, monkeypatch):
    Path(tmp_path, "a.txt").write_text(KEY)
    monkeypatch.setenv("PATH", "")
    assert 1 == len(scan([str(tmp_path)], POLICY).hits)
    with pytest.raises(ConfigError, match="git cannot be run"):
        scan_branch("main")


def test_diff_and_history_want_a_checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ConfigError):
        run("--history")
    with pytest.raises(ConfigError, match="exclude"):
        run("a", "--diff", "main")


def test_a_path_that_is_not_there_is_an_error():
    with pytest.raises(ConfigError, match="no such file"):
        scan(["nowhere"], POLICY)


def test_a_file_that_is_too_large_is_named(tmp_path):
    with (tmp_path / "big").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    report = scan([str(tmp_path / "big")], POLICY)
    assert ["unread-file"] == [f.rule for f in report.hits]
    assert report.failing(Confidence.MEDIUM)


@pytest.mark.parametrize(
    ("text", "least", "code"),
    [
        (KEY, "high", 1),
        ("pk_test_51QaTestAbCdEfGhIjKl", "high", 0),
        ("pk_test_51QaTestAbCdEfGhIjKl", "medium", 1),
        (vcrpy("req_QaTestAbCdEf01"), "medium", 0),
        (vcrpy("req_QaTestAbCdEf01"), "low", 1),
        ("nothing", "low", 0),
    ],
)
def test_the_exit_code_follows_the_confidence(checkout, text, least, code):
    Path("a.yaml").write_text(text)
    assert code == run("--min-confidence", least)[0]


def test_the_text_names_line_rule_and_fix_but_no_value(checkout):
    Path("a.txt").write_text(f"\n{KEY}")
    text = run()[1]
    assert "a.txt:2: high secret-key: a secret or restricted API key" in text
    assert f"fix secret-key: {RULES['secret-key'].fix}" in text
    assert "1 high in 1 files" in text
    assert "QaTest" not in text


def test_sarif_is_what_code_hosts_read(checkout):
    Path("a.txt").write_text(f"{KEY}\n{KEY}\npk_test_51QaTestAbCdEfGhIjKl")
    document = json.loads(run("--format", "sarif")[1])
    (one,) = document["runs"]
    assert "2.1.0" == document["version"]
    assert ["publishable-key", "secret-key"] == [r["id"] for r in one["tool"]["driver"]["rules"]]
    assert ["error", "error", "warning"] == [r["level"] for r in one["results"]]
    prints = {r["partialFingerprints"]["replayScan/v1"] for r in one["results"]}
    assert 3 == len(prints)


TODAY = date(2026, 11, 23)


def ignored(text: str, tmp_path: Path) -> tuple[ignores.Ignore, ...]:
    file = tmp_path / "i.toml"
    file.write_text(text)
    return ignores.read_ignores(str(file))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('[[ignore]]\npath = "a/*"\nreason = "r"', {"b/y"}),
        ('[[ignore]]\npath = "a/*"\nrule = "secret-key"\nreason = "r"', {"b/y"}),
        ('[[ignore]]\npath = "a/*"\nrule = "oauth-code"\nreason = "r"', {"a/b/x", "b/y"}),
        ('[[ignore]]\npath = "a/*"\nreason = "r"\nuntil = 2026-11-23', {"b/y"}),
        ('[[ignore]]\npath = "a/*"\nreason = "r"\nuntil = 2026-11-22', {"a/b/x", "b/y"}),
    ],
)
def test_the_ignore_file_accepts_with_a_reason_and_an_end(text, left, tmp_path):
    findings = [Hit("a/b/x", 1, "secret-key"), Hit("b/y", 1, "secret-key")]
    acceptance = ignores.Acceptance(ignored(text, tmp_path), TODAY)
    assert left == {finding.path for finding in findings if not acceptance.accepts(finding)}
    assert len(acceptance.unused) == (len(left) == 2)


def test_accepted_findings_and_unused_entries_are_counted(checkout):
    Path("a.txt").write_text(KEY)
    Path("replay-scan.toml").write_text(
        '[[ignore]]\npath = "a.txt"\nreason = "r"\n[[ignore]]\npath = "b"\nreason = "r"\n'
    )
    code, text = run()
    assert 0 == code
    assert "nothing found, 1 accepted in 2 files" in text
    assert "unused entry of the ignore file: b\n" in text
    assert "unused" not in run("a.txt")[1]


GOOD = '[[ignore]]\npath = "a"\nreason = "r"\n'


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[[ignroe]]\n", 1, "did you mean ignore"),
        ("ignore = 3\n", 1, r"\[\[ignore\]\]"),
        ("ignore = [3]\n", 1, r"\[\[ignore\]\]"),
        (GOOD + '[[ignore]]\npath = "a"\nraeson = "r"\n', 6, "did you mean reason"),
        (GOOD + '[[ignore]]\npath = "a"\nzzz = "r"\n', 6, "use one of"),
        (GOOD + '[[ignore]]\npath = "a"\n', 4, "needs a reason"),
        (GOOD + '[[ignore]]\nreason = "a"\n', 4, "needs a path"),
        (GOOD + '[[ignore]]\npath = "a"\nreason = " "\n', 4, "needs a reason"),
        (GOOD + '[[ignore]]\npath = 7\nreason = "r"\n', 5, "must be a string"),
        (GOOD + '[[ignore]]\npath = "a"\nreason = "r"\nuntil = "x"\n', 7, "must be a date"),
        (GOOD + '[[ignore]]\npath = "a"\nreason = "r"\nuntil = 2027-01-01T00:00:00\n', 7, "a date"),
        (GOOD + '[[ignore]]\npath = "a"\nreason = "r"\nrule = "secret-kye"\n', 7, "secret-key"),
        (GOOD + '[[ignore]]\npath = "a"\nreason = "r"\nrule = "zzz"\n', 7, "cannot be 'zzz'"),
    ],
)
def test_a_wrong_ignore_file_is_an_error_with_its_line(text, line, what, tmp_path):
    with pytest.raises(ConfigError, match=what) as caught:
        ignored(text, tmp_path)
    assert f"{tmp_path / 'i.toml'}:{line}" == caught.value.where


def test_an_ignore_file_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="no such"):
        ignores.read_ignores(str(tmp_path / "none.toml"))
    (tmp_path / "x.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        ignores.read_ignores(str(tmp_path / "x.toml"))
    with pytest.raises(ConfigError, match="not valid TOML"):
        ignored("[[", tmp_path)


def test_a_teams_rules_hold_in_the_scanner_too():
    policy = with_team('[[keep]]\npath = "customer_name"\npattern = "Greta [A-Z][a-z]+"', "p")
    source = Source("a.json", json.dumps(INVOICE).encode())
    assert "invoice/customer_name" not in {f.detail for f in hits_in(source, policy)}


def test_every_rule_says_what_to_do_and_is_documented():
    page = (ROOT / "docs" / "scan.md").read_text("utf-8")
    assert [] == [id for id in RULES if f"`{id}`" not in page]
    assert all(rule.fix and rule.title and rule.id == id for id, rule in RULES.items())


@pytest.mark.usefixtures("every_path_lib")
def test_a_file_that_cannot_be_looked_at_is_not_passed_over(tmp_path, monkeypatch):
    """It could hold anything, so the scan fails."""
    hidden = tmp_path / "hidden.json"
    hidden.write_text("{}")
    look = os.stat

    def refuse(path, **options):
        if str(path) == str(hidden):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(LibraryError, match="cannot be read: Permission denied"):
        scan([str(tmp_path)], POLICY)


def test_it_is_fast_enough_for_every_commit(tmp_path):
    """Twenty files of code and a 100-invoice page: well below a second of computing."""
    for number in range(20):
        (tmp_path / f"{number}.py").write_text("x = 'a & b'  # 100 % of \\n it\n" * 300)
    page = {"object": "list", "data": [INVOICE] * 100}
    (tmp_path / "page.json").write_text(json.dumps(page))
    scan([str(tmp_path)], POLICY)
    start = time.process_time()
    scan([str(tmp_path)], POLICY)
    assert time.process_time() - start < 2


def test_other_places_of_a_cassette_that_have_no_right_to_be_as_they_are():
    name = SAMPLE.parent.name
    chosen = sample(lambda body: body.replace(name, "greta-ohm"))
    assert ("unproven-leaf", "the ID") in found(chosen, "a.yaml")
    uri = f"uri: https://api.stripe.com/v1/invoices/{name}"
    public = sample(replaced(uri + "\n", uri + "?expand%5B%5D=customer\n"))
    # The address passes; the request ID is made of it, and was made of another.
    assert {("forged-stand-in", "request_id")} == found(public, "a.yaml")
    head = sample().decode().partition("\n")[2].partition("      string: |-\n")[0]
    empty = seals.seal(f"{head}      string: ''\n  redacted: {{}}\n").encode()
    assert {"damaged-cassette"} == {rule for rule, _ in found(empty, "a.yaml")}
    deep = "[" * 150 + "]" * 150
    nested = f'{head}      string: |-\n        {{"a": {deep}}}\n  redacted: {{}}\n'
    assert {("unproven-leaf", "NotRecordable"), ("unknown-name", "")} == found(
        seals.seal(nested).encode(), "a.yaml"
    )


def test_strings_that_look_packed_and_documents_of_lists_are_looked_into():
    broken = vcrpy(base64.b64encode(b"\xff\xfe\x00 not text at all").decode())
    assert set() == found(broken, "a.yaml")
    deep: Any = "greta@kiesel-werft.de"
    for _ in range(9):
        deep = json.dumps({"a": deep})
    unread = ("unread-file", "it has texts in texts, more than 6 deep")
    assert {("email-address", ""), unread} == found(vcrpy(deep), "a.yaml")
    rows = json.dumps({"interactions": [[{"object": "customer", "name": "Greta"}], 7, None]})
    assert {("private-field", "customer/name")} == found(rows, "a.json")


def test_a_deleted_file_of_a_branch_is_nothing_to_search(checkout):
    commit("gone.txt", KEY)
    git("checkout", "-q", "-b", "work")
    Path("gone.txt").unlink()
    assert (0, "nothing found in 0 files\n") == run("--diff", "main")


def test_a_file_that_refuses_is_an_error(tmp_path, monkeypatch):
    file = tmp_path / "a.txt"
    file.write_text("x")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(LibraryError, match="Permission denied"):
        scan([str(file)], POLICY)


def test_values_that_stand_in_another_way_in_the_text_take_linear_time():
    """The line of a value with escapes is looked for only so often."""
    began = time.process_time()
    rows = json.dumps([['"object"', "x"]] * 5_000 + [{"id": "cus_1", "object": "customer"}])
    assert set() == found(rows, "a.json")
    assert time.process_time() - began < 4
