#!/bin/bash
# run.sh move_pgvector|upgrade_server - a test that needs more than one installation
#
#	make check-move       pgvector's library replaced by ours, and back; its files are
#	                      those of Debian's package, which need not be installed, or
#	                      PGVECTOR=folder, where its "make install DESTDIR=folder" put them
#	make check-upgrade    pg_upgrade, from the oldest to the newest PostgreSQL that has
#	                      pg_config below /usr/lib/postgresql; OLD_PG_CONFIG and
#	                      NEW_PG_CONFIG name others
#	KEEP=1                keep the folder of the run and say where it is
#
# Servers run from copies of PostgreSQL's files in a throw-away folder: they find
# libraries and scripts beside their programs, so that packages are swapped as
# users do it and nothing of the machine is touched.
#
# The last line is as of "make check"; what cannot be had is a skipped test.
set -uo pipefail

test=$1
top=$(cd "$(dirname "$0")/../.." && pwd)
source "$top/test/report.sh"

skip() {
	echo "1..0 # SKIP $1" > "$W/log"
	report "$test" "$W/log" 0
	summary
	exit 0
}

# tree_new PG_CONFIG FOLDER - the installation, but for vector extensions
tree_new() {
	local pg_config=$1 tree=$2 path
	mkdir -p "$tree"
	for path in --bindir --pkglibdir --sharedir; do
		path=$("$pg_config" "$path")
		tar -C / --exclude=bitcode --exclude=pgxs --exclude='vector*' -cf - "${path#/}" | tar -C "$tree" -xf - || return 1
	done
}

# pgvector_files FOLDER - those of the package, below it; says what is missing
pgvector_files() {
	local into=$1 package=postgresql-$CLUSTER_MAJOR-pgvector
	mkdir -p "$into"
	if [ -n "${PGVECTOR:-}" ]; then
		cp -a "$PGVECTOR/." "$into"
	elif dpkg-query -W -f='${Status}' "$package" 2> /dev/null | grep -q 'ok installed'; then
		dpkg-query -L "$package" | grep -v '^/usr/share/doc' | while read -r file; do
			[ -d "$file" ] || echo "${file#/}"
		done | tar -C / -T - -cf - | tar -C "$into" -xf -
	elif ! has_candidate "$package"; then
		echo "there is no package $package, neither installed nor in apt's lists"
		return 1
	else
		(cd "$into" && apt-get -q download "$package" && dpkg-deb -x "$package"_*.deb . && rm "$package"_*.deb) > "$W/download.log" 2>&1 || {
			echo "the package $package could not be downloaded: $(tail -n 1 "$W/download.log")"
			return 1
		}
	fi
}

# (grep -q would end apt-cache before it has said all, which pipefail takes for a failure)
is_candidate() {
	apt-cache policy "$1" 2> /dev/null | grep 'Candidate: [^(]' > /dev/null
}

has_candidate() {
	is_candidate "$1" && return
	[ "$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get -q update > /dev/null 2>&1 &&
		is_candidate "$1"
}

# run_test: the environment names the folders, all below $W
run_test() {
	local status
	: > "$W/extension.conf" # what TAP nodes read; these find their files themselves
	mkdir -p "$W/tap/log"
	cluster_own "$W"
	CLUSTER_BINDIR=$W/new$CLUSTER_BINDIR cluster_run "$W" env TESTDIR="$W/tap" TESTDATADIR="$W/tap" TESTLOGDIR="$W/tap/log" \
		perl -I "$CLUSTER_TESTLIB/perl" -I src/test/perl "src/test/move/$test.pl" > "$W/log" 2>&1
	status=$?
	report "$test" "$W/log" $status
	[ $status = 0 ] || grep -q '^not ok' "$W/log" ||
		find "$W/tap" -name 'regress_log_*' -exec tail -n 30 {} +
	summary
}

prepare_move() {
	local reason
	reason=$(pgvector_files "$W/pgvector") || skip "$reason"
	cluster_build "$W" COPT=-Werror || give_up "the build failed"
	tree_new "$CLUSTER_PG_CONFIG" "$W/new" || give_up "PostgreSQL's files could not be copied"
	export VECTOR_EXT_TREE=$W/new VECTOR_EXT_PGVECTOR=$W/pgvector VECTOR_EXT_OURS=$W/dest
}

# The version that pg_config is of, and its path
configs() {
	local config
	for config in /usr/lib/postgresql/*/bin/pg_config; do
		[ ! -e "$("$config" --pgxs 2> /dev/null)" ] || echo "$("$config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/') $config"
	done | sort -n | cut -d' ' -f2
}

# Ours, built for a PostgreSQL, in a tree of it
tree_with_ours() {
	tree_new "$1" "$2" && PG_CONFIG=$1 bash -c '
		source "$1/test/cluster.sh" && cluster_build "$2.build" COPT=-Werror && cp -a "$2.build/dest/." "$2"' _ "$top" "$2"
}

prepare_upgrade() {
	local old=${OLD_PG_CONFIG:-$(configs | head -n 1)} new=${NEW_PG_CONFIG:-$(configs | tail -n 1)}
	[ -n "$old" ] && [ "$old" != "$new" ] ||
		skip "there is one PostgreSQL with files for building extensions: ${old:-none}"
	PG_CONFIG=$new source "$top/test/cluster.sh"
	mkdir -p "$W/old.build" "$W/new.build"
	tree_with_ours "$old" "$W/old" && tree_with_ours "$new" "$W/new" || give_up "the builds failed"
	mv "$W/new.build/src" "$W/src"
	export VECTOR_EXT_OLD_BINDIR=$W/old$("$old" --bindir) VECTOR_EXT_NEW_BINDIR=$W/new$CLUSTER_BINDIR
}

sh "$top/test/install_packages.sh" build move || give_up "packages are missing"
source "$top/test/cluster.sh" || give_up "no pg_config"
W=$(cluster_new vmove)
trap 'cluster_remove "$W"' EXIT
trap 'exit 1' INT TERM
chmod 700 "$W"
case $test in
move_pgvector) prepare_move ;;
upgrade_server) prepare_upgrade ;;
*) give_up "no test is named $test" ;;
esac
run_test
