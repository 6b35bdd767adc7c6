"""Try each library that replay hooks at the lowest and at the newest version that it supports.

``make versions`` runs it: an environment per library and version under ``.venv-plugin-*``, with the
built wheel, the Stripe SDK and that library. In each, one call is answered through the library's
hook, offline. A version that is not supported has to be refused with an error that says so.
``--lowest`` leaves out the newest versions: ``make test`` and ``make plugins`` install those.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

sys.path.insert(0, str(Path(__file__).parent))

from plugin_matrix import ROOT, environments

ID = "in_1MtHbELkdIwHu7ixl4OzzPMv"
PROGRAM = """
    import asyncio, contextlib, json, socket, sys
    import replay

    ID = {id!r}
    URL = f"https://api.stripe.com/v1/invoices/{{ID}}"
    PIN = {{"Stripe-Version": "2025-03-31.basil"}}

    def sdk():
        import stripe
        client = stripe.StripeClient("sk_test_x", stripe_version=PIN["Stripe-Version"])
        return client.v1.invoices.retrieve(ID).id

    async def aio():
        import aiohttp
        async with aiohttp.ClientSession() as client, client.get(URL, headers=PIN) as answer:
            return (await answer.json())["id"]

    {imports}
    try:
        with replay.use_cassettes({library!r}) as session:
    {call}
        assert found == ID, found
        assert session.counts.played >= 1
        print("answered")
    except replay.ConfigError as error:
        print("refused:", error.what, "|", error.hint)
"""
"""One call in a session. `call` puts the ID that the answer has into `found`."""

CALLS: dict[str, tuple[str, str]] = {
    "urllib3": ("import requests", "found = requests.get(URL, headers=PIN).json()['id']"),
    "httpx": ("import httpx", "found = httpx.get(URL, headers=PIN).json()['id']"),
    "httpcore": (
        "import httpcore",
        "answer = httpcore.ConnectionPool().request('GET', URL, headers=PIN)\n"
        "found = json.loads(answer.content)['id']",
    ),
    "httpx2": ("import httpx2", "found = httpx2.get(URL, headers=PIN).json()['id']"),
    "httpcore2": (
        "import httpcore2",
        "answer = httpcore2.ConnectionPool().request('GET', URL, headers=PIN)\n"
        "found = json.loads(answer.content)['id']",
    ),
    "aiohttp": ("import aiohttp", "found = asyncio.run(aio())"),
    "httplib2": (
        "import httplib2",
        "found = json.loads(httplib2.Http().request(URL, headers=PIN)[1])['id']",
    ),
    "tornado": (  # refused, whatever its version: its loop would wait for ever
        "import tornado.httpclient, tornado.ioloop",
        "fetch = lambda: tornado.httpclient.AsyncHTTPClient().fetch(URL)\n"
        "with contextlib.suppress(replay.ReplayError):\n"
        "    tornado.ioloop.IOLoop().run_sync(fetch)\n"
        "session.refusals.clear()\n"
        "found = sdk()",
    ),
    "vcrpy": (
        "import aiohttp, vcr, replay.vcr",
        "tape = vcr.VCR(record_mode='none')\n"
        "tape.register_persister(replay.vcr.Persister())\n"
        "with tape.use_cassette('none.yaml'):\n"
        "    assert sdk() == ID\n"
        "found = asyncio.run(aio())",
    ),
    "responses": ("import responses", "with responses.RequestsMock():\n    found = sdk()"),
    "requests-mock": ("import requests_mock", "with requests_mock.Mocker():\n    found = sdk()"),
    "respx": (
        "import respx, httpx",
        "with respx.mock(assert_all_called=False):\n"
        "    found = httpx.get(URL, headers=PIN).json()['id']",
    ),
    "aioresponses": (
        "import aioresponses, aiohttp",
        "with aioresponses.aioresponses():\n    found = asyncio.run(aio())",
    ),
    "pook": ("import pook", "with pook.use():\n    found = sdk()"),
    "httpretty": ("import httpretty", "with httpretty.enabled():\n    found = sdk()"),
    "mocket": (
        "import mocket.mocket",
        "with mocket.Mocketizer(strict_mode=False):\n    found = sdk()",
    ),
    "pytest-httpx": (
        "import pytest_httpx, httpx",
        "found = httpx.get(URL, headers=PIN).json()['id']",
    ),
}
"""Distribution -> what to import, and a call that its hook sees."""

NEEDS = {"vcrpy": ("aiohttp",), "aioresponses": ("aiohttp",), "pytest-httpx": ("pytest",)}
TOO_OLD = {"urllib3": "1.26.*", "aiohttp": "3.10.*", "httplib2": "0.20.*"}


@dataclass(frozen=True)
class Row:
    """One environment, and whether its version is supported."""

    name: str
    wanted: tuple[str, ...]
    supported: bool = True


def rows(*, newest: bool = True) -> dict[str, Row]:
    """The environments by their names; without the newest versions, if these are not wanted."""
    from replay.intercept.supported import SUPPORTED

    found = {}
    for bounds in SUPPORTED.values():
        more = NEEDS.get(bounds.name, ())
        for which, wanted in (
            (bounds.lowest, f"{bounds.name}=={bounds.lowest}.*"),
            ("newest", str(bounds)),
        ):
            if newest or which != "newest":
                found[f"{bounds.name}-{which}"] = Row(bounds.name, (wanted, *more))
    for name, old in TOO_OLD.items():
        found[f"{name}-too-old"] = Row(name, (f"{name}=={old}",), supported=False)
    return found


def tried(python: str, row: Row) -> str:
    """What happened to the call; the error's last line where the program fails."""
    imports, call = CALLS[row.name]
    program = dedent(PROGRAM).format(
        id=ID, library=str(ROOT / "cassettes"), imports=imports, call=indent(call, " " * 8)
    )
    done = subprocess.run(
        [python, "-W", "ignore", "-c", program],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]


def main() -> int:
    """Print a row for each; 1 if one is not as it should be."""
    wheel = next((ROOT / "dist").glob("*.whl"), None)
    if wheel is None:
        sys.exit("there is no wheel: run `make versions`")
    named, bad = [each for each in sys.argv[1:] if each != "--lowest"], 0
    tried_here = rows(newest="--lowest" not in sys.argv)
    wanted = {name: row for name, row in tried_here.items() if not named or row.name in named}
    print(f"{'library':<26}{'result':<8}what happened")
    for name, python in environments(wheel, {name: row.wanted for name, row in wanted.items()}):
        said = tried(python, wanted[name])
        right = said.startswith("answered" if wanted[name].supported else "refused:")
        bad += not right
        print(f"{name:<26}{'ok' if right else 'FAILED':<8}{said[:150]}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
