# report.sh - counts what TAP says; a library to be sourced by bash
#
#	report NAME LOG STATUS	the TAP lines of a log, and what went wrong
#	summary			"N passed, N failed[, N skipped]"; false if any failed
#	give_up WHY		summary of a run that ends here

passed=0
failed=0
skipped=0

give_up() {
	echo "$1"
	echo "$passed passed, $((failed + 1)) failed"
	exit 1
}

summary() {
	local line="$passed passed, $failed failed"
	[ $skipped = 0 ] || line="$line, $skipped skipped"
	echo "$line"
	[ $failed = 0 ]
}

# report NAME LOG STATUS - count the TAP lines of a log, say what went wrong
#
# A program that ends badly, or runs no test at all, has failed even where none
# of its lines says so.
report() {
	local name=$1 log=$2 status=$3 ok bad skip

	read -r ok bad skip < <(awk '
		/^1\.\.0/ || /^(not )?ok .*# *([Ss][Kk][Ii][Pp]|TODO)/ { skip++; next }
		/^ok / { ok++ }
		/^not ok / { bad++ }
		END { print ok + 0, bad + 0, skip + 0 }' "$log")
	if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ $((ok + skip)) = 0 ]; }; then
		bad=1
		echo "  $name ended with status $status after $ok tests"
		tail -n 40 "$log"
	fi
	printf '  %-32s %4d passed' "$name" "$ok"
	[ "$bad" = 0 ] || printf ', %d failed' "$bad"
	[ "$skip" = 0 ] || printf ', %d skipped' "$skip"
	echo
	# with what programs and sanitizers say before and TAP explains after it
	grep -B 40 -A 8 '^not ok ' "$log" | grep -v '^ok '
	grep -iE '^(1\.\.0|(not )?ok ).*# *(skip|TODO)' "$log"

	passed=$((passed + ok))
	failed=$((failed + bad))
	skipped=$((skipped + skip))
}
