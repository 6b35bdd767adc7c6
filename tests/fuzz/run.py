"""Fuzz the readers of what strangers may write, guided by coverage.

``make fuzz`` runs it in an environment of its own (``.venv-fuzz``) with atheris, or with hypothesis
where atheris has no build for this Python. Inputs that reach new code are kept in ``.fuzz/``, so
that the next run goes on from there. An input that breaks a law is written to ``.fuzz/found/``, and
the command that tries it again is printed; in ``tests/fuzz/findings/TARGET/`` it is a test.

CI gives each target a minute, from one seed, so that what it finds is found again. What it finds
is a defect, whichever change it comes with: time and memory are bounded by what the process itself
used.
"""

from __future__ import annotations

import argparse
import os
import resource
import secrets
import shlex
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / ".fuzz" / "found"
ENVIRONMENT = ROOT / ".venv-fuzz"
SLOW = 5.0
"""CPU seconds that an input may take: instrumented code runs several times slower."""
MEMORY = 1024
"""Megabytes that a target's process may hold."""
LONGEST = 20_000
"""Bytes of an input."""


def _checked(name: str) -> object:
    from targets import TARGETS

    check = TARGETS[name].check

    def run(data: bytes) -> None:
        start = time.process_time()
        check(data)
        took = time.process_time() - start
        assert took < SLOW, f"an input of {len(data)} bytes took {took:.1f} s"

    return run


def fuzz(name: str, seconds: int, seed: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    corpus = ROOT / ".fuzz" / name
    corpus.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(exist_ok=True)
    try:
        import atheris
    except ImportError:
        _by_hypothesis(name, seconds, seed)
        return
    with atheris.instrument_imports(include=["replay"]):
        import targets
    for number, start in enumerate(targets.TARGETS[name].seeds()):
        (corpus / f"seed-{number}").write_bytes(start)
    options = [
        f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST}",
        "-timeout=300",  # a busy machine may stop it for long; `SLOW` is counted in CPU time
        f"-artifact_prefix={FOUND}/{name}-", "-print_final_stats=1",
        "-verbosity=0", f"-seed={seed}",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], _checked(name))
    atheris.Fuzz()


def _by_hypothesis(name: str, seconds: int, seed: int) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded
    from hypothesis import strategies as st
    from targets import TARGETS

    run, seeds, end, tried = _checked(name), TARGETS[name].seeds(), time.monotonic() + seconds, 0
    edits = st.lists(st.tuples(st.integers(0, LONGEST), st.integers(0, 30), st.binary(max_size=30)))

    @settings(
        max_examples=500, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(st.sampled_from(seeds), edits)
    def once(start: bytes, changes: list[tuple[int, int, bytes]]) -> None:
        nonlocal tried
        data = start
        for place, gone, new in changes:
            at = place % (len(data) + 1)
            data = data[:at] + new + data[at + gone :]
        tried += 1
        try:
            run(data[:LONGEST])  # type: ignore[operator]
        except BaseException:
            (FOUND / f"{name}-hypothesis").write_bytes(data[:LONGEST])
            raise

    limit = MEMORY << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    seeded(seed)(once)()
    while time.monotonic() < end:
        seed += 1
        seeded(seed)(once)()
    print(f"stat::number_of_executed_units: {tried}", file=sys.stderr)


def _environment() -> str:
    python = str(ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    wheel = next((ROOT / "dist").glob("*.whl"), None)
    if wheel is None:
        sys.exit("there is no wheel: run `make fuzz`")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    if not (ENVIRONMENT / ".made").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        subprocess.run([*pip, str(wheel), "hypothesis"], check=True)
        subprocess.run([*pip, "--only-binary=:all:", "atheris"], check=False)
        (ENVIRONMENT / ".made").touch()
    subprocess.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], check=True)
    return python


def main() -> int:
    """Fuzz all targets, or those that are named; 1 if one of them broke a law."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long each target runs")
    parser.add_argument("--seed", type=int, default=0, help="by default another one each time")
    parser.add_argument("--input", type=Path, help="try this file alone, on the target named")
    parser.add_argument("--here", metavar="TARGET", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", help="by default all")
    given = parser.parse_args()
    if given.here:
        if given.input:
            _checked(given.here)(given.input.read_bytes())
        else:
            fuzz(given.here, given.seconds, given.seed)
        return 0
    names = given.targets or _names()
    if not {*names} <= {*_names()} or (given.input and len(given.targets) != 1):
        parser.error(f"targets are {', '.join(_names())}; --input takes one")
    python, bad, running = _environment(), 0, {}
    if given.input:
        line = [python, __file__, "--here", names[0], "--input", str(given.input.resolve())]
        return subprocess.run(line, cwd=ROOT, check=False).returncode
    cores, seed = os.cpu_count() or 1, given.seed or secrets.randbelow(2**31 - 1) + 1
    print(
        f"{len(names)} targets, {given.seconds} s each, {cores} at once, --seed {seed}", flush=True
    )
    waiting, began = list(names), time.time()
    (ROOT / ".fuzz").mkdir(exist_ok=True)
    while waiting or running:
        while waiting and len(running) < cores:
            name = waiting.pop(0)
            log = (ROOT / ".fuzz" / f"{name}.log").open("wb")
            line = [python, __file__, "--here", name, "--seconds", str(given.seconds)]
            line += ["--seed", str(seed)]
            running[name] = subprocess.Popen(
                line, stdout=log, stderr=log, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}
            )
        time.sleep(0.2)
        for name in [name for name, process in running.items() if process.poll() is not None]:
            bad += _report(name, running.pop(name).returncode, seed, began)
    return 1 if bad else 0


def _names() -> list[str]:
    # Without importing the targets: only the environment of the fuzzer has what they need.
    return ["readers", "loader", "call", "form", "json", "toml", "archive", "scan", "doubles"]


def _report(name: str, code: int, seed: int, began: float) -> bool:
    said = (ROOT / ".fuzz" / f"{name}.log").read_text("utf-8", "replace")
    lines = said.splitlines()
    tried = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "?")
    print(f"{name:<10}{tried:>12} inputs  {'FAILED' if code else 'ok'}", flush=True)
    if code:
        print("\n".join(lines[-40:]), file=sys.stderr)
        found = [path for path in FOUND.glob(f"{name}-*") if path.stat().st_mtime >= began]
        again = (
            f"--input {shlex.quote(str(found[-1].relative_to(ROOT)))}"
            if found
            else f"--seed {seed}"
        )
        print(f"try it again: make fuzz FUZZ={shlex.quote(f'{again} {name}')}", file=sys.stderr)
        if found:
            print(f"its bytes: {found[-1].read_bytes()[:2000]!r}", file=sys.stderr)
    return bool(code)


if __name__ == "__main__":
    sys.exit(main())
