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

# What lies in a box where not many do: all of it by the index of places, then what else is asked of it.
_IN_BOX_PART = "point(q.lon, q.lat) <@ box(point($4, $5), point($6, $7))"
NEAR_PART = (
    f"""
    SELECT q.id FROM (
           SELECT q.report_id AS id, q.area, q.category, q.open, q.lon, q.lat FROM intake.open311_requests q
            WHERE {_IN_BOX_PART} OFFSET 0) AS q
     WHERE q.id >= $1 AND q.id < $2 AND {_INSIDE_PART}
       AND ($8::text[] IS NULL OR q.category = ANY ($8)) AND ($9::boolean[] IS NULL OR q.open = ANY ($9))
     {{near_last}}""",
    f"{_YOUNG_PART} AND ($8 IS NULL OR r.category = ANY ($8)) AND ($9 IS NULL OR true = ANY ($9))",
    10,
)
# As many as are looked at for it; where there are more, a walk down the index of time soon has a page of them. In the
# order of distance, since that reads the index one by one: in any order it is read whole before the first is counted.
FEW = 2_000
NEAR = f"""
    SELECT count(*) FROM (
        SELECT FROM intake.open311_requests q
         WHERE point(q.lon, q.lat) <@ box(point($1, $2), point($3, $4))
         ORDER BY point(q.lon, q.lat) <-> point($1, $2) LIMIT {FEW + 1}) AS f
"""


def listed(part: tuple[str, str, int]) -> str:
    """Ids, the youngest first: as many as the next parameter says, from behind as many as the one after it says."""
    known, young, n = part
    reach = f"(${n}::bigint + ${n + 1}::bigint)"
    return f"""
    SELECT id FROM (
        ({known.format(last=f"ORDER BY q.report_id DESC LIMIT {reach}", near_last=f"ORDER BY q.id DESC LIMIT {reach}")})
        UNION ALL
        ({young} ORDER BY r.id DESC LIMIT {reach})
    ) AS f ORDER BY id DESC LIMIT ${n}::bigint OFFSET ${n + 1}::bigint
    """


def counted(part: tuple[str, str, int]) -> str:
    """How many they are."""
    known, young, _ = part
    known = known.format(last="", near_last="")
    return f"SELECT (SELECT count(*) FROM ({known}) AS k) + (SELECT count(*) FROM ({young}) AS y)"
