"""Attacks that try to change something: rows, definitions, settings, transactions."""

from sqlkiln.sql.attack import (
    BOTH,
    DUCKDB,
    REFUSED,
    REFUSED_OR_UNKNOWN,
    REFUSED_OR_UNPARSED,
    SQLITE,
    group,
)

_WRITES = (
    *group(
        "write",
        BOTH,
        REFUSED,
        {
            "insert": "INSERT INTO {table} SELECT * FROM {table}",
            "insert default": "INSERT INTO {table} DEFAULT VALUES",
            "insert or replace": "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
            "insert on conflict": "INSERT INTO {table} SELECT * FROM {table} WHERE true "
            "ON CONFLICT DO NOTHING",
            "insert returning": "INSERT INTO {table} SELECT * FROM {table} RETURNING *",
            "update": "UPDATE {table} SET {column} = NULL",
            "update from": "UPDATE {table} SET {column} = NULL FROM {table} AS other",
            "update returning": "UPDATE {table} SET {column} = NULL RETURNING *",
            "delete": "DELETE FROM {table}",
            "delete returning": "DELETE FROM {table} RETURNING *",
            "cte, then insert": "WITH x AS (SELECT * FROM {table}) INSERT INTO {table} "
            "SELECT * FROM x",
            "cte, then update": "WITH x AS (SELECT 1) UPDATE {table} SET {column} = NULL",
            "cte, then delete": "WITH x AS (SELECT 1) DELETE FROM {table}",
        },
    ),
    *group(
        "write",
        BOTH,
        REFUSED_OR_UNPARSED,
        {
            "replace": "REPLACE INTO {table} SELECT * FROM {table}",
            "merge": "MERGE INTO {table} AS t USING {table} AS s ON true WHEN MATCHED THEN DELETE",
            "truncate": "TRUNCATE TABLE {table}",
            "insert in a cte": "WITH x AS (INSERT INTO {table} SELECT * FROM {table} RETURNING *) "
            "SELECT * FROM x",
            "delete in a cte": "WITH x AS (DELETE FROM {table} RETURNING *) SELECT * FROM x",
            "delete in a subquery": "SELECT * FROM (DELETE FROM {table} RETURNING *)",
            "select into": "SELECT * INTO stolen FROM {table}",
            "select for update": "SELECT * FROM {table} FOR UPDATE NOWAIT; DELETE FROM {table}",
        },
    ),
    *group(
        "write",
        SQLITE,
        REFUSED,
        {
            "schema table": "UPDATE sqlite_master SET sql = ''",
            "sequence table": "WITH x AS (SELECT 1) DELETE FROM sqlite_master",
        },
    ),
    *group(
        "write",
        DUCKDB,
        REFUSED,
        {
            "sequence": "SELECT nextval('s')",
            "log": "SELECT write_log('owned')",
            "truncate logs": "SELECT * FROM truncate_duckdb_logs()",
        },
    ),
)

_DEFINITIONS = (
    *group(
        "ddl",
        BOTH,
        REFUSED,
        {
            "create table": "CREATE TABLE owned (a INTEGER)",
            "create table as": "CREATE TABLE owned AS SELECT * FROM {table}",
            "create temp table": "CREATE TEMP TABLE owned (a INTEGER)",
            "create view": "CREATE VIEW owned AS SELECT * FROM {table}",
            "create temp view": "CREATE TEMP VIEW owned AS SELECT 1",
            "create index": "CREATE INDEX owned ON {table} ({column})",
            "drop table": "DROP TABLE {table}",
            "drop table if exists": "DROP TABLE IF EXISTS {table}",
            "drop view": "DROP VIEW IF EXISTS owned",
            "rename table": "ALTER TABLE {table} RENAME TO owned",
            "add column": "ALTER TABLE {table} ADD COLUMN owned INTEGER",
            "drop column": "ALTER TABLE {table} DROP COLUMN {column}",
        },
    ),
    *group(
        "ddl",
        SQLITE,
        REFUSED,
        {
            "trigger": "CREATE TRIGGER owned AFTER INSERT ON {table} BEGIN DELETE FROM {table}; "
            "END",
            "temp trigger": "CREATE TEMP TRIGGER owned INSERT ON {table} BEGIN SELECT 1; END",
            "virtual table": "CREATE VIRTUAL TABLE owned USING fts5(a)",
            "csv table": "CREATE VIRTUAL TABLE temp.owned USING csv(filename='/etc/passwd')",
        },
    ),
    *group(
        "ddl",
        DUCKDB,
        REFUSED,
        {
            "schema": "CREATE SCHEMA owned",
            "sequence": "CREATE SEQUENCE owned",
            "macro": "CREATE MACRO owned() AS TABLE SELECT * FROM read_text('/etc/passwd')",
            "temp macro": "CREATE TEMP MACRO owned(a) AS a + 1",
            "type": "CREATE TYPE owned AS ENUM ('a')",
            "secret": "CREATE SECRET owned (TYPE s3, KEY_ID 'a', SECRET 'b')",
            "comment": "COMMENT ON TABLE {table} IS 'owned'",
        },
    ),
)

_SETTINGS = (
    *group(
        "pragma",
        BOTH,
        REFUSED,
        {
            "table info": "PRAGMA table_info({table})",
            "database list": "PRAGMA database_list",
            "user version": "PRAGMA user_version = 42",
            "integrity": "PRAGMA integrity_check",
            "table function": "SELECT * FROM pragma_table_info('{table}')",
        },
    ),
    *group(
        "pragma",
        SQLITE,
        REFUSED,
        {
            "writable schema": "PRAGMA writable_schema = ON",
            "query only off": "PRAGMA query_only = OFF",
            "journal mode": "PRAGMA journal_mode = DELETE",
            "trusted schema": "PRAGMA trusted_schema = ON",
            "heap limit": "PRAGMA hard_heap_limit = 0",
            "temp store": "PRAGMA temp_store_directory = '{canary}'",
            "after a comment": "/* */ PRAGMA query_only = 0",
            "function list": "SELECT * FROM pragma_function_list",
            "database list function": "SELECT file FROM pragma_database_list",
            "compile options": "SELECT * FROM pragma_compile_options",
        },
    ),
    *group(
        "pragma",
        SQLITE,
        REFUSED_OR_UNKNOWN,
        {
            "pages": "SELECT * FROM sqlite_dbpage",
            "page statistics": "SELECT * FROM dbstat",
            "statements": "SELECT * FROM sqlite_stmt",
        },
    ),
    *group(
        "setting",
        DUCKDB,
        REFUSED,
        {
            "set": "SET memory_limit = '100GB'",
            "set external access": "SET enable_external_access = true",
            "set global": "SET GLOBAL lock_configuration = false",
            "set variable": "SET VARIABLE x = 1",
            "reset": "RESET memory_limit",
            "use": "USE main",
            "call": "CALL pragma_version()",
            "call logging": "CALL enable_logging()",
            "logging as a table": "SELECT * FROM enable_logging()",
            "profiling as a table": "SELECT * FROM enable_profiling()",
            "checkpoint as a table": "SELECT * FROM force_checkpoint()",
            "checkpoint": "CHECKPOINT",
            "prepare": "PREPARE owned AS SELECT 1",
            "execute": "EXECUTE owned",
            "deallocate": "DEALLOCATE owned",
            "describe": "DESCRIBE {table}",
            "show": "SHOW TABLES",
            "summarize": "SUMMARIZE {table}",
            "pivot": "PIVOT {table} ON {column} USING count(*)",
            "settings": "SELECT * FROM duckdb_settings()",
            "one setting": "SELECT current_setting('secret_directory')",
            "secrets": "SELECT * FROM duckdb_secrets()",
            "which secret": "SELECT * FROM which_secret('s3://x', 's3')",
            "environment": "SELECT getenv('HOME')",
            "variable": "SELECT getvariable('x')",
        },
    ),
    *group(
        "statement",
        BOTH,
        REFUSED,
        {
            "begin": "BEGIN",
            "commit": "COMMIT",
            "rollback": "ROLLBACK",
            "vacuum": "VACUUM",
            "analyze": "ANALYZE",
            "explain": "EXPLAIN SELECT * FROM {table}",
            "explain a write": "EXPLAIN DELETE FROM {table}",
        },
    ),
    *group(
        "statement",
        SQLITE,
        REFUSED,
        {
            "begin exclusive": "BEGIN EXCLUSIVE",
            "savepoint": "SAVEPOINT owned",
            "release": "RELEASE owned",
            "end": "END",
            "reindex": "REINDEX",
            "query plan": "EXPLAIN QUERY PLAN SELECT * FROM {table}",
        },
    ),
    *group(
        "statement",
        DUCKDB,
        REFUSED,
        {
            "begin transaction": "BEGIN TRANSACTION READ WRITE",
            "abort": "ABORT",
            "explain analyze": "EXPLAIN ANALYZE SELECT 1",
        },
    ),
)

WRITING = (*_WRITES, *_DEFINITIONS, *_SETTINGS)
