"""The paths below ``/_replay/``: the page for people, its data, health, and the end of sessions."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from replay.errors import CallRefused, CassetteDamaged, ReplayError
from replay.library import Library
from replay.library.location import display_path
from replay.server.error_responses import error_response
from replay.server.journal import Journal
from replay.server.sessions import Sessions
from replay.session.overrides import options_of

_MOST_LISTED = 2000
"""At most this many cassettes are listed on the page."""

_MOST_BYTES = 1 << 20
"""The longest body of an override."""

_SAFE = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def control_app(sessions: Sessions, journal: Journal) -> Starlette:
    """The app that answers the paths of the server itself."""

    async def home(request: Request) -> Response:
        return RedirectResponse("/_replay/")

    async def page(request: Request) -> Response:
        text, policy = _page()
        return HTMLResponse(text, headers={**_SAFE, "Content-Security-Policy": policy})

    async def healthz(request: Request) -> Response:
        session = sessions.of("").session
        return JSONResponse(
            {
                "status": "ok",
                "library": display_path(session.library.root),
                "mode": session.config.mode,
            },
            headers=_SAFE,
        )

    async def state(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_state, sessions, journal), headers=_SAFE)

    async def recorded(request: Request) -> Response:
        library = sessions.of("").session.library
        return JSONResponse(await run_in_threadpool(_recorded, library), headers=_SAFE)

    async def reset(request: Request) -> Response:
        name = request.headers.get("Replay-Session", "")
        failed = request.query_params.get("failed", "false")
        if set(request.query_params) - {"failed"} or failed not in {"true", "false"}:
            raise CallRefused(
                "a reset takes no other parameter than failed",
                where="/_replay/reset",
                hint="POST /_replay/reset, or /_replay/reset?failed=true to drop what mode all "
                "recorded; the header Replay-Session names the session",
            )
        named = await run_in_threadpool(sessions.reset, name, failed=failed == "true")
        nothing = {"session": name, "played": 0, "recorded": 0, "refused": 0}
        summary = named.summary() if named else nothing
        details = {
            "refusals": list(named.refusals) if named else [],
            "notes": named.session.notes if named else [],
        }
        return JSONResponse({**summary, **details}, headers=_SAFE)

    async def override(request: Request) -> Response:
        name = request.headers.get("Replay-Session", "")
        body = await request.body()
        try:
            given = json.loads(body) if len(body) <= _MOST_BYTES else None
        except (ValueError, RecursionError):
            given = None
        options = options_of(given, "the body of POST /_replay/override")
        named = await run_in_threadpool(sessions.of, name)
        named.session.override(**options)
        return JSONResponse({"session": name, "override": options}, headers=_SAFE)

    async def begin(request: Request) -> Response:
        named = await run_in_threadpool(sessions.begin, request.path_params["name"])
        return JSONResponse(named.summary(), headers=_SAFE)

    async def end(request: Request) -> Response:
        failed = request.query_params.get("failed", "false")
        if set(request.query_params) - {"failed"} or failed not in {"true", "false"}:
            raise CallRefused(
                "the end of a scenario takes no other parameter than failed",
                where="/_replay/scenarios/NAME/end",
                hint="POST …/end, or …/end?failed=true if its test failed: nothing is written",
            )
        named = await run_in_threadpool(
            sessions.end, request.path_params["name"], failed=failed == "true"
        )
        details = {"refusals": list(named.refusals), "notes": named.session.notes}
        return JSONResponse({**named.summary(), **details}, headers=_SAFE)

    return Starlette(
        routes=[
            Route("/", home),
            Route("/_replay/", page),
            Route("/_replay/healthz", healthz),
            Route("/_replay/state.json", state),
            Route("/_replay/recorded.json", recorded),
            Route("/_replay/reset", reset, methods=["POST"]),
            Route("/_replay/override", override, methods=["POST"]),
            Route("/_replay/scenarios/{name:path}/begin", begin, methods=["POST"]),
            Route("/_replay/scenarios/{name:path}/end", end, methods=["POST"]),
        ],
        exception_handlers={ReplayError: _refused, HTTPException: _no_page},
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ReplayError)  # noqa: S101 - registered for it alone
    answer = error_response(error)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers)


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    what = "the server has no such page" if error.status_code == 404 else error.detail
    answer = error_response(
        CallRefused(
            what,
            where="below /_replay/",
            hint="GET /_replay/, /_replay/healthz, /_replay/state.json, /_replay/recorded.json; "
            "POST /_replay/reset, /_replay/override, /_replay/scenarios/NAME/begin and …/end",
        )
    )
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, error.status_code, {**headers, **(error.headers or {})})


def _state(sessions: Sessions, journal: Journal) -> dict[str, Any]:
    session = sessions.of("").session
    config, open_ones = session.config, sessions.open
    return {
        "format": 1,
        "library": display_path(session.library.root),
        "mode": config.mode,
        "api_version": config.api_version,
        "answered": journal.answered,
        "refused": journal.refused,
        "sessions": [named.summary() for named in open_ones.values()],
        "missing": journal.missing(),
        "served": list(journal.recent(session)),
        "notes": [note for named in open_ones.values() for note in named.session.notes[-100:]],
    }


def _recorded(library: Library) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    paths = library.paths() if library.exists() else []
    for path in paths[:_MOST_LISTED]:
        try:
            cassette = library.read(path)
        except CassetteDamaged as error:
            rows.append({"path": path, "problem": error.what})
            continue
        if cassette is not None:
            rows.append(
                {
                    "path": path,
                    "object": str(cassette.key),
                    "api_version": cassette.api_version,
                    "takes": len(cassette.interactions),
                    "recorded_at": max(take.recorded_at for take in cassette.interactions),
                }
            )
    return {"format": 1, "total": len(paths), "cassettes": rows}


@cache
def _page() -> tuple[str, str]:
    """The page, and its content policy: its own style and script by digest, its own data."""
    style, script, text = (
        files("replay.server").joinpath(f"data/{name}").read_text("utf-8")
        for name in ("page.css", "page.js", "page.html")
    )
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return text.replace("{{style}}", style).replace("{{script}}", script), policy


def _digest(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()
