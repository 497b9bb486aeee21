#!/bin/sh
# What is installed serves a stranger: the tool runs from there, and a program of theirs finds the library.
#   install_test.sh BUILD_DIR CXX
set -eu
build=$1 cxx=$2
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cmake --install "$build" --prefix "$tmp/prefix" >"$tmp/install.log"
"$tmp/prefix/bin/kvbench" --version
if grep -rl "$build" "$tmp/prefix" --include='*.cmake'; then
  echo "install_test: the package above names the build directory" >&2
  exit 1
fi

cmake -S "$here/consumer" -B "$tmp/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$tmp/prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_BUILD_TYPE=Release >"$tmp/configure.log" || { cat "$tmp/configure.log" >&2; exit 1; }
cmake --build "$tmp/consumer"
[ "$("$tmp/consumer/consumer")" = "64.0 KiB" ]
