"""`replay serve`: the replay server, in the foreground."""

from __future__ import annotations

import os
import signal
from ipaddress import ip_address

import click

from replay.cli.main import INTERRUPTED
from replay.cli.options import allow_live_option, api_base_option, library_option, version_of
from replay.config import Config, Origin, is_loopback, resolve
from replay.errors import ConfigError
from replay.model.modes import RecordMode
from replay.server import PORT, create_app, require_extra


@click.command("serve")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True,
              help="Listen at this address. Any but a loopback address lets other machines "
              "in.")  # fmt: skip
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=PORT,
              show_default=True, help="Listen at this port; 0 takes a free one.")  # fmt: skip
@click.option("--mode", metavar="MODE", help="none, once, new_episodes or all. [default: "
              "REPLAY_MODE, the configuration's, or none]")  # fmt: skip
@api_base_option
@click.option("--api-version", metavar="VERSION",
              help="Answer at this API version, regardless of a client's pin.")  # fmt: skip
@allow_live_option
@click.option("--writes-to", metavar="URL",
              help="Send writes to this stand-in, such as localstripe; reads come from the "
              "library. What a scenario answers stays here.")  # fmt: skip
@click.option("--allow-host", "allow_hosts", metavar="NAME", multiple=True,
              help="Answer requests to this host name too. Repeatable.")  # fmt: skip
@click.option("--ready-fd", metavar="FD", type=click.IntRange(min=0),
              help="Write the base address to this file descriptor when the server is ready, and "
              "close it.")  # fmt: skip
@click.option(
    "--print-url", is_flag=True, help="Print the base address on standard output when ready."
)
@library_option
@click.pass_context
def serve_command(
    ctx: click.Context, host: str, port: int, mode: str | None, api_base: str | None,
    api_version: str | None, allow_live: bool, writes_to: str | None, allow_hosts: tuple[str, ...],
    ready_fd: int | None, print_url: bool, library: str | None,
) -> None:  # fmt: skip
    """Serve a library to clients in any language.

    Set the client's base address to the server's: docs/clients.md has a recipe for each of Stripe's
    libraries. Retrieves, lists, searches and previews are answered from the library. In a
    recording mode, missing ones are fetched from the live source with the client's own key.
    http://127.0.0.1:12111/_replay/ shows which calls were served and which are missing.

    SIGTERM and Ctrl-C stop the server. It answers the requests in flight and writes the
    recordings of mode all. The exit code is 0 after SIGTERM and 130 after Ctrl-C.

    \b
    Examples:
      replay serve --library cassettes
      replay serve --mode once --port 0 --print-url
      replay serve --writes-to http://127.0.0.1:8420
      curl http://127.0.0.1:12111/v1/invoices/in_1MtHbELkdIwHu7ixl4OzzPMv -u sk_test_x:
    """
    require_extra()
    if api_version:
        api_version = version_of(api_version, "--api-version")
    config = resolve(library=library, mode=mode, api_base=api_base, api_version=api_version)
    from replay.server.running import Server, listen, url_of

    app = create_app(
        config, allow_live=allow_live, hosts=(host, *allow_hosts),
        writes_to=_stand_in(writes_to) if writes_to else "",
    )  # fmt: skip
    if ready_fd is not None:
        _tell(ready_fd, "")
    with listen(_address(host), port) as listener:
        url = url_of(listener)
        _refuse_loop(config, url)

        def ready() -> None:
            _announce(config, url, print_url=print_url)
            if ready_fd is not None:
                _tell(ready_fd, f"{url}\n", last=True)

        server = Server(app, ready=ready)
        try:
            server.run([listener])
        finally:
            app.sessions.close(failed=server.force_exit)
    journal = app.journal
    click.echo(f"stopped: {journal.answered} answered, {journal.refused} refused", err=True)
    ctx.exit(INTERRUPTED if signal.SIGINT in server.caught else 0)


def _address(host: str) -> str:
    name = host.strip("[]")
    if name == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(name))
    except ValueError:
        raise ConfigError(
            "this is not an address to listen at",
            where="--host",
            hint="give an IP address such as 127.0.0.1; names go to --allow-host",
        ) from None


def _stand_in(url: str) -> str:
    """The address of a stand-in that gets writes: never Stripe's own."""
    base = resolve(api_base=url).api_base
    if Origin.of(base).host.endswith("stripe.com"):
        raise ConfigError(
            "writes are sent to a stand-in, never to Stripe",
            where="--writes-to",
            hint="record them instead: docs/scenarios.md",
        )
    return base


def _refuse_loop(config: Config, url: str) -> None:
    if config.mode is not RecordMode.NONE and Origin.of(config.api_base) == Origin.of(url):
        raise ConfigError(
            "the live source is this server itself",
            where=f"{config.api_base}: --api-base, STRIPE_API_BASE or the configuration",
            hint="name the live source: --api-base https://api.stripe.com",
        )


def _announce(config: Config, url: str, *, print_url: bool) -> None:
    from replay.library import Library
    from replay.library.location import display_path

    where = display_path(Library(config.library).root)
    if print_url:
        click.echo(url)
    click.echo(
        f"serving {where}, mode {config.mode.value}, at {url}\n"
        f"what is recorded, served and missing: {url}/_replay/   stop: Ctrl-C",
        err=True,
    )
    if not is_loopback(url.removeprefix("http://").rpartition(":")[0].strip("[]")):
        click.echo("note: others on the network can reach this server", err=True)


def _tell(fd: int, text: str, *, last: bool = False) -> None:
    # Writing an empty text finds out early whether the descriptor can be written.
    try:
        os.write(fd, text.encode("ascii"))
        if last:
            os.close(fd)
    except OSError as error:
        raise ConfigError(
            f"the file descriptor cannot be written: {error.strerror}",
            where=f"--ready-fd {fd}",
            hint="open it in the shell that starts the server: --ready-fd 3 3>ready.txt",
        ) from error
