#!/bin/bash
# check.sh - all tests, in a throw-away build and cluster
#
#	make check                everything
#	make check T=name         one test: a regression file, unit program, isolation
#	                          spec, TAP file or fuzz target
#	KEEP=1                    keep the folder of the run and say where it is
#	MAKE_ARGS="COPT=..."      arguments of the build
#	UNIT_EXTRA="-f..."        flags of the unit tests and the fuzz replay
#
# Ends with the line "N passed, N failed".
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
only=${T:-}
passed=0
failed=0

sh "$top/test/install_packages.sh" build check || exit 1
source "$top/test/cluster.sh"

W=$(mktemp -d "${TMPDIR:-/tmp}/vcheck.XXXXXX")
finish() {
	cluster_stop "$W"
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $W"
	else
		rm -rf "$W"
	fi
}
trap finish EXIT

# Is a test of this name wanted?
wanted() {
	[ -z "$only" ] || [ "$only" = "$1" ]
}

# Names of files of a folder without ending, those wanted
names() {
	local pattern=$1 f name
	for f in $pattern; do
		[ -e "$f" ] || continue
		name=$(basename "$f")
		name=${name%.*}
		! wanted "$name" || echo "$name"
	done
}

# Count the lines of a TAP stream, at most one level deep, and show failures
count_tap() {
	local file=$1 ok not_ok
	ok=$(grep -cE '^ok ' "$file")
	not_ok=$(grep -cE '^not ok ' "$file")
	passed=$((passed + ok))
	failed=$((failed + not_ok))
	[ "$not_ok" = 0 ] || grep -E -A8 '^not ok ' "$file"
	echo "   $ok ok, $not_ok not ok"
}

# A program that ends badly without a "not ok" line has failed all the same
count_exit() {
	local status=$1 file=$2 what=$3
	if [ "$status" != 0 ] && ! grep -qE '^not ok ' "$file"; then
		tail -n 30 "$file"
		echo "   $what ended with status $status"
		failed=$((failed + 1))
	fi
}

run_unit() {
	local list target name status
	list=$(names "$top/test/unit/unit_*.c")
	[ -n "$list" ] || return
	for target in run neon; do
		echo "== unit tests ($target)"
		for name in $list; do
			make -s -C "$W/src/test/unit" "$target" ONLY="$name" \
				BUILD="$W/unit-$target" EXTRA="${UNIT_EXTRA:-}" > "$W/unit.tap" 2>&1
			status=$?
			echo "   $name"
			count_tap "$W/unit.tap"
			count_exit $status "$W/unit.tap" "$name"
		done
	done
}

run_fuzz_replay() {
	local name list status
	list=$(names "$top/test/fuzz/fuzz_*.c")
	[ -n "$list" ] || return
	echo "== fuzz corpus"
	for name in $list; do
		make -s -C "$W/src/test/fuzz" replay ONLY="$name" BUILD="$W/fuzz" \
			EXTRA="${UNIT_EXTRA:-}" > "$W/fuzz.tap" 2>&1
		status=$?
		echo "   $name"
		count_tap "$W/fuzz.tap"
		count_exit $status "$W/fuzz.tap" "$name"
	done
}

# pg_regress of 15 prints no TAP: count "... ok" and "... FAILED"
count_regress() {
	local log=$1 status=$2 ok bad
	ok=$(grep -cE '(^test .*\.\.\. ok|^ok )' "$log")
	bad=$(grep -cE '(^test .*\.\.\. FAILED|^not ok )' "$log")
	passed=$((passed + ok))
	failed=$((failed + bad))
	echo "   $ok ok, $bad not ok"
	if [ "$status" != 0 ]; then
		[ "$bad" != 0 ] || { cat "$log"; failed=$((failed + 1)); }
		cat "$W"/*/regression.diffs 2> /dev/null
	fi
}

run_regress() {
	local list status
	list=$(names "$top/sql/*.sql")
	[ -n "$list" ] || return
	echo "== regression tests"
	mkdir -p "$W/regress"
	cluster_own "$W/regress"
	cluster_run "$W" "$(cluster_pgxs_dir)/src/test/regress/pg_regress" \
		--inputdir="$W/src" --outputdir="$W/regress" --bindir="$CLUSTER_BINDIR" \
		--dbname=regression --load-extension=vector_ext $list \
		> "$W/regress.log" 2>&1
	status=$?
	count_regress "$W/regress.log" $status
}

run_isolation() {
	local list status
	list=$(names "$top/test/isolation/specs/*.spec")
	[ -n "$list" ] || return
	echo "== isolation tests"
	mkdir -p "$W/isolation"
	cluster_own "$W/isolation"
	cluster_run "$W" "$(cluster_pgxs_dir)/src/test/isolation/pg_isolation_regress" \
		--inputdir="$W/src/test/isolation" --outputdir="$W/isolation" \
		--bindir="$CLUSTER_BINDIR" --dbname=isolation \
		--load-extension=vector_ext $list > "$W/isolation.log" 2>&1
	status=$?
	count_regress "$W/isolation.log" $status
}

run_tap() {
	local list name status
	list=$(names "$top/test/t/*.pl")
	[ -n "$list" ] || return
	echo "== TAP tests"
	for name in $list; do
		echo "   $name"
		(cd "$W/src/test" && cluster_run "$W" env TESTDATADIR="$W/tap/$name" \
			TESTLOGDIR="$W/tap/$name/log" TESTDIR="$W/tap/$name" \
			perl -I "$(cluster_pgxs_dir)/src/test/perl" -I "$W/src/test/perl" \
			"$W/src/test/t/$name.pl") > "$W/tap.log" 2>&1
		status=$?
		count_tap "$W/tap.log"
		count_exit $status "$W/tap.log" "$name"
	done
}

echo "== build"
cluster_build "$W" ${MAKE_ARGS:-COPT=-Werror} || exit 1
run_unit
run_fuzz_replay
cluster_start "$W" || exit 1
run_regress
run_isolation
run_tap
if [ -n "${SANITIZED:-}" ]; then
	reports=$(grep -rhs 'runtime error' "$W/server.log" "$W/tap" | sort | uniq -c)
	if [ -n "$reports" ]; then
		echo "$reports"
		failed=$((failed + 1))
	else
		echo "== sanitizer: nothing reported"
		passed=$((passed + 1))
	fi
fi

if [ $((passed + failed)) = 0 ]; then
	echo "no test is named ${only:-so}"
	failed=1
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
