"""`make leaks`: plant private values everywhere, look for them in all that was written or said.

python tests/leaks/run.py            the full run, minutes
python tests/leaks/run.py --reduced  what the suite runs, seconds
"""

from __future__ import annotations

import logging
import string
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import plants, schemas
from support.standin import StandIn

TREES = 10_000
PLANT = st.text(string.ascii_letters + "ÄÖéЖ中😀 \"\\/&<%+'", max_size=8).map(
    lambda text: f"{text} {plants.PERSON}{text}"
)
LEAF = st.one_of(
    PLANT,
    PLANT.map(plants.ENCODINGS["base64"]),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from(["usd", "open", "4242", ""]),
)


def trees(fields: list[str], types: list[str]) -> st.SearchStrategy[Any]:
    """Random bodies with fields of Stripe's and fields of nobody's."""
    keys = st.one_of(st.sampled_from(fields), st.text(max_size=8), PLANT)

    def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        plain = st.dictionaries(keys, inner, max_size=5)
        typed = st.builds(lambda body, name: body | {"object": name}, plain, st.sampled_from(types))
        return st.one_of(plain, typed, st.lists(inner, max_size=4))

    return st.builds(lambda body, name: {"object": name} | body,
                     st.dictionaries(keys, st.recursive(LEAF, grow, max_leaves=12), max_size=6),
                     st.sampled_from(types))  # fmt: skip


def random_trees(probe: plants.Probe, count: int) -> None:
    """Record `count` random trees."""
    types = list(schemas.names())
    fields = sorted({field for name in types for field in schemas.body(name)} - {"livemode"})

    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(trees(fields, types))
    def one(tree: Any) -> None:
        plants.serve(probe, "random tree", tree)
        probe.planted["random trees"] += 1

    one()


def run(*, reduced: bool, share: int = 1) -> plants.Probe:
    """Plant everything; the reduced form takes a few of the types and of the trees.

    Args:
        reduced: whether to try what takes seconds.
        share: else, try every n-th type, and that part of the trees.
    """
    logging.getLogger().setLevel(logging.DEBUG)
    types = list(schemas.names())[7::60] if reduced else list(schemas.names())[::share]
    encodings = ["raw", "base64"] if reduced else list(plants.ENCODINGS)
    with StandIn() as source:
        probe = plants.Probe(source, encodings)
        plants.leaves(probe, types)
        plants.unknown_fields(probe, types)
        plants.headers(probe)
        plants.errors(probe)
        plants.questions(probe)
        plants.addresses(probe)
        plants.writes(probe)
        random_trees(probe, 40 if reduced else TREES // share)
    return probe


def main() -> None:
    """Print the figures; the exit code is 1 if anything came out."""
    start = time.perf_counter()
    probe = run(reduced="--reduced" in sys.argv)
    for place, count in probe.planted.items():
        print(f"{count:>7,}  {place}")
    total = sum(probe.planted.values()) - probe.planted["random trees"]
    print(f"{total:>7,}  plants, and {probe.planted['random trees']:,} random trees")
    print(f"{probe.answered['recorded']:>7,}  recordings")
    print(f"{probe.answered['not recorded']:>7,}  answers or refusals that were not recorded")
    print(f"{len(probe.found):>7,}  leaks in written bytes, file names, logs, messages and reprs")
    for place in sorted(set(probe.found))[:40]:
        print("         ", place)
    print(f"         {time.perf_counter() - start:.0f} s")
    sys.exit(bool(probe.found))


if __name__ == "__main__":
    main()
