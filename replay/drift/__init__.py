"""Drift: the differences between API versions, with evidence.

Each room uses those before it. `observe` counts the marks of recordings, `judge` derives findings
from them, `acceptance` holds a team's decisions about findings, `openapi` compares with a
specification. `report` brings them together; `object_diff` shows one object.
"""
