# layers.awk - an include may only point down
#
# Reads src/*.[ch] and src/*/*.[ch].  A file includes headers of its own room and
# of rooms on lower floors; the sisters hnsw and ivf do not know each other.
# Plain C includes plain C only, so that it links without a server.

BEGIN {
	n = split("headers core vector distance quant graph pages am ivf planner sqlfunc", rooms)
	for (i = 1; i <= n; i++)
		floor_of[rooms[i]] = i
	floor_of["hnsw"] = floor_of["ivf"]

	# whole rooms, and files of vector/
	plain["distance"] = plain["quant"] = plain["graph"] = 1
	n = split("elem half parse number dense_parse sparse_parse", names)
	for (i = 1; i <= n; i++)
		plain["vector/" names[i]] = 1
	plain["core/select"] = 1
}

function room_of(path) {
	return path ~ /\// ? substr(path, 1, index(path, "/") - 1) : ""
}

function is_plain(path) {
	sub(/\.[ch]$/, "", path)
	return (room_of(path) in plain) || (path in plain)
}

function complain(message) {
	print FILENAME ":" FNR ": " message
	bad = 1
}

FNR == 1 {
	path = FILENAME
	sub(/^src\//, "", path)
	room = room_of(path)
	if (room != "" && !(room in floor_of))
		complain("no floor is given to " room "/ in layers.awk")
}

/^#[ \t]*include[ \t]*"/ {
	target = $0
	gsub(/^[^"]*"|".*$/, "", target)
	target_room = room_of(target)

	if (is_plain(path) && !is_plain(target))
		complain("plain C includes " target)
	# src/*.c stands on top and may include anything; PostgreSQL is the ground
	if (room != "" && target_room in floor_of && target_room != room &&
		floor_of[target_room] >= floor_of[room])
		complain(room "/ includes " target)
	if (room != "" && target == "vector_ext.h")
		complain(room "/ includes the top")
}

END { exit bad }
