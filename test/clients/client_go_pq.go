// Go's lib/pq, text parameters and text COPY.  The sequence and the answers are
// those of common.py; distances are compared with what Go works out.
// packages: golang-go golang-github-lib-pq-dev
// pooled: binary_parameters=yes
package main

import (
	"database/sql"
	"fmt"
	"math"
	"os"
	"sort"
	"strings"

	"github.com/lib/pq"
)

// Values for the columns embedding vector(3), half halfvec(3), sparse sparsevec(6)
// and bits bit(8)
type item struct {
	id, category            int
	embedding, half, sparse []float64
	bits                    string
}

var state int64 = 1

func random(n int64) int64 {
	state = (state*1103515245 + 12345) % (1 << 31)
	return (state >> 16) % n
}

func newItem(id int) item {
	i := item{id: id, category: int(random(3))}
	for d := 0; d < 3; d++ {
		i.embedding = append(i.embedding, float64(random(199)-99))
		i.half = append(i.half, float64(random(199)-99))
	}
	for d := 0; d < 6; d++ {
		x := 0.0
		if d == id%6 || random(3) == 0 {
			x = float64(random(20) + 1)
		}
		i.sparse = append(i.sparse, x)
	}
	for b := 0; b < 8; b++ {
		i.bits += fmt.Sprint(random(2))
	}
	return i
}

func dense(x []float64) string {
	return strings.ReplaceAll(fmt.Sprint(x), " ", ",")
}

func sparse(x []float64) string {
	var pairs []string
	for i, e := range x {
		if e != 0 {
			pairs = append(pairs, fmt.Sprintf("%d:%v", i+1, e))
		}
	}
	return fmt.Sprintf("{%s}/%d", strings.Join(pairs, ","), len(x))
}

func (i item) row() []interface{} {
	return []interface{}{i.id, i.category, dense(i.embedding), dense(i.half), sparse(i.sparse), i.bits}
}

// The value of a column: its text, and what distances are made of
func (i item) value(column string) (string, []float64) {
	switch column {
	case "embedding":
		return dense(i.embedding), i.embedding
	case "half":
		return dense(i.half), i.half
	case "sparse":
		return sparse(i.sparse), i.sparse
	}
	var bits []float64
	for _, b := range i.bits {
		bits = append(bits, float64(b-'0'))
	}
	return i.bits, bits
}

func distance(operator string, a, b []float64) float64 {
	var l1, l2, ip, aa, bb, either float64
	for i := range a {
		l1 += math.Abs(a[i] - b[i])
		l2 += (a[i] - b[i]) * (a[i] - b[i])
		ip += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
		either += math.Max(a[i], b[i])
	}
	return map[string]float64{"<->": math.Sqrt(l2), "<#>": -ip, "<=>": 1 - ip/math.Sqrt(aa*bb),
		"<+>": l1, "<~>": l1, "<%>": 1 - ip/either}[operator]
}

var (
	db    *sql.DB
	query = newItem(0)
	items []item
)

// region migrate
func migrate() error {
	for _, statement := range []string{
		"CREATE EXTENSION IF NOT EXISTS vector",
		`CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int, embedding vector(3),
			half halfvec(3), sparse sparsevec(6), bits bit(8))`,
		`CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops)
			WITH (m = 8, ef_construction = 32)`,
		`CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops)
			WITH (lists = 4)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}
// end migrate

func insert(i item) error {
	_, err := db.Exec("INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6)", i.row()...)
	return err
}

// region bulk
func bulk() error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	copy, err := tx.Prepare(pq.CopyIn("items", "id", "category", "embedding", "half", "sparse", "bits"))
	if err != nil {
		return err
	}
	for _, i := range items[1:] {
		if _, err = copy.Exec(i.row()...); err != nil {
			return err
		}
	}
	if _, err = copy.Exec(); err != nil {
		return err
	}
	if err = copy.Close(); err != nil {
		return err
	}
	return tx.Commit()
}
// end bulk

func readBack(id int) error {
	got := make([]interface{}, 6)
	text := make([]string, 6)
	for c := range got {
		got[c] = &text[c]
	}
	if err := db.QueryRow("SELECT * FROM items WHERE id = $1", id).Scan(got...); err != nil {
		return err
	}
	for c, wanted := range items[id-1].row() {
		if text[c] != fmt.Sprint(wanted) {
			return fmt.Errorf("%s instead of %v", text[c], wanted)
		}
	}
	return nil
}

// The ids that a statement finds have the smallest distances of the candidates.
func nearest(column, operator string, k int, candidate func(item, float64) bool, statement string, args ...interface{}) error {
	_, q := query.value(column)
	by := func(i item) float64 {
		_, x := i.value(column)
		return distance(operator, x, q)
	}
	var wanted []float64
	for _, i := range items {
		if candidate(i, by(i)) {
			wanted = append(wanted, by(i))
		}
	}
	sort.Float64s(wanted)
	rows, err := db.Query(statement, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var id int
		var d float64
		if err := rows.Scan(&id, &d); err != nil {
			return err
		}
		i := items[id-1]
		for _, found := range []float64{by(i), d} {
			if !candidate(i, by(i)) || !(math.Abs(found-wanted[n]) < 1e-4*(1+math.Abs(found))) {
				return fmt.Errorf("row %d at %v instead of %v", id, found, wanted[n])
			}
		}
		n++
	}
	if n != k {
		return fmt.Errorf("%d rows instead of %d", n, k)
	}
	return rows.Err()
}

func introspect() error {
	rows, err := db.Query("SELECT embedding, half, sparse, bits FROM items LIMIT 0")
	if err != nil {
		return err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	for c, wanted := range []string{"vector", "halfvec", "sparsevec", "bit"} {
		// lib/pq names the types of the server itself alone
		if name := types[c].DatabaseTypeName(); name != "" && strings.ToLower(name) != wanted {
			return fmt.Errorf("%s instead of %s", name, wanted)
		}
	}
	var list string
	if err := db.QueryRow(`SELECT string_agg(format_type(atttypid, atttypmod), ' ' ORDER BY attnum)
		FROM pg_attribute WHERE attrelid = 'items'::regclass AND attnum > 2`).Scan(&list); err != nil {
		return err
	}
	if list != "vector(3) halfvec(3) sparsevec(6) bit(8)" {
		return fmt.Errorf("%s", list)
	}
	return nil
}

var number int

func test(name string, err error) {
	number++
	if err == nil {
		fmt.Printf("ok %d - %s\n", number, name)
	} else {
		fmt.Printf("not ok %d - %s\n# %v\n", number, name, err)
	}
}

func main() {
	for id := 1; id <= 300; id++ {
		items = append(items, newItem(id))
	}
	options := "sslmode=disable"
	if os.Getenv("POOLED") != "" {
		options += " binary_parameters=yes"
	}
	var err error
	if db, err = sql.Open("postgres", options); err != nil {
		panic(err)
	}
	defer db.Close()

	test("migration", migrate())
	test("migration again", migrate())
	test("insert", insert(items[0]))
	test("bulk insert, text COPY", bulk())
	for _, id := range []int{1, 2, 150, 300} {
		test(fmt.Sprint("row ", id), readBack(id))
	}
	all := func(item, float64) bool { return true }
	for _, column := range []string{"embedding", "half", "sparse", "bits"} {
		operators := []string{"<->", "<#>", "<=>", "<+>"}
		if column == "bits" {
			operators = []string{"<~>", "<%>"}
		}
		for _, operator := range operators {
			text, _ := query.value(column)
			test(column+" "+operator, nearest(column, operator, 7, all, fmt.Sprintf(
				"SELECT id, %s %s $1 FROM items ORDER BY %[1]s %[2]s $1 LIMIT 7", column, operator), text))
		}
	}
	near := func(i item, d float64) bool { return i.category == 1 && d < 80 }
	// region filtered
	test("filter, order and limit", nearest("embedding", "<->", 5, near,
		`SELECT id, embedding <-> $1 FROM items WHERE category = $2 AND embedding <-> $1 < $3
			ORDER BY embedding <-> $1 LIMIT 5`, dense(query.embedding), 1, 80))
	// end filtered
	test("introspection", introspect())
	wrong := items[0]
	wrong.id, wrong.embedding = 1000, []float64{1, 2}
	err = insert(wrong)
	if err != nil && strings.Contains(err.Error(), "expected 3 dimensions, not 2") {
		err = nil
	} else {
		err = fmt.Errorf("no such error: %v", err)
	}
	test("a wrong number of dimensions is refused", err)
	fmt.Printf("1..%d\n", number)
}
