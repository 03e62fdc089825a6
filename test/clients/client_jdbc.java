// PostgreSQL's JDBC driver: PGobject parameters, text COPY.  It knows no
// Unix sockets, hence no pgbouncer here.
// packages: libpostgresql-jdbc-java openjdk-17-jdk-headless
import java.io.StringReader;
import java.sql.*;
import java.util.*;
import java.util.function.*;
import org.postgresql.PGConnection;
import org.postgresql.util.PGobject;

public class client_jdbc {
    static final int K = 7;
    static final String[] COLUMNS = {"embedding", "half", "sparse", "bits"};
    static final String[] TYPES = {"vector", "halfvec", "sparsevec", "bit"};
    static Connection db;
    static int number;

    interface Body {
        void run() throws Exception;
    }

    static void test(String name, Body body) {
        number++;
        try {
            body.run();
            System.out.println("ok " + number + " - " + name);
        } catch (Throwable error) {
            System.out.println("not ok " + number + " - " + name + "\n# " + error);
        }
    }

    static void same(Object got, Object wanted) {
        if (!got.equals(wanted)) throw new AssertionError(got + " instead of " + wanted);
    }

    static void close(double got, double wanted) {
        if (!(Math.abs(got - wanted) <= 1e-4 * (1 + Math.abs(got)))) same(got, wanted);
    }

    /** An item: category, and the value of each of COLUMNS as numbers */
    record Item(int id, int category, double[][] values) {
        /** What the server prints for a column */
        String text(int column) {
            StringJoiner list = new StringJoiner(",");
            double[] x = values[column];
            for (int i = 0; i < x.length; i++) {
                if (column != 2) list.add("" + (int) x[i]);
                else if (x[i] != 0) list.add((i + 1) + ":" + (int) x[i]);
            }
            return switch (column) {
                case 2 -> "{" + list + "}/" + x.length;
                case 3 -> list.toString().replace(",", "");
                default -> "[" + list + "]";
            };
        }
    }

    static Item item(Random random, int id) {
        double[][] values = {new double[3], new double[3], new double[6], new double[8]};
        for (int column = 0; column < 4; column++)
            for (int i = 0; i < values[column].length; i++)
                values[column][i] = switch (column) {
                    case 2 -> i == id % 6 || random.nextInt(3) == 0 ? random.nextInt(20) + 1 : 0;
                    case 3 -> random.nextInt(2);
                    default -> random.nextInt(199) - 99;
                };
        return new Item(id, random.nextInt(3), values);
    }

    static double distance(String operator, double[] a, double[] b) {
        double l1 = 0, l2 = 0, ip = 0, aa = 0, bb = 0, either = 0;
        for (int i = 0; i < a.length; i++) {
            l1 += Math.abs(a[i] - b[i]);
            l2 += (a[i] - b[i]) * (a[i] - b[i]);
            ip += a[i] * b[i];
            aa += a[i] * a[i];
            bb += b[i] * b[i];
            either += Math.max(a[i], b[i]);
        }
        return switch (operator) {
            case "<->" -> Math.sqrt(l2);
            case "<#>" -> -ip;
            case "<=>" -> 1 - ip / Math.sqrt(aa * bb);
            case "<%>" -> 1 - ip / either;
            default -> l1;
        };
    }

    // region object
    static PGobject object(String type, String value) throws SQLException {
        PGobject object = new PGobject();
        object.setType(type);
        object.setValue(value);
        return object;
    }
    // end object

    // region insert
    static void insert(Item item) throws SQLException {
        try (PreparedStatement s = db.prepareStatement("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)")) {
            s.setInt(1, item.id);
            s.setInt(2, item.category);
            for (int c = 0; c < 4; c++) s.setObject(3 + c, object(TYPES[c], item.text(c)));
            s.executeUpdate();
        }
    }
    // end insert

    // region migrate
    static void migrate() throws SQLException {
        try (Statement s = db.createStatement()) {
            s.execute("CREATE EXTENSION IF NOT EXISTS vector");
            s.execute("CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, category int,"
                    + " embedding vector(3), half halfvec(3), sparse sparsevec(6), bits bit(8))");
            s.execute("CREATE INDEX IF NOT EXISTS items_hnsw ON items USING hnsw (embedding vector_l2_ops)"
                    + " WITH (m = 8, ef_construction = 32)");
            s.execute("CREATE INDEX IF NOT EXISTS items_ivfflat ON items USING ivfflat (embedding vector_cosine_ops)"
                    + " WITH (lists = 4)");
        }
    }
    // end migrate

    static void read(Item item) throws SQLException {
        try (PreparedStatement s = db.prepareStatement("SELECT * FROM items WHERE id = ?")) {
            s.setInt(1, item.id);
            ResultSet r = s.executeQuery();
            r.next();
            for (int c = 0; c < 4; c++) same(r.getString(3 + c), item.text(c));
        }
    }

    /** What a statement finds, and its distances, are the k smallest of the candidates */
    static void nearest(List<Item> items, ToDoubleFunction<Item> by, Predicate<Item> candidate, int k, PreparedStatement s)
            throws SQLException {
        double[] wanted = items.stream().filter(candidate).mapToDouble(by).sorted().limit(k).toArray();
        ResultSet r = s.executeQuery();
        int n = 0;
        for (; r.next(); n++) {
            Item found = items.get(r.getInt(1) - 1);
            same(candidate.test(found), true);
            close(by.applyAsDouble(found), wanted[n]);
            close(r.getDouble(2), wanted[n]);
        }
        same(n, k);
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> env = System.getenv();
        db = DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + env.get("PGPORT") + "/" + env.get("PGDATABASE")
                + "?user=postgres&password=" + env.getOrDefault("PGPASSWORD", ""));
        Random random = new Random(1);
        Item query = item(random, 0);
        List<Item> items = new ArrayList<>();
        for (int id = 1; id <= 300; id++) items.add(item(random, id));

        test("migration", () -> migrate());
        test("migration again", () -> migrate());
        test("insert", () -> insert(items.get(0)));
        // region bulk
        test("bulk insert, text COPY", () -> {
            StringBuilder lines = new StringBuilder();
            for (Item i : items.subList(1, 300)) {
                lines.append(i.id).append('\t').append(i.category);
                for (int c = 0; c < 4; c++) lines.append('\t').append(i.text(c));
                lines.append('\n');
            }
            db.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY items FROM STDIN", new StringReader(lines.toString()));
        });
        // end bulk
        test("read", () -> {
            // more often than prepareThreshold
            for (Item i : items) read(i);
        });
        for (int column = 0; column < 4; column++) {
            int c = column;
            for (String operator : c == 3 ? List.of("<~>", "<%>") : List.of("<->", "<#>", "<=>", "<+>"))
                test(COLUMNS[c] + " " + operator, () -> {
                    try (PreparedStatement s = db.prepareStatement("SELECT id, " + COLUMNS[c] + operator
                            + " ? AS d FROM items ORDER BY d LIMIT " + K)) {
                        s.setObject(1, object(TYPES[c], query.text(c)));
                        nearest(items, i -> distance(operator, i.values[c], query.values[c]), i -> true, K, s);
                    }
                });
        }
        // region filtered
        test("filter, order and limit", () -> {
            ToDoubleFunction<Item> by = i -> distance("<->", i.values[0], query.values[0]);
            try (PreparedStatement s = db.prepareStatement("SELECT id, embedding <-> ? FROM items"
                    + " WHERE category = ? AND embedding <-> ? < ? ORDER BY embedding <-> ? LIMIT 5")) {
                PGobject q = object("vector", query.text(0));
                s.setObject(1, q);
                s.setInt(2, 1);
                s.setObject(3, q);
                s.setDouble(4, 90);
                s.setObject(5, q);
                nearest(items, by, i -> i.category == 1 && by.applyAsDouble(i) < 90, 5, s);
            }
        });
        // end filtered
        test("introspection", () -> {
            for (int c = 0; c < 4; c++) {
                ResultSet r = db.getMetaData().getColumns(null, "public", "items", COLUMNS[c]);
                r.next();
                same(r.getString("TYPE_NAME"), TYPES[c]);
            }
        });
        test("a wrong number of dimensions is refused", () -> {
            double[][] values = items.get(0).values.clone();
            values[0] = new double[] {1, 2};
            try {
                insert(new Item(1000, 1, values));
            } catch (SQLException error) {
                same(error.getSQLState(), "22000");
                same(error.getMessage().contains("expected 3 dimensions, not 2"), true);
                return;
            }
            throw new AssertionError("no error");
        });
        db.close();
        System.out.println("1.." + number);
    }
}
