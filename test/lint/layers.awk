# layers.awk - an include may only point down
#
# Reads src/*.[ch] and src/*/*.[ch].  A file may include headers of its own room
# and of rooms on lower floors; the sisters hnsw and ivf do not know each other.
# Plain rooms and files may include no PostgreSQL header.

BEGIN {
	split("core vector distance quant pages am ivf planner sqlfunc", rooms)
	for (i in rooms)
		floor[rooms[i]] = i
	floor["hnsw"] = floor["ivf"] # sisters
	split("elem half parse number dense_parse sparse_parse", names)
	for (i in names)
		plain["vector/" names[i]] = 1
	bad = 0
}

FNR == 1 {
	path = FILENAME
	sub(/^src\//, "", path)
	room = index(path, "/") ? substr(path, 1, index(path, "/") - 1) : ""
	if (room != "" && !(room in floor)) {
		print FILENAME ": room " room " has no floor in layers.awk"
		bad = 1
	}
	stem = path
	sub(/\.[ch]$/, "", stem)
	is_plain = room == "distance" || room == "quant" || stem in plain
}

/^#include "/ {
	target = $2
	gsub(/"/, "", target)
	target_room = index(target, "/") ? substr(target, 1, index(target, "/") - 1) : ""
	ours = target_room in floor

	if (is_plain && !ours) {
		print FILENAME ":" FNR ": a plain C file includes " target
		bad = 1
	}
	if (ours && room != "" && target_room != room && floor[target_room] >= floor[room]) {
		print FILENAME ":" FNR ": " room "/ may not include " target
		bad = 1
	}
}

END { exit bad }
