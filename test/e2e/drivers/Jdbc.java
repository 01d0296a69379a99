// What an application does with the JDBC driver. Prints one line for each thing that worked.
import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class Jdbc {
  static void check(boolean ok, String what) {
    if (!ok) throw new AssertionError(what);
    System.out.println(what);
  }

  public static void main(String[] args) throws Exception {
    Properties login = new Properties();
    login.put("user", args[1]);
    login.put("password", args[2]);
    login.put("autosave", "always");
    try (Connection c = DriverManager.getConnection(args[0], login)) {
      Statement s = c.createStatement();
      s.execute("CREATE TEMP TABLE t (id int PRIMARY KEY, name text, at timestamptz DEFAULT now())");
      PreparedStatement insert = c.prepareStatement("INSERT INTO t (id, name) VALUES (?, ?)", new String[] {"id"});
      for (int n = 0; n < 500; n++) {
        insert.setInt(1, n);
        insert.setString(2, "n" + n);
        insert.addBatch();
      }
      check(insert.executeBatch().length == 500, "batch");
      PreparedStatement select = c.prepareStatement("SELECT name FROM t WHERE id = ?");
      boolean all = true;
      for (int n = 0; n < 20; n++) {
        select.setInt(1, n);
        try (ResultSet r = select.executeQuery()) {
          all &= r.next() && r.getString(1).equals("n" + n);
        }
      }
      check(all, "server-side prepared");
      c.setAutoCommit(false);
      Statement rows = c.createStatement();
      rows.setFetchSize(50);
      int sum = 0;
      try (ResultSet r = rows.executeQuery("SELECT n FROM generate_series(1, 1000) n")) {
        while (r.next()) sum += r.getInt(1);
      }
      check(sum == 500500, "fetch size");
      try {
        s.execute("INSERT INTO t (id) VALUES (1)");
      } catch (SQLException e) {
        check(e.getSQLState().equals("23505"), "error");
      }
      s.execute("INSERT INTO t (id) VALUES (9999)");
      c.commit();
      check(true, "autosave");
      c.setAutoCommit(true);
      CopyManager copy = c.unwrap(PGConnection.class).getCopyAPI();
      check(copy.copyIn("COPY t (id, name) FROM STDIN", new StringReader("7000\ta\n7001\tb\n")) == 2, "copy in");
      StringWriter out = new StringWriter();
      copy.copyOut("COPY (SELECT id FROM t WHERE id >= 7000 ORDER BY 1) TO STDOUT", out);
      check(out.toString().equals("7000\n7001\n9999\n"), "copy out");
      DatabaseMetaData meta = c.getMetaData();
      try (ResultSet r = meta.getTables(null, "pg_catalog", "pg_cl%", null)) {
        check(r.next(), "metadata");
      }
      Statement slow = c.createStatement();
      slow.setQueryTimeout(1);
      try {
        slow.execute("SELECT pg_sleep(20)");
      } catch (SQLException e) {
        check(e.getSQLState().equals("57014"), "query timeout");
      }
    }
  }
}
