#!/bin/bash
# demo.sh       install what is missing, build, start a throw-away cluster, load
#               real data, answer real questions
# demo.sh stop  stop the cluster and remove it
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
demo=${TMPDIR:-/tmp}/vector_ext_demo.$(id -u)

say() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

if [ "${1:-}" = stop ]; then
	[ -d "$demo" ] || { echo "no demo is running"; exit 0; }
	source "$top/test/cluster.sh"
	cluster_stop "$demo"
	rm -rf "$demo"
	echo "stopped and removed"
	exit 0
fi

say "1. Packages"
sh "$top/test/install_packages.sh" build demo
echo "all there"
source "$top/test/cluster.sh"

say "2. Build"
cluster_stop "$demo"
rm -rf "$demo"
mkdir -p "$demo"
cluster_build "$demo"
make -s -C "$top/test/bench" BUILD="$demo/tools" "$demo/tools/vecload" "$demo/tools/vecbench" > /dev/null
echo "vector_ext $(sed -n "s/^default_version = '\(.*\)'/\1/p" "$top/vector_ext.control") for $("$CLUSTER_PG_CONFIG" --version)"

say "3. A cluster of its own, on a private socket"
cluster_start "$demo"
echo "$demo"

say "4. Data: 8,000 descriptions of Debian packages, 512 dimensions"
export PGOPTIONS='-c client_min_messages=warning'
data=$top/test/data
# The vectors of the questions ship with the data; the model that made them
# does not.
unpack() {
	zstd -dcq "$data/debtext-8k.$1.tsv.zst"
}
psql -qX -v ON_ERROR_STOP=1 -f "$top/test/demo/setup.sql"
unpack attrs | psql -qX -c 'COPY attributes FROM STDIN WITH (HEADER true)'
unpack query | psql -qX -c 'COPY question_texts FROM STDIN WITH (HEADER true)'
"$demo/tools/vecload" "$data" debtext-8k base vectors
"$demo/tools/vecload" "$data" debtext-8k query question_vectors > /dev/null
psql -qX -v ON_ERROR_STOP=1 -f "$top/test/demo/tables.sql"

say "5. Five questions, each with an ordinary WHERE"
# ask QUESTION_ID WHERE
ask() {
	local where=$2 from query
	from="FROM packages WHERE $where
	ORDER BY embedding <=> (SELECT embedding FROM questions WHERE id = $1) LIMIT 3"
	query="SELECT package, left(short, 54) AS description,
		round((embedding <=> (SELECT embedding FROM questions WHERE id = $1))::numeric, 3) AS distance
		$from"
	printf '\n\033[1mQ: %s\033[0m\n' "$(psql -qAtX -c "SELECT question FROM questions WHERE id = $1")"
	echo "   SELECT package, ... FROM packages WHERE $where"
	echo "   ORDER BY embedding <=> (question's vector) LIMIT 3;"
	psql -qX -P border=1 -P footer=off -c "$query" | sed 's/^/   /; /^ *$/d'
	psql -qAtX -c "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY ON) SELECT id $from" |
		grep -E 'Scan|Searches (F|a|b)|Execution' | grep -v '^Vector Index Scan' |
		sed -E 's/ \(actual.*//; s/^( *)(->)? */   plan: \1/; s/plan: Execution Time/time/'
}
ask 28 "tags @> '{role::program}'"
ask 163 "section = 'science'"
ask 65 "installed_size < 200"
ask 83 "architecture = 'all'"
ask 5 "section = 'games' AND installed_size > 5000"

say "6. Speed and recall: 200 questions, the ten nearest of 8,000, without and with an index"
"$demo/tools/vecbench" -d "$data" -n debtext-8k -q 200 -r 3 \
	-s "demo=host=$PGHOST port=$PGPORT user=$PGUSER dbname=$PGDATABASE" knn "$top/test/demo/knn.conf" |
	grep -E '^(config|exact|ivfpq|hnsw|USING)'
psql -qX -c 'DROP TABLE items'
echo
psql -qX -P footer=off -c "SELECT name, value FROM vector_index_info('packages_embedding')
	WHERE name IN ('codec', 'copies', 'lists', 'rows', 'probes_for_10', 'candidates_for_10')"
echo "Instructions in use: $(psql -qAtX -c "SELECT value FROM vector_ext_capabilities() WHERE name = 'simd_level'")"

say "Try it yourself:"
echo "   psql -h $demo -p $PGPORT -U postgres"
echo "   SELECT * FROM questions LIMIT 5;   \\d packages"
echo "and stop it with"
echo "   make demo-stop"
