"""The clients that `make clients` drives: what each needs, how it is built, how it is asked.

A client takes calls, as JSON objects, and gives an answer for each: ``status``, and ``body`` or
``code`` and ``message``; ``amount`` is what its typed object says, where it makes one. The
programs beside this file do that, a line in and a line out; curl and the Stripe CLI are commands,
run once a call. Packages are fetched by the ordinary tools, and built under ``.clients``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILT = HERE.parents[1] / ".clients"
KEY = "sk_test_PRIVATEclientkey"
"""The API key of all clients: nothing that replay says or writes may hold its word."""

PATHS = {"invoice": "/v1/invoices/{id}", "invoice_payment": "/v1/invoice_payments/{id}"}
# The SDK is one package of 500 files: not to optimise it halves the time.
GO_BUILD = ("go", "build", "-gcflags=github.com/stripe/...=-N -l", "-o")
STRIPE_CLI = BUILT / "node" / "node_modules" / ".bin" / "stripe"

QUIET = {"STRIPE_CLI_TELEMETRY_OPTOUT": "1", "XDG_CONFIG_HOME": str(BUILT / "config")}
"""What keeps the CLI from its telemetry and from this machine's own configuration."""

Call = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Client:
    """One client.

    Attributes:
        name: as the table and the manual say it.
        needs: the commands that must be there.
        build: makes it ready; says its version.
        ask: base address and calls in, answers out.
        recipe: runs its recipe in the manual; what that printed.
    """

    name: str
    needs: tuple[str, ...]
    build: Callable[[], str]
    ask: Callable[[str, list[Call]], list[Answer]]
    recipe: Callable[[str], str]

    @property
    def missing(self) -> list[str]:
        """The commands that this machine lacks."""
        return [command for command in self.needs if shutil.which(command) is None]


def run(*command: object, input: str = "", folder: Path = HERE, **environment: str) -> Any:
    """Run a command, which must end well, with the API key in its environment."""
    done = subprocess.run(
        list(map(str, command)), input=input, cwd=folder, capture_output=True, check=False,
        encoding="utf-8", env={**os.environ, "STRIPE_API_KEY": KEY, **environment}, timeout=900,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr.strip() or done.stdout)[-1000:]
        raise RuntimeError(f"{Path(str(command[0])).name} ended with {done.returncode}: {said}")
    return done


def ready(name: str, *commands: tuple[object, ...]) -> Path:
    """The folder in which the commands have built a program from its sources as they are."""
    source, folder = HERE / name, BUILT / name
    digest = hashlib.sha256(repr(commands).encode())
    for path in sorted(source.iterdir()):
        digest.update(path.read_bytes())
    stamp = folder / ".built"
    if not stamp.exists() or stamp.read_text("ascii") != digest.hexdigest():
        print(f"building {name} in {folder}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder)
        for command in commands:
            run(*command, folder=folder)
        stamp.write_text(digest.hexdigest(), "ascii")
    return folder


def build_node() -> str:
    # Neither package has others than its own of one version, so there is nothing to lock.
    folder = ready("node", ("npm", "install", "--no-package-lock", "--ignore-scripts",
                            "--no-audit", "--no-fund"))  # fmt: skip
    return str(json.loads((folder / "node_modules/stripe/package.json").read_text())["version"])


def build_cli() -> str:
    build_node()
    return str(run(STRIPE_CLI, "version").stdout.split()[2])


def build_go() -> str:
    folder = ready("go", (*GO_BUILD, "client"))
    sdk = ("-f", "{{.Version}}", "github.com/stripe/stripe-go/v86")
    return str(run("go", "list", "-m", *sdk, folder=folder).stdout.strip().removeprefix("v"))


def build_java() -> str:
    fetch = ("mvn", "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib")
    folder = ready("java", fetch, ("javac", "-cp", "lib/*", "-d", "classes", "Client.java"))
    return next((folder / "lib").glob("stripe-java-*.jar")).stem.removeprefix("stripe-java-")


def build_curl() -> str:
    return str(run("curl", "--version").stdout.split()[1])


def program(*command: object) -> Callable[[str, list[Call]], list[Answer]]:
    """A program that takes the base address and reads calls from its input."""

    def ask(url: str, calls: list[Call]) -> list[Answer]:
        lines = "".join(json.dumps(call) + "\n" for call in calls)
        said = map(json.loads, run(*command, url, input=lines).stdout.splitlines())
        return [{part: value for part, value in one.items() if value is not None} for one in said]

    return ask


def read(status: str, text: str) -> Answer:
    """The answer in a response."""
    body = json.loads(text)
    if int(status) < 400:
        return {"status": int(status), "body": body}
    return {"status": int(status), **{name: body["error"][name] for name in ("code", "message")}}


Get = Callable[[str, Call, str, str, list[tuple[str, str]]], Answer]


def each(ask: Get) -> Callable[[str, list[Call]], list[Answer]]:
    """A command that is run once a request: base address, call, method, path, parameters."""

    def answer(url: str, call: Call) -> Answer:
        match call["kind"]:
            case "list" | "search" as kind:
                return pages(partial(ask, url, call), kind, call.get("query"))
            case "preview" | "create" as kind:
                path = "/v1/invoices/create_preview" if kind == "preview" else "/v1/invoices"
                return ask(url, call, "POST", path, [("customer", call["customer"])])
        expand = [("expand[]", name) for name in call["expand"]]
        return ask(url, call, "GET", PATHS[call["kind"]].format(**call), expand)

    return lambda url, calls: [answer(url, call) for call in calls]


def pages(ask: Callable[..., Answer], kind: str, query: str | None) -> Answer:
    """The IDs in all pages of a list or search, asked for one by one."""
    path = "/v1/invoices" if kind == "list" else "/v1/invoices/search"
    found: list[str] = []
    more = [("query", query)] if query else []
    following: list[tuple[str, str]] = []
    while True:
        answer = ask("GET", path, [("limit", "2"), *more, *following])
        if "body" not in answer:
            return answer
        body = answer["body"]
        found += [one["id"] for one in body["data"]]
        if not body["has_more"]:
            return {"status": 200, "body": {"ids": found}}
        following = [("page", body["next_page"])] if query else [("starting_after", found[-1])]


def curl(url: str, call: Call, method: str, path: str, params: list[tuple[str, str]]) -> Answer:
    options = ["--request", method, *(["--get"] if method == "GET" else [])]
    if call["version"]:
        options += ["-H", f"Stripe-Version: {call['version']}"]
    for name, value in params:
        options += ["--data-urlencode", f"{name}={value}"]
    said = run("curl", "-sS", "-w", "\n%{http_code}", "-u", f"{KEY}:", *options,
               url + path).stdout  # fmt: skip
    text, _, status = said.rpartition("\n")
    return read(status, text)


def stripe_cli(
    url: str, call: Call, method: str, path: str, params: list[tuple[str, str]]
) -> Answer:
    options = ["--stripe-version", call["version"]] if call["version"] else []
    for name, value in params:
        options += ["--data", f"{name}={value}"]
    made = ("--api-base", url, "--show-headers", *options)
    done = run(STRIPE_CLI, method.lower(), path, *made, **QUIET)
    return read(done.stderr.partition("< HTTP ")[2][:3], done.stdout)


def shell(text: str) -> str:
    """Run the commands of a console session."""
    lines = [line.removeprefix("$ ") for line in text.splitlines()]
    path = f"{STRIPE_CLI.parent}{os.pathsep}{os.environ['PATH']}"
    return str(run("bash", "-e", "-c", "\n".join(lines), PATH=path, **QUIET).stdout)


def in_file(name: str, *commands: tuple[object, ...]) -> Callable[[str], str]:
    """Run a program from a file beside the one that was built, as the last of some commands."""

    def recipe(text: str) -> str:
        path = BUILT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        done = [run(*command, folder=BUILT / Path(name).parts[0]) for command in commands]
        return str(done[-1].stdout)

    return recipe


PYTHON = (sys.executable, HERE / "client.py")
UTF_8 = "-Dfile.encoding=UTF-8"
JAVA = ("java", UTF_8, "-cp", f"{BUILT}/java/classes{os.pathsep}{BUILT}/java/lib/*", "Client")

CLIENTS = [
    Client("curl", ("curl",), build_curl, each(curl), shell),
    Client("Stripe CLI", ("npm", "node"), build_cli, each(stripe_cli), shell),
    Client(
        "Node.js", ("npm", "node"), build_node, program("node", BUILT / "node" / "client.mjs"),
        in_file("node/recipe.mjs", ("node", "recipe.mjs")),
    ),
    Client(
        "Python", (), lambda: version("stripe"), program(*PYTHON, "sync"),
        lambda text: str(run(sys.executable, "-c", text).stdout),
    ),
    Client(
        "Python async", (), lambda: version("stripe"), program(*PYTHON, "async"),
        lambda text: str(run(sys.executable, "-c", text).stdout),
    ),
    Client(
        "Go", ("go",), build_go, program(BUILT / "go" / "client"),
        in_file("go/recipe/main.go", (*GO_BUILD, "recipe/", "./recipe"), ("recipe/recipe",)),
    ),
    Client(
        "Java", ("mvn", "javac", "java"), build_java, program(*JAVA),
        in_file("java/Recipe.java", ("java", "-cp", "lib/*", "Recipe.java")),
    ),
]  # fmt: skip
