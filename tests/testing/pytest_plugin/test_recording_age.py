"""Tests that play old recordings, and clocks that stand at their date."""

from __future__ import annotations

from support.suites import Suite

TESTS = """
    import datetime

    @pytest.mark.cassettes(freeze="2020-05-06")
    def test_frozen():
        assert datetime.date(2020, 5, 6) == datetime.date.today()
        get()

    @pytest.mark.cassettes
    def test_plain():
        assert 2020 < datetime.date.today().year
        get()
"""


def test_old_recordings_are_listed_and_may_fail_the_run(suite: Suite) -> None:
    """By the option or the setting; nothing is recorded again, and other runs are as ever."""
    suite.write(TESTS)
    assert "old recordings" not in suite.run("--replay-max-age=90d").out
    warned = suite.run("--replay-max-age=0d")
    assert 0 == warned.code, warned.out
    assert "2 tests played old recordings" in warned.summary
    assert "test_suite.py::test_frozen: invoices in_" in warned.out
    assert "0 days old" in warned.out
    failed = suite.run("--replay-max-age=0d,fail", "-n", "2", with_="xdist")
    assert 1 == failed.code, failed.out
    suite.ini("replay_max_age = 0d,fail")
    assert 1 == suite.run().code
    assert 0 == suite.run("--replay-max-age=1d").code


def test_what_is_no_age_is_told(suite: Suite) -> None:
    """With how to write one."""
    suite.write(TESTS)
    done = suite.run("--replay-max-age=soon")
    assert "--replay-max-age = soon: write a number of days: 90d, or 90d,fail" in done.out
