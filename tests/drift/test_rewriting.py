"""Renames in Python code: what is edited, how, and what is left alone."""

from __future__ import annotations

import dis

import pytest

from replay.drift.acceptance.used import Site
from replay.drift.guide.edits import Edit
from replay.drift.guide.rewriting import Rewritten, rewrite

NEW = ("parent", "subscription_details", "subscription")


def edit(
    code: str,
    expression: str,
    old: tuple[str, ...] = ("subscription",),
    new: tuple[str, ...] = NEW,
    guards: tuple[int, ...] = (),
) -> Rewritten:
    """The code with one expression renamed; it is found as Python's positions name it."""
    before, found, _ = code.partition(expression)
    assert found
    start = len(before.rpartition("\n")[2].encode())
    last = expression.rpartition("\n")[2]
    end = len(last.encode()) + (start if last == expression else 0)
    first = before.count("\n") + 1
    site = Site("a.py", first, start + 1, first + expression.count("\n"), end + 1)
    return rewrite(code, [Edit(site, "invoice.subscription", old, new, guards, "parent: null")])


@pytest.mark.parametrize(
    ("code", "expression", "made"),
    [
        ("x = i.subscription  # why\n", "i.subscription",
         "x = i.parent.subscription_details.subscription  # why\n"),
        ("x = i['subscription'].id", "i['subscription']",
         "x = i['parent']['subscription_details']['subscription'].id"),
        ("é = f(ü.subscription)\r\nb\r\n", "ü.subscription",
         "é = f(ü.parent.subscription_details.subscription)\r\nb\r\n"),
        ("x = (i\n  .subscription)\n", "i\n  .subscription",
         "x = (i\n  .parent.subscription_details.subscription)\n"),
        ("x = i[\n  'subscription'\n]", "i[\n  'subscription'\n]",
         "x = i['parent']['subscription_details'][\n  'subscription'\n]"),
        ("x = get(1).subscription", "get(1).subscription",
         "x = get(1).parent.subscription_details.subscription"),
        ("\ufeffx = 1\ny = i.subscription", "i.subscription",
         "\ufeffx = 1\ny = i.parent.subscription_details.subscription"),
        ("x = f\"{i.subscription}\"", "i.subscription",
         "x = f\"{i.parent.subscription_details.subscription}\""),
    ],
)  # fmt: skip
def test_a_chain_is_renamed_and_all_else_stays(code: str, expression: str, made: str) -> None:
    """Comments, quotes, line ends and marks of encoding."""
    assert made == edit(code, expression).text


def read_on(line: str) -> tuple[str, Site]:
    """Code whose chain of attributes goes over lines, and where Python itself says it is read."""
    code = f"x = (\n    i\n    # why\n    .{line}\n)\n"
    positions = [
        instruction.positions
        for instruction in dis.get_instructions(compile(code, "a.py", "exec"))
        if instruction.argval == "subscription" and instruction.positions is not None
    ]
    ((first, last, column, end),) = positions
    assert None not in (first, last, column, end)
    return code, Site("a.py", first or 0, (column or 0) + 1, last or 0, (end or 0) + 1)


@pytest.mark.parametrize("line", ["subscription", "lines.subscription", "subscription.id"])
def test_a_chain_over_several_lines_is_found_where_python_says_it_is_read(line: str) -> None:
    """Python names the place of the last name only; the layout stays."""
    code, site = read_on(line)
    made = rewrite(code, [Edit(site, "", ("subscription",), NEW)])
    assert code.replace("subscription", ".".join(NEW)) == made.text


def test_a_comment_is_neither_lost_nor_doubled() -> None:
    """A guard would write it twice, and keys that are renamed together have no place for it."""
    code, site = read_on("subscription")
    made = rewrite(code, [Edit(site, "", ("subscription",), NEW, (1,), "parent: null")])
    assert (code, "a comment stands in it") == (made.text, made.left[0][1])
    code = "x = (i.a\n  # why\n  .b)\n"
    made = rewrite(code, [Edit(Site("a.py", 3, 4, 3, 5), "", ("a", "b"), ("z",))])
    assert (code, "a comment stands in it") == (made.text, made.left[0][1])


def test_another_read_of_the_name_on_any_of_its_lines_leaves_it_alone() -> None:
    """The lines are those of the whole chain."""
    code, site = read_on("subscription")
    made = rewrite(
        code.replace("    i\n", "    f(j.subscription)\n"), [Edit(site, "", ("subscription",), NEW)]
    )
    assert "2 reads of that name" in made.left[0][1]


def test_names_that_are_methods_or_no_names_become_subscripts() -> None:
    """`items` of an object that is a dictionary is its method."""
    made = edit("x = i.subscription", "i.subscription", new=("items", "a-b", "class", "data"))
    assert 'x = i["items"]["a-b"]["class"].data' == made.text


def test_several_keys_are_renamed_together() -> None:
    """As far as the expression reads them."""
    made = edit("x = i.a.b.c", "i.a.b", ("a", "b"), ("z",))
    assert "x = i.z.c" == made.text
    assert edit("x = a.b", "a.b", ("a", "b"), ("z",)).left


def test_what_may_be_null_is_guarded() -> None:
    """The value is None then, as it was."""
    made = edit("x = i.subscription.id", "i.subscription", guards=(1, 2))
    parents = "i.parent is not None and i.parent.subscription_details is not None"
    assert made.text == f"x = (i.{'.'.join(NEW)} if {parents} else None).id"


@pytest.mark.parametrize(
    ("code", "expression", "why"),
    [
        ("f(i.subscription, j.subscription)", "i.subscription", "2 reads of that name"),
        ("i.subscription += 1", "i.subscription", "assigned"),
        ("x = getattr(i, 'subscription')", "getattr(i, 'subscription')", "no chain"),
        ("x = i[name]", "i[name]", "no chain"),
        ("x = i.total", "i.total", "no chain"),
        ("x = i.get('subscription')", "i.get('subscription')", "no chain"),
        ("x = i.subscription if old else i.parent.subscription_details.subscription",
         "i.subscription", "2 reads of that name"),
        ("def f(i):\n  if old:\n    return i.subscription\n"
         "  return i.parent.subscription_details.subscription\n",
         "i.subscription", "reads the new place too"),
        ("x = f'{i[\"subscription\"]}'", "i[\"subscription\"]", "f-string"),
        ("def f(i):\n  if hasattr(i, 'subscription'):\n    return i.subscription\n",
         "i.subscription", "asks for the name too"),
        ("x = (i.subscription", "i.subscription", "cannot be parsed"),
        ("x = i[  # why\n  'subscription'\n]", "i[  # why\n  'subscription'\n]", "a comment"),
    ],
)  # fmt: skip
def test_what_is_not_sure_is_left_alone(code: str, expression: str, why: str) -> None:
    """With a reason; the text stays."""
    made = edit(code, expression)
    assert code == made.text
    ((_, told),) = made.left
    assert why in told


def test_a_call_is_not_made_twice_for_a_guard() -> None:
    """It may cost, or change something."""
    made = edit("x = get(1).subscription", "get(1).subscription", guards=(1,))
    ((_, told),) = made.left
    assert "may be None here" in told


def test_a_second_run_changes_nothing() -> None:
    """Also where the new place begins with the old name, and where a line has two edits."""
    code = "x = i.subscription\n"
    once = edit(code, "i.subscription").text
    again = rewrite(once, [Edit(Site("a.py", 1, 5, 1, 19), "", ("subscription",), NEW)])
    assert once == again.text
    assert again.left
