"""The shape that all lists of requests have: the settled and begun ones by an index, then the young ones."""

from shared.kernel.area import prefix_sql

# $1, $2: ids from and until; $3: area; $4 to $7: west, south, east, north. What follows is each list's own.
_INSIDE_PART = f"""{prefix_sql("q.area", "$3")}
       AND ($4::float8 IS NULL OR (q.lon BETWEEN $4 AND $6 AND q.lat BETWEEN $5 AND $7))"""
_YOUNG_PART = f"""
    SELECT r.id FROM intake.reports r
     WHERE r.id >= $1 AND r.id < $2 AND r.id > (SELECT upto FROM intake.open311_settled)
       AND NOT EXISTS (SELECT FROM intake.open311_requests q WHERE q.report_id = r.id)
       AND {prefix_sql("r.routing_key", "$3")}
       AND ($4 IS NULL OR (r.lon BETWEEN $4 AND $6 AND r.lat BETWEEN $5 AND $7))"""

BY_TIME_PART = (
    f"""
    SELECT q.report_id AS id FROM intake.open311_requests q
     WHERE q.report_id >= $1 AND q.report_id < $2 AND {_INSIDE_PART} {{last}}""",
    _YOUNG_PART,
    8,
)
# One walk down the index for each value asked for, and a merge of what they bring: a condition on a list of values
# would read all of them and sort.
BY_STATUS_PART = (
    f"""
    SELECT q.id FROM unnest($8::boolean[]) AS o (open), LATERAL (
           SELECT q.report_id AS id FROM intake.open311_requests q
            WHERE q.open = o.open AND q.report_id >= $1 AND q.report_id < $2 AND {_INSIDE_PART} {{last}}) AS q""",
    f"{_YOUNG_PART} AND true = ANY ($8)",
    9,
)
BY_CATEGORY_PART = (
    f"""
    SELECT q.id FROM unnest($8::text[]) AS c (code), unnest($9::boolean[]) AS o (open), LATERAL (
           SELECT q.report_id AS id FROM intake.open311_requests q
            WHERE q.category = c.code AND q.open = o.open AND q.report_id >= $1 AND q.report_id < $2
              AND {_INSIDE_PART} {{last}}) AS q""",
    f"{_YOUNG_PART} AND r.category = ANY ($8) AND true = ANY ($9)",
    10,
)


def listed(part: tuple[str, str, int]) -> str:
    """Ids, the youngest first: as many as the next parameter says, from behind as many as the one after it says."""
    known, young, n = part
    reach = f"(${n}::bigint + ${n + 1}::bigint)"
    return f"""
    SELECT id FROM (
        ({known.format(last=f"ORDER BY q.report_id DESC LIMIT {reach}")})
        UNION ALL
        ({young} ORDER BY r.id DESC LIMIT {reach})
    ) AS f ORDER BY id DESC LIMIT ${n}::bigint OFFSET ${n + 1}::bigint
    """


def counted(part: tuple[str, str, int]) -> str:
    """How many they are."""
    known, young, _ = part
    return f"SELECT (SELECT count(*) FROM ({known.format(last='')}) AS k) + (SELECT count(*) FROM ({young}) AS y)"
