"""A report as one HTML file: no network, no other file, readable without its script.

All that comes from recordings is escaped here. The page's content policy allows only its own script
and style, which it names by digest.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from urllib.parse import quote

from replay.drift.guide.outline import outline
from replay.drift.judge.findings import Comparison, Finding, Grade, Matrix, Report, Severity, Side
from replay.drift.judge.rules import sentence
from replay.drift.observe.pointers import dotted
from replay.errors import printable
from replay.render.excerpts import Excerpt
from replay.render.words import (
    cell,
    counted,
    counted_coverage,
    counted_use,
    reader,
    remark,
    without_findings,
)

_USE = ("used", "not used")
"""Whether tests read a field, as the page's filter names it."""

Excerpts = Mapping[tuple[str, str], Excerpt]


def to_html(report: Report, excerpts: Excerpts, library: str = "", made: str = "") -> str:
    """The report as a page.

    Args:
        report: the report, with its matrices.
        excerpts: the result of `replay.render.excerpts.excerpts` for the report.
        library: the name of the recordings, for people.
        made: the day on which the page is made, as ``YYYY-MM-DD``.
    """
    style, script = (_data(name) for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}';"
        f" script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    names = _names(report)
    parts = [
        "<!doctype html>\n",
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<link rel="icon" href="data:,">\n<title>API drift</title>\n',
        f"<style>{style}</style>\n</head>\n<body>\n",
        '<a class="skip" href="#findings">Skip to the findings</a>\n',
        f"<header>\n<h1>API drift</h1>\n<p>{_text(counted(report.summary()))}</p>\n",
        f"<p>{_text(counted_use(report))}</p>\n" if counted_use(report) else "",
        *(f"<p>{_text(line)}</p>\n" for line in counted_coverage(report)),
        _origin(library, made),
        "</header>\n",
        _form(report),
        "<main>\n",
        _places(report),
        '<section id="findings" aria-label="Findings">\n',
        *(_comparison(n, report, names, excerpts) for n in range(len(report.comparisons))),
        '</section>\n<section id="matrix" aria-label="Fields against versions">\n',
        *(_matrix(matrix, report, names) for matrix in report.matrices),
        f"</section>\n</main>\n<script>{script}</script>\n</body>\n</html>\n",
    ]
    return "".join(parts)


def _data(name: str) -> str:
    return files("replay.render").joinpath(f"data/{name}").read_text("utf-8")


def _digest(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(text: str) -> str:
    return escape(printable(text))


def _names(report: Report) -> dict[tuple[int, int], str]:
    """(position of a comparison, position of its finding) -> the finding's ID in the page."""
    names: dict[tuple[int, int], str] = {}
    used: dict[str, int] = {}
    for n, comparison in enumerate(report.comparisons):
        for m, finding in enumerate(comparison.findings):
            # Two expand sets of one resource may show the same finding.
            count = used[finding.fingerprint] = used.get(finding.fingerprint, 0) + 1
            names[n, m] = f"f-{finding.fingerprint}" + (f"-{count}" if count > 1 else "")
    return names


def _origin(library: str, made: str) -> str:
    named = f"Library <code>{_text(library)}</code>" if library else ""
    day = f'<time datetime="{_text(made)}">{_text(made)}</time>' if made else ""
    told = ", ".join(filter(None, (named, day)))
    return f"<p>{told}</p>\n" if told else ""


def _places(report: Report) -> str:
    """The table of old and new places, to be copied into a ticket or a sheet."""
    rows = [row for comparison in report.comparisons for row in outline(comparison).moved]
    if not rows:
        return ""
    cells = "".join(
        f'<tr data-text="{_text(f"{row.old} {row.new}".lower())}">'
        f'<th scope="row" class="path">{_text(row.old)}</th>'
        f'<td class="path">{_text(row.new)}</td><td>{_text(remark(row))}</td></tr>\n'
        for row in rows
    )
    return (
        '<section aria-labelledby="places">\n<h2 id="places">Old and new places</h2>\n'
        '<p><button type="button" id="copy" hidden>Copy the table</button>'
        ' <output id="copied" role="status"></output></p>\n'
        '<div class="scroll" tabindex="0" role="region" aria-label="Old and new places">\n'
        '<table id="moved">\n<thead><tr><th scope="col">old</th><th scope="col">new</th>'
        f'<th scope="col">evidence</th></tr></thead>\n<tbody>\n{cells}</tbody>\n</table>\n'
        "</div>\n</section>\n"
    )


def _form(report: Report) -> str:
    def boxes(name: str, values: tuple[str, ...]) -> str:
        made = "".join(
            f'<label><input type="checkbox" name="{name}" value="{value}" checked>'
            f" {value}</label>\n"
            for value in values
        )
        return f"<fieldset><legend>{name.capitalize()}</legend>\n{made}</fieldset>\n"

    options = "".join(
        f'<option value="{n}">{_text(_title(comparison))}</option>\n'
        for n, comparison in enumerate(report.comparisons)
    )
    return (
        '<form id="filters" role="search" hidden>\n'
        '<label>Search <input type="search" id="search" autocomplete="off"'
        ' aria-keyshortcuts="/" placeholder="field, rule or word"></label>\n'
        + boxes("severity", tuple(str(severity) for severity in reversed(Severity)))
        + boxes("grade", tuple(str(grade) for grade in reversed(Grade)))
        + (boxes("tests", _USE) if counted_use(report) else "")
        + '<label>Comparison <select id="comparison"><option value="">all</option>\n'
        + options
        + '</select></label>\n<button type="reset">Reset</button>\n'
        '<output id="count" role="status" aria-live="polite"></output>\n</form>\n'
    )


def _title(comparison: Comparison | Matrix) -> str:
    deleted = " (deleted)" * comparison.deleted
    type = f" {comparison.type}" if comparison.type else ""
    title = f"{comparison.resource}{type}{deleted}"
    if isinstance(comparison, Comparison):
        title += f": {' → '.join(comparison.sides)}"
    if comparison.expand:
        title += f", expand {', '.join(comparison.expand)}"
    return title


def _comparison(
    n: int, report: Report, names: Mapping[tuple[int, int], str], excerpts: Excerpts
) -> str:
    comparison = report.comparisons[n]
    old, new, both = comparison.objects
    findings = "".join(
        _finding(n, names[n, m], comparison, finding, excerpts)
        for m, finding in enumerate(comparison.findings)
    )
    without = f"<p>{_text(without_findings(report).capitalize())}.</p>\n"
    return (
        f'<section class="comparison">\n<h2>{_text(_title(comparison))}</h2>\n'
        f"<p>{old} old objects, {new} new, {both} at both;"
        f" twins and pairs of one state: {comparison.controlled}</p>\n"
        + (f'<ol class="findings">\n{findings}</ol>\n' if findings else without)
        + "</section>\n"
    )


def _finding(
    n: int, name: str, comparison: Comparison, finding: Finding, excerpts: Excerpts
) -> str:
    words = sentence(comparison, finding)
    text = f"{finding.rule} {words} {comparison.resource} {finding.path}".lower()
    used = " (used by these tests)" * bool(finding.used)
    accepted = " accepted" if finding.accepted is not None else ""
    return (
        f'<li id="{name}" class="finding {finding.severity}{accepted}" data-comparison="{n}"'
        f' data-severity="{finding.severity}" data-grade="{finding.grade}"'
        f' data-tests="{_USE[not finding.used]}"'
        f' data-text="{_text(text)}">\n<details>\n<summary><b>{finding.severity}</b>'
        f' <span class="grade">{finding.grade}</span>'
        f' <span class="what">{_text(words)}{used}</span></summary>\n<div class="body">\n<dl>\n'
        + "".join(f"<dt>{label}</dt><dd>{value}</dd>\n" for label, value in _facts(name, finding))
        + "</dl>\n"
        + _sides(comparison, finding, excerpts)
        + "</div>\n</details>\n</li>\n"
    )


def _facts(name: str, finding: Finding) -> Iterator[tuple[str, str]]:
    yield "rule", f"<code>{_text(finding.rule)}</code>"
    yield "path", f"<code>{_text(finding.path)}</code>"
    if finding.to is not None:
        yield "read it", f"at <code>{_text(dotted(finding.to.path))}</code>, {finding.to.grade}"
    for at in finding.used_at:
        address = f"{quote(at.file)}#L{at.line}"
        yield "at", f'<a href="{address}"><code>{_text(reader(at))}</code></a>'
    if finding.carried is not None:
        yield "carried", "a value in {} of {}".format(*finding.carried)
    for source, target in finding.parts:
        yield (
            "with",
            f"<code>{_text(dotted(source))}</code> to <code>{_text(dotted(target))}</code>",
        )
    if finding.settle:
        yield "settle", f"<code>{_text(finding.settle)}</code>"
    if finding.accepted is not None:
        yield "accepted", _text(finding.accepted)
    yield "link", f'<a href="#{name}">#{name}</a>'


def _sides(comparison: Comparison, finding: Finding, excerpts: Excerpts) -> str:
    parts = []
    for side, title, seen, witness in zip(
        ("old", "new"), comparison.sides, (finding.old, finding.new), finding.witnesses, strict=True
    ):
        if witness:
            lines = excerpts.get((side, witness), ())
            shown = "\n".join(
                f"<mark>{_text(line)}</mark>" if marked else _text(line) for line, marked in lines
            )
            parts.append(
                f"<section>\n<h3>{_text(title)}: {_seen(seen)}</h3>\n"
                f'<p>{_text(witness)}</p>\n<pre tabindex="0">{shown}</pre>\n</section>\n'
            )
    return f'<div class="sides">\n{"".join(parts)}</div>\n'


def _seen(side: Side) -> str:
    kinds = ", ".join(side.kinds) or "nothing"
    return f"{kinds}, present {side.present} of {side.parents}"


def _matrix(matrix: Matrix, report: Report, names: Mapping[tuple[int, int], str]) -> str:
    links: dict[str, str] = {}
    for n, comparison in enumerate(report.comparisons):
        if (comparison.resource, comparison.type, comparison.deleted, comparison.expand) == (
            matrix.resource, matrix.type, matrix.deleted, matrix.expand,
        ):  # fmt: skip
            for m, finding in enumerate(comparison.findings):
                links.setdefault(finding.path, names[n, m])
    head = "".join(f'<th scope="col">{_text(version)}</th>' for version in matrix.versions)
    rows = []
    for row in matrix.rows:
        words = _text(dotted(row.path))
        if row.path in links:
            words = f'<a href="#{links[row.path]}">{words}</a>'
        first, last = (matrix.versions[position] for position in row.seen)
        cells = "".join(_cell(seen) for seen in row.cells)
        text = _text(f"{dotted(row.path)} {row.path}".lower())
        rows.append(
            f'<tr data-text="{text}"><th scope="row" class="path">{words}</th>'
            f"<td>{_text(first)}</td><td>{_text(last)}</td>{cells}</tr>\n"
        )
    title = _text(_title(matrix))
    return (
        f'<h2>{title}: fields</h2>\n<div class="scroll" tabindex="0" role="region"'
        f' aria-label="{title}: fields">\n<table>\n'
        "<caption>How many of its parents had a field. Empty: no parent was observed.</caption>\n"
        f'<thead><tr><th scope="col">field</th><th scope="col">first seen</th>'
        f'<th scope="col">last seen</th>{head}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table>\n</div>\n"
    )


def _cell(seen: tuple[int, int] | None) -> str:
    words = cell(seen)
    if seen is None:
        return '<td class="blind"><span class="unseen">not observed</span></td>'
    return f'<td class="{words if words in ("all", "no") else "some"}">{words}</td>'
