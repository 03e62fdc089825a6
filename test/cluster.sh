# cluster.sh - throw-away builds and clusters; a library to be sourced by bash
#
#	dir=$(cluster_new NAME)                an empty folder for all that follows
#	cluster_build DIR [make argument...]   copy the sources to DIR/src, build
#	                                       there, install into DIR/dest
#	cluster_start DIR [port]               initdb and start in DIR/data
#	cluster_run DIR command...             run as the cluster's user, in DIR
#	cluster_stop DIR
#	cluster_remove DIR                     stop, and delete unless KEEP is set
#
# CLUSTER_CONF may name a file of further settings for cluster_start.
#
# Nothing is installed outside DIR and the checkout stays as it is.  PostgreSQL
# does not run as root: root's clusters belong to the user postgres, everybody
# else's to himself.  The server listens on a Unix socket in DIR alone, so any
# number of clusters run side by side, whatever their ports.

CLUSTER_PG_CONFIG=${PG_CONFIG:-pg_config}
CLUSTER_BINDIR=$("$CLUSTER_PG_CONFIG" --bindir) || return 1
CLUSTER_MAJOR=$("$CLUSTER_PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
CLUSTER_PGXS=$("$CLUSTER_PG_CONFIG" --pgxs)
CLUSTER_TESTLIB=${CLUSTER_PGXS%/makefiles/pgxs.mk}/test # regress/, isolation/, perl/
CLUSTER_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

cluster_is_root() {
	[ "$(id -u)" = 0 ]
}

# Under /tmp where TMPDIR is long: the path of a socket ends at 107 bytes, and
# TAP tests add folders of their own.
cluster_new() {
	local base=${TMPDIR:-/tmp}
	[ ${#base} -le 40 ] || base=/tmp
	mktemp -d "$base/$1.XXXXXX"
}

# Hand files made by root to the cluster's user.
cluster_own() {
	! cluster_is_root || chown -R postgres: "$@"
}

# What git tracks and what it would track, or everything where there is no git.
cluster_copy_sources() {
	mkdir -p "$1" || return 1
	(
		cd "$CLUSTER_TOP" || exit 1
		if [ -e .git ] && command -v git > /dev/null; then
			# root may test the checkout of somebody else
			git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
				while IFS= read -r -d '' file; do
					# a deleted file is listed until it is committed
					[ ! -e "$file" ] || printf '%s\0' "$file"
				done | tar --null -T - -cf -
		else
			tar --exclude=./.git -cf - .
		fi
	) | tar -C "$1" -xf -
}

# Options of a make that called us (make check T=x -j4) are not for this build.
cluster_make() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make PG_CONFIG="$CLUSTER_PG_CONFIG" "$@"
}

cluster_build() {
	local dir=$1 log=$1/build.log
	shift
	cluster_copy_sources "$dir/src" || return 1
	{
		# objects of another PostgreSQL or of other flags, without git
		cluster_make -s -C "$dir/src" clean &&
			cluster_make -s -C "$dir/src" -j"$(nproc)" "$@" &&
			cluster_make -s -C "$dir/src" "$@" install install-alias DESTDIR="$dir/dest"
	} > "$log" 2>&1 || {
		cat "$log" >&2
		return 1
	}
	cluster_own "$dir"
}

# A new environment, so that nothing of ours (CI, PG*, LC_*) leaks into tests.
# PGOPTIONS may choose a SIMD level, VECTOR_EXT_... are settings of tests.
cluster_run() {
	local dir=$1 as=() settings=() name
	shift
	for name in "${!VECTOR_EXT_@}"; do
		settings+=("$name=${!name}")
	done
	! cluster_is_root || as=(runuser -u postgres --)
	(
		cd "$dir" && "${as[@]}" env -i \
			PATH="$CLUSTER_BINDIR:/usr/bin:/bin" HOME="$dir" TMPDIR="$dir" LANG=C.UTF-8 \
			PGHOST="$dir" PGPORT="$(cluster_port "$dir")" PGUSER=postgres PGDATABASE=postgres \
			PG_REGRESS="$CLUSTER_TESTLIB/regress/pg_regress" TEMP_CONFIG="$dir/extension.conf" \
			PG_TEST_TIMEOUT_DEFAULT="${PG_TEST_TIMEOUT_DEFAULT:-180}" \
			${PGOPTIONS:+PGOPTIONS="$PGOPTIONS"} "${settings[@]}" "$@"
	)
}

cluster_port() {
	cat "$1/port" 2> /dev/null || echo 5432
}

# How a server finds an extension that is not installed: up to 17 by a setting
# of Debian's, from 18 on by PostgreSQL's own.  TAP tests give it to their nodes.
cluster_extension_conf() {
	local dest=$1/dest
	if [ "$CLUSTER_MAJOR" -ge 18 ]; then
		echo "extension_control_path = '$dest$("$CLUSTER_PG_CONFIG" --sharedir):\$system'"
	else
		echo "extension_destdir = '$dest'"
	fi
	echo "dynamic_library_path = '$dest$("$CLUSTER_PG_CONFIG" --pkglibdir):\$libdir'"
}

# Who reaches the socket is superuser ("trust"), therefore DIR is private.
cluster_start() {
	local dir=$1
	chmod 700 "$dir"
	echo "${2:-5432}" > "$dir/port"
	cluster_extension_conf "$dir" > "$dir/extension.conf"
	cluster_own "$dir"
	rm -rf "$dir/data"
	cluster_run "$dir" initdb -D data -U postgres -A trust -N -E UTF8 --locale=C \
		> "$dir/initdb.log" 2>&1 || {
		cat "$dir/initdb.log" >&2
		return 1
	}
	{
		cat "$dir/extension.conf"
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$dir'"
		echo "port = $(cluster_port "$dir")"
		echo "fsync = off"
		echo "log_line_prefix = '%m [%p] %q%a '"
		cat "${CLUSTER_CONF:-/dev/null}"
	} >> "$dir/data/postgresql.conf"
	cluster_run "$dir" pg_ctl -D data -s -w -l server.log start || {
		tail -n 20 "$dir/server.log" >&2
		return 1
	}
	export PGHOST=$dir PGPORT PGUSER=postgres PGDATABASE=postgres
	PGPORT=$(cluster_port "$dir")
}

cluster_stop() {
	[ ! -e "$1/data/postmaster.pid" ] ||
		cluster_run "$1" pg_ctl -D data -s -m fast stop > /dev/null 2>&1 ||
		cluster_run "$1" pg_ctl -D data -s -m immediate stop
}

cluster_remove() {
	cluster_stop "$1"
	if [ -n "${KEEP:-}" ]; then
		echo "kept: $1" >&2
	else
		rm -rf "$1"
	fi
}
