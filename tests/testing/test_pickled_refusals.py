"""Refusals as runners of parallel tests send them: pickled with cause, context and traceback."""

from __future__ import annotations

import asyncio
import contextlib
import copyreg
import io
import multiprocessing
import pickle
import urllib.error
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import httpx
import pytest
import requests
from support.clients import HEADERS

import replay
from replay.errors import Refused

URL = "https://api.stripe.com/v1/invoices/in_1Missing00000000000000001"


def plain() -> None:
    """Miss."""
    requests.get(URL, headers=HEADERS, timeout=5)


def caught_and_dropped() -> None:
    """Miss, and go on."""
    with contextlib.suppress(BaseException):
        plain()


def wrapped() -> None:
    """Miss, and raise an error of one's own instead."""
    try:
        plain()
    except BaseException as error:
        raise ValueError("own") from error


def wrapped_error() -> None:
    """The same with the error itself, as it comes out of a portal."""
    try:
        portal()
    except replay.CassetteNotFound as error:
        raise ValueError("own") from error


def while_handling() -> None:
    """Miss while another error is handled."""
    try:
        raise KeyError("first")
    except KeyError:
        plain()


async def ask() -> None:
    """Miss by httpx."""
    async with httpx.AsyncClient(headers=HEADERS) as client:
        await client.get(URL)


async def group() -> None:
    """Miss in a task group."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ask())


def in_group() -> None:
    """Miss in a task group."""
    asyncio.run(group())


def portal() -> None:
    """Miss behind a portal."""
    with anyio.from_thread.start_blocking_portal() as started:
        started.call(group)


WAYS = [plain, caught_and_dropped, wrapped, wrapped_error, while_handling, in_group, portal]


@pytest.fixture
def as_tblib() -> Iterator[None]:
    """Exceptions pickle with all that they are chained to, as tblib has it."""
    known = dict(copyreg.dispatch_table)

    def register(kind: type[BaseException]) -> None:
        copyreg.pickle(kind, _pickled)  # type: ignore[arg-type]
        for heir in kind.__subclasses__():
            register(heir)

    register(Exception)
    register(Refused)
    yield
    copyreg.dispatch_table.clear()
    copyreg.dispatch_table.update(known)


def _pickled(error: BaseException) -> tuple[Any, ...]:
    how: Any = error.__reduce_ex__(3)
    return _unpickled, (how, error.__cause__, error.__context__)


def _unpickled(how: Any, cause: BaseException | None, context: BaseException | None) -> Any:
    error = how[0](*how[1])
    error.__dict__.update(how[2] if len(how) > 2 else {})
    error.__cause__, error.__context__ = cause, context
    return error


def _sent(error: Any) -> Any:
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - our own


@pytest.mark.usefixtures("as_tblib")
@pytest.mark.parametrize("miss", WAYS, ids=lambda way: way.__name__)
def test_a_refusal_pickles_with_all_that_it_is_chained_to(
    miss: Callable[[], None], library: Path
) -> None:
    """However it came out: error and carrier are no circle, and what was said is still there."""
    library.mkdir()
    with pytest.raises(replay.CassetteNotFound) as refused, replay.use_cassettes(library):
        miss()
    sent = _sent(refused.value)
    assert str(refused.value) == str(sent)
    assert refused.value.__dict__ == sent.__dict__


def test_the_carrier_itself_pickles(library: Path) -> None:
    """As a runner meets it that looks inside the session."""
    library.mkdir()
    with contextlib.suppress(replay.CassetteNotFound), replay.use_cassettes(library):
        with pytest.raises(Refused) as refused:
            plain()
        sent = _sent(refused.value)
        assert (str(refused.value), str(refused.value.error)) == (str(sent), str(sent.error))


def behind_a_server() -> None:
    """Miss in a server's thread: the test has the server's answer, which does not pickle."""
    caught_and_dropped()
    body = io.BufferedReader(io.BytesIO())  # type: ignore[arg-type]
    raise urllib.error.HTTPError(URL, 500, "Internal Server Error", Message(), body)


def _missed_behind_a_server(library: Path) -> tuple[str, bool, int]:
    """What a worker's test raises whose server missed: its text, whether chained, its size."""
    with pytest.raises(replay.CassetteNotFound) as refused, replay.use_cassettes(library):
        behind_a_server()
    error = refused.value
    shown = "\n".join([str(error), *error.__notes__])
    return shown, (error.__cause__ or error.__context__) is not None, len(pickle.dumps(error))


@pytest.mark.usefixtures("as_tblib")
def test_what_cannot_be_sent_is_told_and_does_not_end_the_run(library: Path) -> None:
    """In a runner's process the refusal leaves an error behind that does not pickle."""
    library.mkdir()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        shown, chained, size = pool.apply(_missed_behind_a_server, (library,))
    assert not chained
    assert size > 0
    assert "is not recorded" in shown
    assert "HTTPError: HTTP Error 500: Internal Server Error" in shown
    assert Path(__file__).name in shown  # the line that raised it


def test_where_nothing_is_sent_the_other_error_stays_the_cause(library: Path) -> None:
    """A person sees both, with their lines."""
    library.mkdir()
    with pytest.raises(replay.CassetteNotFound) as refused, replay.use_cassettes(library):
        behind_a_server()
    assert isinstance(refused.value.__cause__, urllib.error.HTTPError)
