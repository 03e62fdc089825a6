#!/bin/bash
# bench.sh - measure this checkout, beside a peer where one is named
#
#	make bench                          the data that ships, no peer
#	DATA=folder SETS="name ..."         other sets; "fashion-mnist" is Debian's
#	                                    package dataset-fashion-mnist
#	PEER="host=... dbname=..."          a server that has the extension "vector"
#	CONFIG=file                         indexes and settings, see config.h
#	EXPERIMENTS="scan io knn build life order age filter range grid
#	                                    reference"
#	K="1 10 100"                        of knn and reference; others: the first
#	MODES="prepared,text,server,clients"    of knn
#	QUERIES=200 ROUNDS=5 WORKERS=1 OUT=folder
#	SHARED_BUFFERS=2GB MAINTENANCE_WORK_MEM=1GB     of our cluster; the
#	                                    peer's are its own
#	OURS="host=... dbname=..."          instead of a throw-away cluster
#
# A name of a set may have words behind it, which make another set of it:
# "wink-100:1000000", "debtext-512:bit"; see derive.h.
# README.md in this folder says what the figures mean.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
data=${DATA:-$top/test/data}
sets=${SETS:-debtext-8k}
out=${OUT:-$here/results}
build=${BUILD:-$here/build}
experiments=${EXPERIMENTS:-scan io knn reference}
buffers=${SHARED_BUFFERS:-2GB}
ks=${K:-10}
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
		shared_buffers = $buffers
		maintenance_work_mem = ${MAINTENANCE_WORK_MEM:-1GB}
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

measure() { # experiment set k[,k...]
	local config=$here/exact.conf name arguments=("$1")
	[ ! -e "$here/$1.conf" ] || config=$here/$1.conf
	config=${CONFIG:-$config}
	name=$out/$2.$1.$(basename "$config" .conf).k${3//,/-}
	[ "$buffers" = 2GB ] || name=$name.$buffers
	case $1:$2 in
	reference:*:*) echo "$2 is not for the libraries" ;;
	reference:*)
		local set_of=("$data" "$2" "$3" "${QUERIES:-200}")
		$python "$here/ref_faiss.py" "${set_of[@]}" > "$name.faiss.json"
		$python "$here/ref_faiss.py" --dump "${set_of[@]}" "$build/dump"
		"$build/ref_hnswlib" "$build/dump" > "$name.hnswlib.json"
		rm -f "$build/dump"
		cat "$name.faiss.json" "$name.hnswlib.json"
		;;
	*)
		case $1 in scan | io) ;; *) arguments+=("$config") ;; esac
		"$build/vecbench" -d "$data" -n "$2" -k "$3" -q "${QUERIES:-200}" \
			-r "${ROUNDS:-5}" -m "${MODES:-prepared,text}" -w "${WORKERS:-1}" \
			-o "$name.json" "${servers[@]}" "${arguments[@]}"
		;;
	esac
}

for set in $sets; do
	for experiment in $experiments; do
		case $experiment in
		knn) measure knn "$set" "${ks// /,}" ;;
		reference)
			for k in $ks; do
				measure reference "$set" "$k"
			done
			;;
		*) measure "$experiment" "$set" "${ks%% *}" ;;
		esac
	done
	$python "$here/plot.py" "$out" "$set"
done
# shellcheck disable=SC2086 # a list of sets
$python "$here/bars.py" "$out" $sets
echo
echo "results are in $out"
