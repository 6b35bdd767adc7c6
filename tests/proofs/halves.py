"""How often drift is found where there is none, and missed where there is some, without pairs.

Libraries of several resources are made, all at one version, and compared with themselves: split at
random, and split into two populations that use other payment methods and are in other states. Then
a field is taken out of one half. Usage: halves.py [--reduced]
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.fleets import Fleet, fleet, removable, shelf, without
from support.recordings import NEW, OLD

from replay.drift.judge.findings import Finding, Grade, Report, Severity
from replay.drift.report import report

RESOURCES = ("charge", "customer", "invoice", "payment_intent", "subscription")
SIZES = (12, 20, 40, 80)
ENOUGH = 20
"""In smaller libraries, most objects that are null at times were seen too rarely."""


def halves(bodies: Fleet, chance: random.Random, how: str) -> tuple[list, list]:  # type: ignore[type-arg]
    """The objects of the old and of the new side."""
    order = list(bodies.bodies)
    if how == "random":
        chance.shuffle(order)
    return order[: len(order) // 2], order[len(order) // 2 :]


def compared(fleets: list[Fleet], chance: random.Random, how: str) -> Report:
    """A version against itself."""
    sides = []
    for one in fleets:
        old, new = halves(one, chance, how)
        sides += [(one.name, OLD, old), (one.name, NEW, new)]
    return report(shelf(sides), versions=(OLD, NEW))


def breaking(found: Report, grade: Grade) -> list[tuple[str, Finding]]:
    """The findings that fail a build."""
    return [
        (comparison.resource, finding)
        for comparison, finding in found.findings()
        if finding.fails(Severity.BREAKING, grade)
    ]


def false_alarms(runs: int, how: str) -> tuple[int, int]:
    """In how many runs a version against itself fails the default gate; and proves a break."""
    failed = proven = 0
    for run in range(runs):
        chance = random.Random(f"{how} {run}")
        size = SIZES[run % len(SIZES)]
        fleets = [fleet(name, size, run // 4) for name in RESOURCES]
        found = compared(fleets, chance, how)
        failed += bool(breaking(found, Grade.LIKELY))
        proven += bool(breaking(found, Grade.PROVEN))
        for resource, finding in breaking(found, Grade.LIKELY):
            print("   ", how, size, resource, finding.rule, finding.path, finding.grade)
    return failed, proven


def found_again(runs: int, how: str) -> dict[int, tuple[int, int]]:
    """Size -> of how many fields that were taken out of one half, how many break a build."""
    figures = dict.fromkeys(SIZES, (0, 0))
    for run in range(runs):
        chance = random.Random(f"removed {how} {run}")
        size = SIZES[run % len(SIZES)]
        name = RESOURCES[run % len(RESOURCES)]
        one = fleet(name, size, run // 4)
        old, new = halves(one, chance, how)
        # What could be seen: both halves have the object that the field is taken out of.
        around = {path[:-1] for body in new for path in removable(body)}
        path = chance.choice(
            sorted({path for body in old for path in removable(body) if path[:-1] in around})
        )
        found = report(
            shelf([(name, OLD, old), (name, NEW, without(new, path))]), versions=(OLD, NEW)
        )
        told = {finding.path for _, finding in breaking(found, Grade.UNOBSERVED)}
        there, missing = figures[size]
        hit = "".join(f"/{step}" for step in path) in told
        figures[size] = there + hit, missing + (not hit)
    return figures


def main(reduced: bool) -> int:
    """Print the figures.

    Returns:
        0 if they are as promised, else 1.
    """
    runs = 8 if reduced else 400
    kept = True
    for how in ("random", "populations"):
        failed, proven = false_alarms(runs, how)
        print(f"{failed:>5}  of {runs} runs fail, a version against itself, {how}")
        print(f"{proven:>5}  of {runs} runs prove a break, a version against itself, {how}")
        kept = kept and not proven and failed <= runs / 100
    for how in ("random", "populations"):
        figures = found_again(20 if reduced else 400, how)
        for size, (hit, missed) in figures.items():
            print(f"{hit:>5}  of {hit + missed} removals break, {size} objects, {how}")
        large = [both for size, both in figures.items() if size >= ENOUGH]
        hit, every = sum(n for n, _ in large), sum(map(sum, large))
        print(f"{hit:>5}  of {every} removals break, from {ENOUGH} objects on, {how}")
        kept = kept and (how != "random" or reduced or hit >= 0.9 * every)
    print("as promised" if kept else "not as promised")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main("--reduced" in sys.argv))
