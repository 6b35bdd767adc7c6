"""24 forms of Stripe secrets are found; ID prefixes, stand-ins and the sample library are not."""

from __future__ import annotations

import base64
import gzip
import html
import json
import random
import struct
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest

from replay.redaction.policy import default_policy
from replay.redaction.pseudonyms import pseudonym, stand_in
from replay.scan.rules import Confidence
from replay.scan.run import scan
from replay.scan.search import hits_in
from replay.scan.sources import Source

ROOT = Path(__file__).parents[2]
TAIL = "51QaTestAbCdEfGhIjKlMnOpQrStUvWx"
KEY = f"sk_test_{TAIL}"


def wrapped(data: bytes) -> str:
    return base64.encodebytes(data).decode().replace("\n", "\n    ")


FORMS = {
    "secret key, live": f"STRIPE_API_KEY=sk_live_{TAIL}",
    "secret key, test": f"api_key: {KEY}",
    "restricted key, live": f'{{"key": "rk_live_{TAIL}"}}',
    "restricted key, test": f"key = 'rk_test_{TAIL}'",
    "organisation key": f"Bearer sk_org_live_{TAIL}",
    "organisation key, short": f"Bearer sk_org_{TAIL}",
    "publishable key": f'Stripe("pk_live_{TAIL}")',
    "ephemeral key": f'"secret": "ek_test_{TAIL}"',
    "webhook secret": f"WEBHOOK=whsec_{TAIL}",
    "terminal token": f'"secret": "pst_test_{TAIL}"',
    "payment intent's client secret": f"pi_1QaTestAbCdEf_secret_{TAIL}",
    "setup intent's client secret": f"seti_1QaTestAbCdEf_secret_{TAIL}",
    "source's client secret": f"src_1QaTestAbCdEf_client_secret_{TAIL}",
    "checkout's client secret": f"cs_test_a1QaTestAbCdEf_secret_{TAIL}",
    "customer session's secret": f"cuss_secret_{TAIL}",
    "account session's secret": f"accs_secret__{TAIL}",
    "OAuth code": f"https://greta.example/callback?code=ac_{TAIL}",
    "hosted invoice": f"https://invoice.stripe.com/i/acct_1QaTest/test_{TAIL}",
    "receipt": f"https://pay.stripe.com/receipts/payment/{TAIL}",
    "redirect": f"https://hooks.stripe.com/redirect/authenticate/src_{TAIL}",
    "Basic auth": "Authorization: Basic " + base64.b64encode(f"{KEY}:".encode()).decode(),
    "URL-encoded": "body=" + quote(f"client_secret=pi_1QaTestAbCdEf_secret_{TAIL}", safe=""),
    "JSON-escaped": json.dumps({"url": f"https://invoice.stripe.com/i/{TAIL}"}).replace("/", "\\/"),
    "compressed and wrapped": "  base64_string: |\n    "
    + wrapped(gzip.compress(json.dumps({"k": KEY, "n": list(range(200))}).encode())),
}


def found(text: str, path: str = "notes.txt") -> list[str]:
    source = Source(path, text.encode())
    return [f.rule for f in hits_in(source, default_policy())]


def test_there_are_24_forms():
    assert 24 == len(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found(form):
    assert len(found(f"before\n{FORMS[form]}\nafter")) >= 1


@pytest.mark.parametrize("form", FORMS)
def test_a_finding_names_its_line_and_never_the_value(form):
    source = Source("notes.txt", f"one\ntwo\n{FORMS[form]}\n".encode())
    for finding in hits_in(source, default_policy()):
        assert finding.line in {3, 4}
        assert "QaTest" not in repr(finding)


@pytest.mark.parametrize("packed", [gzip.compress, lambda d: b"\xef\xbb\xbf" + d,
                                    lambda d: d.decode().encode("utf-16")])  # fmt: skip
def test_a_secret_is_found_in_whatever_encoding_a_file_has(packed):
    source = Source("x.bin", packed(f"key {KEY} \n".encode()))
    assert ["secret-key"] == [f.rule for f in hits_in(source, default_policy())]


def test_what_looks_like_gzip_and_is_none_is_searched_as_it_is():
    source = Source("x.gz", b"\x1f\x8b" + f" {KEY} ".encode())
    assert ["secret-key"] == [f.rule for f in hits_in(source, default_policy())]


def test_a_text_with_lone_surrogates_can_be_searched():
    assert ["secret-key"] == found('"\\ud800 \\udfff" ' + KEY)


def test_there_are_at_least_137_prefixes_and_none_is_raised():
    prefixes = sorted(default_policy().prefixes)
    assert len(prefixes) >= 137
    text = "\n".join(f'"{prefix}_{TAIL}" /v1/x/{prefix}_{TAIL}/y' for prefix in prefixes)
    assert [] == found(text)
    assert [] == found(text, "recording.json")


def test_our_own_stand_ins_are_not_raised():
    kinds = ["email", "url", "secret", "text", "path", "key", "account", "name", "phone", "last4",
             "date", "datetime", "ip", "account_number", "int", "decimal"]  # fmt: skip
    values = [str(stand_in("cus_QaTest01", slot, kind)) for kind in kinds for slot in "abc"]
    document = {"object": "customer", "email": pseudonym("cus_A", "email"), "metadata": values[:-6]}
    assert [] == found("\n".join(values))
    assert [] == found(json.dumps(document), "customer.json")
    assert [] == found(html.escape(json.dumps(values)))


def test_the_sample_library_is_clean():
    report = scan([str(ROOT / "cassettes")], default_policy())
    assert report.files >= 10
    assert [] == [f for f in report.hits if f.confidence is not Confidence.NOTE]


@pytest.mark.parametrize(
    "text",
    [
        f'key = "sk_live_" + "{TAIL}"',
        f"$key = 'sk_' . 'live_' . '{TAIL}';",
        f'key = ("rk" "_test_"\n       "{TAIL}")',
        f'key = "sk_live_51Q" \\\n  "{TAIL[3:]}"',
        f"key = `whsec_` + `{TAIL}`",
        f"STRIPE: sk_live_51Qa\n  {TAIL[4:]}\n",
        f"> key: sk_test_\n> {TAIL}\n",
    ],
)
def test_a_key_in_two_strings_or_lines_is_found(text):
    assert {"secret-key", "webhook-secret"} & {*found(text)}


@pytest.mark.parametrize(
    "text",
    ['x.startswith("sk_live_") and "configuration"', '"sk_test_" + key', "sk_live_\nSomethingElse",
     '["sk_live_", "sk_test_1234567890"[:3]]', "the sk_test_\nABCDEFGHIJKLMNOPQRS"],
)  # fmt: skip
def test_strings_beside_each_other_are_no_key(text):
    assert [] == [rule for rule in found(text) if "1234" not in text]


@pytest.mark.parametrize("offset", range(5))
@pytest.mark.parametrize("encode", ["base32", "base32 in lower case", "base64 thrice"])
def test_a_key_is_found_wherever_it_starts_in_an_encoding(encode, offset):
    data = b"x" * offset + f" {KEY} and more".encode()
    if encode == "base64 thrice":
        for _ in range(3):
            data = base64.b64encode(data)
    else:
        data = base64.b32encode(data)
    text = data.decode().lower() if "lower" in encode else data.decode()
    assert ["secret-key"] == found(f"value: {text}\n")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PACKED = zlib.compress(f"BT ({KEY}) Tj ET".encode())
PICTURE = zlib.compress(random.Random(1).randbytes(5000))
PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IDAT", PICTURE)


@pytest.mark.parametrize(
    "data",
    [
        PNG + chunk(b"zTXt", b"Comment\0\0" + PACKED),
        PNG + chunk(b"iTXt", b"Comment\0\1\0en\0x\0" + PACKED),
        PNG + chunk(b"tEXt", b"Comment\0" + KEY.encode()),
        b"%PDF-1.4\n1 0 obj\nstream\r\n" + PICTURE + b"\nendstream\nstream\n" + PACKED,
    ],
    ids=["zTXt", "iTXt", "tEXt", "PDF"],
)
def test_compressed_texts_of_pictures_and_documents_are_read(data):
    source = Source("a.bin", data)
    assert ["secret-key"] == [hit.rule for hit in hits_in(source, default_policy())]
    assert [] == list(hits_in(Source("a.bin", PNG), default_policy()))
