"""Measures a comparison of 10,000 cassettes beside the least that any reader of them must do.

`make bench` runs it. The bare loop reads the same files, builds the values from libyaml's events
and parses the bodies with `json`; both run in one process and in two. genson is what infers a
schema from the same bodies, without telling versions, witnesses or grades apart. The last rows are
what it costs to start the command on two cassettes.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from measure import processes as fresh_processes
from support.recordings import NEW, OLD
from support.standin import generated, invoice
from support.writing import unchecked

import replay
from replay.drift.report import report
from replay.library import Library
from replay.library.library import clear_cache, storage_of
from replay.model.cassette import Cassette, Interaction, ObjectKey, Request, Response
from replay.model.json_body import dump
from replay.redaction.policy import default_policy
from replay.redaction.redactor import redact

TICK = 1 / os.sysconf("SC_CLK_TCK")
"""Seconds: less than that of processor time reads as nothing."""


def made(folder: Path, objects: int) -> Library:
    """A library of invoices at two versions, redacted, with values and states of their own."""
    library = Library(folder)
    policy = default_policy()
    seed = random.Random(20240620)
    for n in range(objects):
        id = generated("in", str(n))
        key = ObjectKey("invoices", id)
        salt, status = seed.randrange(10**6), seed.choice(["draft", "open", "paid", "void"])
        for version in (OLD, NEW):
            body = varied(invoice(id, version), random.Random(salt))
            body["status"] = status
            done = redact(body, owner=str(key), policy=policy)
            pinned = ("Stripe-Version", version)
            headers = (("Content-Type", "application/json"), pinned)
            take = Interaction(
                Request("GET", f"https://api.stripe.com/v1/invoices/{id}", (pinned,)),
                Response(200, "OK", headers, dump(done.body)),
                "2026-01-01T00:00:00Z",
                "api.stripe.com",
                f"{n:032x}",
                done.redacted,
            )
            storage_of(library).write(Cassette(key, version, policy.label, (take,)), unchecked)
    return library


def varied(value: Any, seed: random.Random) -> Any:
    """A value with other numbers in it."""
    if isinstance(value, dict):
        return {name: varied(child, seed) for name, child in value.items()}
    if isinstance(value, list):
        return [varied(child, seed) for child in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return value + seed.randrange(1000)
    return value


KINDS = {
    "invoices": "in", "charges": "ch", "customers": "cus", "payment_intents": "pi",
    "transfers": "tr", "refunds": "re", "disputes": "dp", "payouts": "po", "mandates": "mandate",
    "setup_intents": "seti",
}  # fmt: skip
"""Resource -> the prefix of its IDs."""


def made_of(folder: Path, resources: int, files: int) -> Library:
    """A library of several resources at three versions, which lose an ID at each version."""
    library = Library(folder)
    versions = ("2024-04-10", OLD, NEW)
    for name, prefix in list(KINDS.items())[:resources]:
        for n in range(files // resources // len(versions)):
            id = generated(prefix, f"{name}{n}")
            for number, version in enumerate(versions):
                body = {**invoice(id, OLD), "object": name.removesuffix("s")}
                for lost in range(number, len(versions)):
                    body[f"reference_{lost}"] = generated("pm", f"{name}{n}{lost}")
                pinned = ("Stripe-Version", version)
                take = Interaction(
                    Request("GET", f"https://api.stripe.com/v1/{name}/{id}", (pinned,)),
                    Response(200, "OK", (("Content-Type", "application/json"), pinned), dump(body)),
                    "2026-01-01T00:00:00Z",
                    "api.stripe.com",
                    f"{n:032x}",
                )
                key, label = ObjectKey(name, id), default_policy().label
                storage_of(library).write(Cassette(key, version, label, (take,)), unchecked)
    return library


def spread(folder: Path, rounds: int, files: int) -> None:
    """The row that compares many resources with few, in libraries of one size."""
    few, many = (made_of(folder / str(n), n, files) for n in (2, 10))
    ratios = []
    for _ in range(rounds):
        (two, _), (ten, _) = seconds(lambda: report(few)), seconds(lambda: report(many))
        ratios.append(ten / max(two, TICK))
    print(f"\nTen resources beside two, {files} cassettes each, CPU time")
    print(f"    ratio {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


def bare(library: Library, use: Callable[[Any], None] | None = None) -> int:
    """The bare loop; gives each parsed body to `use`."""
    count = 0
    for path in sorted(library.root.rglob("*.yaml")):
        document = values(path.read_bytes())
        for take in document["interactions"]:
            body = json.loads(take["response"]["body"]["string"])
            if use is not None:
                use(body)
        count += 1
    return count


def values(data: bytes) -> Any:
    """The values of a cassette, from libyaml's events; scalars stay text."""
    parser = yaml.CSafeLoader(data)
    root: list[Any] = []
    stack: list[tuple[Any, Any]] = [(root, None)]
    nothing = object()
    container, key = root, nothing
    while (event := parser.get_event()) is not None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value: Any = event.value
        elif kind is yaml.MappingStartEvent:
            value = {}
        elif kind is yaml.SequenceStartEvent:
            value = []
        elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            container, key = stack.pop()
            continue
        else:
            continue
        if isinstance(container, list):
            container.append(value)
        elif key is nothing:
            key = value
            continue
        else:
            container[key] = value
            key = nothing
        if kind is not yaml.ScalarEvent:
            stack.append((container, nothing))
            container, key = value, nothing
    parser.dispose()
    return root[0]


def loop(library: Library, processes: int) -> None:
    """The bare loop, in this number of processes."""
    if processes == 1:
        bare(library)
        return
    paths = [str(library.root / path) for path in library.paths()]
    size = len(paths) // (4 * processes) + 1
    shares = [paths[n : n + size] for n in range(0, len(paths), size)]
    with get_context("fork").Pool(processes) as pool:
        pool.map(_share, shares)


def _share(paths: list[str]) -> None:
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123 - as bare as can be
            document = values(file.read())
        for take in document["interactions"]:
            json.loads(take["response"]["body"]["string"])


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Processor time, children's too, and elapsed time of some work, with cold caches."""
    clear_cache()
    gc.collect()
    began, clock = os.times(), perf_counter()
    work()
    ended = os.times()
    return sum(ended[:4]) - sum(began[:4]), perf_counter() - clock


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--objects", type=int, default=5000, help="invoices, each at two versions")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = made(Path(folder) / "cassettes", given.objects)
        report(library)  # what is imported once is no part of a comparison
        print(f"\nComparison of {2 * given.objects} cassettes, median of {given.rounds} rounds")
        print(f"{'':24} {'CPU time':>13} {'elapsed':>10}   of the bare loop: CPU, elapsed")
        for processes in (1, 2):
            measured(library, given.rounds, processes)
        print(f"  memory of a process, at most {memory():5} MB")
        spread(Path(folder) / "spread", given.rounds, min(600, 12 * given.objects))
        start(Path(folder) / "two", given.rounds)


_COMMAND = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from replay.cli.main import main; main()"
)


def start(folder: Path, rounds: int) -> None:
    """The rows of fresh processes that compare two cassettes."""
    made(folder, 1)
    (object_,) = (folder / "invoices").iterdir()
    package = str(Path(replay.__file__).parents[1])
    command = [sys.executable, "-c", _COMMAND, package, "diff", OLD, NEW, "--library", str(folder)]
    found = fresh_processes(
        2 * rounds,
        {
            "bare interpreter": [sys.executable, "-c", "pass"],
            "start of replay diff": [*command, "--fail-on", "never"],
            "with --id": [*command, "--id", object_.name],
        },
    )
    print(f"\nStart on two cassettes, CPU time of a fresh process, median of {len(found)}")
    for name in found[0]:
        times = [each[name] for each in found]
        print(f"    {name:20} {median(times):11.2f} s ({min(times):.2f}-{max(times):.2f})")


def memory() -> int:
    """The most that this process or one of its children ever held, in MB."""
    whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return max(resource.getrusage(who).ru_maxrss for who in whose) // 1024


def measured(library: Library, rounds: int, processes: int) -> None:
    """The rows for this number of processes."""
    works: dict[str, Callable[[], Any]] = {
        "bare loop": lambda: loop(library, processes),
        "replay diff": lambda: report(library, processes=processes),
    }
    if processes == 1 and find_spec("genson") is not None:
        works["genson, shape only"] = lambda: genson(library)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for n in range(rounds):
        for name in list(works)[:: -1 if n % 2 else 1]:
            times[name].append(seconds(works[name]))
    plural = "es" * (processes > 1)
    print(f"  in {processes} process{plural}")
    for name, found in times.items():
        cpu, clock = (median(each) for each in zip(*found, strict=True))
        shown = ""
        for which in (0, 1) if name != "bare loop" else ():
            pairs = zip(found, times["bare loop"], strict=True)
            ratios = [mine[which] / max(theirs[which], TICK) for mine, theirs in pairs]
            shown += f"   {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"    {name:20} {cpu:11.2f} s {clock:8.2f} s{shown}")


def genson(library: Library) -> None:
    """What infers a schema from the same bodies."""
    from genson import SchemaBuilder

    bare(library, SchemaBuilder().add_object)


if __name__ == "__main__":
    main()
