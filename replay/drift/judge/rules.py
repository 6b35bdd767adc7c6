"""The rule catalogue: what each rule means, how much it hurts, and its mirror. Data only.

A rule's mirror is what the same two bodies give when old and new change places. The manual's
page and `replay rules` are made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

from replay.drift.judge.findings import Severity
from replay.errors import ConfigError

INFO, WARNING, BREAKING = Severity.INFO, Severity.WARNING, Severity.BREAKING


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of drift, from the view of a response's consumer.

    Attributes:
        id: its name in reports and configuration.
        severity: the severity it has unless the evidence says otherwise.
        meaning: one sentence.
        mirror: the rule that the reverse change gives; empty where it speaks of no two bodies.
        why: why there is no mirror, or why it is not one to one; empty where the mirror is plain.
        old, new: an example, as JSON text.
    """

    id: str
    severity: Severity
    meaning: str
    mirror: str
    why: str
    old: str
    new: str


CATALOGUE: tuple[Rule, ...] = (
    Rule(
        "field-removed",
        BREAKING,
        "Present in every old observation of its parent, absent from every new one.",
        "field-added",
        "",
        '{"paid": true}',
        "{}",
    ),
    Rule(
        "field-unseen",
        WARNING,
        "Sometimes present in the old version, never in the new one.",
        "field-added",
        "",
        '{"auto_advance": true}, {}',
        "{}, {}",
    ),
    Rule(
        "field-added",
        INFO,
        "Absent from every old observation of its parent, seen in the new version.",
        "field-removed",
        "Where the field is only sometimes present, the reverse is field-unseen.",
        "{}",
        '{"amount_overpaid": 0}',
    ),
    Rule(
        "field-moved",
        BREAKING,
        "Left one path; its values appear at another path of the same object.",
        "field-moved",
        "",
        '{"subscription": "sub_1MowQVLkdIwHu7ix"}',
        '{"parent": {"subscription": "sub_1MowQVLkdIwHu7ix"}}',
    ),
    Rule(
        "field-renamed",
        BREAKING,
        "Moved to another key of the same parent.",
        "field-renamed",
        "",
        '{"plan": "plan_1MowQVLkdIwHu7ix"}',
        '{"price": "plan_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "field-moved-resource",
        BREAKING,
        "Left the object; its values appear in another resource that names the object's ID.",
        "field-added",
        "Seen from the old resource alone the reverse adds a field.",
        '{"payment_intent": "pi_3MtwBwLkdIwHu7ix"}',
        "{}",
    ),
    Rule(
        "field-aliased",
        INFO,
        "A new path holds the same values as an old one that is still there: a migration window.",
        "field-moved",
        "The reverse takes one of two equal paths away: its values live on at the other.",
        '{"customer": "cus_NffrFeUfNV2Hib"}',
        '{"customer": "cus_NffrFeUfNV2Hib", "payer": {"customer": "cus_NffrFeUfNV2Hib"}}',
    ),
    Rule(
        "became-optional",
        BREAKING,
        "Always present in the old version, only sometimes in the new one.",
        "became-required",
        "",
        '{"number": "A-1"}, {"number": "A-2"}',
        '{"number": "A-1"}, {}',
    ),
    Rule(
        "became-required",
        INFO,
        "Sometimes present in the old version, always in the new one.",
        "became-optional",
        "",
        '{"number": "A-1"}, {}',
        '{"number": "A-1"}, {"number": "A-2"}',
    ),
    Rule(
        "became-nullable",
        BREAKING,
        "Never null in the old version, null in the new one; a warning on few observations.",
        "became-non-null",
        "",
        '{"due_date": 1680644467}',
        '{"due_date": null}',
    ),
    Rule(
        "became-non-null",
        INFO,
        "Sometimes null in the old version, never in the new one.",
        "became-nullable",
        "",
        '{"due_date": null}',
        '{"due_date": 1680644467}',
    ),
    Rule(
        "null-only",
        INFO,
        "One version has only ever shown null: nothing can be said of the value.",
        "null-only",
        "",
        '{"quote": null}',
        '{"quote": "qt_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "subtree-unobserved",
        INFO,
        "Its parent was null or missing in one version: nothing can be said of what is below.",
        "subtree-unobserved",
        "",
        '{"shipping": {"carrier": "ups"}}',
        '{"shipping": null}',
    ),
    Rule(
        "list-element-unobserved",
        INFO,
        "The list was empty in one version: nothing can be said of its items.",
        "list-element-unobserved",
        "",
        '{"discounts": ["di_1MowQVLkdIwHu7ix"]}',
        '{"discounts": []}',
    ),
    Rule(
        "name-redacted",
        INFO,
        "Fields whose names are redacted are in one version only: nothing can be said of which.",
        "name-redacted",
        "",
        '{"redacted_0a1b2c3d": 1}',
        "{}",
    ),
    Rule(
        "type-changed",
        BREAKING,
        "The kinds of its values other than null have none in common.",
        "type-changed",
        "",
        '{"tax": 120}',
        '{"tax": {"amount": 120}}',
    ),
    Rule(
        "type-widened",
        BREAKING,
        "It has values of a kind that it did not have before.",
        "type-narrowed",
        "",
        '{"rate": 10}, {"rate": 11}',
        '{"rate": 10}, {"rate": "11%"}',
    ),
    Rule(
        "type-narrowed",
        INFO,
        "It no longer has values of a kind that it had.",
        "type-widened",
        "",
        '{"rate": 10}, {"rate": "11%"}',
        '{"rate": 10}, {"rate": 11}',
    ),
    Rule(
        "int-to-decimal-string",
        BREAKING,
        "An integer is now written as a string, decimal or not.",
        "type-changed",
        "The reverse has no name of its own: it breaks as any change of type does.",
        '{"unit_amount": 1050}',
        '{"unit_amount": "1050.00"}',
    ),
    Rule(
        "expand-changed",
        BREAKING,
        "An ID became the object that it names, or the reverse, under the same expand set.",
        "expand-changed",
        "",
        '{"customer": "cus_NffrFeUfNV2Hib"}',
        '{"customer": {"id": "cus_NffrFeUfNV2Hib", "object": "customer"}}',
    ),
    Rule(
        "list-to-scalar",
        BREAKING,
        "A list, or a list envelope, became a single value.",
        "scalar-to-list",
        "",
        '{"discounts": ["di_1MowQVLkdIwHu7ix"]}',
        '{"discounts": "di_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "scalar-to-list",
        BREAKING,
        "A single value became a list, or a list envelope.",
        "list-to-scalar",
        "",
        '{"discount": "di_1MowQVLkdIwHu7ix"}',
        '{"discount": ["di_1MowQVLkdIwHu7ix"]}',
    ),
    Rule(
        "enum-value-new",
        WARNING,
        "A closed-looking set of kept values has a value that it did not have before.",
        "enum-value-unseen",
        "",
        '{"billing_reason": "manual"}, {"billing_reason": "manual"}',
        '{"billing_reason": "manual"}, {"billing_reason": "automatic"}',
    ),
    Rule(
        "enum-value-unseen",
        INFO,
        "A closed-looking set of kept values no longer shows a value.",
        "enum-value-new",
        "",
        '{"billing_reason": "manual"}, {"billing_reason": "automatic"}',
        '{"billing_reason": "manual"}, {"billing_reason": "manual"}',
    ),
    Rule(
        "branch-added",
        WARNING,
        "A tag has a new value, which selects a key that was never there.",
        "branch-unseen",
        "",
        '{"type": "card", "card": {}}',
        '{"type": "link", "link": {}}',
    ),
    Rule(
        "branch-unseen",
        INFO,
        "A tag no longer shows a value, so the key it selects was not to be expected.",
        "branch-added",
        "",
        '{"type": "card", "card": {}}',
        '{"type": "link", "link": {}}',
    ),
    Rule(
        "format-changed",
        WARNING,
        "Same meaning, written otherwise: unix or ISO time, case of a code, URL host, "
        "decimal or integer string. Breaking where the JSON type changes with it.",
        "format-changed",
        "",
        '{"rate": "10"}',
        '{"rate": "10.0"}',
    ),
    Rule(
        "map-became-record",
        WARNING,
        "An object keyed by IDs, codes or free text has fields of its own now, or the reverse.",
        "map-became-record",
        "",
        '{"limits": {"usd": 100, "eur": 90, "gbp": 80}}',
        '{"limits": {"monthly_limit": 100, "daily_limit": 10}}',
    ),
    Rule(
        "id-prefix-changed",
        INFO,
        "IDs begin with another prefix, which Stripe counts as compatible.",
        "id-prefix-changed",
        "",
        '{"source": "card_1MowQVLkdIwHu7ix"}',
        '{"source": "pm_1MowQVLkdIwHu7ix"}',
    ),
    Rule(
        "spec-undocumented",
        INFO,
        "A recorded field that the specification does not have.",
        "",
        "It compares recordings with a specification (`--spec`), not two bodies.",
        "",
        "",
    ),
    Rule(
        "spec-required-missing",
        BREAKING,
        "A field that the specification requires and a recording does not have.",
        "",
        "It compares recordings with a specification (`--spec`), not two bodies.",
        "",
        "",
    ),
    Rule(
        "spec-kind-differs",
        BREAKING,
        "Recorded values, null among them, of a kind that the specification does not allow.",
        "",
        "It compares recordings with a specification (`--spec`), not two bodies.",
        "",
        "",
    ),
    Rule(
        "baseline-expired",
        WARNING,
        "An entry of the baseline whose last day has passed; its finding counts again.",
        "",
        "It speaks of the baseline file, not of two bodies.",
        "",
        "",
    ),
    Rule(
        "baseline-unused",
        WARNING,
        "An entry of the baseline that no finding needs: what it accepted is no longer found.",
        "",
        "It speaks of the baseline file, not of two bodies.",
        "",
        "",
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
        f"{id!r} is no drift rule",
        where="RULE",
        hint="did you mean " + " or ".join(near) + "?" if near else "replay rules lists them all",
    )
