#!/bin/sh
# install_packages.sh GROUP...
#
# Make sure that the Debian packages of the groups are there: root installs what
# is missing, anyone else is told what to install, and the script fails.  The
# major version of PostgreSQL is PG_MAJOR, else that of pg_config, else the one
# of the distribution.
set -eu

has() { command -v "$1" > /dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

if ! has dpkg-query || ! has apt-get; then
	echo "install_packages.sh: not a Debian system, going on with what is there" >&2
	exit 0
fi

log=$(mktemp)
no_cluster=/etc/postgresql-common/createcluster.d/vector_ext_tests.conf
trap 'rm -f "$log"' EXIT

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get "$@" > "$log" 2>&1 < /dev/null || {
		tail -n 20 "$log" >&2
		exit 1
	}
}

updated=
update_once() {
	[ -n "$updated" ] || apt update
	updated=yes
}

find_pg_major() {
	config=${PG_CONFIG:-pg_config}
	if has "$config"; then
		"$config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/'
	else
		apt-cache depends postgresql 2> /dev/null |
			sed -n 's/.*Depends: postgresql-\([0-9][0-9]*\)$/\1/p'
	fi
}

if [ -z "${PG_MAJOR:-}" ]; then
	# without pg_config packages are missing for sure, so this is not in vain
	has "${PG_CONFIG:-pg_config}" || ! is_root || update_once
	PG_MAJOR=$(find_pg_major)
fi
pg=${PG_MAJOR:-15}

# Debian's cross compiler for a machine exists on all others only.
arm_tools="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
[ "$(dpkg --print-architecture)" != arm64 ] || arm_tools=

# npm comes with some packages of nodejs, which Debian's npm would break
node="nodejs npm"
! has npm || node=

has_candidate() { apt-cache policy "$1" | grep -q 'Candidate: [^(]'; }

# What the clients ask for and this distribution has
client_packages() {
	sed -sn '2,12s/^[^a-z]*packages: *//p' "$(dirname "$0")"/clients/client_* | tr ' ' '\n' | sort -u |
		while read -r package; do
			! has_candidate "$package" || echo "$package"
		done
}

packages_of() {
	case $1 in
	build) echo "gcc libc6-dev make libopenblas0-pthread postgresql-$pg postgresql-server-dev-$pg" ;;
	check) echo "perl libipc-run-perl python3-faiss python3-numpy zstd $arm_tools" ;;
	move) echo "perl libipc-run-perl" ;;
	clients) echo "perl pgbouncer $node $(client_packages)" ;;
	demo) echo "libpq-dev libjansson-dev zstd" ;;
	lint) echo "binutils clang clang-format-14 cppcheck libpq-dev libjansson-dev" ;;
	fuzz) echo "clang libclang-rt-14-dev" ;;
	bench) echo "g++ libpq-dev libjansson-dev libhnswlib-dev python3-faiss python3-numpy dataset-fashion-mnist gnuplot-nox gzip zstd" ;;
	*) echo "install_packages.sh: no group is named $1" >&2; return 2 ;;
	esac
}

# what a distribution has is not known before its lists are here
case " $* " in
*" clients "*) has_candidate pgbouncer || ! is_root || update_once ;;
esac

missing=
for group in "$@"; do
	packages=$(packages_of "$group")
	for package in $packages; do
		state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2> /dev/null || true)
		case $state in
		?i*) ;;
		*) missing="$missing $package" ;;
		esac
	done
done
[ -n "$missing" ] || exit 0

if ! is_root; then
	echo "Debian packages are missing.  As root:" >&2
	echo "	apt-get install --no-install-recommends$missing" >&2
	exit 1
fi

# A test harness leaves no running server: Debian's package would make and
# start the cluster "main".  The file speaks for this installation only.
mkdir -p "${no_cluster%/*}"
trap 'rm -f "$log" "$no_cluster"; rmdir "${no_cluster%/*}" 2> /dev/null || true' EXIT
echo "create_main_cluster = false" > "$no_cluster"

echo "installing:$missing"
update_once
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $missing
