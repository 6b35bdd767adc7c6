"""Recording with eight workers of pytest-xdist: nothing is lost, nothing is fetched twice."""

from __future__ import annotations

from support.standin import NEW, OLD, StandIn, generated
from support.suites import Suite

import replay

SHARED = [generated("in", f"shared{n}") for n in range(3)]
OWN = [generated("in", f"own{n}") for n in range(16)]


def test_eight_workers_fetch_each_key_and_version_once(suite: Suite, stand_in: StandIn) -> None:
    """Tests on every worker ask for the same keys, and each for one of its own, at two versions."""
    (suite.folder / "cassettes").unlink()
    for id in (*SHARED, *OWN):
        stand_in.add_invoice(id)
    suite.write(f"""
        @pytest.mark.cassettes
        @pytest.mark.parametrize("own", {OWN!r})
        def test_it(own):
            for id in [*{SHARED!r}, own]:
                for version in ({OLD!r}, {NEW!r}):
                    assert get(id, version).id == id
    """)
    ran = suite.run("-n", "8", "--replay-mode=once", STRIPE_API_BASE=stand_in.url)
    assert ({"passed": 16}, 0) == (ran.outcomes, ran.code), ran.out
    paths = {f"/v1/invoices/{id}": 2 for id in (*SHARED, *OWN)}
    assert paths == dict(stand_in.hits)
    kept = [
        (cassette.key.id, cassette.api_version, len(cassette.interactions))
        for _, cassette in replay.Library(suite.folder / "cassettes").cassettes()
    ]
    assert sorted((id, version, 1) for id in (*SHARED, *OWN) for version in (OLD, NEW)) == sorted(
        kept
    )
    assert "replay: 90 played, 38 recorded, 0 refused" == ran.summary
    stand_in.stop()
    assert "replay: 128 played, 0 recorded, 0 refused" == suite.run("-n", "2").summary
