#!/bin/bash
# lint.sh - what can be checked without running the extension
#
#	make lint        all checks, one line each
#	lint.sh NAME...  some of them
#
# A check is a function check_NAME: silent and 0 if all is well.
set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
sh "$top/test/install_packages.sh" build lint || exit 1
source "$top/test/cluster.sh" || exit 1

W=$(cluster_new vlint)
trap 'rm -rf "$W"' EXIT
cluster_copy_sources "$W/src" || exit 1
cd "$W/src" || exit 1
makes="-s -j$(nproc)"

mapfile -t c_files < <(find src test -name '*.[ch]' | sort)
mapfile -t headers < <(find src -name '*.h' | sort)

check_format() {
	clang-format-14 --dry-run --Werror "${c_files[@]}"
}

# Includes point down the house
check_layers() {
	find src -name '*.[ch]' -exec awk -f test/lint/layers.awk {} +
}

# A header can be included alone (after postgres.h, where it is not plain C) and
# twice; templates, which are there to be included often, have no guard.
check_headers() {
	local header guard first status=0
	for header in "${headers[@]}"; do
		guard=VECTOR_EXT_$(basename "$header" .h | tr a-z A-Z)_H
		case $header in
		*_body.h | */dist_pairs.h) continue ;;
		src/vector_ext.h) guard=VECTOR_EXT_H ;;
		esac
		grep -q "^#ifndef $guard\$" "$header" || {
			echo "$header: no include guard $guard"
			status=1
		}
		first='#include "postgres.h"'
		! grep -q '^ \* Plain C' "$header" || first=
		printf '%s\n#include "%s"\n' "$first" "${header#src/}" |
			gcc -fsyntax-only -Wall -Werror -x c -I src \
				-I "$("$CLUSTER_PG_CONFIG" --includedir-server)" - || {
			echo "$header does not compile alone"
			status=1
		}
	done
	return $status
}

# A file begins with a comment that names it, and a name says which file
check_heads() {
	local file status=0
	for file in "${c_files[@]}"; do
		sed -n 2p "$file" | grep -qx " \* ${file##*/}" || {
			echo "$file does not begin with a comment that names it"
			status=1
		}
	done
	find src -name '*.[ch]' -printf '%f\n' | sort | uniq -d | grep . && {
		echo "more than one file has such a name"
		status=1
	}
	return $status
}

# pairs GLOB GLOB - both match the same names, without folder and ending, and
# without the number of an output that other versions of PostgreSQL give
pairs() {
	local names
	names=$(diff <(compgen -G "$1" | sed -E 's|.*/||; s|(_[0-9])?\.[^.]*$||' | sort -u) \
		<(compgen -G "$2" | sed -E 's|.*/||; s|(_[0-9])?\.[^.]*$||' | sort -u)) || {
		echo "$names" | sed -n "s|^< \(.*\)|\1: in $1 without $2|p; s|^> \(.*\)|\1: in $2 without $1|p"
		return 1
	}
}

# No test without its expected output or inputs, none that check.sh overlooks
check_orphans() {
	local status=0
	pairs 'sql/*.sql' 'expected/*.out' || status=1
	pairs 'test/isolation/specs/*.spec' 'test/isolation/expected/*.out' || status=1
	pairs 'test/fuzz/fuzz_*.c' 'test/fuzz/corpus/*' || status=1
	find test/t -type f | grep -vE '/[0-9]{3}_[a-z0-9_]+\.pl$' && {
		echo "not named NNN_topic.pl"
		status=1
	}
	find test/unit -name '*.c' | grep -vE '/(unit_[a-z0-9_]+|no_blas)\.c$' && {
		echo "not named unit_topic.c"
		status=1
	}
	return $status
}

check_shell() {
	local file status=0
	while IFS= read -r file; do
		bash -n "$file" || status=1
	done < <(find . -name '*.sh'; echo .ci/run)
	return $status
}

check_gcc() {
	make $makes clean && make $makes CC=gcc COPT=-Werror
}

# Only what SQL calls and what workers begin with leaves the library
check_exports() {
	[ -e vector_ext.so ] || check_gcc || return 1
	diff <(nm -D --defined-only vector_ext.so | awk '{ print $3 }' |
		grep -vE '^(pg_finfo_.*|Pg_magic_func|_PG_init)$' | sort -u) \
		<({
			sed -n "s/.*'MODULE_PATHNAME', '\([a-z0-9_]*\)'.*/\1/p" sql/install/*.sql
			sed -n 's/^WORKER_FUNCTION(\(.*\))$/\1/p' src/*/*.c
		} | sort -u) || {
		echo "< exported, but no function of SQL;  > named in SQL, but not exported"
		return 1
	}
}

# Both extensions leave nothing behind, and pgvector's files alone
check_uninstall() {
	local dest=$W/dest library
	[ -e vector_ext.so ] || check_gcc || return 1
	make $makes install-alias DESTDIR="$dest" &&
		make $makes uninstall-alias DESTDIR="$dest" || return 1
	[ -n "$(find "$dest" -name 'vector_ext*')" ] || {
		echo "uninstall-alias takes vector_ext with it"
		return 1
	}
	make $makes uninstall DESTDIR="$dest" || return 1
	find "$dest" -not -type d | grep . && {
		echo "left by uninstall"
		return 1
	}
	library=$dest$("$CLUSTER_PG_CONFIG" --pkglibdir)/vector.so
	touch "$library"
	make $makes uninstall-alias DESTDIR="$dest" && [ -e "$library" ] || {
		echo "uninstall-alias removes a library that is not ours"
		return 1
	}
}

# One version of the extension in all files that state it
check_versions() {
	local version file status=0
	version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" vector_ext.control)
	[ "$(grep -c "\"version\": \"$version\"" META.json)" = 2 ] || {
		echo "META.json has another version than $version"
		status=1
	}
	head -n 1 debian/changelog | grep -qF "($version)" || {
		echo "debian/changelog has another version than $version"
		status=1
	}
	# a version that was released has a way here
	for file in sql/upgrade/vector_ext--*--*.sql; do
		[ -e "$file" ] || continue
		case $file in
		*--"$version".sql) continue ;;
		esac
		file=${file##*--}
		compgen -G "sql/upgrade/vector_ext--${file%.sql}--*.sql" > /dev/null || {
			echo "no script updates version ${file%.sql}"
			status=1
		}
	done
	return $status
}

# Debian's server passes flags that gcc alone knows
check_clang() {
	make $makes clean && make $makes CC=clang COPT="-Werror -Wno-unknown-warning-option \
		-Wno-ignored-optimization-argument -Wno-ignored-attributes"
}

# Unit tests, fuzz targets and the benchmark under both compilers
check_test_c() {
	local compiler file status=0
	for compiler in gcc clang; do
		for file in test/*/*.c; do
			$compiler -std=gnu11 -fsyntax-only -Wall -Wextra -Werror -I src -I "${file%/*}" \
				-I "$("$CLUSTER_PG_CONFIG" --includedir)" "$file" || status=1
		done
	done
	return $status
}

# Not looked at: macros and headers of PostgreSQL and the C library; #error for
# wrong versions; casts in dist_body.h, arguments of unaligned loads, and casts of
# guarded memory in unit tests.
check_cppcheck() {
	cppcheck --quiet --error-exitcode=1 --std=c11 --language=c -j "$(nproc)" \
		--enable=warning,performance,portability --inline-suppr \
		--suppress=missingInclude --suppress=unknownMacro \
		--suppress=preprocessorErrorDirective \
		--suppress=invalidPointerCast:src/distance/dist_body.h \
		--suppress=invalidPointerCast:test/unit/* \
		-I src -D__x86_64__ -U__aarch64__ src test/*/*.c
}

[ $# -gt 0 ] ||
	set -- format layers headers heads orphans shell versions gcc exports uninstall clang test_c cppcheck
status=0
for name; do
	if "check_$name" > "$W/log" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		cat "$W/log"
		status=1
	fi
done
exit $status
