"""SQL of a stranger reaches the tables of the run and nothing else, in bounded memory and time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hostile.attack import Case, Ground, assert_withstood
from hostile.finished_run import finished_run, run_of

SEED = 13
FEW, MANY = 10, 420
SECRET = "the-content-of-a-file-outside"
TIMEOUT = "2"
FORMS = ("table", "csv", "json", "parquet")
CHARS = (*"'\"\\;$?@%`{}[]()", "--", "/*", "*/", "\0", "\u202e", "\ud800", "\U0001f600", "é", "\n")

FILES = (
    "SELECT * FROM read_text('$SECRET')", "SELECT * FROM read_blob('$SECRET')",
    "SELECT * FROM read_csv('$SECRET')", "SELECT * FROM read_csv_auto('$SECRET')",
    "SELECT * FROM read_json('$SECRET')", "SELECT * FROM read_json_objects('$SECRET')",
    "SELECT * FROM read_ndjson('$SECRET')", "SELECT * FROM read_parquet('$SECRET')",
    "SELECT * FROM parquet_scan(['$SECRET'])", "SELECT * FROM parquet_metadata('$SECRET')",
    "SELECT * FROM parquet_kv_metadata('$SECRET')", "SELECT * FROM parquet_schema('$SECRET')",
    "SELECT * FROM read_duckdb('$SECRET')", "SELECT * FROM sniff_csv('$SECRET')",
    "SELECT * FROM '$SECRET'", "FROM '$SECRET'", 'SELECT * FROM "$SECRET"',
    "SELECT * FROM '$FOLDER/*'", "SELECT * FROM glob('$FOLDER/*')", "SELECT * FROM glob('/**')",
    "SELECT * FROM read_text('file://$SECRET')", "SELECT * FROM read_text('$FOLDER/*')",
    "SELECT * FROM read_text('/proc/self/environ')", "SELECT * FROM read_blob('/dev/zero')",
    "SELECT * FROM read_text('/proc/self/fd/0')", "SELECT * FROM read_text('../../../etc/passwd')",
    "SELECT * FROM query('SELECT * FROM read_text(''$SECRET'')')",
    "SELECT * FROM query_table('$SECRET')", "SELECT * FROM query_table(['results', '$SECRET'])",
    "SELECT (SELECT content FROM read_text('$SECRET'))",
    "WITH t AS (SELECT * FROM read_text('$SECRET')) SELECT * FROM t",
    "SELECT * FROM results, LATERAL read_text('$SECRET')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql("
    "'SELECT * FROM read_text(''$SECRET'')'))",
    "PREPARE p AS SELECT * FROM read_text('$SECRET')", "EXECUTE p",
    "SELECT * FROM duckdb_secrets()", "SELECT * FROM which_secret('s3://b/k', 's3')",
    "SELECT * FROM iceberg_scan('$SECRET')", "SELECT * FROM sqlite_scan('$SECRET', 't')",
    "SELECT * FROM st_read('$SECRET')", "SELECT * FROM read_xlsx('$SECRET')",
    "SELECT * FROM delta_scan('$SECRET')", "SELECT * FROM postgres_scan('', '', '')",
)  # fmt: skip
WRITES = (
    "COPY results TO '$FOLDER/out.csv'", "COPY (SELECT 1) TO '$FOLDER/out' (FORMAT parquet)",
    "COPY results FROM '$SECRET'", "COPY (SELECT 1) TO '/dev/stdout'",
    "EXPORT DATABASE '$FOLDER/db'", "IMPORT DATABASE '$FOLDER'", "ATTACH '$FOLDER/new.db' AS x",
    "ATTACH '$SECRET' (TYPE sqlite)", "ATTACH ':memory:' AS x; SELECT 1", "DETACH memory",
    "USE memory", "CREATE TABLE t AS SELECT 1", "CREATE VIEW v AS SELECT 1", "DROP TABLE results",
    "CREATE MACRO m(a) AS a + 1", "CREATE TYPE mood AS ENUM ('a')", "CREATE SCHEMA s",
    "CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')", "DROP SECRET s",
    "CREATE PERSISTENT SECRET s (TYPE s3)", "INSERT INTO results VALUES (1)",
    "UPDATE results SET task = 0", "DELETE FROM results", "TRUNCATE results", "VACUUM", "ANALYZE",
    "CHECKPOINT", "FORCE CHECKPOINT", "BEGIN", "COMMIT", "ROLLBACK",
    "ALTER TABLE results ADD x int",
    "SELECT * FROM checkpoint()", "SELECT * FROM force_checkpoint()",
    "SELECT * FROM enable_logging(storage := 'file', storage_path := '$FOLDER/log')",
    "CALL enable_logging('QueryLog', storage = 'file', storage_path = '$FOLDER/log')",
    "SELECT * FROM enable_profiling('json', '$FOLDER/profile')", "SELECT write_log('x')",
    "SELECT * FROM truncate_duckdb_logs()", "SELECT * INTO x FROM results",
    "SELECT * FROM add_grammar_extension('$FOLDER/x')",
    "SELECT * FROM create_external_resource('x', MAP {}, 'x', 1, true, 1, 1)",
    "SELECT * FROM register_external_resource_type('a', 'b', 'c', 'd', 'e', 'f', 'g')",
)  # fmt: skip
SETTINGS = (
    "SET enable_external_access = true", "SET memory_limit = '100GB'", "SET threads = 1000",
    "SET lock_configuration = false", "RESET ALL", "SET VARIABLE x = 1", "PRAGMA database_list",
    "PRAGMA enable_profiling", "PRAGMA memory_limit = '100GB'", "PRAGMA version", "INSTALL httpfs",
    "LOAD httpfs", "LOAD '$SECRET'", "FORCE INSTALL spatial FROM 'http://127.0.0.1:9'",
    "UPDATE EXTENSIONS", "SELECT current_setting('memory_limit')", "SELECT getenv('HOME')",
    "SELECT getvariable('x')", "SELECT * FROM duckdb_settings()",
    "SELECT * FROM pg_catalog.pg_class",
    "SELECT * FROM information_schema.tables", "SELECT * FROM duckdb_extensions()",
    "SELECT * FROM duckdb_temporary_files()", "SELECT * FROM pragma_user_agent()",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x')",
    "SELECT * FROM 'https://127.0.0.1:9/x.parquet'",
    "SELECT * FROM read_parquet('s3://bucket/key')", "SELECT * FROM read_text('gcs://b/k')",
    "SELECT * FROM read_text('hf://datasets/x')", "SELECT version(), current_user, now()",
)  # fmt: skip
STATEMENTS = (
    "", ";", " ", "--", "/*", "/* */", "SELECT", "SELECT 1; SELECT 2", "SELECT 1;", "SELECT 1;;",
    "SELECT 1; DROP TABLE results; --", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1",
    "DESCRIBE results", "SHOW TABLES", "SUMMARIZE results", "VALUES (1)", "FROM results",
    "SELECT ?", "SELECT $1", "SELECT $name", "SELECT 'x", 'SELECT "', "SELECT $$x",
    "SELECT E'\\x00'",
    "SELECT \0", "SELECT '\0'", "SELECT '\ud800'", "SELECT 1 AS \"\0\"", "\ufeffSELECT 1",
    "ＳＥＬＥＣＴ 1", "SELECT\u00a01", "SELECT\u2028 1", "SELECT 1 AS \U0001f600",
    "SELECT '\u202e'",
    'SELECT 1 AS "a", 2 AS "a"', 'SELECT 1 AS ""', 'SELECT 1 AS "' + "x" * 100_000 + '"',
    "SELECT * FROM " + "x" * 100_000, "SELECT " + "(" * 2_000 + "1" + ")" * 2_000,
    "SELECT " + "-" * 3_001 + "1", "SELECT " + "NOT " * 3_000 + "true",
    "SELECT " + "1+" * 20_000 + "1", "SELECT " + ",".join(["1"] * 20_000),
    "SELECT * FROM " + "(SELECT * FROM " * 500 + "results" + ")" * 500,
    "SELECT 1 " + "UNION ALL SELECT 1 " * 2_000, "SELECT [" * 900 + "1" + "]" * 900,
    "SELECT * FROM results" + ", results" * 300, "SELECT 1e999", "SELECT 9" + "9" * 5_000,
    "SELECT error('boom')", "SELECT error(repeat('x', 1000000))", "SELECT 'x'::INT",
    "SELECT 'no such'::results", "SELECT '9999999-01-01'::DATE", "SELECT DATE '290000-12-31'",
    "SELECT 'NaN'::DOUBLE, 'inf'::DOUBLE", "SELECT INTERVAL '1000000' YEAR", "SELECT 1/0, 1%0",
    "SELECT * FROM test_all_types()", "SELECT uuid(), random()", "SELECT BLOB '\\xFF\\x00'",
    "SELECT MAP {'a': 1}, {'a': [1]}, [1, NULL]", "SELECT '101'::BIT", "SELECT 1::HUGEINT << 126",
    "SELECT * FROM arrow_scan(1, 2, 3)", "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM python_arrow_scan(1)", "SELECT * FROM seq_scan('x')",
    "SELECT * FROM python_map_function((SELECT 1))", "SELECT * FROM test_vector_types(1)",
    "SELECT nextval('x')", "SELECT * FROM results POSITIONAL JOIN runs",
    "SELECT results FROM results",
    "PIVOT results ON symbol USING count(*)", "UNPIVOT results ON task INTO NAME n VALUE v",
    "SELECT * FROM results TABLESAMPLE 50%",
    "SELECT task FROM results QUALIFY row_number() OVER () = 1",
)  # fmt: skip
BOMBS = (
    "SELECT * FROM range(100000000000)", "SELECT count(*) FROM range(1000000000000)",
    "SELECT * FROM repeat('x', 1000000000000)",
    "SELECT * FROM repeat_row(1, num_rows = 100000000000)",
    "SELECT repeat('x', 1000000000)", "SELECT length(repeat(repeat('x', 100000), 100000))",
    "SELECT repeat('x', 4000000000)", "SELECT lpad('x', 2000000000, 'y')",
    "SELECT rpad('x', 1000000000, 'y') FROM range(10)", "SELECT format('{:>2000000000}', 'x')",
    "SELECT printf('%2000000000d', 1)", "SELECT list_sum(range(1000000000))",
    "SELECT list_aggregate(range(1000000000), 'sum')", "SELECT list_sort(range(300000000))",
    "SELECT [i FOR i IN range(1000000000)]", "SELECT map(range(100000000), range(100000000))",
    "SELECT array_agg(a) FROM range(2000000000) t(a)", "SELECT list(range) FROM range(2000000000)",
    "SELECT string_agg(repeat('x', 1000)) FROM range(100000000)",
    "SELECT histogram(a) FROM range(1000000000) t(a)", "SELECT md5(repeat('x', 2000000000))",
    "SELECT regexp_replace(repeat('a', 100000000), 'a', repeat('b', 100), 'g')",
    "SELECT replace(repeat('a', 10000000), 'a', repeat('b', 10000))",
    "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
    "SELECT damerau_levenshtein(repeat('a', 100000), repeat('b', 100000))",
    "SELECT string_split(repeat('a,', 200000000), ',')", "SELECT hex(repeat('x', 1000000000))",
    "SELECT base64(repeat('x', 1000000000)::BLOB)", "SELECT factorial(100000)",
    "SELECT * FROM range(10000000) a, range(10000000) b ORDER BY random()",
    "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 3",
    "SELECT count(DISTINCT a.range * b.range) FROM range(100000) a, range(100000) b",
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM t) SELECT count(*) FROM t",
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT i FROM t) SELECT max(i) FROM t",
    "WITH RECURSIVE t AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM t) "
    "SELECT max(length(s)) FROM t",
    "WITH RECURSIVE t AS (SELECT 1 AS i UNION ALL SELECT t.i FROM t, range(10)) "
    "SELECT count(*) FROM t",
    "SELECT * FROM results a, results b, results c, results d, results e, results f, results g",
    "SELECT sum(a.task) OVER (ORDER BY b.range ROWS UNBOUNDED PRECEDING) FROM results a, "
    "range(100000000) b",
    "SELECT * FROM generate_series(TIMESTAMP '0001-01-01', TIMESTAMP '290000-01-01', "
    "INTERVAL 1 MICROSECOND)",
    "SELECT json_group_array(repeat('x', 10000)) FROM range(10000000)",
    "SELECT to_json(range(100000000))", "SELECT unnest(range(10000000000))",
    "SELECT list_transform(range(100000000), lambda x: repeat('y', 1000))",
    "SELECT list_reduce(range(100000000), lambda a, b: a + b)",
    "SELECT '(a+)+$' SIMILAR TO repeat('a', 10000000)", "SELECT ' ' LIKE repeat('%a', 10000000)",
    "SELECT a.* FROM results a " + "CROSS JOIN results " * 60,
)  # fmt: skip
EXPRESSIONS = (
    "task IN (§)", "EXISTS (§)", "(SELECT count(*) FROM (§)) >= 0", "task = 0 OR EXISTS (§)",
    "true) OR EXISTS (§", "symbol IS NOT NULL AND (SELECT any_value(q) FROM (§) q) IS NULL",
)  # fmt: skip
CONTEXTS = (
    "§", "WITH q AS (§) SELECT * FROM q", "SELECT * FROM (§) q, results",
    "SELECT task, (SELECT count(*) FROM (§) q) FROM results", "(§) UNION ALL (§)",
    "SELECT * FROM results WHERE EXISTS (§)", "SELECT * FROM query('§')", "§ LIMIT 1", "§; §",
)  # fmt: skip
ATTACKS = (*FILES, *WRITES, *SETTINGS, *STATEMENTS, *BOMBS)


def attack_number(number: int, folder: Path) -> tuple[str, ...]:
    """Return a command line: first each attack as it is, then attacks within others, damaged."""
    chance = random.Random(f"{SEED} {number}")
    text = ATTACKS[number] if number < len(ATTACKS) else chance.choice(ATTACKS)
    is_condition = number >= len(ATTACKS) and chance.random() < 0.4
    if number >= len(ATTACKS):
        text = chance.choice(EXPRESSIONS if is_condition else CONTEXTS).replace("§", text)
        for _ in range(chance.choice((0, 0, 1, 3))):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(CHARS) + text[at + chance.randrange(2) :]
    text = text.replace("$SECRET", f"{folder}/secret.csv").replace("$FOLDER", str(folder))
    limits = ("--timeout", TIMEOUT)
    if not is_condition:
        form = ("--format", chance.choice(FORMS))
        return (*chance.choice((("results", "RUN"), ("results",))), "--sql", text, *form, *limits)
    return (*chance.choice((("results", "RUN"), ("runs",))), "--where", text, *limits)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("sql") / "template")


def attack_with(numbers: list[int], folder: Path, template: Path) -> None:
    outside = folder / "outside"
    outside.mkdir()
    for name in ("secret.csv", "secret.json", "secret.parquet"):
        (outside / name).write_text(f"a,b\n{SECRET},1\n")
    cases = []
    for number in numbers:
        arguments = attack_number(number, outside)
        named = tuple(run_of(template) if part == "RUN" else part for part in arguments)
        cases.append(Case(f"SQL {number}", named, template=template))
    # SQL runs in a process of its own, which is the only one that may start.
    ground = Ground(
        folder / "ground",
        effects=("start", "signal"),
        preload=["backfleet.runs.query", "backfleet.results.sql_process"],
        secrets=[SECRET],
    )
    assert_withstood(cases, ground)
    assert sorted(path.name for path in outside.iterdir()) == [
        "secret.csv",
        "secret.json",
        "secret.parquet",
    ]


def test_hostile_sql_reaches_nothing_and_ends(tmp_path: Path, template: Path) -> None:
    numbers = random.Random(SEED).sample(range(MANY), FEW)
    attack_with(numbers, tmp_path, template)


@pytest.mark.exhaustive
def test_much_hostile_sql_reaches_nothing_and_ends(tmp_path: Path, template: Path) -> None:
    attack_with(list(range(MANY)), tmp_path, template)
