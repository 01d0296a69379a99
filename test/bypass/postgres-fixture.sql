-- What the postgres rows of cases.jsonl run against. Load into an empty database as its owner (superuser for type casts).
CREATE TABLE victim (id int PRIMARY KEY, note text);
INSERT INTO victim SELECT n, 'note ' || n FROM generate_series(1, 5) n;
CREATE TABLE safe (id int PRIMARY KEY, name text);
INSERT INTO safe VALUES (1, 'a'), (2, 'b');
CREATE TABLE secrets (id int PRIMARY KEY, ssn text);
INSERT INTO secrets VALUES (1, 'SSN-1'), (2, 'SSN-2');

CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM victim; RETURN 1; END $$;
CREATE FUNCTION wipe(int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM victim; RETURN 1; END $$;
CREATE FUNCTION wipe(safe) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM victim; RETURN 1; END $$;
CREATE FUNCTION imm_wipe(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM wipe(); RETURN 1; END $$;
CREATE PROCEDURE wipe_p() LANGUAGE sql AS $$ DELETE FROM victim $$;

CREATE FUNCTION op_wipe(int, int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM victim; RETURN $1 + $2; END $$;
CREATE OPERATOR #+# (LEFTARG = int, RIGHTARG = int, FUNCTION = op_wipe);

CREATE FUNCTION check_wipe(text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM victim; RETURN true; END $$;
CREATE DOMAIN evildom AS text CHECK (check_wipe(VALUE));
CREATE DOMAIN plaindom AS text CHECK (length(VALUE) < 100);
CREATE TYPE colour AS ENUM ('red', 'green');

CREATE TYPE boxed AS (n int);
CREATE FUNCTION unbox(boxed) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM victim; RETURN 1; END $$;
CREATE CAST (boxed AS int) WITH FUNCTION unbox(boxed);

CREATE FUNCTION quiet_step(int, int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM victim; RETURN 1; END $$;
CREATE AGGREGATE quietsum(int) (SFUNC = quiet_step, STYPE = int, INITCOND = '0');

CREATE SEQUENCE sq;
CREATE VIEW quietview AS SELECT wipe() AS w;
CREATE VIEW plainview AS SELECT id, upper(name) AS name FROM safe;
CREATE VIEW nestedview AS SELECT * FROM quietview;
CREATE VIEW sequenceview AS SELECT nextval('public.sq'::text::regclass) AS n;
CREATE MATERIALIZED VIEW mvw AS SELECT wipe() AS w WITH NO DATA;

CREATE SCHEMA evil;
CREATE TABLE evil.safe (id int PRIMARY KEY, name text);
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN DELETE FROM public.victim; RETURN $1; END $$;

CREATE TABLE trig_t (id int);
INSERT INTO trig_t VALUES (1);
CREATE FUNCTION trig_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'guarded'; END $$;
CREATE TRIGGER trig BEFORE DELETE ON trig_t FOR EACH ROW EXECUTE FUNCTION trig_f();

CREATE TABLE guarded (id int, owner text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY guarded_rows ON guarded USING (wipe(id) > 0);
CREATE TABLE computed (id int, twice int GENERATED ALWAYS AS (id * 2) STORED, colour colour DEFAULT 'red');

CREATE FUNCTION customer_name(int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT name FROM safe WHERE id = $1 $$;
CREATE FUNCTION add_tax(numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE rate numeric := 0.2; BEGIN IF $1 IS NULL THEN RETURN 0; END IF; RETURN $1 * (1 + rate); END $$;
CREATE FUNCTION lying(int) RETURNS int LANGUAGE sql VOLATILE AS $$ SELECT wipe($1) $$;
CREATE FUNCTION dynamic(text) RETURNS int LANGUAGE plpgsql STABLE AS $$ DECLARE n int; BEGIN EXECUTE $1 INTO n; RETURN n; END $$;
CREATE VIEW functionview AS SELECT customer_name(id) FROM safe;
CREATE VIEW dialview AS SELECT query_to_xml('SELECT 1', true, false, '') AS x;
CREATE FUNCTION innocent(a int DEFAULT wipe()) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
CREATE FUNCTION returns_evil() RETURNS evildom LANGUAGE sql AS $$ SELECT 'x'::text $$;
CREATE FUNCTION full_name(safe) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1.name || '!' $$;
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TRIGGER trig BEFORE INSERT ON parted_1 FOR EACH ROW EXECUTE FUNCTION trig_f();
