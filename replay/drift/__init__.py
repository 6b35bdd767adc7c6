"""Drift: the differences between API versions, with evidence.

Each room uses those before it. `observe` counts what recordings show, `judge` makes findings of it,
`acceptance` is what a team decides about findings, `openapi` compares with a specification.
`report` brings them together; `object_diff` shows one object.
"""
