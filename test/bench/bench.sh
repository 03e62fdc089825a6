#!/bin/bash
# bench.sh - measure this checkout, beside a peer where one is named
#
#	make bench                          the data that ships, no peer
#	DATA=folder SETS="name ..."         other sets; "fashion-mnist" is Debian's
#	                                    package dataset-fashion-mnist
#	PEER="host=... dbname=..."          a server that has the extension "vector"
#	CONFIG=file                         k-NN configurations, see experiments.h
#	EXPERIMENTS="scan io knn life reference" which to run
#	K=10 QUERIES=200 ROUNDS=5 OUT=folder
#	OURS="host=... dbname=..."          instead of a throw-away cluster
#
# README.md in this folder says what the figures mean.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
data=${DATA:-$top/test/data}
sets=${SETS:-debtext-8k}
out=${OUT:-$here/results}
build=${BUILD:-$here/build}
experiments=${EXPERIMENTS:-scan io knn reference}
config=${CONFIG:-$here/exact.conf}
python=/usr/bin/python3 # Debian's, which has Debian's Faiss

sh "$top/test/install_packages.sh" build bench
source "$top/test/cluster.sh"
mkdir -p "$out"
make -s -C "$here" BUILD="$build" all "$build/ref_hnswlib"

if [ -z "${OURS:-}" ]; then
	W=$(cluster_new vbench)
	trap 'cluster_remove "$W"' EXIT
	echo "building in $W"
	cluster_build "$W"
	# all data in shared buffers, no checkpoint in between: what is measured is
	# the extension, not the disk
	cat > "$W/bench.conf" <<-END
		shared_buffers = 2GB
		maintenance_work_mem = 1GB
		max_wal_size = 8GB
		checkpoint_timeout = 1h
		autovacuum = off
	END
	CLUSTER_CONF=$W/bench.conf cluster_start "$W"
	psql -qX -c 'CREATE EXTENSION vector_ext'
	OURS="host=$PGHOST port=$PGPORT user=postgres dbname=postgres"
fi

servers=(-s "ours=$OURS")
[ -z "${PEER:-}" ] || servers+=(-s "peer=$PEER")

for set in $sets; do
	for experiment in $experiments; do
		name=$out/$set.$experiment
		case $experiment in
		reference)
			set_of=("$data" "$set" "${K:-10}" "${QUERIES:-200}")
			$python "$here/ref_faiss.py" "${set_of[@]}" > "$name.faiss.json"
			$python "$here/ref_faiss.py" --dump "${set_of[@]}" "$build/dump"
			"$build/ref_hnswlib" "$build/dump" > "$name.hnswlib.json"
			rm -f "$build/dump"
			cat "$name.faiss.json" "$name.hnswlib.json"
			;;
		*)
			arguments=$experiment
			case $experiment in knn | life) arguments="$experiment $config" ;; esac
			# shellcheck disable=SC2086 # two words
			"$build/vecbench" -d "$data" -n "$set" -k "${K:-10}" -q "${QUERIES:-200}" \
				-r "${ROUNDS:-5}" -o "$name.json" "${servers[@]}" $arguments
			;;
		esac
	done
	$python "$here/plot.py" "$out" "$set"
done
echo
echo "results are in $out"
