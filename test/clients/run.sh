#!/bin/bash
# run.sh - drivers and ORMs against the extension "vector"
#
#	make check-clients               all
#	make check-clients T=django      one; T may be a pattern
#	KEEP=1                           keep the folder of the run, with all logs
#
# A client is one file here, client_NAME.ENDING; README.md says what it does.
# Lines of its head that are read here:
#
#	packages: ...	Debian packages it needs
#	pooled: ...	also run it through pgbouncer, in transaction mode, with
#			POOLED=1; the text says what a client must heed there
#
# A client that cannot be had is skipped by name.
set -uo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
only=${T:-*}
source "$top/test/report.sh"

sh "$top/test/install_packages.sh" build || give_up "packages are missing"
sh "$top/test/install_packages.sh" clients || echo "going on with what is there"
source "$top/test/cluster.sh" || give_up "no pg_config"

W=$(cluster_new vclients)
clients=$W/src/test/clients
logs=$W/logs
mkdir "$logs"
finish() {
	[ ! -e "$W/pgbouncer.pid" ] || kill "$(cat "$W/pgbouncer.pid")"
	cluster_remove "$W"
}
trap finish EXIT
trap 'exit 1' INT TERM

# A line of the head of a client: its text, or nothing and false
head_line() {
	sed -nE "2,12s|^[^a-z]*$2: *(.*)|\1|p" "$1" | grep .
}

# Why a client cannot run, or nothing
missing() {
	local package
	for package in $(head_line "$1" packages); do
		dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2> /dev/null | grep -q '^.i' ||
			echo "no Debian package $package"
	done
	case $1 in
	*.mjs) [ -d "$clients/node_modules/pgvector" ] || echo "npm packages could not be installed" ;;
	esac
}

# The client's own environment comes by "env", see cluster_run
run_client() {
	local file=$1
	shift
	case $file in
	*.py) set -- "$@" python3 "$file" ;;
	*.mjs) set -- "$@" node --no-deprecation "$file" ;;
	*.java) set -- "$@" java -cp /usr/share/java/postgresql.jar "$file" ;;
	*.go) set -- "$@" GO111MODULE=off GOPATH=/usr/share/gocode go run "$file" ;;
	esac
	cluster_run "$W" env PYTHONDONTWRITEBYTECODE=1 "$@"
}

# What the server thinks of what a client did.  Statistics of scans are sent at
# the end of a session, which a pooler delays.
check_server() {
	psql -qXAt -d "$1" -c "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()" > /dev/null
	diff <(psql -qXAt -d "$1" 2>&1 <<- 'SQL'
		SELECT extversion >= '0.8' FROM pg_extension WHERE extname = 'vector';
		SELECT a.amname, o.opcname, c.reloptions, s.idx_scan > 0
		FROM pg_index i
			JOIN pg_class c ON c.oid = i.indexrelid
			JOIN pg_am a ON a.oid = c.relam
			JOIN pg_opclass o ON o.oid = i.indclass[0]
			JOIN pg_stat_user_indexes s USING (indexrelid)
		WHERE a.amname <> 'btree' AND i.indrelid = 'items'::regclass ORDER BY 1;
		SELECT a.amname, vector_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE c.relkind = 'i' AND a.amname <> 'btree' AND c.oid > 16384 ORDER BY 1;
		SELECT count(*), string_agg(DISTINCT vector_dims(embedding)::text, ',') FROM items;
	SQL
	) - <<- 'WANTED'
		t
		hnsw|vector_l2_ops|{m=8,ef_construction=32}|t
		ivfflat|vector_cosine_ops|{lists=4}|t
		hnsw|
		ivfflat|
		300|3
	WANTED
}

# test_client FILE NAME VARIABLE=value...
test_client() {
	local file=$1 name=$2 status
	shift 2
	psql -qX -v ON_ERROR_STOP=1 <<- SQL
		CREATE DATABASE $name;
		-- all rows are within reach of an index, so its answer is exact
		ALTER DATABASE $name SET enable_seqscan = off;
		ALTER DATABASE $name SET hnsw.ef_search = 400;
		ALTER DATABASE $name SET ivfflat.probes = 4;
	SQL
	run_client "$file" PGDATABASE="$name" "$@" > "$logs/$name" 2>&1
	status=$?
	check_server "$name" > "$logs/$name.server" && echo "ok - indexes and rows" >> "$logs/$name" || {
		echo "not ok - indexes and rows"
		cat "$logs/$name.server"
	} >> "$logs/$name"
	report "$name" "$logs/$name" $status
}

# A pooler that gives the next transaction another session
start_pgbouncer() {
	cat > "$W/pgbouncer.ini" <<- EOT
		[databases]
		* = host=$W port=$(cluster_port "$W") user=postgres
		[pgbouncer]
		listen_addr =
		pidfile = $W/pgbouncer.pid
		unix_socket_dir = $W
		listen_port = 6432
		auth_type = any
		pool_mode = transaction
		default_pool_size = 3
		server_round_robin = 1
		ignore_startup_parameters = extra_float_digits, client_min_messages
	EOT
	cluster_own "$W/pgbouncer.ini"
	cluster_run "$W" /usr/sbin/pgbouncer -q "$W/pgbouncer.ini" > "$logs/pgbouncer" 2>&1 &
	for _ in $(seq 50); do
		[ ! -S "$W/.s.PGSQL.6432" ] || return 0
		sleep 0.1
	done
	cat "$logs/pgbouncer"
	return 1
}

echo "== build"
# shellcheck disable=SC2086 # a list of words
cluster_build "$W" ${MAKE_ARGS:-COPT=-Werror} || give_up "the build failed"

echo "== npm packages"
if command -v npm > /dev/null; then
	(cd "$clients" && npm ci --ignore-scripts --no-audit --no-fund) > "$logs/npm" 2>&1 ||
		tail -n 5 "$logs/npm"
	cluster_own "$clients"
fi

# JDBC knows no Unix sockets.  Who else is on this machine does not know the
# password, and who reaches the socket needs none.
PGPASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
tcp_port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
echo "listen_addresses = '127.0.0.1'" > "$W/clients.conf"
CLUSTER_CONF=$W/clients.conf cluster_start "$W" "$tcp_port" || give_up "the server did not start"
sed -i 's/^\(host.*\)trust$/\1scram-sha-256/' "$W/data/pg_hba.conf"
psql -qXAt > /dev/null -c "ALTER ROLE postgres PASSWORD '$PGPASSWORD'" -c 'SELECT pg_reload_conf()'

echo "== clients"
can_pool=yes
start_pgbouncer || can_pool=
for file in "$clients"/client_*; do
	name=${file##*/client_}
	name=${name%.*}
	# shellcheck disable=SC2053 # a pattern
	[[ $name == $only ]] || continue
	why=$(missing "$file")
	if [ -n "$why" ]; then
		echo "1..0 # skip $name:" $why > "$logs/$name"
		report "$name" "$logs/$name" 0
		continue
	fi
	test_client "$file" "$name" PGPASSWORD="$PGPASSWORD"
	head_line "$file" pooled > /dev/null || continue
	if [ -z "$can_pool" ]; then
		echo "1..0 # skip $name: pgbouncer does not run" > "$logs/${name}_pooled"
		report "${name}_pooled" "$logs/${name}_pooled" 0
	else
		test_client "$file" "${name}_pooled" PGPORT=6432 POOLED=1
	fi
done
[ $((passed + failed + skipped)) != 0 ] || give_up "no client is named $only"

summary
