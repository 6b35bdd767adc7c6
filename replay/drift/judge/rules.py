"""The rule catalogue: for each rule its meaning, its sentence, its severity and its mirror.

A rule owns its words. In every format, the text of a finding is the `sentence` of its rule;
renderers only lay it out. The manual's page and `replay rules` are made from the same
table. A rule's mirror is the rule for the same two bodies when old and new change places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay.drift.judge.findings import Comparison, Finding, Grade, Severity, Support, Target
from replay.drift.observe.pointers import dotted
from replay.errors import ConfigError, printable

INFO, WARNING, BREAKING = Severity.INFO, Severity.WARNING, Severity.BREAKING


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of drift, from the view of code that reads a response.

    Attributes:
        id: its name in reports and configuration.
        severity: the default severity. The evidence can change it.
        meaning: one sentence for the manual.
        says: writes the sentence of a finding. The path is printed before it.
        wrong: when a finding would be wrong: what else could look like it.
        settles: what decides the matter, if possible a command.
        mirror: the ID of the rule that applies if old and new are swapped. Empty if there is none.
        why: the reason if there is no mirror, or if several rules share one; else empty.
        old, new: an example before and after the change, as JSON text.
    """

    id: str
    severity: Severity
    meaning: str
    says: Callable[[Comparison, Finding], str]
    wrong: str
    settles: str
    mirror: str = ""
    why: str = ""
    old: str = ""
    new: str = ""


def sentence(comparison: Comparison, finding: Finding, within: str = "") -> str:
    """What happened, in one clause that begins with the path.

    Args:
        comparison: the finding's comparison.
        finding: what to tell.
        within: a path above the finding's; the path is shown from there.
    """
    inside = finding.path.removeprefix(within) if within != finding.path else finding.path
    words = f"{dotted(inside)} {RULES[finding.rule].says(comparison, finding)}"
    if finding.support is not None:
        words += f" ({_agreement(finding, finding.support)})"
    if finding.confirmed is False:
        words += "; reading the two recordings did not confirm it"
    if finding.broken_promise:
        words += "; Stripe promises no breaking change within this train"
    return words


def _agreement(finding: Finding, support: Support) -> str:
    kind = "pairs" if support.controlled else "pairs of differing state"
    words = f"{support.agree} of {support.pairs} {kind} agree"
    unseen = support.pairs - support.agree
    if finding.to is not None and unseen:
        words += f"; in {unseen} its parent was null, empty or not there"
    return words


# What rules have in common.


def _just(words: str) -> Callable[[Comparison, Finding], str]:
    return lambda *_: words


def _detail(before: str) -> Callable[[Comparison, Finding], str]:
    return lambda _, finding: f"{before}: {printable(finding.detail)}"


def _blind(before: str) -> Callable[[Comparison, Finding], str]:
    def words(comparison: Comparison, finding: Finding) -> str:
        return f"{before} in {comparison.sides[finding.blind != 'old']}"

    return words


def _remains(comparison: Comparison, finding: Finding) -> str:
    """Where the values of a removed field are, or may be; else how much there was to find."""
    found = ""
    if finding.detail:
        words = [
            dotted(word) if word.startswith("/") else printable(word)
            for word in finding.detail.split(" ")
        ]
        found = "; " + " ".join(words)
    elif finding.to is not None:
        likely = finding.to.grade < Grade.PROVEN
        return f"; {'probably ' * likely}at {_place(comparison, finding)}"
    elif finding.parts:
        told = [f"{dotted(new)} has {dotted(old)}" for old, new in finding.parts[:_PARTS]]
        more = len(finding.parts) - _PARTS
        return "; " + ", ".join(told) + (f" and {more} more" if more > 0 else "")
    if finding.carried is None:
        return found
    carried, parents = finding.carried
    if not carried:
        return f"{found}; null in all {finding.old.present}"
    return f"{found}; set in {carried} of {parents}" + ("" if found else ", found nowhere else")


def _probably(finding: Finding) -> str:
    likely = finding.to is not None and finding.to.grade < Grade.PROVEN
    return ", probably" if likely else ""


_PARTS = 3  # more are counted


def _place(comparison: Comparison, finding: Finding) -> str:
    to = finding.to or Target(comparison.resource, finding.path)
    if to.resource == comparison.resource:
        return dotted(to.path)
    return f"{to.resource}: {dotted(to.path)}, joined by its {dotted(to.join)}"


CATALOGUE: tuple[Rule, ...] = (
    Rule(
        "field-removed",
        BREAKING,
        "Present in old observations of its parent, absent from every new one: always before, or "
        "lost in all pairs that had it. A warning where chance can explain it.",
        says=lambda c, f: "removed" + _remains(c, f),
        wrong="Every new recording happens to be of a state or kind that never has the field, and "
        "no pair shows the same object with and without it.",
        settles="One object that had the field, recorded at both versions back to back: replay "
        "upgrade NEW --from OLD.",
        mirror="field-added",
        old='{"paid": true}',
        new="{}",
    ),
    Rule(
        "field-unseen",
        WARNING,
        "Sometimes present in the old version, never in the new one; no pair that had it shows it.",
        says=lambda c, f: (
            f"no longer seen: in {f.old.present} of {f.old.parents} before,"
            f" in none of {f.new.parents} now"
            + (_remains(c, f) if f.detail or f.to or f.parts else "")
        ),
        wrong="The new recordings are of other objects than the old ones, and the field is rare.",
        settles="An object that has the field, recorded at both versions back to back.",
        mirror="field-added",
        old='{"auto_advance": true}, {}',
        new="{}, {}",
    ),
    Rule(
        "field-added",
        INFO,
        "Absent from every old observation of its parent, seen in the new version.",
        says=_just("added"),
        wrong="The old recordings are few, or older than the day on which the field shipped: "
        "additions reach old versions too.",
        settles="The same object recorded at the old version today: replay record RESOURCE ID "
        "--api-version OLD.",
        mirror="field-removed",
        why="Where the field is only sometimes present, the reverse is field-unseen.",
        old="{}",
        new='{"amount_overpaid": 0}',
    ),
    Rule(
        "field-moved",
        BREAKING,
        "Left one path; its values are at another path of the same object: a new one, or one that "
        "both versions have.",
        says=lambda c, f: f"moved{_probably(f)} to {_place(c, f)}",
        wrong="The new place held an equal value by chance, or holds a copy that lives a life of "
        "its own. The removal stands all the same; `to.grade` is about the place alone.",
        settles="More objects with different values there at both versions: each further pair "
        "that agrees is one more proof, and one that differs refutes the place.",
        mirror="field-moved",
        why="Where it left an object that held more, the reverse is that object's removal.",
        old='{"subscription": "sub_1MowQVLkdIwHu7ix"}',
        new='{"parent": {"subscription": "sub_1MowQVLkdIwHu7ix"}}',
    ),
    Rule(
        "field-renamed",
        BREAKING,
        "Moved to another key of the same parent.",
        says=lambda c, f: f"renamed{_probably(f)} to {_place(c, f)}",
        wrong="Two keys of one parent held equal values, and only one of them was removed.",
        settles="More objects with different values there at both versions, as for field-moved.",
        mirror="field-renamed",
        old='{"plan": "plan_1MowQVLkdIwHu7ix"}',
        new='{"price": "plan_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "field-moved-resource",
        BREAKING,
        "Left the object; its values appear in another resource that names the object's ID.",
        says=lambda c, f: f"moved{_probably(f)} to {_place(c, f)}",
        wrong="The other resource names the same ID for a reason of its own, such as a second "
        "payment.",
        settles="At least three objects with different IDs, recorded with what relates to them: "
        "replay upgrade NEW --from OLD, or replay record --related.",
        mirror="field-added",
        why="Seen from the old resource alone the reverse adds a field.",
        old='{"payment_intent": "pi_3MtwBwLkdIwHu7ix"}',
        new="{}",
    ),
    Rule(
        "field-aliased",
        INFO,
        "A new path holds the same values as an old one that is still there: a migration window.",
        says=lambda c, f: f"also lives at {_place(c, f)}",
        wrong="The two paths hold equal values in what was recorded, and mean different things.",
        settles="An object in which the two differ, if there can be one; the changelog of the "
        "API says what was meant.",
        mirror="field-moved",
        why="The reverse takes one of two equal paths away: its values live on at the other.",
        old='{"customer": "cus_NffrFeUfNV2Hib"}',
        new='{"customer": "cus_NffrFeUfNV2Hib", "payer": {"customer": "cus_NffrFeUfNV2Hib"}}',
    ),
    Rule(
        "became-optional",
        BREAKING,
        "Always present in the old version, only sometimes in the new one. A warning where fewer "
        "than three twins show it.",
        says=lambda _, f: (
            f"became optional: always there before, in {f.new.present} of {f.new.parents} now"
        ),
        wrong="The objects that lack the key were edited between the two recordings, or came to a "
        "state that has none.",
        settles="Twins with a second look: three of them, of one state, are needed; replay "
        "upgrade makes them.",
        mirror="became-required",
        old='{"number": "A-1"}, {"number": "A-2"}',
        new='{"number": "A-1"}, {}',
    ),
    Rule(
        "became-required",
        INFO,
        "Sometimes present in the old version, always in the new one.",
        says=lambda _, f: (
            f"became required: in {f.old.present} of {f.old.parents} before, always there now"
        ),
        wrong="No new recording is of the state in which the key is missing.",
        settles="An object that lacks the key at the old version, recorded at the new one too.",
        mirror="became-optional",
        old='{"number": "A-1"}, {}',
        new='{"number": "A-1"}, {"number": "A-2"}',
    ),
    Rule(
        "became-nullable",
        BREAKING,
        "Never null in the old version, null in the new one. It only informs where fewer than "
        "three twins show it: an edit, or another object, looks alike.",
        says=_just("can now be null"),
        wrong="The value was unset between the two recordings of a pair.",
        settles="Twins with a second look: the old version is asked once more, at once, and must "
        "still have the value. Three of them are needed.",
        mirror="became-non-null",
        old='{"due_date": 1680644467}',
        new='{"due_date": null}',
    ),
    Rule(
        "became-non-null",
        INFO,
        "Sometimes null in the old version, never in the new one.",
        says=_just("is no longer null"),
        wrong="No new recording is of the state in which the value is null.",
        settles="An object that has null there at the old version, recorded at the new one too.",
        mirror="became-nullable",
        old='{"due_date": null}',
        new='{"due_date": 1680644467}',
    ),
    Rule(
        "null-only",
        INFO,
        "One version has only ever shown null, so nothing is known about the value.",
        says=_blind("was only ever null"),
        wrong="It claims nothing: one side showed null alone, and the field may have changed or "
        "not.",
        settles="An object that has a value there, recorded at both versions; the finding names "
        "the command where an object is known.",
        mirror="null-only",
        old='{"quote": null}',
        new='{"quote": "qt_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "subtree-unobserved",
        INFO,
        "Its parent was null or missing in one version, so nothing is known about its fields.",
        says=_blind("was not seen as an object or list"),
        wrong="It claims nothing: one side never showed the object or list that the fields are in.",
        settles="An object that has it, recorded at both versions; the finding names the command "
        "where an object is known.",
        mirror="subtree-unobserved",
        old='{"shipping": {"carrier": "ups"}}',
        new='{"shipping": null}',
    ),
    Rule(
        "list-element-unobserved",
        INFO,
        "The list was empty in one version, so nothing is known about its items.",
        says=_blind("was always empty"),
        wrong="It claims nothing: one side showed empty lists alone.",
        settles="An object whose list has items, recorded at both versions.",
        mirror="list-element-unobserved",
        old='{"discounts": ["di_1MowQVLkdIwHu7ix"]}',
        new='{"discounts": []}',
    ),
    Rule(
        "name-redacted",
        INFO,
        "Only one version has fields whose names are redacted; which fields is not known.",
        says=_blind("(fields whose names are redacted) was not seen"),
        wrong="It claims nothing: fields whose names the policy does not know are on one side "
        "alone.",
        settles="A policy that knows the names, and new recordings; no recording of today shows "
        "a name that was redacted.",
        mirror="name-redacted",
        old='{"redacted_0a1b2c3d": 1}',
        new="{}",
    ),
    Rule(
        "type-changed",
        BREAKING,
        "The kinds of its values other than null have none in common.",
        says=_detail("changed its type"),
        wrong="The field always allowed both kinds, and each side happened to show one of them.",
        settles="An object recorded at both versions back to back, or a specification that lists "
        "the kinds: --spec.",
        mirror="type-changed",
        old='{"tax": 120}',
        new='{"tax": {"amount": 120}}',
    ),
    Rule(
        "type-widened",
        BREAKING,
        "It has values of a kind that it did not have before.",
        says=_detail("has values of more types"),
        wrong="The new kind was possible all along, and no old recording showed it.",
        settles="The object that shows the new kind, recorded at the old version too.",
        mirror="type-narrowed",
        old='{"rate": 10}, {"rate": 11}',
        new='{"rate": 10}, {"rate": "11%"}',
    ),
    Rule(
        "type-narrowed",
        INFO,
        "It no longer has values of a kind that it had.",
        says=_detail("has values of fewer types"),
        wrong="The old kind is still possible, and no new recording shows it.",
        settles="The object that showed the old kind, recorded at the new version too.",
        mirror="type-widened",
        old='{"rate": 10}, {"rate": "11%"}',
        new='{"rate": 10}, {"rate": 11}',
    ),
    Rule(
        "int-to-decimal-string",
        BREAKING,
        "An integer is now written as a string, decimal or not.",
        says=_just("was an integer, is now a number in a string"),
        wrong="The field always allowed both forms, and each side happened to show one of them.",
        settles="An object recorded at both versions back to back.",
        mirror="type-changed",
        why="The reverse has no name of its own: it breaks as any change of type does.",
        old='{"unit_amount": 1050}',
        new='{"unit_amount": "1050.00"}',
    ),
    Rule(
        "expand-changed",
        BREAKING,
        "An ID became the object that it names, or the reverse, under the same expand set.",
        says=_detail("is expanded differently"),
        wrong="A client expanded the field without saying so in the recorded request.",
        settles="An object recorded at both versions with the same --expand.",
        mirror="expand-changed",
        old='{"customer": "cus_NffrFeUfNV2Hib"}',
        new='{"customer": {"id": "cus_NffrFeUfNV2Hib", "object": "customer"}}',
    ),
    Rule(
        "list-to-scalar",
        BREAKING,
        "A list, or a list envelope, became a single value.",
        says=_just("was a list, is now a single value"),
        wrong="The field always allowed both forms, such as one discount or several.",
        settles="An object whose list had more than one item, recorded at both versions back to "
        "back.",
        mirror="scalar-to-list",
        old='{"discounts": ["di_1MowQVLkdIwHu7ix"]}',
        new='{"discounts": "di_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "scalar-to-list",
        BREAKING,
        "A single value became a list, or a list envelope.",
        says=_just("was a single value, is now a list"),
        wrong="The field always allowed both forms, such as one discount or several.",
        settles="An object that had the single value, recorded at both versions back to back.",
        mirror="list-to-scalar",
        old='{"discount": "di_1MowQVLkdIwHu7ix"}',
        new='{"discount": ["di_1MowQVLkdIwHu7ix"]}',
    ),
    Rule(
        "enum-value-new",
        WARNING,
        "A closed-looking set of kept values has a value that it did not have before.",
        says=_detail("has new values"),
        wrong="The value was possible all along, and the old recordings are too few to show it. "
        "That is why it is never proven.",
        settles="The object with the new value, recorded at the old version too, or a "
        "specification that lists the values: --spec.",
        mirror="enum-value-unseen",
        old='{"billing_reason": "manual"}, {"billing_reason": "manual"}',
        new='{"billing_reason": "manual"}, {"billing_reason": "automatic"}',
    ),
    Rule(
        "enum-value-unseen",
        INFO,
        "A closed-looking set of kept values no longer shows a value.",
        says=_detail("no longer shows"),
        wrong="The value is still possible, and no new recording shows it.",
        settles="The object that had the value, recorded at the new version too.",
        mirror="enum-value-new",
        old='{"billing_reason": "manual"}, {"billing_reason": "automatic"}',
        new='{"billing_reason": "manual"}, {"billing_reason": "manual"}',
    ),
    Rule(
        "branch-added",
        WARNING,
        "A tag has a new value, which selects a key that was never there.",
        says=lambda _, f: (
            f"names another kind of object: {printable(f.detail)}"
            if f.detail
            else "is a new branch, selected by a new tag value"
        ),
        wrong="The branch was there all along, and nobody recorded an object of that kind at the "
        "old version.",
        settles="An object of that kind, recorded at both versions.",
        mirror="branch-unseen",
        old='{"type": "card", "card": {}}',
        new='{"type": "link", "link": {}}',
    ),
    Rule(
        "branch-unseen",
        INFO,
        "A tag that is still there no longer shows a value, so the key that it selects cannot be "
        "there. Where the tag went too, or was renamed, the key was removed.",
        says=_just("is no longer selected by its tag"),
        wrong="It claims no removal: the new recordings are of other kinds of objects.",
        settles="An object of that kind, recorded at both versions.",
        mirror="branch-added",
        old='{"type": "card", "card": {}}',
        new='{"type": "link", "link": {}}',
    ),
    Rule(
        "format-changed",
        WARNING,
        "Same meaning, written otherwise: unix or ISO time, case of a code, URL host, "
        "decimal or integer string. Breaking where the JSON type changes with it.",
        says=_detail("is written otherwise"),
        wrong="Both forms were always in use, such as hosts of different regions, and each side "
        "showed one of them.",
        settles="An object recorded at both versions back to back.",
        mirror="format-changed",
        old='{"rate": "10"}',
        new='{"rate": "10.0"}',
    ),
    Rule(
        "value-changed",
        WARNING,
        "In every pair of twins a value was replaced in one way: a word by another word, an amount "
        "by a multiple, a flag by its opposite, a list by a shorter one. It means something else.",
        says=_detail("has other values"),
        wrong="All twins were edited in the same way between the two recordings, or the field "
        "lives by itself and is not on the list of those that do.",
        settles="Twins with a second look, of objects that nobody works on; a severity of info "
        "for this path, if the field lives.",
        mirror="value-changed",
        old='{"fee": 12}, {"fee": 7}, {"fee": 9}',
        new='{"fee": 1200}, {"fee": 700}, {"fee": 900}',
    ),
    Rule(
        "map-became-record",
        WARNING,
        "An object keyed by IDs, codes or free text has fields of its own now, or the reverse.",
        says=_detail("has keys of another kind"),
        wrong="The keys that users chose look like names of fields, or fields like such keys.",
        settles="An object of another user, whose keys differ if they were chosen.",
        mirror="map-became-record",
        old='{"limits": {"usd": 100, "eur": 90, "gbp": 80}}',
        new='{"limits": {"monthly_limit": 100, "daily_limit": 10}}',
    ),
    Rule(
        "id-prefix-changed",
        INFO,
        "IDs begin with another prefix, which Stripe counts as compatible.",
        says=_detail("has IDs with another prefix"),
        wrong="The field may name objects of several types, and each side showed one of them.",
        settles="An object recorded at both versions back to back.",
        mirror="id-prefix-changed",
        old='{"source": "card_1MowQVLkdIwHu7ix"}',
        new='{"source": "pm_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "spec-undocumented",
        INFO,
        "A recorded field that the specification does not have.",
        says=lambda _, f: "is not specified" + (f": {printable(f.detail)}" if f.detail else ""),
        wrong="The file is of another version than the recordings, or of a preview.",
        settles="The file of exactly this version, from the repository in which Stripe publishes "
        "it.",
        why="It compares recordings with a specification (`--spec`), not two bodies.",
    ),
    Rule(
        "spec-required-missing",
        BREAKING,
        "A field that the specification requires and a recording does not have.",
        says=lambda _, f: (
            f"is required by the specification, and in {f.new.present} of {f.new.parents}"
        ),
        wrong="The file is of another version, or it requires what is sent only in some states; "
        "Stripe's file does so in places.",
        settles="The same object recorded again at this version: if the field is still missing, "
        "the file is wrong, not the recording.",
        why="It compares recordings with a specification (`--spec`), not two bodies.",
    ),
    Rule(
        "spec-kind-differs",
        BREAKING,
        "Recorded values, null among them, of a kind that the specification does not allow.",
        says=_detail("has another type than specified"),
        wrong="The file is of another version, or its description is narrower than what the API "
        "sends.",
        settles="The file of exactly this version; then the recording is right, and code must "
        "take what it shows.",
        why="It compares recordings with a specification (`--spec`), not two bodies.",
    ),
    Rule(
        "spec-value-unspecified",
        WARNING,
        "A recorded value of a closed set that the specification does not list.",
        says=_detail("has a value that is not specified"),
        wrong="The file is older than the value: values are added without a new version.",
        settles="The newest file of this version.",
        why="It compares recordings with a specification (`--spec`), not two bodies.",
    ),
    Rule(
        "baseline-expired",
        WARNING,
        "An entry of the baseline whose last day has passed; its finding counts again.",
        says=_detail("is no longer accepted"),
        wrong="The computer's clock is wrong; nothing else can make it so.",
        settles="A decision: fix the code, or accept the finding again with a later day.",
        why="It speaks of the baseline file, not of two bodies.",
    ),
    Rule(
        "baseline-unused",
        WARNING,
        "An entry of the baseline that no finding needs: what it accepted is no longer found.",
        says=_detail("is in the baseline, and no longer found"),
        wrong="The report covers less than the one that was accepted: another resource, another "
        "pair of versions, fewer recordings.",
        settles="The same command that was used to accept it; if it is still unused, remove the "
        "entry.",
        why="It speaks of the baseline file, not of two bodies.",
    ),
)

RULES: dict[str, Rule] = {rule.id: rule for rule in CATALOGUE}


def by_id(id: str) -> Rule:
    """The rule of a name.

    Raises:
        ConfigError: there is no such rule; the hint names the nearest.
    """
    from difflib import get_close_matches

    found = RULES.get(id.strip().lower())
    if found is not None:
        return found
    near = get_close_matches(id, RULES, n=3, cutoff=0.4)
    raise ConfigError(
        f"{id!r} is not a drift rule",
        where="RULE",
        hint="did you mean " + " or ".join(near) + "?" if near else "replay rules lists them all",
    )
