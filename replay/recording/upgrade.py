"""Upgrades a library to another API version: fetches each object at its old and at the new version.

The two are fetched back to back, so they are twins: differences between them are due to the
version. Existing recordings do not change, because tests were written against them. If an object
has changed since it was recorded, its answer at the old version is kept as evidence instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from replay.errors import ConfigError, ReplayError
from replay.library import Library
from replay.library.library import storage_of
from replay.library.location import display_path
from replay.library.lookup import takes_of
from replay.model import json_body
from replay.model.cassette import NOTHING, Cassette, Interaction, ObjectKey, header
from replay.recording.paced_pool import Pace
from replay.recording.recorder import Outcome, Recorder
from replay.recording.related import Related, is_recorded, related_to
from replay.recording.repeats import batches_in_use
from replay.recording.second_look import compared
from replay.recording.twins import fetch, request_for
from replay.redaction.pseudonyms import PAGE, is_masked
from replay.stripe_api.call import Call, read_call
from replay.stripe_api.relations import moved_out
from replay.stripe_api.versions import UNVERSIONED, version_order


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded call, to be fetched at two versions.

    An object has several steps if it was recorded with several expand sets.

    Attributes:
        old: the call at the version that is recorded.
        new: the same call at the new version.
        account: the connected account to ask for; empty for none.
        context: the context to ask in; empty for none.
        takes: how many takes the old recording has.
        twins: the day (YYYY-MM-DD) on which both versions were fetched back to back; empty if they
            never were.
        before: the pages that come before it, the nearest first, if it is a page of a list.
    """

    old: Call
    new: Call
    account: str = ""
    context: str = ""
    takes: int = 1
    twins: str = ""
    before: tuple[ObjectKey, ...] = ()


class SkipReason(StrEnum):
    """Why a recorded object is left out of an upgrade."""

    NOT_OLDER = "has no recording of the old version"
    NEW_ALREADY = "is recorded at the new version already, and at no older one"
    UNVERSIONED = "is recorded without an API version"
    ACCOUNT = "belongs to a connected account that is not named"
    PSEUDONYM = "is recorded under a pseudonym, not under its ID"
    ERROR = "answered with an error"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A recorded object that a plan leaves out.

    Attributes:
        key: the object.
        reason: why.
    """

    key: ObjectKey
    reason: SkipReason

    @property
    def is_missing(self) -> bool:
        """Whether the upgrade is incomplete without it."""
        return self.reason not in _COMPLETE_WITHOUT


_COMPLETE_WITHOUT = {SkipReason.NOT_OLDER, SkipReason.NEW_ALREADY, SkipReason.ERROR}


@dataclass(frozen=True)
class Plan:
    """The steps of an upgrade, before anything is fetched.

    Attributes:
        target: the new version.
        steps: one for each recorded call that can be upgraded, sorted; also those with twins.
        skipped: the recorded objects that cannot be upgraded.
        related: the lists that have at the new version what it moved out of the objects, as far as
            they are not recorded.
        again: whether steps that have twins already are fetched again.
    """

    target: str
    steps: tuple[Step, ...]
    skipped: tuple[Skipped, ...]
    again: bool = False
    related: tuple[Related, ...] = ()

    @cached_property
    def wanted(self) -> list[list[Step]]:
        """The steps to fetch, grouped by object: one object's steps must not run in parallel.

        Pages of one list are a group, too: the answer to one has the token that asks for the next.
        """
        found: dict[ObjectKey, list[Step]] = {}
        for step in self.steps:
            if self.again or not step.twins:
                found.setdefault((step.old.key, *step.before)[-1], []).append(step)
        return [sorted(group, key=lambda step: len(step.before)) for group in found.values()]

    @property
    def kept(self) -> list[Step]:
        """The steps that have twins already and are not fetched."""
        return [] if self.again else [step for step in self.steps if step.twins]

    @property
    def calls(self) -> int:
        """How many requests it takes: two for each step in `wanted`, and one for each list.

        Not counted are retries, and the second look at an old version that differs from the new.
        """
        return 2 * sum(map(len, self.wanted)) + len(self.related)


class ResultKind(StrEnum):
    """How one step ended."""

    TWINS = "twins"
    MOVED = "moved on"
    GONE = "gone"
    DELETED = "deleted"
    KEPT = "kept"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one step.

    Attributes:
        step: what was to be fetched.
        kind: how it ended.
        http: the HTTP status of the new version's answer; 0 if there was none.
        reason: an explanation for people; may be empty.
        error: the error behind a refusal, if there was one.
        unconfirmed: where the old version gave another answer when it was asked once more, as JSON
            pointers; None where it was not.
    """

    step: Step
    kind: ResultKind
    http: int = 0
    reason: str = ""
    error: ReplayError | None = None
    unconfirmed: tuple[str, ...] | None = None

    @property
    def complete(self) -> bool:
        """Whether the new version now has a recording that answers as the old one does."""
        return (
            self.kind in {ResultKind.TWINS, ResultKind.MOVED, ResultKind.KEPT} and self.http < 400
        )


def plan(
    library: Library,
    target: str,
    *,
    since: str | None = None,
    resource: str | None = None,
    ids: Sequence[str] = (),
    accounts: Mapping[str, tuple[str, str]] = NOTHING,
    again: bool = False,
    errors: bool = False,
    tell: Callable[[int], None] | None = None,
) -> Plan:
    """Read a library and plan its upgrade. Makes no call.

    Args:
        library: the recordings.
        target: the new version.
        since: the old version; None takes each call's newest one before `target`.
        resource: only this resource path.
        ids: only these objects; a nested one's ID is written ``parent/id``.
        accounts: label -> the connected account and context that it stands for.
        again: whether to fetch steps that have twins already, too.
        errors: whether to fetch calls whose last answer was an error, such as 404, too. One that
            was recorded by mistake would spread to the new version.
        tell: called with the number of cassettes read since its last call, to show progress.

    Raises:
        ConfigError: there is no library, `since` is not an older version, or one of `ids` or
            `accounts` is not recorded.
        CassetteDamaged: or one of its kinds, at the first file that cannot be used.
    """
    if since is not None and since == target:
        raise ConfigError("old and new are one version", where=target, hint="name another one")
    recorded: dict[tuple[ObjectKey, tuple[str, ...]], dict[str, tuple[Call, int, bool]]] = {}
    skipped: dict[tuple[ObjectKey, SkipReason], Skipped] = {}
    missing, labels = set(ids), set[str]()
    pages: dict[str, ObjectKey] = {}
    for path, cassette in library.cassettes(resource):
        if tell is not None:
            tell(1)
        json_body.require_readable(cassette, f"{display_path(library.root)}/{path}")
        key = cassette.key
        if key.query is not None:
            for take in cassette.interactions:
                pages.update(dict.fromkeys(PAGE.findall(take.response.body.decode()), key))
        names = {key.id, "/".join((*key.parents, key.id))}
        if ids and not names & set(ids):
            continue
        missing -= names
        labels.add(key.account)
        why = _out_of_reach(cassette, accounts)
        for call, takes, failed in _calls(cassette) if why is None else ():
            versions = recorded.setdefault((key, call.expand), {})
            versions[cassette.api_version] = call, takes, failed
        if why is not None:
            skipped[key, why] = Skipped(key, why)
    if missing:
        raise ConfigError(
            f"not recorded: {', '.join(sorted(missing))}",
            where=f"library {display_path(library.root)}",
            hint="`replay list` names what is",
        )
    _require_recorded(accounts, sorted(labels - {""}))
    steps: list[Step] = []
    for (key, _), versions in recorded.items():
        older = [v for v in versions if (since in {None, v}) and _older(v, target, since)]
        if not older:
            reason = (
                SkipReason.NEW_ALREADY
                if since is None and target in versions
                else SkipReason.NOT_OLDER
            )
            skipped[key, reason] = Skipped(key, reason)
            continue
        old = max(older, key=version_order)
        call, takes, failed = versions[old]
        if failed and not errors:
            skipped[key, SkipReason.ERROR] = Skipped(key, SkipReason.ERROR)
            continue
        step = Step(
            replace(call, pinned=old),
            replace(call, pinned=target),
            *accounts.get(key.account, ("", "")),
            takes,
            before=_before(key, pages),
        )
        steps.append(replace(step, twins=fetched_together_on(library, step)))
    steps.sort(key=lambda step: (str(step.old.key), step.old.key.query or "", step.old.expand))
    related = dict.fromkeys(each for step in steps for each in _related(library, step, again))
    return Plan(target, tuple(steps), tuple(skipped.values()), again, tuple(related))


def _related(library: Library, step: Step, again: bool) -> Iterator[Related]:
    """The lists to fetch along with a step: those that hold what the new version moved out."""
    key, old, new = step.old.key, step.old.pinned or "", step.new.pinned or ""
    relations = moved_out(key.resource, old, new) if key.query is None else ()
    relations = tuple(row for row in relations if row.expand not in step.new.expand)
    takes = _takes(library, step.old) if relations else ()
    if not takes or takes[-1].response.status >= 400:
        return
    body = json_body.parse_recorded(takes[-1].response.body, str(key))
    for row in relations:
        if any(body.get(name) for name in row.fields):
            found = related_to(row, key, body, new, step.account, step.context)
            if found is not None and (again or not is_recorded(library, found.call)):
                yield found


def _before(key: ObjectKey, pages: Mapping[str, ObjectKey]) -> tuple[ObjectKey, ...]:
    """The pages that come before a page of a list, the nearest first.

    Args:
        key: the page's key; the query names its token.
        pages: stand-in of a page token -> the recording that names it.
    """
    found: list[ObjectKey] = []
    while key.query and (named := PAGE.search(key.query)) and named[0] in pages:
        key = pages[named[0]]
        if key in found:
            break
        found.append(key)
    return tuple(found)


def _require_recorded(accounts: Mapping[str, tuple[str, str]], labels: Sequence[str]) -> None:
    """Refuse an account or context that no recording belongs to."""
    named = {name for pair in accounts.values() for name in pair} - {""}
    lacking = named.difference(*(accounts.get(label, ()) for label in labels))
    if lacking:
        told = f"recordings have the labels {', '.join(labels)}, made of the names"
        raise ConfigError(
            f"nothing is recorded of {', '.join(sorted(lacking))}",
            where="--account or --context",
            hint=told if labels else "nothing here is of a connected account: leave it out",
        )


def _older(version: str, target: str, since: str | None) -> bool:
    # A version that the user named counts as old, so that a downgrade can be rehearsed too.
    return since is not None or version_order(version) < version_order(target)


def _out_of_reach(cassette: Cassette, accounts: Collection[str]) -> SkipReason | None:
    key = cassette.key
    if cassette.api_version == UNVERSIONED:
        return SkipReason.UNVERSIONED
    if key.account and key.account not in accounts:
        return SkipReason.ACCOUNT
    if any(map(is_masked, (*key.parents, key.id))):
        return SkipReason.PSEUDONYM
    return None


def _calls(cassette: Cassette) -> Iterator[tuple[Call, int, bool]]:
    """The calls of a cassette, each with its number of takes, and whether the last one failed.

    A cassette that loads holds requests of the API alone.
    """
    counts: dict[Call, int] = {}
    failed: dict[Call, bool] = {}
    for take in cassette.interactions:
        # A recorded request does not have its account, but the key has the account's label.
        call = replace(read_call(take.request), key=cassette.key, pinned=None)
        counts[call] = counts.get(call, 0) + 1
        failed[call] = take.response.status >= 400
    for call, count in counts.items():
        yield call, count, failed[call]


def fetched_together_on(library: Library, step: Step) -> str:
    """The last day on which a step's two versions were fetched back to back; empty if never.

    Returns:
        YYYY-MM-DD. Evidence counts, too.
    """
    days: list[dict[str, str]] = []
    for call in (step.old, step.new):
        days.append({})
        for place in (library, library.evidence):
            for take in _takes(place, call):
                days[-1][take.batch] = take.recorded_at[:10]
    old, new = days
    return max((new[batch] for batch in old.keys() & new.keys() if batch), default="")


def _takes(library: Library, call: Call) -> tuple[Interaction, ...]:
    cassette = library.load(call.key, call.pinned or UNVERSIONED)
    return takes_of(cassette, call) if cassette is not None else ()


def upgrade(
    recorder: Recorder, evidence: Recorder, step: Step, api_key: str, pace: Pace, *, again: bool,
    confirm: bool = True,
) -> Result:  # fmt: skip
    """Fetch one step's call at both versions, and record the answers.

    Args:
        recorder: writes into the library.
        evidence: writes into its `Library.evidence`, with the same settings.
        step: what to fetch.
        api_key: the key for the live source.
        pace: shared by all callers of the same source.
        again: whether to fetch the step even if it has twins already.
        confirm: whether to fetch the old version once more where the two differ.

    Returns:
        The result. An error that concerns this step alone is a result, too.

    Raises:
        CancelledError: the run was stopped before both versions were fetched; neither is kept.
    """
    try:
        with storage_of(recorder.library).lock(step.old.key):
            # Another process may have recorded it since the plan was made.
            day = "" if again else fetched_together_on(recorder.library, step)
            if day:
                return Result(step, ResultKind.KEPT, reason=f"has twins of {day}")
            return _upgrade(recorder, evidence, step, api_key, pace, confirm=confirm)
    except ReplayError as error:
        return Result(step, ResultKind.REFUSED, reason=error.what, error=error)


def _upgrade(
    recorder: Recorder, evidence: Recorder, step: Step, api_key: str, pace: Pace, *, confirm: bool
) -> Result:
    batch = secrets.token_hex(6)
    outcomes: list[Outcome] = []
    lasts: list[Interaction | None] = []
    for call in (step.old, step.new):
        call = recorder.masked(call)
        takes = _takes(recorder.library, call)
        lasts.append(takes[-1] if takes else None)
        request = request_for(call, api_key, step.account, step.context)
        outcome = fetch(recorder, call, request, batch, pace, completing=bool(outcomes))
        if outcome.take is None:
            return Result(step, ResultKind.REFUSED, outcome.response.status, outcome.unkept)
        if outcome.version != call.pinned:
            why = f"the source answered at {outcome.version}, and was asked for {call.pinned}"
            return Result(step, ResultKind.REFUSED, outcome.response.status, why)
        outcomes.append(outcome)
    if (problem := _problem(step, lasts[0], outcomes)) is not None:
        return problem

    def once_more(_: int) -> Outcome:
        old = recorder.masked(step.old)
        request = request_for(old, api_key, step.account, step.context)
        return fetch(recorder, old, request, "", pace)

    outcomes = compared(outcomes, once_more if confirm else None)
    agree = [
        last is not None and outcome.take is not None and _says(last) == _says(outcome.take)
        for last, outcome in zip(lasts, outcomes, strict=True)
    ]
    old, new = lasts
    # Twins stay together: with only one of them in a new batch, the pair would prove nothing.
    torn = old is not None and new is not None and old.batch == new.batch != "" and not all(agree)
    others = batches_in_use(recorder.library, call.key, {outcome.version for outcome in outcomes})
    for call, last, outcome, same in zip((step.old, step.new), lasts, outcomes, agree, strict=True):
        beside = last is not None and (torn or not same or last.batch in others)
        if same and not beside and last is not None and outcome.take is not None:
            # Keep the request of the old recording: its client may not have named a version.
            outcome = replace(outcome, take=replace(outcome.take, request=last.request))
        store = evidence if beside else recorder
        store.append(call, outcome.version, [outcome], refresh=True, in_use=others)
    done = _result(step, lasts, outcomes, agree)
    first = outcomes[0].take
    return replace(done, unconfirmed=first.unconfirmed if first is not None else None)


def _problem(step: Step, last: Interaction | None, outcomes: Sequence[Outcome]) -> Result | None:
    """Why two answers are not recorded: the object is gone, or one of the answers is an error."""
    old, new = (outcome.response.status for outcome in outcomes)
    if last is None:
        return Result(
            step, ResultKind.REFUSED, new, "its old recording is gone: it is not there now"
        )
    if last.response.status < 400:
        if 404 in {old, new}:
            return Result(step, ResultKind.GONE, new, "the source does not have it any more")
        if old >= 400:
            return Result(step, ResultKind.REFUSED, old, f"{step.old.pinned} answers status {old}")
        stated = header(outcomes[1].response.headers, "Stripe-Version")
        if new >= 400 and not (step.new.expand and stated):
            return Result(step, ResultKind.REFUSED, new, f"{step.new.pinned} answers status {new}")
    if not json_body.is_deleted(last) and any(
        o.take is not None and json_body.is_deleted(o.take) for o in outcomes
    ):
        return Result(step, ResultKind.DELETED, new, "it was deleted since")
    return None


def _result(
    step: Step,
    lasts: Sequence[Interaction | None],
    outcomes: Sequence[Outcome],
    agree: Sequence[bool],
) -> Result:
    http, reason = outcomes[1].response.status, ""
    if http >= 400 > outcomes[0].response.status:
        reason = f"{step.new.pinned} answers status {http}: it may not know what is expanded"
    for last, same in zip(lasts, agree, strict=True):
        if last is not None and not same:
            reason = f"differs from its recording of {last.recorded_at[:10]}, which stays"
            return Result(step, ResultKind.MOVED, http, reason)
    if step.takes > 1 and not reason:
        reason = f"of {step.takes} takes, the last is all that can be fetched"
    # An error that was one before is here because the user asked for errors, too.
    as_before = lasts[0] is not None and lasts[0].response.status == http
    if as_before and http >= 400:
        reason = f"it is an error ({http}), as before"
    return Result(step, ResultKind.TWINS, 0 if as_before else http, reason)


def _says(take: Interaction) -> tuple[object, ...]:
    """The content of a take, without who asked for it and how the answer was labelled."""
    return take.response.status, take.response.body, dict(take.redacted)
