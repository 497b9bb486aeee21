#!/bin/sh
# Installs what is missing of the GROUPs in packages.txt:  cmake/deps.sh GROUP...
# Where everything is there it asks neither the network nor for root.
set -eu
here=$(dirname "$0")
list=$here/packages.txt

alternatives() {  # one line a package: "a or b" of the groups named
  for group in "$@"; do sed -n "s/^$group  *//p" "$list"; done
}

if ! command -v apt-get >/dev/null; then
  echo "deps: no apt-get here, so nothing was installed. Debian calls what is needed:" >&2
  alternatives "$@" | sed 's/^/  /' >&2
  exit 0  # cmake names whatever is really missing
fi

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=$(alternatives "$@" | while read -r line; do
  for package in $(echo "$line" | sed 's/ or / /g'); do
    if installed "$package"; then continue 2; fi
  done
  echo "$line"
done)
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
  as_root=sudo
  command -v sudo >/dev/null || { printf 'deps: not root and no sudo; ask for:\n%s\n' "$missing" >&2; exit 1; }
fi
$as_root apt-get update -qq
packages=$(echo "$missing" | while read -r line; do
  chosen=
  for package in $(echo "$line" | sed 's/ or / /g'); do
    if [ -z "$chosen" ] && apt-cache show "$package" >/dev/null 2>&1; then chosen=$package; fi
  done
  echo "${chosen:-unknown:$line}"
done)
case $packages in
  *unknown:*)
    printf 'deps: this suite does not have:\n%s\n' "$(echo "$packages" | sed -n 's/^unknown:/  /p')" >&2
    echo "  hint: cmake/packages.txt says on which Debian they are" >&2
    exit 1 ;;
esac
# shellcheck disable=SC2086
echo "deps: installing" $packages

# The redis-server package starts a server for the whole machine. kvbench starts private ones, so that one is not
# wanted: not started now (masked under systemd, run level 1 elsewhere) and not at the next boot.
fresh_redis=
case " $(echo $packages) " in
  *" redis-server "*) [ ! -d /run/systemd/system ] || fresh_redis=yes ;;
esac
[ -z "$fresh_redis" ] || $as_root systemctl mask --runtime --quiet redis-server.service
# shellcheck disable=SC2086
$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  -o Dpkg::Use-Pty=0 $packages >"${TMPDIR:-/tmp}/kvkit-deps.log" 2>&1 || {
  tail -n 20 "${TMPDIR:-/tmp}/kvkit-deps.log" >&2
  echo "deps: apt-get failed, see above" >&2
  exit 1
}
if [ -n "$fresh_redis" ]; then
  $as_root systemctl unmask --runtime --quiet redis-server.service
  $as_root systemctl disable --quiet redis-server.service
fi
# The next build looks again for what it did not find before.
rm -f "$here"/../build/*/build.ninja
