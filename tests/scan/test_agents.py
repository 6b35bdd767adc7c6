"""Names of machines in the headers in which clients describe themselves."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from replay.redaction.policy import default_policy
from replay.scan.agents import is_telemetry, is_user_agent, machine_names, names_in_text
from replay.scan.search import hits_in
from replay.scan.sources import Source

UNAME = "Darwin Gretas-MacBook.local 18.7.0 Darwin Kernel Version 18.7.0: root:xnu-4903 x86_64"
AGENTS: dict[str, dict[str, Any]] = {
    "Ruby": {"bindings_version": "5.1.0", "lang": "ruby", "uname": UNAME,
             "hostname": "Gretas-MacBook.local"},
    "Python": {"bindings_version": "7.0.0", "lang": "python", "publisher": "stripe",
               "uname": "Linux gretas-x1 6.1.0 #1 SMP x86_64"},
    "Node": {"bindings_version": "14.0.0", "lang": "node", "uname": quote(UNAME + "\n")},
    "PHP": {"bindings_version": "10.0.0", "lang": "php", "publisher": "stripe",
            "uname": "Linux gretas-x1 5.4.0 #1 SMP x86_64"},
    "another SDK": {"sdk_version": "3.1", "os": "linux", "hostname": "gretas-x1"},
    "a platform": {"platform": "Linux", "node": "gretas-x1", "release": "6.1.0"},
}  # fmt: skip


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
def test_the_machine_of_each_client_is_named(agent):
    assert is_telemetry(agent)
    names = {name.lower() for name in machine_names(agent)}
    assert names <= {"gretas-macbook.local", "gretas-x1"}
    assert names


@pytest.mark.parametrize(
    "agent",
    [
        {"lang": "ruby", "uname": "Linux version 4.15.0 (buildd@lgw01) (gcc)"},
        {"bindings_version": "5.1.0", "uname": "Linux localhost 5.4.0", "hostname": "localhost"},
        {"bindings_version": "5.1.0", "uname": "Linux 3f2a9c0b1d4e 5.4.0"},
        {"bindings_version": "5.1.0", "uname": "Linux"},
        {"bindings_version": "5.1.0", "uname": "", "hostname": "<HOSTNAME>"},
        {"bindings_version": "5.1.0", "uname": "uname disabled", "hostname": "[REDACTED]"},
        {"platform": "linux", "machine": "x86_64", "node": "v18.2.0"},
        {"platform": "linux", "hostname": 7},
    ],
)  # fmt: skip
def test_what_names_no_machine_is_no_name(agent):
    assert is_telemetry(agent)
    assert [] == list(machine_names(agent))


@pytest.mark.parametrize(
    "value",
    [
        {"hostname": "gretas-x1"},
        {"lang": "ruby"},
        {"object": "x", "hostname": "a", "lang": "b"},
        {},
    ],
)
def test_other_objects_are_no_telemetry(value):
    assert not is_telemetry(value)


HEADER = json.dumps(AGENTS["Ruby"])
FORMS = {
    "vcrpy": ("a.yaml", "interactions:\n- request:\n    body: null\n    headers:\n"
              f"      X-Stripe-Client-User-Agent: ['{HEADER}']\n    method: GET\n"
              "    uri: https://api.stripe.com/v1/balance\n  response: {}\nversion: 1\n"),
    "VCR, folded": ("a.yml", "---\nhttp_interactions:\n- request:\n    method: get\n"
                    "    uri: https://api.stripe.com/v1/balance\n    headers:\n"
                    "      X-Stripe-Client-User-Agent:\n      - '"
                    + HEADER.replace(" ", "\n        ", 6) + "'\nrecorded_with: VCR 6.1.0\n"),
    "nock": ("a.json", json.dumps([{"scope": "https://api.stripe.com:443", "method": "GET",
             "path": "/v1/balance", "status": 200, "response": {"object": "balance"},
             "reqheaders": {"x-stripe-client-user-agent": HEADER}}])),
    "HAR": ("a.har", json.dumps({"log": {"version": "1.2", "entries": [{"request": {
            "url": "https://api.stripe.com/v1/balance", "method": "GET", "headers": [
            {"name": "X-Stripe-Client-User-Agent", "value": HEADER}]}, "response": {}}]}})),
    "nock in code": ("a.js", f"{{reqheaders: {{\n'x-stripe-client-user-agent': {HEADER!r}}}}}"),
    "a log": ("a.log", f"X-Stripe-Client-User-Agent: {HEADER}\n"),
    "escaped": ("a.txt", f"client-user-agent {json.dumps(HEADER)}\n"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), FORMS.values(), ids=FORMS)
def test_the_header_is_found_in_every_form(name, text):
    found = [hit.rule for hit in hits_in(Source(name, text.encode()), default_policy())]
    assert "machine-name" in found


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gretas-x1.local", True),
        ("greta-laptop", True),
        ("Gretas-MacBook-Pro", True),
        ("gretas-mbp.home", True),
        ("ruby", False),
        ("stripe-ruby", False),
        ("5.1.0", False),
        ("your-laptop", False),
    ],
)
def test_a_stub_that_asks_for_a_machine_alone_names_it(asked, found):
    """A matcher need not hold the whole header: a machine's name alone is told by its form."""
    mapping = {
        "request": {
            "method": "GET",
            "urlPath": "/v1/balance",
            "headers": {"X-Stripe-Client-User-Agent": {"contains": asked}},
        },
        "response": {"status": 200, "jsonBody": {"object": "balance"}},
    }
    source = Source("mappings/a.json", json.dumps(mapping).encode())
    assert found is ("machine-name" in [hit.rule for hit in hits_in(source, default_policy())])


SPELLINGS = ("X-Stripe-Client-User-Agent", "HTTP_X_STRIPE_CLIENT_USER_AGENT",
             "x_stripe_client_user_agent", ":x_stripe_client_user_agent", "xStripeClientUserAgent",
             "REDIRECT_HTTP_X_STRIPE_CLIENT_USER_AGENT", "X_SHOP_CLIENT_USER_AGENT")  # fmt: skip
SHORT = json.dumps({"lang": "php", "uname": "Linux gretas-x1 5.4.0 #1 SMP"})
WRITTEN = {
    "YAML": ("a.yaml", "{name}: '{value}'\n"),
    "a call in YAML": ("a.yaml", "interactions:\n- request:\n    method: GET\n    uri: x\n"
                       "    headers: {{'{name}': ['{value}']}}\n  response: {{}}\n"),
    "an unknown recording": ("a.json", '{{"id": "cus_QaTestAbCd1234", "object": "customer"}}\n'
                             '{{"env": {{"{name}": {quoted}}}}}'),
    "Ruby": ("a.rb", 'env = {{ "{name}" => {quoted} }}'),
    "PHP": ("a.php", "$_SERVER['{name}'] = '{value}';"),
    "a form": ("a.txt", "a=1&{name}={percent}&b=2"),
    "a log": ("a.log", "{name}: {value}"),
    "base64": ("a.yaml", "interactions:\n- request:\n    method: GET\n    uri: x\n"
               "    headers: {{'{name}': ['{packed}']}}\n  response: {{}}\n"),
    "uname alone": ("a.yaml", "interactions:\n- request:\n    method: GET\n    uri: x\n"
                    "    headers: {{'{name}': ['Linux gretas-x1 5.4.0 #1']}}\n  response: {{}}\n"),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("form", WRITTEN)
def test_the_headers_name_is_known_in_every_spelling(form, spelling):
    """As HTTP, CGI, Rack, PHP and symbols write it."""
    name, text = WRITTEN[form]
    filled = text.format(
        name=spelling,
        value=SHORT,
        quoted=json.dumps(SHORT),
        percent=quote(SHORT, safe=""),
        packed=base64.b64encode(SHORT.encode()).decode(),
    )
    found = [hit.rule for hit in hits_in(Source(name, filled.encode()), default_policy())]
    assert "machine-name" in found


@pytest.mark.parametrize(
    "text",
    [
        '{"hostname": "gretas-x1"}',
        '{"uname": "Linux gretas-x1 5.4.0"}\n' + "x" * 9000 + "bindings_version",
        'bindings_version, "uname": "Linux"',
    ],
)
def test_other_texts_name_no_machine(text):
    assert [] == list(names_in_text(text))


def test_many_machines_take_as_long_as_the_text_is():
    text = "bindings_version" + '"uname":"a b c",' * 100_000
    began = time.process_time()
    list(names_in_text(text))
    assert time.process_time() - began < 3


def test_each_machine_has_its_line():
    text = f"bindings_version\n{HEADER}\n\n{HEADER}\n"
    assert [2, 2, 4, 4] == [line for line, _ in names_in_text(text)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Stripe/v1 RubyBindings/5.1.0", True),
        ("Stripe/v1 PythonBindings/7.0 shop/1 (greta@kiesel-werft.de)", True),
        ("curl/8.1", True),
        ("greta@kiesel-werft.de", False),
        ("by greta@kiesel-werft.de", False),
    ],
)
def test_a_user_agent_is_told_from_other_text(value, expected):
    assert expected == is_user_agent(value)
