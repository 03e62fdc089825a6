#!/bin/bash
# sanitize.sh - all tests with UBSan: whatever is undefined is reported and fails
#
# Reports of the server go to its log, which check.sh reads; unit tests and fuzz
# targets stop at the first.  Alignment is not checked: PostgreSQL itself reads
# unaligned where the processor allows it.  -fno-wrapv takes back what Debian's
# build flags say, else signed overflow would be defined.
flags="-fsanitize=undefined -fno-sanitize=alignment -fno-wrapv"
export UNIT_EXTRA="$flags -fno-sanitize-recover=undefined"
export MAKE_ARGS="SANITIZE=${flags// /,}"
exec "$(dirname "$0")/check.sh"
