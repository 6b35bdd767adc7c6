"""Words that no file of the project says."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]

# In parts, so that this file does not say them either.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("pkg", "go", "dev"),
        ("rubygems", "org"),
        ("repo", "maven"),
        ("repo1", "maven"),
        ("mvnrepository", "com"),
        ("nuget", "org"),
        ("packagist", "org"),
    )
]

FOLDERS = ("replay", "tests", "docs", "scripts", "cassettes", ".ci")


def test_no_package_registry_is_named() -> None:
    """Links lead to the projects themselves."""
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    found = []
    for path in files:
        if "__pycache__" not in path.parts:
            text = path.read_bytes().lower()
            found += [f"{path}: {host}" for host in REGISTRIES if host.encode() in text]
    assert [] == found
    assert len(files) > 300
