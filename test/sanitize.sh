#!/bin/bash
# sanitize.sh - all tests with UBSan: undefined behaviour is reported and fails
#
# Debian's server is built with -fwrapv, which would hide signed overflow.
# Alignment is not checked: PostgreSQL itself relies on unaligned access.
flags="-fsanitize=undefined -fno-sanitize=alignment -fno-wrapv"
export SANITIZED=1 UNIT_EXTRA="$flags -fno-sanitize-recover=undefined"
export MAKE_ARGS="SANITIZE=-fsanitize=undefined,-fno-sanitize=alignment,-fno-wrapv"
exec "$(dirname "$0")/check.sh"
