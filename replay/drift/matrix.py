"""Fields against versions: where each path was seen first and last."""

from __future__ import annotations

from collections.abc import Sequence

from replay.drift.corpus import Corpus, Part
from replay.drift.findings import Matrix, Row
from replay.drift.reading import ANY, parent
from replay.drift.selection import epoch_order
from replay.drift.shape import Shape, is_map


def matrices(corpus: Corpus, parts: Sequence[Part]) -> tuple[Matrix, ...]:
    """The matrices of some parts, once all recordings were counted."""
    return tuple(_matrix(corpus, part) for part in parts)


def _matrix(corpus: Corpus, part: Part) -> Matrix:
    epochs = sorted(corpus.observed[part], key=epoch_order)
    shapes = [corpus.observed[part][epoch].total for epoch in epochs]
    paths = {path for shape in shapes for path in shape if path and _is_field(shape, path)}
    rows = tuple(Row(path, tuple(_cell(shape, path) for shape in shapes)) for path in sorted(paths))
    versions = tuple(f"{epoch.version} {epoch.span}".strip() for epoch in epochs)
    return Matrix(part.resource, part.type, part.deleted, part.expand, versions, rows)


def _is_field(shape: Shape, path: str) -> bool:
    # The values of maps are no fields; the items of a list are what their fields hang from.
    above = path
    while above:
        above = parent(above)
        if is_map(shape, above):
            return False
    return not path.endswith(f"/{ANY}")


def _cell(shape: Shape, path: str) -> tuple[int, int] | None:
    stat, above = shape.get(path), shape.get(parent(path))
    if above is None or not above.parents:
        return None
    return (stat.seen if stat is not None else 0), above.parents
