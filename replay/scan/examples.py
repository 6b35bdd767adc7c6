"""What each rule of the scanner must find, and what it must pass over: examples, run as its test.

An example is the text of a file, or an edit of a cassette that replay recorded. The word "live" of
a key and other telling words are written with a gap (``li^ve``), which the test closes: else code
hosts and this scanner would take the examples for keys.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One file.

    Attributes:
        text: the file's text; empty where it is a recorded cassette.
        name: the file's name.
        edits: what is replaced in the cassette, as regular expressions, and with what.
        before: the file's text on the base branch, where the rule compares branches; for a cassette
            that is the one without edits.
    """

    text: str
    name: str = "notes.txt"
    edits: tuple[tuple[str, str], ...] = ()
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Examples:
    """The examples of one rule.

    Attributes:
        found: files in which the rule finds something.
        passed: files like them, in which it must not.
    """

    found: tuple[Example, ...]
    passed: tuple[Example, ...]


_TAIL = "51QaTestAbCdEfGhIjKlMn^OpQr"
_CUSTOMER = '{"id": "cus_QaTestAbCd1234", "object": "customer", %s}'
_CALL = """interactions:
- request: {body: %s, headers: {%s}, method: GET, uri: '%s'}
  response: {body: {string: '%s'}, headers: {}, status: {code: 200, message: OK}}
version: 1
"""
_URI = "https://api.stripe.com/v1/customers"


def _texts(*texts: str) -> tuple[Example, ...]:
    return tuple(Example(text) for text in texts)


def _json(*members: str) -> tuple[Example, ...]:
    return tuple(Example(_CUSTOMER % member, "answer.json") for member in members)


def _calls(*parts: tuple[str, str, str, str]) -> tuple[Example, ...]:
    return tuple(Example(_CALL % part, "tape.yaml") for part in parts)


def _edits(*edits: tuple[str, str]) -> tuple[Example, ...]:
    return tuple(Example("", "in.yaml", (edit,)) for edit in edits)


_ALLOWED = ('"billing_reason": "subscription_cycle"', '"billing_reason": "manual"')
_OTHER_POLICY = ("policy: stripe-", "policy: stripe-9")
_OTHER_STAND_IN = (r'"account_name": "Redacted \w{8}"', '"account_name": "Redacted 01234567"')
_IGNORED = '[[ignore]]\npath = "%s"\nreason = "invented"\n'


_AGENT = '{"lang": "ruby", "host^name": "ines-mbp.holm.lan", "un^ame": "Linux ines-mbp 6.1"}'

EXAMPLES: dict[str, Examples] = {
    "secret-key": Examples(
        _texts(f"STRIPE_KEY=sk_li^ve_{_TAIL}", f"key: 'rk_te^st_{_TAIL}'", f"https://sk_te^st_{_TAIL}@x"),
        _texts("STRIPE_KEY=sk_live_...", "sk_test_****Ab1C", f"task_li^ve_{_TAIL}",
               "sk_live_XXXXXXXXXXXXXXXXXXXXXXXX", "def risk_test_configuration(): pass"),
    ),
    "organisation-key": Examples(
        _texts(f"Bearer sk_org_li^ve_{_TAIL}", f"sk_org_{_TAIL}"),
        _texts("sk_org_...", "task_org_settings2024", "sk_org_chart"),
    ),
    "publishable-key": Examples(
        _texts(f"Stripe('pk_li^ve_{_TAIL}')", f"pk_te^st_{_TAIL}"),
        _texts("Stripe('pk_test_...')", f"npk_te^st_{_TAIL}", "pk_live_YOUR_KEY"),
    ),
    "ephemeral-key": Examples(
        _texts(f'{{"secret": "ek_te^st_{_TAIL}"}}', f"pst_li^ve_{_TAIL}"),
        _texts("ek_live_<key>", f"week_te^st_{_TAIL}", "ek_test_"),
    ),
    "webhook-secret": Examples(
        _texts(f"WEBHOOK=wh^sec_{_TAIL}"),
        _texts("WEBHOOK=whsec_...", "whsec_test_secret", "whsec_xxxxxxxxxxxxxxxxxxxxxxxx"),
    ),
    "client-secret": Examples(
        _texts(f"pi_3QaTestAbCdEf0123_se^cret_{_TAIL}", f"seti_1QaTestAbCdEf0123_se^cret_{_TAIL}",
               f"src_1QaTestAbCdEf0123_client_se^cret_{_TAIL}"),
        _texts("client_secret_basic_method", "create_secret_version2", "MY_secret_manager",
               "the_secret_garden1911edition"),
    ),
    "oauth-code": Examples(
        _texts(f"?code=ac_{_TAIL}", f"refresh: rt_{_TAIL}"),
        _texts("ac_power_adapter", f"mac_{_TAIL}", "rt_short1"),
    ),
    "private-url": Examples(
        _texts(f"https://invoice.stri^pe.com/i/acct_1QaTest/test_{_TAIL}",
               f"https://pay.stri^pe.com/receipts/payment/{_TAIL}"),
        _texts("https://dashboard.stripe.com/account/apikeys", "https://docs.stripe.com/api/invoices",
               "https://checkout.stripe.com/checkout.js", "https://billing.stripe.com/p/login/test"),
    ),
    "request-id": Examples(
        _calls(("null", "", _URI, '{"last": "re^q_QaTestAbCdEf01"}')),
        (*_calls(("null", "", _URI, '{"last": "req_replay0123456789"}')),
         *_texts("see re^q_QaTestAbCdEf01 in a text that is no recording")),
    ),
    "private-field": Examples(
        (*_json('"name": "Ines Holm"', '"address": {"line1": "Kaigasse 7"}'),
         Example("object: customer\nid: cus_QaTestAbCd1234\nphone: '+49 30 901820'\n", "a.yml")),
        (*_json('"name": null', '"livemode": false', '"name": "Redacted 0a1b2c3d"'),
         Example('{"object": "ship", "name": "Ines Holm"}', "ship.json"),
         Example('{"id": "re_1", "object": "refund"}', "stub.json"),
         Example("object: list of things\nname: Ines Holm\n", "config.yml")),
    ),
    "private-parameter": Examples(
        _calls(("null", "", f"{_URI}?email=ines%40holm-werft.de", "{}"),
               ("description=Mast+of+Ines+Holm&amount=5", "", _URI, "{}")),
        _calls(("null", "", f"{_URI}?limit=3&expand[]=data.sources", "{}"),
               ("amount=500&currency=eur&confirm=true", "", _URI, "{}")),
    ),
    "machine-name": Examples(
        _calls(("null", f"X-Stripe-Client-User-Agent: ['{_AGENT}']", _URI, "{}")),
        _calls(("null", "User-Agent: ['Stripe/v1 RubyBindings/5.1.0']", _URI, "{}"),
               ("null", "X-Stripe-Client-User-Agent: ['{\"lang\": \"ruby\"}']", _URI, "{}")),
    ),
    "email-address": Examples(
        _calls(("null", "", _URI, "seen by ines@holm-werft.de")),
        (*_calls(("null", "", _URI, "seen by ines@example.com, ines@holm.test")),
         *_texts("ines@holm-werft.de in a text that is no recording")),
    ),
    "unproven-leaf": Examples(
        _edits(('"billing_reason": "subscription_cycle"', '"billing_reason": "Ines Holm"'),
               ("recorded_at: '2...-..-..", "recorded_at: '2026-02-30")),
        _edits(_ALLOWED),
    ),
    "forged-stand-in": Examples(
        _edits(('"account_name": "Redacted ', '"account_name": "Ines Holm ')),
        _edits(_ALLOWED),
    ),
    "unknown-stand-in": Examples(
        (Example("", "in.yaml", (_OTHER_POLICY, _OTHER_STAND_IN)),),
        _edits(_ALLOWED, _OTHER_POLICY),
    ),
    "damaged-cassette": Examples(
        _edits(("message: OK", "message: Ines7"), ("\n  source: ", "\n  note: Ines\n  source: ")),
        _edits(_ALLOWED),
    ),
    "policy-behind": Examples(_edits(_OTHER_POLICY), _edits(_ALLOWED)),
    "unknown-version": Examples(_edits(("2025-03-31.basil", "2025-03-31.holm")), _edits(_ALLOWED)),
    "unknown-name": Examples(
        _edits(('"footer": null', '"footer": null, "ines_holm": true'),
               ("\n  source: .*", "\n  source: ines-mbp.holm.lan")),
        _edits(_ALLOWED, ("\n  source: .*", "\n  source: localhost:12111"),
               ("\n  source: .*", "\n  source: files.stripe.com")),
    ),
    "newly-kept": Examples(
        _edits(('"footer": null', '"footer": "", "billing": "card"')), _edits(_ALLOWED)
    ),
    "policy-loosened": Examples(
        (Example(_IGNORED % "*", "replay-scan.toml", before=_IGNORED % "docs/*"),),
        (Example(_IGNORED % "docs/*", "replay-scan.toml", before=_IGNORED % "docs/*"),
         Example("", "replay-scan.toml", before=_IGNORED % "docs/*")),
    ),
    "unread-file": Examples(
        (Example("Rar!\x1a\x07\0 packed", "a.rar"),),
        (Example("object: []", "a.yaml"), Example("{not json", "a.json")),
    ),
}  # fmt: skip
"""The examples of each rule, by its ID."""
