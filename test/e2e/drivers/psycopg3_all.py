# What an application does with psycopg 3: prepared statements, binary, pipelines, COPY, cursors, cancelling.
import sys
import threading
import time

import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as c:
    c.execute("CREATE TEMP TABLE t (id int PRIMARY KEY, name text)")
    for n in range(20):
        c.execute("INSERT INTO t VALUES (%s, %s)", (n, f"n{n}"), prepare=True)
    assert c.execute("SELECT count(*) FROM t").fetchone() == (20,)
    print("prepared")
    assert c.execute("SELECT %b::int8, %b::text", (1 << 40, "ü"), binary=True).fetchone() == (1 << 40, "ü")
    print("binary")
    with c.pipeline() as p:
        cursors = [c.execute("SELECT %s::int * 2", (n,)) for n in range(300)]
        p.sync()
        assert [cur.fetchone()[0] for cur in cursors] == [2 * n for n in range(300)]
    print("pipeline")
    try:
        with c.pipeline():
            c.execute("INSERT INTO t VALUES (100, 'a')")
            c.execute("INSERT INTO t VALUES (1, 'twice')")
            c.execute("INSERT INTO t VALUES (101, 'b')")
    except psycopg.errors.UniqueViolation:
        pass
    assert c.execute("SELECT count(*) FROM t WHERE id >= 100").fetchone() == (0,)
    print("pipeline error")
    with c.pipeline() as p:
        with c.transaction():
            c.execute("INSERT INTO t VALUES (200, 'a')")
            p.sync()
            c.execute("INSERT INTO t VALUES (201, 'b')")
    assert c.execute("SELECT count(*) FROM t WHERE id >= 200").fetchone() == (2,)
    print("pipeline of several syncs")
    with c.cursor() as cur:
        with cur.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            for n in range(1000, 3000):
                copy.write_row((n, "x" * 100))
        with cur.copy("COPY (SELECT id FROM t WHERE id >= 1000) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4"])
            assert sum(1 for _ in copy.rows()) == 2000
    print("binary copy")
    with c.transaction(), c.cursor("named") as cur:
        cur.itersize = 50
        cur.execute("SELECT id FROM t WHERE id >= 1000 ORDER BY id")
        assert [row[0] for row in cur] == list(range(1000, 3000))
    print("server cursor")
    for row in c.cursor().stream("SELECT n FROM generate_series(1, 5000) n"):
        pass
    assert row == (5000,)
    print("single rows")
    with c.transaction():
        try:
            with c.transaction():
                c.execute("SELECT 1/0")
        except psycopg.errors.DivisionByZero:
            pass
        c.execute("INSERT INTO t VALUES (300, 'after')")
    print("savepoint")

    def cancel():
        time.sleep(0.3)
        c.cancel()

    threading.Thread(target=cancel).start()
    try:
        c.execute("SELECT pg_sleep(20)")
        print("not cancelled")
    except psycopg.errors.QueryCanceled:
        print("cancel")
    assert c.execute("SELECT 1").fetchone() == (1,)
