"""anyio's portals and its test runner: a refusal ends one task, and not all of them.

A portal (of Starlette's and FastAPI's `TestClient`) and the runner of anyio's pytest plugin end
themselves for what is no `Exception`. Both may be shared by the tests of a module. A refusal
becomes the error itself where the task that one of them was given ends.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept.pools import as_error

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook_portals(patches: Patches, module: ModuleType) -> None:
    """Hook `anyio.from_thread`."""
    _replace(patches, module.BlockingPortal, "_call_func")


def hook_runner(patches: Patches, module: ModuleType) -> None:
    """Hook anyio's backend for asyncio. Its runner for trio survives a refusal without help."""
    _replace(patches, module.TestRunner, "_call_in_runner_task")


def _replace(patches: Patches, owner: Any, name: str) -> None:
    # Both names are private to anyio. Where they are missing (anyio 3 has no such runner), a
    # refusal ends the shared portal or runner.
    if hasattr(owner, name):
        patches.replace(owner, name, _call)


def _call(original: Any) -> Any:
    async def call(owner: Any, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await original(owner, _task(func), *args, **kwargs)

    return call


def _task(function: Callable[..., Any]) -> Callable[..., Any]:
    def task(*args: Any, **kwargs: Any) -> Any:
        with as_error():
            result = function(*args, **kwargs)
        return _awaited(result) if inspect.isawaitable(result) else result

    return task


async def _awaited(result: Awaitable[Any]) -> Any:
    with as_error():
        return await result
