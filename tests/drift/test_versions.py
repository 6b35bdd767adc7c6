"""Versions are ordered by date, and trains are known by name."""

from __future__ import annotations

import pytest

from replay.drift.versions import promises, train, version_order


def test_a_named_release_precedes_the_preview_of_its_date() -> None:
    """By date first; what has no date comes before everything."""
    ordered = [
        "unversioned",
        "2023-10-16",
        "2023-10-16; feature_beta=v1",
        "2025-03-31.basil",
        "2026-01-28.clover",
        "2026-01-28.preview",
    ]
    shuffled = ordered[3:] + ordered[:3]
    assert ordered == sorted(shuffled, key=version_order)


@pytest.mark.parametrize(
    ("expected", "version"),
    [
        ("basil", "2025-03-31.basil"),
        ("", "2026-01-28.preview"),
        ("", "2024-06-20"),
        ("", "unversioned"),
    ],
)
def test_only_named_releases_have_a_train(expected: str, version: str) -> None:
    """Previews and dated versions promise nothing."""
    assert expected == train(version)


@pytest.mark.parametrize(
    ("expected", "old", "new"),
    [
        (True, "2025-03-31.basil", "2025-04-30.basil"),
        (False, "2025-03-31.basil", "2025-09-30.clover"),
        (False, "2024-06-20", "2024-04-10"),
    ],
)
def test_stripe_promises_compatibility_inside_one_train(expected: bool, old: str, new: str) -> None:
    """Only there is a breaking finding a broken promise."""
    assert expected == promises(old, new)
