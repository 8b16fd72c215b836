"""How a few hundred real cases become as many as are wanted: each copied under other ids, into other grids and times.

The statements name no column that they do not change, so a new column of a table is copied like the others.
"""

import asyncpg

# Cases of the store were opened in the year before this; what is newer was left by a measurement.
NEWER = "01941f29-7c00-7000-8000-000000000000"  # the first UUIDv7 of 2025 (UTC)
FIRST = "2024-01-01T00:00:00Z"
YEAR_MS = 366 * 86_400_000

# {n} is the number of a copy, {kind} c for the case's id and r for the report's; times of FIRST and on.
_ID = """(lpad(to_hex({ms}), 12, '0') || '7' || substr(md5('{kind}' || n), 1, 3)
          || '8' || substr(md5('{kind}' || n), 4, 15))::uuid"""
_MS = f"(extract(epoch FROM timestamptz '{FIRST}') * 1000)::bigint + n * ({YEAR_MS} / {{count}})"

# What was played once, by number, and out of the way of what will be played.
SAMPLE = """
    CREATE SCHEMA sample;
    CREATE TABLE sample.cases AS
        SELECT row_number() OVER (ORDER BY id) - 1 AS s, c.* FROM dispatch.cases c WHERE status = 'closed';
    CREATE TABLE sample.timeline AS
        SELECT c.s, t.* FROM dispatch.timeline t JOIN sample.cases c ON c.id = t.case_id ORDER BY c.s, t.version;
    CREATE TABLE sample.reports AS
        SELECT c.s, r.* FROM intake.reports r JOIN sample.cases c ON c.report_id = r.id;
    CREATE TABLE sample.grids AS
        SELECT row_number() OVER (ORDER BY md5(path)) - 1 AS g, path, lon, lat FROM intake.areas
         WHERE level = 'grid' AND ended_at IS NULL;
    SET session_replication_role = replica;
    TRUNCATE dispatch.cases, dispatch.timeline, dispatch.clocks, dispatch.audit_pending, intake.reports,
             intake.report_status, intake.outbox, dispatch.outbox, intake.idempotency, dispatch.idempotency,
             dispatch.case_moves, dispatch.case_unread, dispatch.case_words;
    RESET session_replication_role;
    ANALYZE;
"""

# 7919 is a prime: neighbours in time lie in grids far from each other.
_MADE = f"""
    CREATE TABLE sample.made AS
    SELECT n, n % (SELECT count(*) FROM sample.cases) AS s, to_timestamp(({_MS}) / 1000.0) AS made_at,
           {_ID.format(ms=_MS, kind="c")} AS case_id, {_ID.format(ms=_MS, kind="r")} AS report_id,
           g.path AS grid, g.lon AS grid_lon, g.lat AS grid_lat
      FROM generate_series(0::bigint, {{count}} - 1) AS n
      JOIN sample.grids g ON g.g = n * 7919 % (SELECT count(*) FROM sample.grids)
     ORDER BY n
"""

_CASES = {
    "id": "m.case_id",
    "report_id": "m.report_id",
    "reports": "ARRAY[m.report_id]",
    "number": r"regexp_replace(c.number, '\d+$', to_char(m.made_at, 'YYYYMMDD') || lpad(m.n::text, 6, '0'))",
    "area": "m.grid",
    "born_in": "m.grid",
    "lon": "m.grid_lon",
    "lat": "m.grid_lat",
    "opened_at": "m.made_at",
    "due_at": "c.due_at - c.opened_at + m.made_at",
    "ended_at": "c.ended_at - c.opened_at + m.made_at",
}
_TIMELINE = {"case_id": "m.case_id", "at": "t.at - c.opened_at + m.made_at"}
_REPORTS = {
    "id": "m.report_id",
    "tracking_code": "upper(substr(md5('t' || m.n), 1, 12))",
    "routing_key": "m.grid",
    "lon": "m.grid_lon",
    "lat": "m.grid_lat",
    "received_at": "m.made_at",
}
# What would be kept of each for the search (domain/search.py): the sample's keys once, the number's for each.
_GRAMS = """ARRAY (SELECT DISTINCT (key - CASE WHEN key >> 31 = 1 THEN 1::bigint << 32 ELSE 0 END)::int
          FROM (SELECT ascii(substr({text}, i, 1))::bigint << 16 # ascii(substr({text}, i + 1, 1)) AS key
                  FROM generate_series(1, length({text}) - 1) AS i
                 WHERE substr({text}, i, 2) !~ '[[:space:]]') AS keys)"""
_WORDS = f"""
    CREATE TABLE sample.words AS
        SELECT s, words, {_GRAMS.format(text="words")} AS grams
          FROM (SELECT s, lower(description) AS words FROM sample.cases) AS told;
    DROP INDEX dispatch.case_words_grams_idx;
    INSERT INTO dispatch.case_words (case_id, number, words, grams)
        SELECT c.id, c.number, lower(c.number) || E'\\n' || w.words,
               ARRAY (SELECT DISTINCT unnest(w.grams || {_GRAMS.format(text="lower(c.number)")}) ORDER BY 1)
          FROM sample.made m JOIN sample.words w USING (s) JOIN dispatch.cases c ON c.id = m.case_id ORDER BY m.n;
    CREATE INDEX case_words_grams_idx ON dispatch.case_words USING gin (grams);
"""
_REST = """
    INSERT INTO intake.report_status (report_id, case_id, version, status)
        SELECT m.report_id, m.case_id, c.version, c.status FROM sample.made m JOIN sample.cases c USING (s) ORDER BY n;
    INSERT INTO bare.cases
        SELECT id, number, status, version, area, lon, lat, category, description, unit, opened_at, due_at
          FROM dispatch.cases ORDER BY id;
    INSERT INTO bare.timeline
        SELECT case_id, version, act, at, actor, status, opinion FROM dispatch.timeline ORDER BY case_id, version;
    DROP SCHEMA sample CASCADE;
"""

# What a measurement left behind is taken away; readers keep what they have read. A timeline is add-only to all but a
# superuser who says so.
CLEAR = f"""
    SET session_replication_role = replica;
    TRUNCATE intake.outbox, dispatch.outbox, intake.idempotency, dispatch.idempotency, dispatch.clocks, bare.outbox,
             dispatch.audit_pending, dispatch.case_unread;
    DELETE FROM dispatch.cases WHERE id >= '{NEWER}';
    DELETE FROM dispatch.timeline WHERE case_id >= '{NEWER}';
    DELETE FROM intake.reports WHERE id >= '{NEWER}';
    DELETE FROM intake.report_status WHERE report_id >= '{NEWER}';
    DELETE FROM bare.cases WHERE id >= '{NEWER}';
    DELETE FROM bare.timeline WHERE case_id >= '{NEWER}';
    RESET session_replication_role;
"""
TABLES = (
    "dispatch.cases",
    "dispatch.case_words",
    "dispatch.case_counts",
    "dispatch.case_moves",
    "dispatch.timeline",
    "intake.reports",
    "intake.report_status",
    "bare.cases",
    "bare.timeline",
)

# New rows of the bare form, as long as those of the sample.
BARE_WAITING = """
    INSERT INTO bare.cases
    SELECT gen.id, c.number, 'new', 0, c.area, c.lon, c.lat, c.category, c.description, NULL, now(), NULL
      FROM unnest($1::uuid[]) WITH ORDINALITY AS gen (id, n)
      JOIN (SELECT *, row_number() OVER () AS n FROM bare.cases LIMIT 1000) c ON c.n = gen.n % 1000 + 1
"""


async def fill(connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
    """`count` closed cases with their reports and timelines, in our tables and the bare form's."""
    await connection.execute(_MADE.format(count=count))
    await connection.execute("ALTER TABLE dispatch.cases DISABLE TRIGGER USER")
    copies = (
        ("intake.reports", _REPORTS, "sample.reports r USING (s)", "r"),
        ("dispatch.cases", _CASES, "sample.cases c USING (s)", "c"),
        ("dispatch.timeline", _TIMELINE, "sample.timeline t USING (s) JOIN sample.cases c USING (s)", "t"),
    )
    for table, changed, joined, alias in copies:
        await connection.execute(await _copied(connection, table, changed, joined, alias))
    await connection.execute("ALTER TABLE dispatch.cases ENABLE TRIGGER USER")
    await connection.execute(_WORDS)
    await connection.execute(_REST)


async def _copied(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, changed: dict[str, str], joined: str, alias: str
) -> str:
    found = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        table,
    )
    names = [row["attname"] for row in found]
    values = ", ".join(changed.get(name, f"{alias}.{name}") for name in names)
    order = "m.n, t.version" if alias == "t" else "m.n"
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM sample.made m JOIN {joined} ORDER BY {order}"
