"""Recording on purpose, in mode none: the source is asked for nothing."""

from __future__ import annotations

from pathlib import Path

from support.standin import DRAFT, NEW, OLD, StandIn

import replay
from replay.library import Library
from replay.model.modes import RecordMode
from replay.recording.paced_pool import Pace
from replay.recording.recorder import Recorder
from replay.recording.twins import Status, record
from replay.stripe_api.call import Call, retrieve
from replay.stripe_api.routes import by_name


def call(version: str) -> Call:
    return retrieve(by_name("invoice"), [DRAFT], version=version)


def test_mode_none_asks_the_source_for_nothing(stand_in: StandIn) -> None:
    """What is recorded is kept, what is not is refused, and no file is written."""
    recorder = Recorder(Library("cassettes"), stand_in.url)
    try:
        assert [Status.RECORDED] == [
            result.status for result in record(recorder, [call(OLD)], "sk_test_x",
                                               RecordMode.ONCE, Pace(1000))
        ]  # fmt: skip
        asked, files = sum(stand_in.hits.values()), sorted(Path("cassettes").rglob("*"))
        kept, missing = record(
            recorder, [call(OLD), call(NEW)], "sk_test_x", RecordMode.NONE, Pace(1000)
        )
    finally:
        recorder.close()
    assert (Status.KEPT, OLD) == (kept.status, kept.version)
    assert (Status.REFUSED, "") == (missing.status, missing.version)
    assert "mode none records nothing" in missing.reason
    assert asked == sum(stand_in.hits.values())
    assert files == sorted(Path("cassettes").rglob("*"))


def test_mode_none_names_a_damaged_cassette(stand_in: StandIn) -> None:
    """It is the result of its call, as in the other modes."""
    with replay.use_cassettes("cassettes", mode="once", api_base=stand_in.url):
        pass
    recorder = Recorder(Library("cassettes"), stand_in.url)
    path = recorder.library.path(call(OLD).key, OLD)
    path.parent.mkdir(parents=True)
    path.write_text("damaged")
    (result,) = record(recorder, [call(OLD)], "sk_test_x", RecordMode.NONE, Pace(1000))
    recorder.close()
    assert Status.REFUSED is result.status
    assert isinstance(result.error, replay.CassetteDamaged)
