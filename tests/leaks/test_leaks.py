"""The reduced form of `make leaks`: nothing that is planted comes out anywhere."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import pytest
from support import plants


@pytest.fixture
def quiet():
    level = logging.getLogger().level
    yield
    logging.getLogger().setLevel(level)


def test_nothing_private_is_written_or_said(quiet):
    spec = importlib.util.spec_from_file_location("leaks", Path(__file__).parent / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    probe = run.run(reduced=True)
    assert [] == probe.found
    assert probe.answered["recorded"] > 100
    assert sum(probe.planted.values()) > 900


@pytest.mark.parametrize("encoding", plants.ENCODINGS)
def test_the_probe_sees_a_plant_in_each_encoding(encoding):
    assert plants.shows(f"x {plants.ENCODINGS[encoding](plants.mark(7))} y")


def test_the_probe_sees_the_key():
    assert plants.shows(f"Authorization: {plants.KEY}")
    assert not plants.shows("nothing private")
