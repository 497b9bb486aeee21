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

# The example for LibTorch's tensors, where there is LibTorch: built with its C++ ABI, so of kvkit it may see plain C alone.
if [ -e "$build/lib/kvkit/libkvkit_torch.so" ]; then
  cmake -S "$here/../../examples" -B "$tmp/examples" -G Ninja -DCMAKE_PREFIX_PATH="$tmp/prefix" \
    -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Release >"$tmp/examples.log" || { cat "$tmp/examples.log" >&2; exit 1; }
  cmake --build "$tmp/examples"
  quick_start="$tmp/examples/quick_start"
  "$quick_start" | tee "$tmp/raw"
  grep -q 'K and V of \[1, 32, 128, 64\] bf16, 1048576 bytes: stored in local:' "$tmp/raw"
  grep -q 'restored \[1, 32, 128, 64\]; largest difference: K 0, V 0' "$tmp/raw"
  grep -q '^another prompt: not there' "$tmp/raw"
  "$quick_start" local:?capacity=256MiB int8 | tee "$tmp/int8"
  grep -q 'restored .* K 0\.[0-9]*, V 0\.[0-9]*$' "$tmp/int8"
  if "$quick_start" lokal: 2>"$tmp/wrong"; then
    echo "install_test: quick_start takes a backend that there is none of" >&2
    exit 1
  fi
  grep -q 'hint: did you mean' "$tmp/wrong"
  cmake -S "$here/facade" -B "$tmp/facade" -G Ninja -DCMAKE_PREFIX_PATH="$tmp/prefix" \
    -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Release >"$tmp/facade.log" || { cat "$tmp/facade.log" >&2; exit 1; }
  cmake --build "$tmp/facade"
  "$tmp/facade/facade"
  if command -v redis-server >/dev/null; then
    "$quick_start" spawn+redis: zstd | grep 'largest difference: K 0, V 0'
  fi
  if nm -C "$tmp/examples/CMakeFiles/quick_start.dir/quick_start.cpp.o" | grep ' U kv::'; then
    echo "install_test: torch/kv_cache.hpp needs the symbols above of kvkit, which may have another C++ ABI" >&2
    exit 1
  fi
fi

# Configured by hand, without a preset, it is what users should measure with.
cmake -S "$here/../.." -B "$tmp/plain" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" -DKVKIT_TESTS=OFF -DKVKIT_TORCH=OFF \
  >"$tmp/plain.log" || { cat "$tmp/plain.log" >&2; exit 1; }
if ! grep -q '^CMAKE_BUILD_TYPE:STRING=Release$' "$tmp/plain/CMakeCache.txt"; then
  echo "install_test: without a preset the build type is not Release" >&2
  exit 1
fi
