"""Values that stand as literals in the code of any language, and nearly as JSON, are read."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from support.foreign import NAME

from replay.importers.documents import Unreadable
from replay.importers.literals import literals

WHO = {"id": "cus_1", "object": "customer", "name": NAME}


@pytest.mark.parametrize(
    "text",
    [
        f"answer = {WHO!r}",
        f'answer = {{"id": "cus_1", "object": "customer", "name": "{NAME}",}}  # it\'s invented',
        f"Stripe::Customer.construct_from(id: 'cus_1', object: 'customer', name: '{NAME}')",
        f"{{:id => 'cus_1', :object => \"customer\", :name => '{NAME}'}}",
        f"$a = array('id' => 'cus_1', 'object' => 'customer', 'name' => '{NAME}');",
        f"$a = ['id' => 'cus_1', 'object' => 'customer', 'name' => '{NAME}'];",
        f"const a = {{id: 'cus_1', object: 'customer', /* it's */ name: `{NAME}`, // don't\n}};",
        f"stripe.Customer(id='cus_1', object='customer', name=b'{NAME}')",
        f'["id": "cus_1", "object": "customer", "name": "{NAME}"]',
        'exports[`a 1`] = `\nObject {\n  "id": "cus_1",\n  "object": "customer",'
        f'\n  "name": "{NAME}",\n}}\n`;',
        f"it's {{no object}} and don't {{id: 'cus_1', object: 'customer', name: '{NAME}'}}",
        f"{{'id': 'cus_1', 'object': 'customer', 'name': '{NAME[:4]}' + '{NAME[4:]}'}}",
        f"{{'id': 'cus_1', 'object': 'customer', 'name': '{NAME[:4]}'\n '{NAME[4:]}'}}",
        f"{{'id': 'cus_1', 'object': 'customer', 'name': '''{NAME}'''}}",
        f'{{"id": "cus_1", "object": "customer", "name": "{NAME}"',
        "{id: 'cus_1', object: 'customer', name: 'Ines H\\xf6lm'}",
        "{id: 'cus_1', object: 'customer', name: 'Ines H\\u{f6}lm'}",
    ],
)  # fmt: skip
def test_an_object_of_stripes_is_read_in_every_language(text):
    assert WHO in [found.value for found in literals(text, [])]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("None", None), ("nil", None), ("true", True), ("False", False), ("-5", -5), ("2.5", 2.5),
        ("0x1f", "0x1f"), ("name", None), ("'a' if one else 'b'", None), ("f'{one}'", None),
        ("one('a')", None), ("'a'.upper()", None), ("one ? 'a' : 'b'", None),
        ("[1, 'a']", [1, "a"]),
        ("{}", []), ("one({'a': 'b'})", [{"a": "b"}]), ("Array [ 'a', ]", ["a"]),
        ("`${one}`", None),
        ("rf'{one}'", None), ('"#{one}"', None), ("'\\ud800'", "\ufffd"),
    ],
)  # fmt: skip
def test_what_code_computes_is_no_value(value, expected):
    """Constants, numbers and what is written out are."""
    (found,) = literals(f"{{'object': 'charge', 'x': {value}, 'y': 1}}", [])
    assert {"object": "charge", "x": expected, "y": 1} == found.value


@pytest.mark.parametrize(
    ("text", "clean"),
    [("{object: 'a', // b\n}", True), ("{object: 'a', b: c}", False), ("{object: 'a'", False),
     ("{object: 'a' b: 'c'}", False), ("{object: 'a'}}", True), ("{object: 'a', b: [)]}", False)],
)  # fmt: skip
def test_whether_a_value_was_understood_in_full_is_told(text, clean):
    assert [clean] == [found.clean for found in literals(text, [])]


def test_what_was_read_already_is_passed_over():
    text = "{object: 'a'} {object: 'b'}"
    assert [{"object": "b"}] == [found.value for found in literals(text, [(0, 13)])]


STARTS = ["{object:'a", "object:'a'", "[{object:'a'},", '{object:"a"', "{`", "{object:'x'}", "({[",
          "{/*", "{'object':'a',", '\\\'{"object":"a',
          "object:'a'{\"", "object:'a'}`{'"]  # fmt: skip


@pytest.mark.parametrize("start", STARTS)
def test_the_search_for_literals_takes_linear_time(start):
    """What is given up in time is said."""
    before = time.process_time()
    with suppress(Unreadable):
        list(literals("{object:'a'" + start * (200_000 // len(start)), []))
    assert time.process_time() - before < 4
