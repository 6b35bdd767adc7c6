"""The data files that ship with replay are read whatever a test has put over the file system."""

from __future__ import annotations

import builtins
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import replay
from replay.model import own_data

DATA = Path(replay.__file__).parent / "stripe_api" / "data"


def test_a_fake_file_system_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of `os` and `io` that find no file, as those of pyfakefs find none of ours."""

    def none(*_: object, **__: object) -> None:
        raise FileNotFoundError

    for owner, name in (
        (os, "listdir"), (os, "scandir"), (os, "stat"), (os, "open"), (io, "open"),
        (builtins, "open"),  # so fails pytest's own loader of modules
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, none)
    names = own_data.names("replay.stripe_api", "data")
    text = own_data.read_text("replay.stripe_api", "data/routes.json")
    monkeypatch.undo()
    assert sorted(names) == sorted(path.name for path in DATA.iterdir())
    assert text == (DATA / "routes.json").read_text("utf-8")


def test_out_of_an_archive(tmp_path: Path) -> None:
    """An application may ship its packages in a zip file."""
    root, archive = Path(replay.__file__).parents[1], tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in Path(replay.__file__).parent.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                packed.write(path, path.relative_to(root))
    code = (
        "import replay; from replay.redaction.policy import default_policy\n"
        "from replay.stripe_api import routes\n"
        "print(replay.__file__, len(routes.table()), default_policy().label)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(archive)}, cwd=tmp_path,
    )  # fmt: skip
    from replay.redaction.policy import default_policy
    from replay.stripe_api import routes

    where, count, label = done.stdout.strip().split(" ", 2)
    assert where.startswith(str(archive))
    assert (len(routes.table()), default_policy().label) == (int(count), label)
