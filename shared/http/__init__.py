"""HTTP as every service speaks it: problems, bodies, pages, ETags."""

from shared.http.app import answer_refusals, new_app, wired_of
from shared.http.problems import PROBLEM_JSON, STATUS, problem, problem_response, status_of
from shared.http.shapes import (
    BadCursor,
    BadEtag,
    Body,
    Cursor,
    Listing,
    MissingIfMatch,
    PageLimit,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
)
from shared.http.straight import StraightRoute, body_of, once_each, runs

__all__ = [
    "PROBLEM_JSON",
    "STATUS",
    "BadCursor",
    "BadEtag",
    "Body",
    "Cursor",
    "Listing",
    "MissingIfMatch",
    "PageLimit",
    "StraightRoute",
    "answer_refusals",
    "body_of",
    "decode_cursor",
    "encode_cursor",
    "etag",
    "if_match",
    "new_app",
    "once_each",
    "problem",
    "problem_response",
    "runs",
    "status_of",
    "wired_of",
]
