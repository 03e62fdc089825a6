#!/bin/bash
# lint.sh - what can be checked without running anything
#
#	make lint        all checks; one line each
#	lint.sh NAME...  some of them
#
# Ends with status 1 if any check complains.
set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
sh test/install_packages.sh build lint || exit 1
source test/cluster.sh

W=$(mktemp -d "${TMPDIR:-/tmp}/vlint.XXXXXX")
trap 'rm -rf "$W"' EXIT
cluster_copy_sources "$W/src"
cd "$W/src"
includedir=$("$CLUSTER_PG_CONFIG" --includedir-server)

mapfile -t c_files < <(find src test -name '*.[ch]' | sort)
mapfile -t headers < <(find src -name '*.h' | sort)

# Laid out as .clang-format says
check_format() {
	clang-format --dry-run --Werror "${c_files[@]}"
}

# Includes point down the house
check_layers() {
	awk -f test/lint/layers.awk $(find src -name '*.[ch]')
}

# Each header compiles alone (after postgres.h, where it is not plain C);
# templates are no headers of that kind
check_headers() {
	local h first status=0
	for h in "${headers[@]}"; do
		case $h in *_body.h | */dist_pairs.h) continue ;; esac
		first='#include "postgres.h"'
		! grep -q '^ \* Plain C' "$h" || first=
		printf '%s\n#include "%s"\n' "$first" "${h#src/}" |
			gcc -fsyntax-only -Wall -Werror -x c -I src -I "$includedir" \
				-DVECTOR_EXT_VERSION='""' - || { echo "$h does not compile alone"; status=1; }
	done
	return $status
}

# No file without a head comment that names it, no two files of one name
check_heads() {
	local f status=0
	for f in $(find src test -name '*.[ch]'); do
		head -n 2 "$f" | grep -q "^ \* $(basename "$f")\$" ||
			{ echo "$f does not begin with a comment that names it"; status=1; }
	done
	find src -name '*.[ch]' -printf '%f\n' | sort | uniq -d | grep . &&
		{ echo "file names above exist twice"; status=1; }
	return $status
}

# Every test has its expected output and the other way round
check_orphans() {
	local dir status=0
	for dir in . test/isolation; do
		diff <(ls $dir/sql/*.sql $dir/specs/*.spec 2> /dev/null | xargs -rn1 basename | sed 's/\..*//' | sort) \
			<(ls $dir/expected/*.out 2> /dev/null | xargs -rn1 basename | sed 's/\..*//' | sort) ||
			{ echo "$dir: tests and expected outputs differ"; status=1; }
	done
	return $status
}

# Every setting of the source is in the README
check_settings() {
	local name status=0
	for name in $(grep -rhoE 'DefineCustom[A-Za-z]+Variable\("[a-z_.]+' src | sed 's/.*"//'); do
		grep -q "\`$name\`" README.md || { echo "README.md does not name $name"; status=1; }
	done
	return $status
}

# Only what SQL calls leaves the library
check_exports() {
	diff <(nm -D --defined-only vector_ext.so | awk '{print $3}' |
		grep -vE '^(pg_finfo_.*|Pg_magic_func|_PG_init)$' | sort -u) \
		<(grep -hoE "'MODULE_PATHNAME', '[a-z0-9_]+'" sql/install/*.sql |
			sed "s/.*, '//; s/'//" | sort -u) ||
		{ echo "< exported but not in SQL, > in SQL but not exported"; return 1; }
}

check_gcc() {
	make -j"$(nproc)" CC=gcc COPT=-Werror > "$W/log" 2>&1 || { cat "$W/log"; return 1; }
}

check_clang() {
	# -Wno-...: flags of Debian's server that only gcc knows
	make clean > /dev/null 2>&1
	make -j"$(nproc)" CC=clang \
		COPT='-Werror -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes' \
		> "$W/log" 2>&1 ||
		{ cat "$W/log"; return 1; }
}

# Pointer casts in dist_body.h are arguments of unaligned load instructions
check_cppcheck() {
	cppcheck --quiet --error-exitcode=1 --std=c11 --language=c \
		--enable=warning,performance,portability --inline-suppr \
		--suppress=missingInclude --suppress=unknownMacro \
		--suppress=invalidPointerCast:src/distance/dist_body.h \
		--suppress=preprocessorErrorDirective -I src \
		-D__x86_64__ -U__aarch64__ src test/unit test/fuzz test/bench
}

status=0
for name in "${@:-format layers headers heads orphans settings gcc exports clang cppcheck}"; do
	for check in $name; do
		if "check_$check" > "$W/$check.log" 2>&1; then
			echo "ok - $check"
		else
			echo "not ok - $check"
			cat "$W/$check.log"
			status=1
		fi
	done
done
exit $status
