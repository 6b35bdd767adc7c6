"""The tutorial and the recipes for CI, run as they stand in the manual."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml
from support.command import replay_command
from support.standin import DRAFT, NEW, OLD, StandIn
from support.suites import WITHOUT_SLOW

from replay.cli.main import COMMANDS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
OTHER = "in_1NXyPbLkdIwHu7ixDq4v7w2R"
BIN = Path(sys.executable).parent


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A project as the tutorial has it: its suite, and recordings of which one object moved on."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")
    monkeypatch.setenv("STRIPE_API_BASE", stand_in.url)
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(WITHOUT_SLOW))
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    stand_in.add_invoice(OTHER, status="draft")
    (suite,) = (block for block in blocks("upgrade.md", "text") if block.startswith("# test_"))
    Path("test_billing.py").write_text(suite)
    Path("replay.toml").write_text("")
    for id in (DRAFT, OTHER):
        assert 0 == replay_command("record", "invoice", id, "--api-version", OLD).code
    stand_in.add_invoice(OTHER, status="paid")
    monkeypatch.delenv("STRIPE_API_BASE")
    return stand_in


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash
    return subprocess.run(
        [bash, "-e", "-o", "pipefail", "-c", command],
        capture_output=True, text=True, check=False,
        env={**os.environ, "COLUMNS": "80", **environment},
    )  # fmt: skip


def in_order(lines: list[str], output: str) -> None:
    """Each documented line is in the output, in order; … stands for anything."""
    found = output.splitlines()
    for line in lines:
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        for n, candidate in enumerate(found):
            if pattern.fullmatch(candidate.rstrip()):
                del found[: n + 1]
                break
        else:
            pytest.fail(f"not in the output, or not in this order: {line}\n{output}")


def test_the_tutorial(project: StandIn) -> None:
    """Every command of the tutorial says what the page says it says."""
    code = 0
    ran = []
    for block in blocks("upgrade.md", "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            if command == "echo $?":
                assert [str(code)] == lines
                continue
            live = {"STRIPE_API_BASE": project.url} if "upgrade" in command else {}
            done = shell(command, **live)
            in_order(lines, done.stdout + done.stderr)
            code = done.returncode
            ran.append(command)
            if "--replay-api-version" in command:
                (section,) = (b for b in blocks("upgrade.md", "text") if "Captured" in b)
                in_order(section.splitlines()[1:], done.stdout)
    assert 8 == len(ran)
    assert 0 == replay_command("scan", "cassettes").code


def workflow(number: int) -> Any:
    """A workflow of the manual, without what only the service can expand."""
    found = [yaml.safe_load(block) for block in blocks("ci.md", "yaml")]
    return [document for document in found if "jobs" in document][number]


def fixtures_step() -> Any:
    """The step that checks fixtures, as a workflow with the environment of the first one."""
    (steps,) = (s for b in blocks("ci.md", "yaml") if isinstance(s := yaml.safe_load(b), list))
    return {"env": workflow(0)["env"], "jobs": {"fixtures": {"steps": steps}}}


def run_workflow(document: Any, secrets: dict[str, str], **environment: str) -> dict[str, int]:
    """Run the steps of a workflow with a `run`, in order; step -> exit code.

    As the service does: once a step has failed, only those that say ``if: always()`` run.
    """
    codes: dict[str, int] = {}
    for job in document["jobs"].values():
        failed = False
        for step in job["steps"]:
            # Actions of the service, and the package index, are not here.
            if "run" not in step or step["run"].startswith("pip install"):
                continue
            if failed and step.get("if") != "always()":
                continue
            given = {**document.get("env", {}), **job.get("env", {}), **step.get("env", {})}
            for name, value in given.items():
                expanded = re.fullmatch(r"\$\{\{ secrets\.(\w+) \}\}", str(value))
                given[name] = secrets[expanded[1]] if expanded else str(value)
            done = shell(step["run"], CI="true", **environment, **given)
            codes[step["name"]] = done.returncode
            print(step["name"], done.stdout, done.stderr)  # shown if the test fails
            failed = failed or done.returncode != 0
    return codes


def test_the_workflows(project: StandIn, tmp_path: Path) -> None:
    """One workflow fetches twins; the other fails for what breaks these tests, until fixed."""
    secrets = {"STRIPE_TEST_KEY": "sk_test_x"}
    found = run_workflow(workflow(1), secrets, STRIPE_API_BASE=project.url)
    assert {"Fetch missing twins": 0, "Scan for private data": 0} == found
    summary = tmp_path / "summary.md"
    found = run_workflow(workflow(0), {}, GITHUB_STEP_SUMMARY=str(summary))
    assert {
        "Test offline and record which fields are read": 0,
        "Scan for private data": 0,
        "Summarise the breaking changes": 0,
        "Breaking changes in fields these tests use": 1,
    } == found
    assert "breaking: 2 used by these tests" in summary.read_text()
    # The code was changed: it reads the new version's fields where they are.
    suite = Path("test_billing.py")
    text = suite.read_text().replace("payment_intent.startswith", "customer.startswith")
    text = text.replace('"pi_"', '"cus_"').replace(".price.currency", ".currency")
    suite.write_text(text)
    Path("used-fields.json").unlink()
    found = run_workflow(workflow(0), {}, GITHUB_STEP_SUMMARY=str(summary))
    assert {0} == set(found.values()), found
    assert "Run the tests on the next version" in found


def test_twins_are_scanned_though_an_object_is_gone(project: StandIn) -> None:
    """The workflow fails for an object that Stripe no longer has, and still scans the others."""
    del project.objects[f"/v1/invoices/{OTHER}"]
    secrets = {"STRIPE_TEST_KEY": "sk_test_x"}
    found = run_workflow(workflow(1), secrets, STRIPE_API_BASE=project.url)
    assert {"Fetch missing twins": 1, "Scan for private data": 0} == found
    assert Path(f"cassettes/invoices/{DRAFT}/{NEW}.yaml").exists()


def test_fixtures_are_checked(project: StandIn) -> None:
    """One of the version passes; one with another type of value fails, as one not recorded."""
    Path("tests/fixtures").mkdir(parents=True)
    fixture = Path("tests/fixtures/invoice.json")
    step, name = fixtures_step(), "Check the hand-written fixtures"
    fixture.write_text('{"object": "invoice",\n "status": "draft"}')
    assert {name: 0} == run_workflow(step, {})
    fixture.write_text('{"object": "invoice",\n "status": 5}')
    assert {name: 1} == run_workflow(step, {})
    fixture.write_text('{"object": "charge"}')
    assert {name: 3} == run_workflow(step, {})


def test_the_hooks_are_defined() -> None:
    """Every hook that the project offers runs a command that the wheel installs."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    scripts = {point.name for point in entry_points(group="console_scripts")}
    for hook in hooks:
        program, command, *_ = hook["entry"].split()
        assert program in scripts
        assert command in COMMANDS
    offered = {hook["id"] for hook in hooks}
    for page in ("ci.md", "scan.md"):
        for block in blocks(page, "yaml"):
            document = yaml.safe_load(block)
            for repo in document.get("repos", []) if isinstance(document, dict) else []:
                if repo["repo"] != "local":
                    assert offered >= {hook["id"] for hook in repo["hooks"]}
    manifest = [str(BIN / "pre-commit"), "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")]
    subprocess.run(manifest, check=True)


def test_pre_commit_runs_the_hooks(project: StandIn, tmp_path: Path) -> None:
    """pre-commit itself runs the manual's local hooks, and a secret stops the commit."""
    local = [block for block in blocks("ci.md", "yaml") if "repo: local" in block]
    Path(".pre-commit-config.yaml").write_text(local[0])
    home = {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "HOME": str(tmp_path)}
    author = {
        f"GIT_{who}_{what}": "a@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    made = shell("git init -q . && pre-commit install && git add -A", **home)
    assert 0 == made.returncode, made.stderr
    done = shell("git commit -q -m recordings", **home, **author)
    assert 0 == done.returncode, indent(done.stdout + done.stderr, "  ")
    assert "replay scan" in done.stderr + done.stdout
    Path("notes.txt").write_text("the key is rk_live_" + "51AbCdEfGhIjKlMnOpQr" * 2)
    shell("git add notes.txt", **home)
    done = shell("git commit -q -m notes", **home, **author)
    assert 1 == done.returncode
    assert "secret-key" in done.stderr + done.stdout
    assert "rk_live_" not in done.stderr + done.stdout
    done = shell("pre-commit run --hook-stage pre-push --all-files replay-drift", **home)
    assert "replay diff" in done.stdout
    assert NEW not in done.stdout
