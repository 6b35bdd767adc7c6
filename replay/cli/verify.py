"""`replay verify`: is a library undamaged, and does Stripe still answer the same?"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from replay.cli.options import (
    RATE,
    RATES,
    accounts_by_label,
    allow_live_option,
    api_base_option,
    api_key,
    format_option,
    library_option,
    open_library,
)
from replay.cli.progress import counting, second_ends_at_once
from replay.errors import ConfigError

if TYPE_CHECKING:
    from replay.library import Library
    from replay.model.cassette import Cassette
    from replay.redaction.policy import Policy
    from replay.upkeep.verify.live import Question
    from replay.upkeep.verify.problems import Unasked, Verification

_AGE = re.compile(r"([1-9][0-9]{0,4}) ?([dwmy])")
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@click.command("verify")
@click.option("--deep", is_flag=True, help="Read each cassette whole, and check its format, "
              "policy and secrets, and that it is an answer to its request.")  # fmt: skip
@click.option("--older-than", "age", metavar="AGE",
              help="Report calls last recorded longer ago than AGE: 90d, 12w, 6m, "
              "1y.")  # fmt: skip
@click.option("--live", is_flag=True,
              help="Ask the live source again, and report where it answers "
              "differently.")  # fmt: skip
@click.option("--shape", is_flag=True, help="With --live: compare fields and types, not values.")
@click.option("--account", "accounts", multiple=True, metavar="ACCT",
              help="With --live: a connected account; recordings do not name theirs.")  # fmt: skip
@click.option("--context", "contexts", multiple=True, metavar="CONTEXT",
              help="As --account, for recordings made with a Stripe-Context.")  # fmt: skip
@api_base_option
@allow_live_option
@click.option("--rate", type=RATES, default=RATE, show_default=True,
              help="With --live: make at most this many calls per second.")  # fmt: skip
@library_option
@format_option
@click.pass_context
def verify_command(
    ctx: click.Context, deep: bool, age: str | None, live: bool, shape: bool,
    accounts: tuple[str, ...], contexts: tuple[str, ...], api_base: str | None,
    allow_live: bool, rate: float, library: str | None, format_: str,
) -> None:  # fmt: skip
    """Check that a library is undamaged, and that Stripe still answers the same.

    Every cassette is checked, evidence included: its seal, and whether it is where its object
    belongs; so is every scenario. The report also has names that differ in case only, objects that
    are there twice, files that a killed recording left, files that are not cassettes, empty
    folders, and scenarios whose test is gone. Nothing is written.

    --live asks the live source for everything again, at the recorded versions, with the key from
    STRIPE_API_KEY. With --shape only fields that came or went and types that changed are reported,
    so that objects whose values have changed since do not count.

    \b
    Exit codes:
      0  clean                      3  there is nothing to verify
      1  findings                   4  no findings, but the live source did not answer,
      2  misuse or broken input,       or not everything could be compared with it
         or a file that cannot be read

    \b
    Examples:
      replay verify
      replay verify --deep --format json
      replay verify --older-than 90d
      STRIPE_API_KEY=rk_test_… replay verify --live --shape
      replay verify --library dist/package-1.0-py3-none-any.whl/package/cassettes
    """
    from replay.config import resolve
    from replay.redaction.policy_source import PolicySource
    from replay.upkeep.verify import problems

    if not live and (shape or accounts or contexts or api_base or allow_live):
        raise ConfigError(
            "--shape, --account, --context, --api-base and --allow-live belong to --live",
            where="replay verify",
            hint="replay verify --live …",
        )
    older_than = days(age) if age is not None else None
    key = api_key() if live else ""
    config = resolve(library=library, mode="none", api_base=api_base)
    opened = open_library(library)
    source = PolicySource.of(config)
    policy = source.load() if deep else None
    items: list[Question | Unasked] = []
    result = _check(opened, policy, older_than, items if live else None)
    if live:
        from replay.recording.paced_pool import Pace
        from replay.recording.recorder import Recorder
        from replay.upkeep.verify.live import Live, compare

        recorder = Recorder(opened, config.api_base, allow_live=allow_live, policy_source=source)
        named = accounts_by_label(accounts, contexts)
        try:
            with (
                second_ends_at_once(),
                counting(len(items), "asking the source") as advance,
            ):
                answers = compare(Live(recorder, key, Pace(rate), named, shape), items, advance)
            result = replace(result, live=answers)
        finally:
            recorder.close()
    write = problems.to_json if format_ == "json" else problems.to_text
    click.echo(write(result), nl=False)
    ctx.exit(result.exit_code)


def days(age: str) -> int:
    """An age such as ``90d``, ``12w``, ``6m`` or ``1y``, in days.

    Raises:
        ConfigError: it is not an age.
    """
    found = _AGE.fullmatch(age.strip().lower())
    if found is None:
        raise ConfigError(
            "this is not an age", where=f"--older-than {age!r}", hint="write 90d, 12w, 6m or 1y"
        )
    return int(found[1]) * _DAYS[found[2]]


def _check(
    library: Library,
    policy: Policy | None,
    older_than: int | None,
    items: list[Question | Unasked] | None,
) -> Verification:
    """Check the files; collect the questions to the live source in `items`, if given."""
    from replay.upkeep.verify.check import verify

    collect: Callable[[str, Cassette], None] | None = None
    if items is not None:
        from replay.upkeep.verify.live import questions

        def collect(path: str, cassette: Cassette) -> None:
            items.extend(questions(path, cassette))

    with ExitStack() as bars:

        def tell(total: int) -> Callable[[], None]:
            return bars.enter_context(counting(total, "verifying"))

        return verify(library, policy=policy, older_than=older_than, visit=collect, tell=tell)
