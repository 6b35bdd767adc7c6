"""`make scan-corpus`: how many invented secrets a scan finds, and how often it is wrong.

All is invented by a random generator with a fixed seed: secrets of every form that Stripe has, in
every encoding and several kinds of file; and decoys, which look like secrets or private values in
some way and are none. A finding counts from the confidence `medium` upwards, which is what fails a
build.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import quopri
import random
import string
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.foreign import CUSTOMER, RECORDINGS

from replay.redaction.policy import default_policy
from replay.redaction.pseudonyms import stand_in
from replay.redaction.redactor import redact
from replay.scan.rules import Confidence
from replay.scan.search import hits_in
from replay.scan.sources import Source

ALPHABET = string.ascii_letters + string.digits
POLICY = default_policy()
SEED = 14


@dataclass(frozen=True)
class Tally:
    """One line of the table: files that were scanned, and those in which the rule was found."""

    name: str
    files: int
    found: int
    missed: tuple[str, ...] = ()


class Maker:
    """Invents values; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def tail(self, length: int = 24) -> str:
        """Letters and digits, as in IDs and keys."""
        return "".join(self.random.choices(ALPHABET, k=length))

    def words(self, count: int) -> str:
        """Words of a text."""
        words = ("ship", "mast", "harbour", "invoice", "customer", "because", "rate", "of", "the",
                 "with", "secret", "test", "live", "client", "key", "wind")  # fmt: skip
        return " ".join(self.random.choices(words, k=count))


def _forms() -> dict[str, Callable[[Maker], str]]:
    forms: dict[str, Callable[[Maker], str]] = {}
    for rule, prefixes in (("secret-key", ("sk", "rk")), ("publishable-key", ("pk", "uk")),
                           ("ephemeral-key", ("ek", "pst"))):  # fmt: skip
        for prefix in prefixes:
            for mode in ("live", "test"):
                forms[f"{rule} {prefix} {mode}"] = lambda maker, start=f"{prefix}_{mode}_": (
                    f"{start}51{maker.tail()}"
                )
    forms["organisation-key live"] = lambda maker: "sk_org_" + f"live_{maker.tail(40)}"
    forms["organisation-key"] = lambda maker: "sk_" + f"org_{maker.tail(40)}"
    forms["webhook-secret"] = lambda maker: "whsec" + f"_{maker.tail(32)}"
    forms["webhook-secret base64"] = lambda maker: (
        "whsec" + "_" + base64.b64encode(maker.tail(24).encode()).decode()
    )
    for prefix in ("pi", "seti", "src", "cs_test", "cuss", "fcsess_client", "vs"):
        forms[f"client-secret {prefix}"] = lambda maker, prefix=prefix: (
            f"{prefix}_1{maker.tail(23)}_secret_{maker.tail(25)}"
        )
    forms["client-secret accs"] = lambda maker: f"accs_secret__{maker.tail(30)}"
    forms["oauth-code code"] = lambda maker: f"ac_{maker.tail(32)}"
    forms["oauth-code refresh"] = lambda maker: f"rt_{maker.tail(48)}"
    for host, path in (("invoice", "i/acct_1{0}/live_{1}"), ("pay", "receipts/payment/{1}"),
                       ("hooks", "redirect/authenticate/src_{0}?client_secret={1}"),
                       ("checkout", "c/pay/cs_live_{0}#{1}"), ("billing", "p/session/live_{1}"),
                       ("connect", "setup/e/acct_1{0}/{1}"), ("files", "links/{1}"),
                       ("verify", "start/test_{1}")):  # fmt: skip
        forms[f"private-url {host}"] = lambda maker, host=host, path=path: (
            f"https://{host}.stripe.com/" + path.format(maker.tail(16), maker.tail(40))
        )
    return forms


FORMS = _forms()


def _folded(secret: str) -> str:
    middle = len(secret) // 2
    return f'"a text of two lines with {secret[:middle]}\\\n    {secret[middle:]} in it"'


def _utf16(text: str) -> str:
    return _b64(text.encode("utf-16-le"))


def _b64(held: str | bytes) -> str:
    return base64.b64encode(held.encode() if isinstance(held, str) else held).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "URL": lambda secret: "next=" + "".join(f"%{byte:02X}" for byte in secret.encode()),
    "URL twice": lambda secret: (
        "next=" + quote("".join(f"%{byte:02x}" for byte in secret.encode()), safe="")
    ),
    "base64": lambda secret: _b64(f"user:{secret}"),
    "base64url": lambda secret: base64.urlsafe_b64encode(f"?>~{secret}?".encode()).decode(),
    "base64 without padding": lambda secret: _b64(f"{secret}:").rstrip("="),
    "hex": lambda secret: secret.encode().hex(),
    "JSON escapes": lambda secret: '"' + "".join(f"\\u{ord(char):04x}" for char in secret) + '"',
    "HTML entities": lambda secret: "".join(f"&#{ord(char)};" for char in secret),
    "quoted-printable": lambda secret: quopri.encodestring(
        f"a mail whose lines are so long that they must be broken: {secret} is it".encode()
    ).decode(),
    "gzip in base64": lambda secret: _b64(gzip.compress(secret.encode(), mtime=0)),
    "zlib in base64": lambda secret: _b64(zlib.compress(secret.encode())),
    "base64 over lines": lambda secret: "\n" + base64.encodebytes(
        json.dumps({"note": "some words before it", "value": secret, "after": [1] * 30}).encode()
    ).decode(),
    "split over two lines": _folded,
    "base64 twice": lambda secret: _b64(_b64(f"key {secret}")),
    "base64 thrice": lambda secret: _b64(_b64(_b64(f"key {secret}"))),
    "base32": lambda secret: base64.b32encode(f"key {secret}".encode()).decode(),
    "base64 of UTF-16": lambda secret: _utf16(f"$key = '{secret}'"),
    "escapes of code": lambda secret: '"' + "".join(f"\\x{ord(c):02x}" for c in secret) + '"',
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"a": {"b": secret + "/"}})),
}  # fmt: skip
"""How a text holds a secret."""

FILES: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "zlib": ("a.zz", lambda text: zlib.compress(text.encode())),
    "gzip": ("a.gz", lambda text: gzip.compress(text.encode(), mtime=0)),
    "UTF-16": ("a.txt", lambda text: text.encode("utf-16")),
    "UTF-16 without a mark": ("a.txt", lambda text: text.encode("utf-16-be")),
    "UTF-32": ("a.txt", lambda text: text.encode("utf-32-le")),
}
"""How a file holds a text."""

CARRIERS: dict[str, Callable[[Maker, str], str]] = {
    "a.env": lambda maker, held: f"# {maker.words(6)}\nSTRIPE={held}\nOTHER=1\n",
    "a.yaml": lambda maker, held: f"a: {maker.words(3)}\nkey: {held}\nlist: [1, 2]\n",
    "a.md": lambda maker, held: f"# {maker.words(3)}\n\n{maker.words(20)} {held} and so on\n",
    "a.log": lambda maker, held: f"12:00 INFO {maker.words(4)}\n12:01 WARN <{held}>\n",
}  # fmt: skip

TWICE = frozenset({"base64 twice", "base64 thrice", "base32", "base64 of UTF-16"})
"""Encodings of which three characters such as `ac_` are too few to be seen there."""


def secrets() -> Iterator[Tally]:
    """Each encoding: all forms in all carriers."""
    maker = Maker(SEED)
    ways: list[tuple[str, Callable[[str], str], tuple[str, Callable[[str], bytes]] | None]] = [
        (name, encode, None) for name, encode in ENCODINGS.items()
    ]
    ways += [(f"file in {name}", ENCODINGS["plain"], file) for name, file in FILES.items()]
    for name, encode, file in ways:
        count, missed = 0, []
        for form, make in FORMS.items():
            if name in TWICE and form.startswith("oauth-code"):
                continue
            for path, carry in CARRIERS.items():
                text = carry(maker, encode(make(maker)))
                data = file[1](text) if file else text.encode()
                count += 1
                if form.split()[0] not in failing(file[0] if file else path, data):
                    missed.append(f"{form} in {path}")
        yield Tally(name, count, count - len(missed), tuple(missed))


def failing(path: str, data: bytes) -> set[str]:
    """The rules that find something in a file, notes and hints left out."""
    return {
        hit.rule
        for hit in hits_in(Source(path, data), POLICY)
        if hit.confidence in {Confidence.HIGH, Confidence.MEDIUM}
    }


# Decoys


def _ids(maker: Maker) -> tuple[str, str]:
    prefixes = sorted(POLICY.prefixes)
    lines = [f"{maker.random.choice(prefixes)}_1{maker.tail(23)}" for _ in range(20)]
    return "a.log", "\n".join(f"GET /v1/x/{id} 200" for id in lines)


def _placeholders(maker: Maker) -> tuple[str, str]:
    char = maker.random.choice("xX0*.")
    length = maker.random.randint(8, 32)
    start = maker.random.choice(["sk_live_", "sk_test_", "pk_test_", "rk_live_", "wh" + "sec_"])
    rest = maker.random.choice([char * length, "YOUR_KEY_HERE", "<your key>", "...", "{{ key }}"])
    return "README.md", f"Set `STRIPE_KEY={start}{rest}` and run."


def _masked(maker: Maker) -> tuple[str, str]:
    shown = f"sk_test_{'*' * maker.random.randint(8, 24)}{maker.tail(4)}"
    return "a.log", f"Invalid API Key provided: {shown}"


def _names(maker: Maker) -> tuple[str, str]:
    names = ("create_secret_version2", "client_secret_basic", "get_secret_value", "task_live_view",
             "risk_test_suite_configuration", "mask_live_regions", "desk_test_fixtures2024",
             "mac_address_of_the_first_interface", "start_time", "ac_dc_converter", "port_number",
             "webhook_whsec_env", "is_secret_manager_enabled", "rotate_secret_2024backup",
             )  # fmt: skip
    name = maker.random.choice(names)
    return "a.py", f"def {name}(self):\n    return self.{name}_{maker.random.randint(1, 99)}\n"


def _hashes(maker: Maker) -> tuple[str, str]:
    raw = maker.random.randbytes(64)
    lines = [
        f'integrity "sha512-{base64.b64encode(raw).decode()}"',
        f"--hash=sha256:{hashlib.sha256(raw).hexdigest()}",
        f"commit {hashlib.sha1(raw).hexdigest()}",  # noqa: S324 - as git names commits
        f"{raw[:4].hex()}-{raw[4:6].hex()}-{raw[6:8].hex()}-{raw[8:10].hex()}-{raw[10:16].hex()}",
    ]
    return "package.lock", "\n".join(lines)


def _jwt(maker: Maker) -> tuple[str, str]:
    parts = [json.dumps({"alg": "HS256"}), json.dumps({"sub": maker.tail(), "exp": 1700000000})]
    coded = [base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    signature = base64.urlsafe_b64encode(maker.random.randbytes(32)).decode().rstrip("=")
    return "a.txt", "Authorization: Bearer " + ".".join([*coded, signature])


def _image(maker: Maker) -> tuple[str, str]:
    return "a.svg", base64.encodebytes(maker.random.randbytes(6000)).decode()


def _minified(maker: Maker) -> tuple[str, str]:
    parts = [f"var {maker.tail(2)}={{{maker.tail(3)}:function(){{return\"{maker.tail(9)}\"}}}};"
             for _ in range(200)]  # fmt: skip
    return "a.min.js", "".join(parts)


def _pages(maker: Maker) -> tuple[str, str]:
    pages = ("https://docs.stripe.com/api/invoices/object", "https://dashboard.stripe.com/apikeys",
             "https://dashboard.stripe.com/test/webhooks", "https://js.stripe.com/v3/",
             "https://checkout.stripe.com/checkout.js", "https://connect.stripe.com/oauth/token",
             "https://stripe.com/docs/testing", "https://files.stripe.com/v1/files",
             "https://dashboard.stripe.com/settings/billing/portal")  # fmt: skip
    return "README.md", f"See [this]({maker.random.choice(pages)}) about {maker.words(4)}."


def _other_vendors(maker: Maker) -> tuple[str, str]:
    starts = ("sk-proj-", "sk-ant-", "ghp_", "xoxb-", "AKIA", "SG.", "key-", "npm_", "glpat-")
    return "a.env", f"OTHER={maker.random.choice(starts)}{maker.tail(36)}"


def _other_json(maker: Maker) -> tuple[str, str]:
    found = {"object": maker.random.choice(["ship", "page", "block", "chat.completion", "model"]),
             "id": maker.tail(), "name": "Ines Holm", "title": maker.words(3)}  # fmt: skip
    return "a.json", json.dumps({"results": [found]}, indent=1)


def _translations(maker: Maker) -> tuple[str, str]:
    found = {"error": {"title": maker.words(2), "message": maker.words(5)}, "name": "Name"}
    return "en.json", json.dumps(found)


def _settings(maker: Maker) -> tuple[str, str]:
    kind = maker.random.choice(["file", "event", "account", "list", "person", "plan"])
    text = f"object: {kind}\nname: {maker.words(2)}\nrequest:\n  memory: 1Gi\n"
    return "values.yaml", text


def _other_hosts(maker: Maker) -> tuple[str, str]:
    call = {"request": {"method": "GET", "uri": f"https://shop.example/{maker.tail()}",
                        "body": None, "headers": {"User-Agent": ["shop/1"]}},
            "response": {"status": {"code": 200}, "headers": {"Server": ["nginx"]},
                         "body": {"string": json.dumps({"word": maker.words(2)})}},
            }  # fmt: skip
    return "tape.json", json.dumps({"interactions": [call], "version": 1})


def _stand_ins(maker: Maker) -> tuple[str, str]:
    kinds = ("email", "url", "secret", "text", "key", "account", "name", "phone", "last4", "date")
    owner = f"cus_{maker.tail(14)}"
    return "a.yaml", "\n".join(f"{kind}: {stand_in(owner, kind, kind)}" for kind in kinds)


def _redacted(maker: Maker) -> tuple[str, str]:
    body = {**CUSTOMER, "id": f"cus_{maker.tail(14)}"}
    return "a.json", json.dumps(redact(body, owner="customers x", policy=POLICY).body, indent=2)


def _tables(maker: Maker) -> tuple[str, str]:
    rows = [f"{maker.random.randint(1, 999)},cus_{maker.tail(14)},{maker.random.random():.5f},eur"
            for _ in range(30)]  # fmt: skip
    return "a.csv", "\n".join(["id,customer,amount,currency", *rows])


def _typed(maker: Maker) -> tuple[str, str]:
    # Keys that a person typed for an example. Nobody can tell them from real ones for sure.
    kind = maker.random.choice(["sk_" + "test_", "wh" + "sec_", "pk_" + "test_"])
    return "a.md", f"key: {kind}{maker.random.choice(['abc123def456', '1234567890ab'])}"


DECOYS: dict[str, tuple[int, Callable[[Maker], tuple[str, str]]]] = {
    "IDs of objects": (200, _ids),
    "placeholders of keys": (200, _placeholders),
    "masked keys": (100, _masked),
    "names in code": (200, _names),
    "hashes and UUIDs": (200, _hashes),
    "tokens of sessions (JWT)": (100, _jwt),
    "images in base64": (60, _image),
    "minified code": (60, _minified),
    "public pages of Stripe's": (100, _pages),
    "keys of other vendors": (200, _other_vendors),
    "JSON of other APIs": (100, _other_json),
    "translations": (60, _translations),
    "settings in YAML": (100, _settings),
    "recordings of other hosts": (100, _other_hosts),
    "replay's own stand-ins": (100, _stand_ins),
    "redacted answers": (100, _redacted),
    "tables": (100, _tables),
    "keys typed for an example": (8, _typed),
}
"""How many of each kind of decoy, and how one is made."""


def decoys() -> Iterator[Tally]:
    """Each kind of decoy: in how many files something was found."""
    maker = Maker(SEED)
    for name, (count, make) in DECOYS.items():
        alarms = []
        for _ in range(count):
            path, text = make(maker)
            if rules := failing(path, text.encode()):
                alarms.append(f"{', '.join(sorted(rules))} in {path}")
        yield Tally(name, count, len(alarms), tuple(alarms))


def people() -> Tally:
    """One invented customer in the recordings of all tools: those in which name and e-mail show."""
    missed = []
    for name, (path, data) in RECORDINGS.items():
        details = {hit.detail for hit in hits_in(Source(path, data), POLICY)}
        if not {"customer/name", "customer/email"} <= details:
            missed.append(name)
    return Tally("a customer in recordings", len(RECORDINGS), len(RECORDINGS) - len(missed),
                 tuple(missed))  # fmt: skip


def main() -> None:
    """Print the table; the exit code is 1 below a recall of 100 % or a precision of 99 %."""
    print(f"{'secrets of ' + str(len(FORMS)) + ' forms':<28}{'files':>7}{'found':>7}{'recall':>10}")
    held = []
    for one in (*secrets(), people()):
        held.append(one)
        print(f"{one.name:<28}{one.files:>7,}{one.found:>7,}{one.found / one.files:>10.1%}")
        for missed in one.missed[:5]:
            print(f"    missed: {missed}")
    print(f"\n{'decoys':<28}{'files':>7}{'false alarms':>17}")
    lures = []
    for one in decoys():
        lures.append(one)
        print(f"{one.name:<28}{one.files:>7,}{one.found:>17,}")
    files, found = sum(one.files for one in held), sum(one.found for one in held)
    alarms = sum(one.found for one in lures)
    precision = found / (found + alarms)
    print(f"\nrecall {found / files:.1%}: {found:,} of {files:,} files are found")
    print(f"precision {precision:.1%}: {alarms:,} of {found + alarms:,} found files hold nothing")
    sys.exit(found < files or precision < 0.99)


if __name__ == "__main__":
    main()
