# What an application does with psycopg2. Prints one line for each thing that worked.
import io
import sys

import psycopg2
import psycopg2.extras

c = psycopg2.connect(sys.argv[1])
cur = c.cursor()
cur.execute("CREATE TEMP TABLE t (id int, name text, raw bytea)")
psycopg2.extras.execute_values(cur, "INSERT INTO t (id, name) VALUES %s", [(n, f"n{n}") for n in range(1000)])
cur.execute("UPDATE t SET raw = %s WHERE id = %s", (psycopg2.Binary(bytes(range(256))), 1))
cur.execute("SELECT raw FROM t WHERE id = 1")
assert bytes(cur.fetchone()[0]) == bytes(range(256))
c.commit()
print("values")
cur.copy_expert("COPY t (id, name) FROM STDIN", io.StringIO("5000\tcopied\n"))
out = io.StringIO()
cur.copy_expert("COPY (SELECT id, name FROM t WHERE id = 5000) TO STDOUT", out)
assert out.getvalue() == "5000\tcopied\n"
print("copy")
try:
    cur.copy_expert("COPY t (id, name) FROM STDIN", io.StringIO("not a number\tx\n"))
except psycopg2.errors.InvalidTextRepresentation:
    c.rollback()
cur.execute("SELECT 1")
print("copy error")
named = c.cursor("named")
named.itersize = 7
named.execute("SELECT n FROM generate_series(1, 100) n")
assert sum(row[0] for row in named) == 5050
named.close()
print("server cursor")
c.commit()
c.autocommit = True
cur.execute("LISTEN news")
cur.execute("NOTIFY news, 'hello'")
c.poll()
assert [(n.channel, n.payload) for n in c.notifies] == [("news", "hello")]
print("notify")
try:
    cur.execute("SELECT 1/0")
except psycopg2.errors.DivisionByZero as e:
    assert e.pgcode == "22012"
print("error")
