"""The Stripe SDK's client on requests, answered where the SDK hands its call to requests.

This is a short cut: requests and urllib3 take longer to pass a recorded answer on than replay takes
to find it. It is taken in mode ``none`` only, and only if nothing but requests and urllib3 stands
below the SDK. Else (a session of the user's own, a mock, an instrumentation) the SDK goes its usual
way, and urllib3's hook answers.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from replay.intercept import stubs_below, unsupported, urllib3
from replay.intercept.current_session import address_of, session_for
from replay.model.cassette import Request

if TYPE_CHECKING:
    from replay.intercept.patches import Patches


def hook(patches: Patches, module: ModuleType) -> None:
    """Hook the Stripe SDK's module of HTTP clients."""
    unsupported.hook_pycurl(patches, module)
    if hasattr(module.RequestsClient, "_request_internal"):  # else urllib3's hook answers
        patches.replace(module.RequestsClient, "_request_internal", _request)


def _request(original: Any) -> Any:
    def request(client: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs != {"is_streaming": False} or len(args) != 4:
            return original(client, *args, **kwargs)
        method, url, headers, body = args
        if not (body is None or isinstance(body, str)) or not _is_bare(client):
            return original(client, *args, **kwargs)
        session = session_for(*address_of(url))
        if session is None:
            return original(client, *args, **kwargs)
        asked = Request.sending(method.upper(), url, tuple(headers.items()), body)
        if session.fetches or session.lets_through(asked) or session.breaks(asked):
            return original(client, *args, **kwargs)
        answer = session.serve(asked)
        received = client.requests.structures.CaseInsensitiveDict(answer.received)
        return answer.body, answer.status, received

    return request


def _is_bare(client: Any) -> bool:
    """Whether below a client there is nothing but requests and urllib3 as they were imported."""
    requests, pools = client.requests, sys.modules.get("urllib3.connectionpool")
    if (
        client._session is not None
        or pools is None
        or requests.Session is not requests.sessions.Session
        or bool(stubs_below.layers)
    ):
        return False
    session, own = requests.Session, vars(requests.sessions)
    try:
        return (
            session.request.__globals__ is own
            and session.send.__globals__ is own
            and session.get_adapter.__globals__ is own
            and requests.adapters.HTTPAdapter.send.__globals__ is vars(requests.adapters)
            and pools.HTTPConnectionPool.urlopen.__globals__ is vars(pools)
            and pools.HTTPConnectionPool._make_request.__globals__ is vars(urllib3)
            and not hasattr(pools.HTTPConnectionPool.ConnectionCls, "cassette")  # vcrpy's
        )
    except AttributeError:  # no function, but a mock
        return False
