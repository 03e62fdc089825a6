# cluster.sh - throw-away builds and clusters, for sourcing by bash
#
#	cluster_build DIR [make argument...]   copy the sources to DIR/src, build
#	                                       there, install into DIR/dest
#	cluster_start DIR [port]               initdb and start in DIR/data
#	cluster_stop DIR
#	cluster_run DIR command...             run as the cluster's user
#
# Nothing is installed outside DIR, and the checkout stays as it is.  The server
# listens on a Unix socket in DIR only, so any port number is free.  PostgreSQL
# does not run as root: root's clusters belong to the user postgres, everybody
# else's to himself.  DIR should be short: socket paths end at 107 bytes.

CLUSTER_PG_CONFIG=${PG_CONFIG:-pg_config}
CLUSTER_BINDIR=$("$CLUSTER_PG_CONFIG" --bindir)
CLUSTER_MAJOR=$("$CLUSTER_PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
CLUSTER_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [ "$(id -u)" = 0 ]; then
	CLUSTER_USER=postgres
else
	CLUSTER_USER=$(id -un)
fi

# The sources: what git tracks and what it would, or everything but builds.
cluster_copy_sources() {
	mkdir -p "$1"
	(
		cd "$CLUSTER_TOP"
		if git -c safe.directory='*' rev-parse --is-inside-work-tree > /dev/null 2>&1; then
			git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
				while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done |
				tar --null -cf - -T -
		else
			tar -cf - --exclude='*.o' --exclude='*.so' --exclude='*.d' .
		fi
	) | tar -xf - -C "$1"
}

cluster_build() {
	local dir=$1 log=$1/build.log
	shift
	mkdir -p "$dir"
	chmod 755 "$dir"
	rm -rf "$dir/src" "$dir/dest"
	cluster_copy_sources "$dir/src"
	if ! { make -C "$dir/src" -j"$(nproc)" PG_CONFIG="$CLUSTER_PG_CONFIG" "$@" &&
		make -C "$dir/src" PG_CONFIG="$CLUSTER_PG_CONFIG" "$@" \
			install install-alias DESTDIR="$dir/dest"; } > "$log" 2>&1; then
		cat "$log" >&2
		return 1
	fi
	cluster_own "$dir"
}

cluster_own() {
	[ "$(id -u)" != 0 ] || chown -R "$CLUSTER_USER": "$1"
}

# Environment of the cluster's user: none of ours leaks (CI=true, PG*, LC_*),
# but for what chooses a SIMD level.
cluster_run() {
	local dir=$1 as=()
	shift
	[ "$(id -u)" != 0 ] || as=(runuser -u "$CLUSTER_USER" --)
	(cd "$dir" && "${as[@]}" env -i PATH="$CLUSTER_BINDIR:/usr/bin:/bin" HOME="$dir" \
		LANG=C.UTF-8 TMPDIR="$dir" PGHOST="$dir" PGPORT="$(cluster_port "$dir")" \
		PGUSER=postgres PGDATABASE=postgres PG_TEST_TIMEOUT_DEFAULT=60 \
		TEMP_CONFIG="$dir/extra.conf" PG_REGRESS="$(cluster_pgxs_dir)/src/test/regress/pg_regress" \
		${PGOPTIONS:+PGOPTIONS="$PGOPTIONS"} "$@")
}

cluster_pgxs_dir() {
	dirname "$(dirname "$(dirname "$("$CLUSTER_PG_CONFIG" --pgxs)")")"
}

cluster_port() {
	cat "$1/port" 2> /dev/null || echo 54399
}

# How a server finds an extension that is not installed: Debian's own setting
# up to 17, PostgreSQL's from 18 on.
cluster_write_config() {
	local dir=$1 libdir sharedir
	libdir=$("$CLUSTER_PG_CONFIG" --pkglibdir)
	sharedir=$("$CLUSTER_PG_CONFIG" --sharedir)
	{
		if [ "$CLUSTER_MAJOR" -ge 18 ]; then
			echo "extension_control_path = '$dir/dest$sharedir:\$system'"
		else
			echo "extension_destdir = '$dir/dest'"
		fi
		echo "dynamic_library_path = '$dir/dest$libdir:\$libdir'"
	} > "$dir/extra.conf"
}

cluster_start() {
	local dir=$1
	echo "${2:-54399}" > "$dir/port"
	cluster_write_config "$dir"
	cluster_own "$dir"
	rm -rf "$dir/data"
	cluster_run "$dir" initdb -D "$dir/data" -U postgres -A trust -N -E UTF8 \
		--locale=C > "$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; return 1; }
	{
		cat "$dir/extra.conf"
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$dir'"
		echo "port = $(cluster_port "$dir")"
		echo "fsync = off"
		echo "log_line_prefix = '%m [%p] %q%a '"
		cat "${CLUSTER_CONF:-/dev/null}"
	} | cluster_run "$dir" tee -a "$dir/data/postgresql.conf" > /dev/null
	cluster_run "$dir" pg_ctl -D "$dir/data" -s -w -l "$dir/server.log" start ||
		{ tail -n 20 "$dir/server.log" >&2; return 1; }
	export PGHOST=$dir PGPORT=$(cluster_port "$dir") PGUSER=postgres PGDATABASE=postgres
}

cluster_stop() {
	[ ! -d "$1/data" ] ||
		cluster_run "$1" pg_ctl -D "$1/data" -s -m immediate stop > /dev/null 2>&1 || true
}
