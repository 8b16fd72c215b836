"""HTTP as every service speaks it: problems, bodies, pages, ETags."""

from shared.http.app import answer_refusals, new_app, wired_of
from shared.http.openapi import OPEN, operations, refusals
from shared.http.problems import PROBLEM_JSON, STATUS, problem, problem_response, status_of
from shared.http.shapes import (
    AREA,
    AREA_PATH,
    BadCursor,
    BadEtag,
    Body,
    Cursor,
    Instant,
    Listing,
    MissingIfMatch,
    PageLimit,
    Revision,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    one_way,
)
from shared.http.straight import StraightRoute, body_of, once_each, runs

__all__ = [
    "AREA",
    "AREA_PATH",
    "OPEN",
    "PROBLEM_JSON",
    "STATUS",
    "BadCursor",
    "BadEtag",
    "Body",
    "Cursor",
    "Instant",
    "Listing",
    "MissingIfMatch",
    "PageLimit",
    "Revision",
    "StraightRoute",
    "answer_refusals",
    "body_of",
    "decode_cursor",
    "encode_cursor",
    "etag",
    "if_match",
    "new_app",
    "once_each",
    "one_way",
    "operations",
    "problem",
    "problem_response",
    "refusals",
    "runs",
    "status_of",
    "wired_of",
]
