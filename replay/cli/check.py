"""`replay check`: could hand-written doubles be answers of an API version?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.cli.options import OneOf, library_option, open_library, version_of
from replay.cli.progress import counting, watched

if TYPE_CHECKING:
    from replay.drift.doubles import Doubles
    from replay.render.doubles import Checked, Place
    from replay.scan.sources import Source

FORMATS = ["terminal", "json", "github", "sarif"]


@click.command("check")
@click.argument("paths", nargs=-1, metavar="PATH...", required=True)
@click.option("--api-version", "version", metavar="VERSION",
              help="The version that the doubles should be of. [default: REPLAY_API_VERSION, the "
              "configuration's, or for each type the newest recorded]")  # fmt: skip
@click.option("--resource", metavar="RESOURCE",
              help="What objects without an object key are.")  # fmt: skip
@click.option("--spec", metavar="FILE",
              help="Stripe's OpenAPI file of that version: it knows the keys and words that no "
              "recording shows.")  # fmt: skip
@click.option("--complete", is_flag=True, help="A missing key is a finding too.")
@click.option("--show", type=OneOf(["warning", "info"]), default="warning", show_default=True,
              help="The least that is printed; info lists missing keys.")  # fmt: skip
@library_option
@click.option("--format", "format_", type=OneOf(FORMATS), default="terminal", show_default=True,
              help="How to print the result.")  # fmt: skip
@click.pass_context
def check_command(
    ctx: click.Context, paths: tuple[str, ...], version: str | None, resource: str | None,
    spec: str | None, complete: bool, show: str, library: str | None, format_: str,
) -> None:  # fmt: skip
    """Check hand-written doubles against the recordings of an API version.

    PATH is a JSON or YAML file, or a folder of them: fixtures, and mocks whose bodies hold objects
    of Stripe's. Every object with an object key is compared with the recordings of its type.

    A finding is a key that this version never had and another one has, a value of another type,
    or a word that neither recordings nor --spec have. A key that no recording has is a warning,
    and with --spec a finding. Missing keys count with --complete alone. Values are never printed.

    \b
    Exit codes:
      0  clean                      3  no object was compared
      1  findings
      2  misuse or broken input, or a file that cannot be read

    \b
    Examples:
      replay check tests/fixtures
      replay check tests/fixtures --api-version 2025-03-31.basil --format github
      replay check tests/bare_invoice.json --resource invoice --complete
      replay check tests mocks --spec spec3.json
    """
    from replay.config import resolve
    from replay.drift.doubles import Doubles
    from replay.drift.openapi.schemas import load_schemas
    from replay.render import doubles as shown
    from replay.stripe_api.routes import by_name

    asked = version_of(version, "--api-version") if version is not None else None
    wanted = asked or resolve(library=library, mode="none").api_version
    unnamed = by_name(resource).objects[0] if resource is not None else ""
    schemas = load_schemas(Path(spec)) if spec is not None else None
    opened = open_library(library)
    with watched(opened, what="reading recordings") as progress:
        doubles = Doubles(
            opened, wanted, schemas=schemas, complete=complete, progress=progress
        )  # fmt: skip
    checked = check_files(paths, doubles, unnamed)
    if schemas is not None and checked.version and schemas.version not in ("", checked.version):
        click.echo(
            f"warning: {spec} is the specification of {schemas.version}, and the doubles were "
            f"compared with recordings of {checked.version}", err=True,
        )  # fmt: skip
    if format_ == "terminal":
        text = shown.to_terminal(checked, every=complete or show == "info")
    else:
        write: dict[str, Callable[[Checked], str]] = {
            "json": shown.to_json, "github": shown.to_github, "sarif": shown.to_sarif,
        }  # fmt: skip
        text = write[format_](checked)
    charset = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(charset, "backslashreplace").decode(charset), nl=False)
    ctx.exit(checked.exit_code)


def check_files(paths: tuple[str, ...], doubles: Doubles, unnamed: str) -> Checked:
    """Check all doubles in some files and folders.

    Args:
        paths: the files and folders.
        doubles: what was recorded.
        unnamed: the type of objects without an `object` key; empty for none.

    Raises:
        ConfigError: a path does not exist.
        LibraryError: a file cannot be read, or one of its kinds, where a recording cannot be.
    """
    from replay.importers.doubles import SUFFIXES
    from replay.render.doubles import Checked
    from replay.scan.sources import files_on_disk, read

    given = {Path(path) for path in paths}
    files = dict.fromkeys(
        file
        for file in files_on_disk(paths)
        if file in given or (file.suffix.lower() in SUFFIXES and file.is_file())
    )
    number = compared = 0
    places: list[Place] = []
    missing: dict[str, tuple[int, tuple[str, ...]]] = {}
    unread: dict[str, str] = {}
    with counting(len(files), "checking") as step:
        for file in files:
            source = read(file)
            outcome = _File(source, doubles, unnamed, named=file in given)
            number += outcome.read
            compared += outcome.compared
            places += outcome.places
            for type in outcome.missing:
                before, versions = missing.get(type, (0, doubles.recorded(type)))
                missing[type] = before + 1, versions
            if outcome.unread:
                unread[source.path] = outcome.unread
            step()
    return Checked(doubles.version, number, compared, tuple(places), missing, unread)


class _File:
    """What one file holds.

    Attributes:
        read: whether it was read, and is no recording of replay's.
        compared: how many doubles were compared.
        places: the remarks on them.
        missing: the types of the doubles that were not compared.
        unread: why it could not be read; empty where it could, or holds nothing of interest.
    """

    def __init__(self, source: Source, doubles: Doubles, unnamed: str, *, named: bool) -> None:
        from replay.importers.documents import Unreadable
        from replay.importers.doubles import MOST_BYTES
        from replay.scan.contents import is_ours

        self.read, self.compared, self.unread = False, 0, ""
        self.places: list[Place] = []
        self.missing: list[str] = []
        data = source.data
        if data is None or len(data) > MOST_BYTES:
            large = f"it is larger than {MOST_BYTES >> 20} MB"
            self.unread = (source.unread if data is None else large) if named or data else ""
            return
        if is_ours(data):
            return  # a recording, which nobody wrote by hand
        try:
            self._check(data.decode("utf-8-sig"), source.path, doubles, unnamed)
        except UnicodeDecodeError:
            self.unread = "it is not text in UTF-8" if named or b"object" in data else ""
        except Unreadable as error:
            # Folders hold files that are no JSON and never were, such as templates.
            self.unread = f"it {error}" if named or b"object" in data else ""

    def _check(self, text: str, name: str, doubles: Doubles, unnamed: str) -> None:
        from replay.importers.doubles import doubles as doubles_in
        from replay.render.doubles import Place

        found = doubles_in(text, Path(name).suffix.lower(), doubles.types, unnamed)
        self.read = True
        for double in found:
            remarks = doubles.check(double.body, double.type)
            if remarks is None:
                self.missing.append(double.type)
                continue
            self.compared += 1
            self.places += (
                Place(name, double.line(remark.pointer), remark) for remark in remarks
            )  # fmt: skip
