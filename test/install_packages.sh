#!/bin/sh
# install_packages.sh GROUP...
#
# Make sure that the Debian packages of the groups are there: as root they are
# installed, as anyone else the missing ones are named and the script fails.
# Nothing else is touched, except that no server is started by PostgreSQL's
# packages where none exists yet.
set -eu

pg=${PG_MAJOR:-15}

packages_of() {
	case $1 in
	build) echo "postgresql-$pg postgresql-server-dev-$pg gcc make libc6-dev libopenblas0-pthread" ;;
	check) echo "libipc-run-perl gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user zstd" ;;
	demo) echo "libpq-dev zstd" ;;
	lint) echo "clang clang-format cppcheck binutils" ;;
	fuzz) echo "clang libclang-rt-14-dev" ;;
	bench) echo "libpq-dev zstd gzip gnuplot-nox g++ libhnswlib-dev python3-faiss python3-numpy dataset-fashion-mnist" ;;
	*) echo "install_packages.sh: unknown group $1" >&2; exit 2 ;;
	esac
}

missing=
for group in "$@"; do
	for package in $(packages_of "$group"); do
		status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
		[ "$status" = "install ok installed" ] || missing="$missing $package"
	done
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "These Debian packages are missing:$missing" >&2
	echo "Install them as root: apt-get install$missing" >&2
	exit 1
fi

if [ ! -e /etc/postgresql-common/createcluster.conf ] &&
	! [ -d /etc/postgresql ]; then
	mkdir -p /etc/postgresql-common
	echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
fi

echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# the file we wrote above stays: it is a configuration file of the package
if ! { apt-get update && apt-get install -y --no-install-recommends \
	-o Dpkg::Options::=--force-confold $missing; } > "$log" 2>&1; then
	tail -n 20 "$log" >&2
	exit 1
fi
rm -f "$log"
