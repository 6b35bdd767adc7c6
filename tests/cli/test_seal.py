"""`replay seal`: hand edits are welcome, and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from support.command import replay_command
from support.shelves import copied
from support.standin import DRAFT, PREVIEW, StandIn

import replay
from replay.library.format import seals

FILE = Path("cassettes") / "invoices" / DRAFT / f"{PREVIEW}.yaml"


def record(source: StandIn, library: Path) -> None:
    with replay.use_cassettes(library, mode="once", api_base=source.url):
        requests.get(f"{source.url}/v1/invoices/{DRAFT}", timeout=5)


@pytest.fixture(autouse=True)
def recorded() -> None:
    """./cassettes with the draft invoice."""
    copied(record, Path("cassettes"))


def edit(change: Callable[[str], str]) -> None:
    before = FILE.read_bytes()
    FILE.write_bytes(change(before.decode()).encode())
    assert before != FILE.read_bytes()


def test_an_edit_is_refused_until_it_is_sealed() -> None:
    """A changed status is an error that names the command; after the command it is served."""
    edit(lambda text: text.replace('"status": "draft"', '"status": "void"'))
    with (
        pytest.raises(replay.CassetteUnsealed, match=f"replay seal .*{PREVIEW}.yaml"),
        replay.use_cassettes(),
    ):
        requests.get(f"https://api.stripe.com/v1/invoices/{DRAFT}", timeout=5)
    done = replay_command("seal", FILE)
    assert (0, f"sealed  {FILE}\n") == (done.code, done.out)
    with replay.use_cassettes():
        answer = requests.get(f"https://api.stripe.com/v1/invoices/{DRAFT}", timeout=5)
    assert "void" == answer.json()["status"]


def test_sealing_again_changes_nothing() -> None:
    """A file whose seal fits is left as it is."""
    before = FILE.stat().st_mtime_ns
    assert f"sealed already  {FILE}\n" == replay_command("seal", FILE).out
    assert before == FILE.stat().st_mtime_ns


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.partition("\n")[2],
        lambda text: text.replace("sha256:", "sha512:", 1),
        lambda text: text.replace("version: 1\n", '"version":    1\n\n', 1),
    ],
    ids=["CRLF", "BOM", "no first line", "broken first line", "another style"],
)
def test_what_editors_do_to_a_file_is_accepted(change: Callable[[str], str]) -> None:
    """Line ends, a BOM, a formatter's style and a lost first line are no obstacle."""
    edit(change)
    assert 0 == replay_command("seal", FILE).code
    assert 0 == replay_command("list").code


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.replace('"Redacted ', '"Jenny ', 1), "the policy does not keep /"),
        (lambda t: t.replace('"footer": null', '"footer": "for Jenny"'), "/footer (text)"),
        (
            lambda t: t.replace('"status": "draft"', '"status": "sk_test_abcdefghijkl"'),
            "the file holds a secret (secret-key)",
        ),
        (
            lambda t: t.replace(f"id: {DRAFT}", "id: in_1Another2Invoice3"),
            "request.uri is not that of the call",
        ),
        (
            lambda t: t.replace("interactions:", "interaction:"),
            "interaction is a key that replay does not write",
        ),
        (lambda t: t.replace("  redacted:", " redacted:"), "not readable as YAML"),
        (lambda t: t.replace("cassette 1", "cassette 2", 1), "pip install --upgrade"),
    ],
    ids=["private value", "private field", "secret", "other key", "format", "yaml", "too new"],
)
def test_a_bad_edit_is_named_and_left_as_it_is(change: Callable[[str], str], says: str) -> None:
    """What a recording could not have written is not sealed; exit 2; nothing is lost."""
    edit(change)
    edited = FILE.read_bytes()
    done = replay_command("seal", FILE)
    assert (2, True) == (done.code, says in done.err), done.err
    assert [] == [word for word in ("Jenny", "sk_test", "report this") if word in done.err]
    assert edited == FILE.read_bytes()


def test_one_bad_file_does_not_keep_the_others_from_being_sealed() -> None:
    """Each path is judged alone."""
    edit(lambda text: text.replace('"status": "draft"', '"status": "void"'))
    done = replay_command("seal", "nowhere.yaml", FILE)
    assert (2, f"sealed  {FILE}\n") == (done.code, done.out)
    assert "there is no such file" in done.err


def test_a_folder_seals_what_is_in_it() -> None:
    """Of a folder the edited cassettes are sealed; the count says how many there were."""
    assert "cassettes: 0 of 1 sealed\n" == replay_command("seal", "cassettes").out
    edit(lambda text: text.replace('"status": "draft"', '"status": "void"'))
    done = replay_command("seal", "cassettes")
    assert (0, f"sealed  {FILE}\ncassettes: 1 of 1 sealed\n") == (done.code, done.out)
    edit(lambda text: text.replace("interactions:", "interaction:"))
    done = replay_command("seal", "cassettes")
    assert (2, "cassettes: 0 of 1 sealed, 1 failed\n") == (done.code, done.out)
    assert "interaction is a key that replay does not write" in done.err


@pytest.mark.parametrize("options", [(), ("--redact",), ("--merge",)], ids=" ".join)
def test_a_path_may_lead_up(options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder beside the library, as editors and shells name files, it is the same file."""
    edit(lambda text: text.replace('"status": "draft"', '"status": "void"'))
    if options == ("--redact",):
        edit(lambda text: seals.seal(text.partition("\n")[2].replace("stripe-1 ", "stripe-0 ")))
    if options == ("--merge",):
        theirs = FILE.read_text()
        ours = seals.seal(theirs.partition("\n")[2].replace('"void"', '"paid"', 1))
        theirs = seals.seal(theirs.partition("\n")[2])
        FILE.write_text(f"<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n")
    Path("beside").mkdir()
    monkeypatch.chdir("beside")
    for path in (Path("..", FILE), "../beside/../cassettes"):
        done = replay_command("seal", *options, path)
        assert 0 == done.code, done.err
    with replay.use_cassettes("../cassettes"):
        requests.get(f"https://api.stripe.com/v1/invoices/{DRAFT}", timeout=5)


URI = f"/v1/invoices/{DRAFT}"
UNRECORDED = {
    "message": lambda t: t.replace("message: OK", "message: jane.doe@corp.com", 1),
    "header": lambda t: t.replace(TYPE, TYPE + "      X-Name: [Jane Doe]\n", 1),
    "value": lambda t: t.replace(TYPE, "      Content-Type: [jane.doe@corp.com]\n", 1),
    "redirect": lambda t: t.replace("code: 200, message: OK", "code: 302, message: Found", 1),
    "source": lambda t: t.replace("  source: ", "  source: jane.doe@", 1),
    "top": lambda t: t + "x-note: Jane Doe\n",
    "head": lambda t: t.replace("cassette:\n", "cassette:\n  x-note: Jane Doe\n", 1),
    "take": lambda t: t.replace("  source: ", "  note: Jane Doe\n  source: ", 1),
    "parameter": lambda t: t.replace(f"{URI}\n", f"{URI}?email=jane.doe%40corp.com\n", 1),
    "host": lambda t: t.replace("https://api.stripe.com/", "https://jane.corp.com/", 1),
    "body": lambda t: t.replace("    body: null", "    body: name=Jane", 1),
    "policy": lambda t: t.replace("  policy: stripe-1", "  policy: jane", 1),
    "comment": lambda t: t.replace("\ninteractions:", "\n# for jane.doe@corp.com\ninteractions:"),
    "comment in lower case": lambda t: t.replace("\ninteractions:", "\n# a note\ninteractions:"),
    "at a line's end": lambda t: t.replace("interactions:\n", "interactions: # Jane Doe\n"),
    "before a block": lambda t: t.replace("string: |-\n", "string: |- # jane.doe@corp.com\n"),
    "last": lambda t: t + "# jane.doe@corp.com\n",
    "directive": lambda t: t.replace("\nversion: 1\n", "\n%YAML 1.1\n---\nversion: 1\n", 1),
    "class": lambda t: t.replace("/account_name: name\n", "/account_name: Jane Doe\n"),
}
TYPE = "      Content-Type: [application/json]\n"


@pytest.mark.parametrize("change", UNRECORDED.values(), ids=UNRECORDED)
def test_what_no_recording_has_is_refused_by_all(change: Callable[[str], str]) -> None:
    """By `seal`, `verify`, `scan`, a session, the server's and `list`, with file and field.

    Also if somebody sealed it.
    """
    edit(change)
    edited = FILE.read_bytes()
    done = replay_command("seal", FILE)
    assert (2, "") == (done.code, done.out)
    assert edited == FILE.read_bytes()
    FILE.write_text(seals.seal(edited.decode().partition("\n")[2]))
    sealed = [replay_command("seal", FILE), replay_command("seal", "--redact", "cassettes")]
    assert [2, 2] == [again.code for again in sealed]
    verified = replay_command("verify", "--format", "json")
    deep = replay_command("verify", "--deep", "--format", "json")
    for found in (verified, deep):
        assert {"damaged"} == {row["rule"] for row in found.json["findings"]}
    scanned = replay_command("scan", "cassettes", "--format", "json")
    assert "damaged-cassette" in {row["rule"] for row in scanned.json["findings"]}
    listed = replay_command("list")
    with pytest.raises(replay.CassetteDamaged) as raised, replay.use_cassettes("cassettes"):
        requests.get(f"https://api.stripe.com/v1/invoices/{DRAFT}", timeout=5)
    assert str(FILE) in raised.value.where
    said = raised.value.what.removeprefix("the cassette ")
    for told in (done.err, *(again.err for again in sealed), verified.out, deep.out, listed.err):
        assert said in told
    for told in (done.err, verified.out, scanned.out, str(raised.value)):
        assert [] == [word for word in ("jane", "Jane", "Doe", "corp") if word in told]


def test_a_pointer_that_leads_nowhere_is_not_sealed() -> None:
    """It takes the body to know; `verify --deep` and `scan` say so too."""
    edit(lambda t: t.replace("  redacted:\n", "  redacted:\n    /jane.doe@corp.com: text\n"))
    edited = FILE.read_text()
    done = replay_command("seal", FILE)
    assert (2, "") == (done.code, done.out)
    assert "may hold a private value" in done.err
    FILE.write_text(seals.seal(edited.partition("\n")[2]))
    found = replay_command("verify", "--deep", "--format", "json")
    assert {"redacted"} == {row["rule"] for row in found.json["findings"]}
    scanned = replay_command("scan", "cassettes", "--format", "json")
    assert {"unproven-leaf"} == {row["rule"] for row in scanned.json["findings"]}
    for told in (done.err, scanned.out):
        assert [] == [word for word in ("jane", "Jane", "Doe", "corp") if word in told]
