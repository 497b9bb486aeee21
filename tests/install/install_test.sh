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
if [ -e "$build/lib/kvkit/libkvkit_torch.so" ]; then
  LD_DEBUG=files "$tmp/prefix/bin/kvbench" run "$here/../../workloads/handmade/three_requests.jsonl" --backend null: \
    --codec pickle >"$tmp/run.log" 2>"$tmp/loaded.log" || { grep kvbench: "$tmp/loaded.log" >&2; exit 1; }
  if ! grep -q "calling init: $tmp/prefix/.*/libkvkit_torch.so" "$tmp/loaded.log"; then
    echo "install_test: the installed kvbench did not load the LibTorch module that was installed with it" >&2
    exit 1
  fi
fi
if grep -rl "$build" "$tmp/prefix" --include='*.cmake'; then
  echo "install_test: the package above names the build directory" >&2
  exit 1
fi

cmake -S "$here/consumer" -B "$tmp/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$tmp/prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_BUILD_TYPE=Release >"$tmp/configure.log" || { cat "$tmp/configure.log" >&2; exit 1; }
cmake --build "$tmp/consumer"
[ "$("$tmp/consumer/consumer")" = "64.0 KiB" ]

# Configured by hand, without a preset, it is what users should measure with.
cmake -S "$here/../.." -B "$tmp/plain" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" -DKVKIT_TESTS=OFF -DKVKIT_TORCH=OFF \
  >"$tmp/plain.log" || { cat "$tmp/plain.log" >&2; exit 1; }
if ! grep -q '^CMAKE_BUILD_TYPE:STRING=Release$' "$tmp/plain/CMakeCache.txt"; then
  echo "install_test: without a preset the build type is not Release" >&2
  exit 1
fi
