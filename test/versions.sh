#!/bin/bash
# versions.sh - the tests on the PostgreSQL of another Debian
#
#	test/versions.sh SUITE FOLDER [MIRROR]    as root, with debootstrap
#	test/versions.sh trixie /srv/trixie       PostgreSQL 17
#	test/versions.sh forky /srv/forky         PostgreSQL 18
#	T, KINDS, KEEP                            as for make check
#
# Makes the suite's smallest system in FOLDER, unless there is one already, and
# runs "make check" of this checkout in it.  Packages come from MIRROR, else from
# where debootstrap and the folder's own apt are told to get them, by the proxy and
# with the patience for old lists that this machine's apt has.  The checkout is seen
# read-only.  What was started ends with the script; the folder stays, for the next
# time.
set -uo pipefail

[ $# -ge 2 ] || { sed -n '4,7s/^#\t//p' "$0" >&2; exit 2; }
suite=$1 root=$2 mirror=${3:-}
top=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "versions.sh: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "this needs root"
if [ ! -e "$root/etc/debian_version" ]; then
	command -v debootstrap > /dev/null || fail "the package debootstrap is missing"
	debootstrap --variant=minbase "$suite" "$root" ${mirror:+"$mirror"} || fail "debootstrap failed"
fi
grep -qE "^(deb .* $suite |Suites:.*$suite)" "$root"/etc/apt/sources.list{,.d/*} 2> /dev/null ||
	fail "$root is there, but not of $suite"

# names of hosts and ways to them are the machine's business
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
apt-config dump 2> /dev/null | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until) ' \
	> "$root/etc/apt/apt.conf.d/90machine"

inside() {
	command -v make > /dev/null ||
		{ apt-get update && apt-get install -y --no-install-recommends make; } > /dev/null || return 1
	cd /mnt && make check
}

# A namespace of its own: mounts and processes end with it
export -f inside
unshare --mount --pid --fork --kill-child --propagation private bash -c '
	root=$1 top=$2
	mount -t proc proc "$root/proc" && mount -t tmpfs -o mode=1777 shm "$root/dev/shm" &&
		mount -t devpts -o ptmxmode=666,newinstance devpts "$root/dev/pts" &&
		mount --bind "$top" "$root/mnt" && mount -o remount,bind,ro "$root/mnt" || exit 1
	shift 2
	exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "$@" bash -c "$(declare -f inside); inside"' \
	_ "$root" "$top" T="${T:-}" ${KINDS:+KINDS="$KINDS"} ${KEEP:+KEEP="$KEEP"}
