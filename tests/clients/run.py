"""`make clients`: drive the clients that people have, for real, against `replay serve`.

python tests/clients/run.py            every client that this machine has the tools for
python tests/clients/run.py Python     those whose name holds all of the words

With REPLAY_REQUIRE_CLIENTS=1, as CI has it, tools that are missing are a failure.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checks import OTHERS, PARTS, answers_in_process, check, record_by_command, source
from toolchains import CLIENTS, Answer, Client

CHECKS = (
    *PARTS,
    "refusal",
    "damaged",
    "reference",
    *OTHERS,
    "recording",
    "replay",
    "recipe",
    "scenario",
    "private",
)


def row(name: str, version: str, *cells: str) -> None:
    """Print a line of the table."""
    print(f"{name:<14}{version:<9}" + "  ".join(f"{cell:<7}" for cell in cells), flush=True)


def build(client: Client) -> tuple[str, str]:
    """The version of a client that is ready, or what is wrong."""
    if client.missing:
        return "", f"this machine has no {' and no '.join(client.missing)}"
    started = time.monotonic()
    try:
        version = client.build()
    except Exception as error:  # noqa: BLE001 - whatever a tool does, the other clients run
        return "", f"could not be built: {error}"
    print(f"{client.name} {version}: {time.monotonic() - started:.1f} s to make ready", flush=True)
    return version, ""


def drive(
    built: tuple[str, str], client: Client, expected: list[Answer], folder: Path
) -> dict[str, str]:
    """Check one client and print its row; the checks that failed, and why."""
    version, problem = built
    if problem:
        row(client.name, "-", f"not run: {problem.splitlines()[0]}")
        return {"tools": problem}
    started = time.monotonic()
    try:
        made = check(client, folder / "cassettes", expected, folder / client.name)
    except Exception as error:  # noqa: BLE001 - whatever a client does, the others run too
        row(client.name, version, "FAILED")
        return {"run": f"{type(error).__name__}: {error}"}
    cells = ["FAILED" if made[name] else "ok" for name in CHECKS]
    row(client.name, version, *cells, f"{time.monotonic() - started:.1f}")
    return {name: problem for name, problem in made.items() if problem}


def main(words: list[str]) -> int:
    """Print a row per client, as each is done, then what is wrong; 1 if anything is."""
    chosen = [client for client in CLIENTS if all(word in client.name for word in words)]
    if not chosen:
        sys.exit(f"no such client; there are: {', '.join(client.name for client in CLIENTS)}")
    built = [build(client) for client in chosen]
    with (
        tempfile.TemporaryDirectory(prefix="replay-clients-") as name,
        ThreadPoolExecutor(2) as two,
    ):
        folder = Path(name)
        with source() as live:
            record_by_command(folder / "cassettes", live.url)
        expected = answers_in_process(folder / "cassettes")
        row("\nclient", " version", *CHECKS, "seconds")
        driven = two.map(partial(drive, expected=expected, folder=folder), built, chosen)
        wrong = dict(zip([client.name for client in chosen], driven, strict=True))
    for client_name, problems in wrong.items():
        for check_name, problem in problems.items():
            print(f"{client_name}: {check_name}: {problem}", file=sys.stderr)
    required = os.environ.get("REPLAY_REQUIRE_CLIENTS") == "1"
    passed = sum(not problems for problems in wrong.values())
    skipped = 0 if required else sum(bool(client.missing) for client in chosen)
    failed = len(chosen) - passed - skipped
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
