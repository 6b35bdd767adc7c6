"""multiprocessing's pools: a refusal comes back from them, and their threads belong to who asks."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from multiprocessing.pool import Pool, ThreadPool
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import requests
from support.clients import HEADERS
from support.standin import DRAFT, StandIn

import replay

MISSING = DRAFT[:-1] + "w"


@pytest.fixture
def recorded(stand_in: StandIn, library: Path) -> str:
    """The base whose draft invoice is recorded."""
    with replay.use_cassettes(library, mode="once", api_base=stand_in.url):
        get(f"{stand_in.url}/v1/invoices/{DRAFT}")
    stand_in.hits.clear()
    return stand_in.url


def get(url: str) -> str:
    return requests.get(url, headers=HEADERS, timeout=5).json()["id"]


def get_in_group(url: str) -> None:
    async def ask() -> None:
        async with httpx.AsyncClient(headers=HEADERS) as client:
            await client.get(url)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(ask)

    anyio.run(main)


def _asked(base: str) -> Iterator[str]:
    yield get(f"{base}/v1/invoices/{MISSING}")


def _url(base: str) -> str:
    return f"{base}/v1/invoices/{MISSING}"


def _first(found: Iterator[Any]) -> Any:
    return next(found)


WAYS: dict[str, Callable[[Pool, str], Any]] = {
    "apply": lambda pool, base: pool.apply(get, (_url(base),)),
    "apply in a task group": lambda pool, base: pool.apply(get_in_group, (_url(base),)),
    "map": lambda pool, base: pool.map_async(get, [_url(base)] * 3).get(20),
    "starmap": lambda pool, base: pool.starmap(get, [(_url(base),)]),
    "imap": lambda pool, base: pool.imap(get, [_url(base)]).next(20),
    "imap in batches": lambda pool, base: _first(iter(pool.imap(get, [_url(base)] * 4, 2))),
    "the items of imap": lambda pool, base: pool.imap(len, _asked(base)).next(20),
    "the items of imap_unordered": lambda pool, base: pool.imap_unordered(len, _asked(base)).next(
        20
    ),
}
POOLS: dict[str, Callable[[], Pool]] = {
    "threads": lambda: ThreadPool(1),
    "forked": lambda: multiprocessing.get_context("fork").Pool(1),
}


@pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_refusal_in_a_pool_reaches_who_waits(
    ask: Callable[[Pool, str], Any], pool: Callable[[], Pool], recorded: str, library: Path
) -> None:
    """Whatever asks, and wherever the worker runs: the refusal comes back whole."""
    with (
        pytest.raises(replay.CassetteNotFound) as refused,
        replay.use_cassettes(library, api_base=recorded),
        pool() as workers,
    ):
        ask(workers, recorded)
    assert (MISSING, (DRAFT,)) == (refused.value.id, refused.value.nearest)


def test_a_refusal_out_of_a_pool_of_threads_was_not_caught(recorded: str, library: Path) -> None:
    """It is the session's own: nothing says of the code under test that it caught it."""
    with (
        pytest.raises(replay.CassetteNotFound) as refused,
        replay.use_cassettes(library, api_base=recorded),
        ThreadPool(1) as pool,
    ):
        pool.apply(get, (_url(recorded),))
    assert not hasattr(refused.value, "__notes__")
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_worker_outlives_a_refusal(
    pool: Callable[[], Pool], recorded: str, library: Path
) -> None:
    """The next task is answered by the same worker."""
    with (
        contextlib.suppress(replay.CassetteNotFound),
        replay.use_cassettes(library, api_base=recorded),
        pool() as workers,
    ):
        before = workers.apply_async(_identity).get(20)
        with pytest.raises(replay.CassetteNotFound):
            workers.apply_async(get, (_url(recorded),)).get(20)
        assert before == workers.apply_async(_identity).get(20)
        assert DRAFT == workers.apply_async(get, (f"{recorded}/v1/invoices/{DRAFT}",)).get(20)


def _identity() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def test_a_spawned_pool_works_as_ever(library: Path) -> None:
    """What the hooks put in a pool's place can be pickled."""
    library.mkdir()
    with replay.use_cassettes(library), multiprocessing.get_context("spawn").Pool(1) as pool:
        assert [1, 2] == pool.map_async(abs, [-1, 2]).get(60)


def test_an_error_of_the_task_is_its_own(library: Path) -> None:
    """Nothing but refusals is changed, and who leaves a pool by SystemExit still does."""
    library.mkdir()
    with replay.use_cassettes(library), ThreadPool(1) as pool:
        with pytest.raises(ZeroDivisionError):
            pool.apply(divmod, (1, 0))
        with pytest.raises(ExceptionGroup, match="own"):
            pool.apply(_raise, (ExceptionGroup("own", [ValueError("one")]),))


def _raise(error: Exception) -> None:
    raise error


def test_a_pool_of_threads_belongs_to_who_hands_a_task_over(recorded: str, library: Path) -> None:
    """A pool that a first session made answers the next one's tasks from the next one."""
    url = f"{recorded}/v1/invoices/{DRAFT}"
    with replay.use_cassettes(library, api_base=recorded):
        pool = ThreadPool(1)
        assert DRAFT == pool.apply(get, (url,))
    with pool, replay.use_cassettes(library, api_base=recorded) as session:
        assert DRAFT == pool.apply_async(get, (url,)).get(20)
        assert [DRAFT] * 2 == pool.map_async(get, [url] * 2).get(20)
        assert [len(DRAFT)] == list(pool.imap(len, (get(url) for _ in range(1))))
    assert 4 == session.counts.played
