#!/bin/sh
# The LibTorch module builds alone, and a kvbench that was built before takes it.
#   torch_module_test.sh BUILD_DIR CXX
set -eu
build=$1 cxx=$2
here=$(cd "$(dirname "$0")" && pwd)
[ -e "$build/lib/kvkit/libkvkit_torch.so" ] || { echo "no LibTorch here"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

launcher=$(command -v ccache || true)
cmake -S "$here/../../lib/torch" -B "$tmp" -G Ninja -DCMAKE_CXX_COMPILER="$cxx" \
  ${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER="$launcher"} >"$tmp/configure.log" || { cat "$tmp/configure.log" >&2; exit 1; }
cmake --build "$tmp" >"$tmp/build.log" || { cat "$tmp/build.log" >&2; exit 1; }
KVKIT_TORCH_MODULE="$tmp/libkvkit_torch.so" "$build/bin/kvbench" accuracy --model tiny --codec raw --prompts 1 \
  --prefix 16 --continued 4 --engine-threads 1
