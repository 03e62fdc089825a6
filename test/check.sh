#!/bin/bash
# check.sh - all tests, in a throw-away build and cluster
#
#	make check                everything
#	make check T=name         a regression test, unit program, fuzz target,
#	                          isolation spec or TAP file; name may be a pattern
#	KINDS="unit tap"          only tests of these kinds
#	KEEP=1                    keep the folder of the run and say where it is
#	MAKE_ARGS="COPT=..."      arguments of the build
#	UNIT_EXTRA="-f..."        compiler flags of unit tests and fuzz targets
#	JOBS=1                    tests at a time that have a database of their own
#
# Every kind ends up as TAP, which is counted in one place.  The last line is
# "N passed, N failed[, N skipped]"; a skipped test has said why before.
set -uo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
only=${T:-*}
kinds=${KINDS:-unit fuzz regress isolation tap}
jobs=${JOBS:-$(nproc)}
source "$top/test/report.sh"

sh "$top/test/install_packages.sh" build check || give_up "packages are missing"
source "$top/test/cluster.sh" || give_up "no pg_config"

W=$(cluster_new vcheck)
trap 'jobs -p | xargs -r kill 2> /dev/null; cluster_remove "$W"' EXIT
trap 'exit 1' INT TERM
logs=$W/logs
mkdir "$logs"

# Names, without folder and ending, of the wanted files.
wanted() {
	local file name
	for file in "$@"; do
		name=${file##*/}
		name=${name%.*}
		# shellcheck disable=SC2053 # a pattern
		[ ! -e "$file" ] || [[ $name != $only ]] || echo "$name"
	done
}

# Is this kind asked for, and are there such tests?
selected() {
	[[ " $kinds " == *" $1 "* ]] && [ -n "$2" ]
}

run_unit() {
	local target name
	for target in run neon; do
		echo "== unit tests, $target"
		for name in "$@"; do
			# there is no OpenBLAS for the emulator
			[[ "$target $name" != "neon unit_"@(blas|kmeans|graph|transform_learn|codec_train) ]] || continue
			cluster_make -s -j"$(nproc)" -C "$W/src/test/unit" "$target" ONLY="$name" \
				BUILD="$W/unit" EXTRA="${UNIT_EXTRA:-}" > "$logs/$target.$name" 2>&1
			report "$name" "$logs/$target.$name" $?
		done
	done
}

run_fuzz() {
	local name
	echo "== fuzz targets on their corpus"
	for name in "$@"; do
		cluster_make -s -C "$W/src/test/fuzz" replay ONLY="$name" \
			BUILD="$W/fuzz" EXTRA="${UNIT_EXTRA:-}" > "$logs/$name" 2>&1
		report "$name" "$logs/$name" $?
	done
}

# run_regress regress|isolation FOLDER PROGRAM NAME...
#
# pg_regress prints TAP from 16 on only.  Its output folder is new and the
# database is dropped and created by it: nothing is left from former runs.
run_regress() {
	local kind=$1 input=$2 program=$3 log=$logs/$1 status
	shift 3
	mkdir "$W/$kind"
	cluster_own "$W/$kind"
	cluster_run "$W" "$CLUSTER_TESTLIB/$program" --inputdir="$input" \
		--outputdir="$W/$kind" --bindir="$CLUSTER_BINDIR" --dbname="$kind" \
		--load-extension=vector_ext "$@" > "$log.out" 2>&1
	status=$?
	sed -E -e 's/^test ([^ ]+) +\.\.\. ok.*/ok - \1/' \
		-e 's/^test ([^ ]+) +\.\.\. FAILED.*/not ok - \1/' "$log.out" > "$log"
	return $status
}

run_tap_file() {
	local name=$1 dir=$W/tap/$1
	mkdir -p "$dir/log"
	cluster_own "$dir"
	# the folders: TESTDIR is read by 15, the others by 16 and newer
	cluster_run "$W" env TESTDIR="$dir" TESTDATADIR="$dir" TESTLOGDIR="$dir/log" \
		perl -I "$CLUSTER_TESTLIB/perl" -I src/test/perl "src/test/t/$name.pl" \
		> "$logs/$name" 2>&1
}

# A job is a TAP file, or all files of another kind.  Its output and its status go to
# files.
run_job() {
	# shellcheck disable=SC2086 # lists of words
	case $1 in
	regress) run_regress regress src regress/pg_regress $regress ;;
	isolation) run_regress isolation src/test/isolation isolation/pg_isolation_regress $isolation ;;
	*) run_tap_file "$1" ;;
	esac
	echo $? > "$logs/$1.ended"
}

report_job() {
	local name=$1 status
	status=$(cat "$logs/$name.ended")
	report "$name" "$logs/$name" "$status"
	[ "$status" != 0 ] || return
	if [ -e "$W/$name/regression.diffs" ]; then
		cat "$W/$name/regression.diffs"
	elif ! grep -q '^not ok' "$logs/$name"; then
		# it died: commands and their errors do not go to the output
		find "$W/tap/$name" -name "regress_log_$name" -exec tail -n 30 {} +
	fi
}

# As many at a time as there are processors: TAP files have nodes of their own, the
# others a database, and all of them often wait.  They are reported as they end.
run_jobs() {
	local running=0 name ended
	local -A reported
	echo "== regression, isolation and TAP tests"
	mkdir -p "$W/tap"
	cluster_own "$W/tap"
	for name in "$@" ""; do
		while [ "$running" -ge "$jobs" ] || { [ -z "$name" ] && [ "$running" -gt 0 ]; }; do
			wait -n
			running=$((running - 1))
			for ended in "$@"; do
				[ -e "$logs/$ended.ended" ] && [ -z "${reported[$ended]:-}" ] || continue
				reported[$ended]=1
				report_job "$ended"
			done
		done
		[ -z "$name" ] || {
			run_job "$name" &
			running=$((running + 1))
		}
	done
}

# No test of the common cluster may crash a backend.  TAP tests may do it to
# their own nodes; a sanitizer's report is a failure anywhere.
check_logs() {
	local bad
	echo "== server logs"
	bad=$(
		grep -E 'PANIC:|TRAP:|was terminated by signal' "$W/server.log"
		grep -rhF ': runtime error: ' "$W/server.log" "$logs" "$W/tap" 2> /dev/null | sort -u
	)
	if [ -z "$bad" ]; then
		echo "ok - no crash and no sanitizer report" > "$logs/log"
	else
		printf 'not ok - crash or sanitizer report\n%s\n' "$bad" > "$logs/log"
	fi
	report "server logs" "$logs/log" 0
}

cd "$top" || exit 1
unit=$(wanted test/unit/unit_*.c)
fuzz=$(wanted test/fuzz/fuzz_*.c)
regress=$(wanted sql/*.sql)
isolation=$(wanted test/isolation/specs/*.spec)
tap=$(wanted test/t/*.pl)
[ -n "$unit$fuzz$regress$isolation$tap" ] || give_up "no test is named $only"

echo "== build"
# shellcheck disable=SC2086 # lists of words, from here to the end
cluster_build "$W" ${MAKE_ARGS:-COPT=-Werror} || give_up "the build failed"
! selected unit "$unit" || run_unit $unit
! selected fuzz "$fuzz" || run_fuzz $fuzz
if selected regress "$regress" || selected isolation "$isolation" || selected tap "$tap"; then
	# autovacuum's snapshots would keep rows that a test's VACUUM is to remove
	echo "autovacuum = off" > "$W/check.conf"
	CLUSTER_CONF=$W/check.conf cluster_start "$W" || give_up "the server did not start"
	names=
	! selected regress "$regress" || names="regress"
	! selected isolation "$isolation" || names="$names isolation"
	! selected tap "$tap" || names="$names $tap"
	run_jobs $names
	check_logs
fi

summary
