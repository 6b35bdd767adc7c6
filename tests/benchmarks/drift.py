"""Measures a comparison of 10,000 cassettes beside the least that any reader of them must do.

`make bench` runs it. The bare loop reads the same files, builds the values from libyaml's events
and parses the bodies with `json`, in one process, and so does `replay diff` here. genson is what
infers a schema from the same bodies, without telling versions, witnesses or grades apart.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.recordings import NEW, OLD
from support.standin import generated, invoice
from support.writing import unchecked

from replay.bodies import dump
from replay.cassette import Cassette, Interaction, ObjectKey, Request, Response
from replay.drift.report import report
from replay.library import Library
from replay.library.library import _cache
from replay.redaction.policy import default_policy
from replay.redaction.redactor import redact


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
            library.write(Cassette(key, version, policy.label, (take,)), unchecked)
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


def seconds(work: Callable[[], Any]) -> float:
    """The processor time of some work, with cold caches."""
    _cache._items.clear()
    gc.collect()
    began = process_time()
    work()
    return process_time() - began


def main() -> None:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--objects", type=int, default=5000, help="invoices, each at two versions")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = made(Path(folder) / "cassettes", given.objects)
        report(library)  # what is imported once is no part of a comparison
        rounds = [
            (seconds(lambda: bare(library)), seconds(lambda: report(library)))
            for _ in range(given.rounds)
        ]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        loop, compared = (median(times) for times in zip(*rounds, strict=True))
        ratio = median(b / a for a, b in rounds)
        print(
            f"\ncomparison of {2 * given.objects} cassettes, one process, median of {given.rounds}"
        )
        print(f"  bare loop           {loop:7.2f} s")
        print(f"  replay diff         {compared:7.2f} s   {ratio:.2f} times the bare loop")
        print(f"  memory, at most     {memory:7} MB")
        genson(library, loop)


def genson(library: Library, loop: float) -> None:
    """The row of genson, where it is installed."""
    try:
        from genson import SchemaBuilder
    except ImportError:
        print("  genson              not installed")
        return
    builder = SchemaBuilder()
    took = seconds(lambda: bare(library, builder.add_object))
    print(f"  genson, shape only  {took:7.2f} s   {took / loop:.2f} times the bare loop")


if __name__ == "__main__":
    main()
