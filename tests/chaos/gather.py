"""Evidence taken: the database in one snapshot, the topics from their beginning, who is ready, what is shown."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.chaos.book import Book
from tests.chaos.evidence import CaseRow, Evidence, LogRow, Message, Parked, Step
from tests.chaos.stack import SERVICES, Stack

# Thousands of facts, all of them told before the first fault: only whether they are read to the end is looked at.
AREAS = "wangge.intake.areas.v1"
TOPICS = (
    "wangge.intake.reports.v1",
    AREAS,
    "wangge.intake.keys.v1",
    "wangge.dispatch.cases.v1",
)


async def read_topics(stack: Stack) -> tuple[list[Message], dict[tuple[str, int], int]]:
    """Every record of every topic but that of the areas, and where each partition of all of them ends."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        places = [
            TopicPartition(t, p) for t in TOPICS for p in consumer.partitions_for_topic(t) or await _ask(consumer, t)
        ]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        starts = await consumer.beginning_offsets(places)
        left = {place for place in places if ends[place] > starts[place] and place.topic != AREAS}
        consumer.assign(left)
        messages: list[Message] = []
        async with asyncio.timeout(120):
            while left:
                for place, found in (await consumer.getmany(timeout_ms=500, max_records=5000)).items():
                    messages += [_message(place, record) for record in found]
                    if found and found[-1].offset + 1 >= ends[place]:
                        left.discard(place)
    finally:
        await consumer.stop()
    return messages, {(place.topic, place.partition): end for place, end in ends.items()}


async def _ask(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """A consumer knows a topic's partitions only after it was told to care for it."""
    await consumer._client.add_topic(topic)
    return set(consumer.partitions_for_topic(topic) or ())


def _message(place: TopicPartition, record: Any) -> Message:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    try:
        data = orjson.loads(record.value)
    except (orjson.JSONDecodeError, TypeError):
        data = None
    return Message(
        place.topic,
        place.partition,
        record.offset,
        headers.get("ce_id", ""),
        headers.get("ce_type", ""),
        headers.get("ce_subject", ""),
        int(headers.get("ce_sequence", "0")),
        headers.get("ce_routingkey", ""),
        data,
    )


async def gather(stack: Stack, book: Book, seconds: float = 120.0) -> Evidence:
    """Topics, database and book as they stood at one moment at which nothing was under way.

    A clock may fire at any moment: what moved meanwhile, or is about to, is taken again, for `seconds` at most.
    """
    until = time.monotonic() + seconds
    while True:
        messages, ends = await read_topics(stack)
        evidence = await _database(stack, book, ends)
        evidence.messages = messages
        await _told(evidence)
        evidence.book = book.copy()
        still = not any(evidence.lag.values()) and not any(evidence.outbox.values())
        if still and await _moved(stack) == (len(evidence.put), 0) and await read_ends(stack) == ends:
            break
        if time.monotonic() > until:
            break
        await asyncio.sleep(0.5)
    evidence.ready = {server.name: await server.is_ready() for server in stack.servers}
    await _public(stack, evidence)
    return evidence


async def _told(evidence: Evidence, seconds: float = 60.0) -> None:
    """Until the log's newest events have come to those who listen to the whole city, or for so long."""
    logged = {row.id for row in evidence.log[-500:]}
    ears = ["city"] if "city" in evidence.book.prefixes else []
    ears += ["webhook"] if evidence.webhook_state == "active" else []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if all(logged <= {heard.id for heard in evidence.book.heard[ear][-2000:]} for ear in ears):
            return
        await asyncio.sleep(0.2)


async def read_ends(stack: Stack) -> dict[tuple[str, int], int]:
    """Where each partition ends now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka.bootstrap)
    await consumer.start()
    try:
        places = [TopicPartition(t, p) for t in TOPICS for p in await _ask(consumer, t)]
        return {(p.topic, p.partition): end for p, end in (await consumer.end_offsets(places)).items()}
    finally:
        await consumer.stop()


async def _moved(stack: Stack) -> tuple[int, int]:
    """How many ids were ever put into an outbox, and how many clocks should have fired and have not."""
    connection = await asyncpg.connect(stack.postgres.dsn)
    try:
        put = await connection.fetchval("SELECT count(*) FROM chaos.put WHERE topic <> $1", AREAS)
        return put, await connection.fetchval("SELECT count(*) FROM dispatch.clocks WHERE due_at <= now()")
    finally:
        await connection.close()


async def read_lag(connection: Any, ends: Mapping[tuple[str, int], int]) -> dict[tuple[str, str, int], int]:
    """Group, topic, partition → records not yet applied, by the progress in Postgres."""
    lag = {}
    for schema in SERVICES:
        for row in await connection.fetch(f"SELECT grp, topic, partition, next_offset FROM {schema}.inbox_progress"):
            place = (row["topic"], row["partition"])
            if place in ends:
                lag[row["grp"], *place] = ends[place] - row["next_offset"]
    return lag


async def _database(stack: Stack, book: Book, ends: Mapping[tuple[str, int], int]) -> Evidence:
    connection = await asyncpg.connect(stack.postgres.dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            found = Evidence(book, await connection.fetchval("SELECT now()"))
            fetch = connection.fetch
            found.reports = {str(row[0]) for row in await fetch("SELECT id FROM intake.reports")}
            for schema in ("intake", "dispatch"):
                rows = await fetch(f"SELECT key, body FROM {schema}.idempotency WHERE status < 300")
                # Others than the clients' own are not looked at: the answer to a new API key is sealed.
                found.outcomes[schema] = {r["key"]: orjson.loads(r["body"]) for r in rows if r["key"] in book.asked}
            for row in await fetch("SELECT id, reports, version, revision, status FROM dispatch.cases"):
                found.cases[str(row["id"])] = CaseRow(tuple(map(str, row["reports"])), *list(row)[2:])
            merged = await fetch("SELECT report_id, cluster FROM intake.merged_reports WHERE unmerged_at IS NULL")
            found.merged = {str(row[0]): str(row[1]) for row in merged}
            for row in await fetch(
                """SELECT case_id, version, revision, act, at, actor, status, details->>'stage' AS stage
                     FROM dispatch.timeline ORDER BY case_id, version"""
            ):
                found.timeline.setdefault(str(row["case_id"]), []).append(Step(*list(row)[1:]))
            found.put = [
                (str(row[0]), *list(row)[1:])
                for row in await fetch(
                    "SELECT event_id, topic, subject, sequence FROM chaos.put WHERE topic <> $1", AREAS
                )
            ]
            for schema in SERVICES:
                found.outbox[schema] = await connection.fetchval(f"SELECT count(*) FROM {schema}.outbox")
                found.parked += [
                    Parked(row[0], schema, *list(row)[1:])
                    for row in await fetch(
                        f"""SELECT id, grp, topic, partition, "offset", subject, sequence, reason
                              FROM {schema}.inbox_parked ORDER BY id"""
                    )
                ]
            found.facts = [(str(r[0]), r[1]) for r in await fetch("SELECT case_id, version FROM evaluation.facts")]
            found.counted = {str(row["case_id"]): dict(row) for row in await fetch("SELECT * FROM evaluation.cases")}
            for row in await fetch(
                "SELECT position, subject, sequence, routing_key, type, event FROM notify.log ORDER BY position"
            ):
                event = orjson.loads(row["event"])
                found.log.append(
                    LogRow(
                        row["position"], event["id"], row["subject"], row["sequence"], row["routing_key"], row["type"]
                    )
                )
            found.statuses = {
                str(row[0]): (str(row[1]), row[2], row[3])
                for row in await fetch("SELECT report_id, case_id, version, status FROM intake.report_status")
            }
            for row in await fetch("SELECT case_id, version, status FROM notify.tracked_steps ORDER BY 1, 2"):
                found.tracked.setdefault(str(row[0]), []).append((row[1], row[2]))
            found.lag = await read_lag(connection, ends)
            found.webhook_state = await connection.fetchval("SELECT state FROM notify.webhooks LIMIT 1") or "none"
            return found
    finally:
        await connection.close()


async def _public(stack: Stack, evidence: Evidence) -> None:
    """The same as anybody can ask for: the district's score card, and some reports as their senders see them."""
    client = stack.http
    try:
        who = {"authorization": f"Bearer {stack.credentials.tokens['evaluator']}"}
        asked = {"object": "region", "area": "110108", "children": "false", "cohort": "filed"}
        answer = await client.get("/evaluation/v1/scorecards", params=asked, headers=who)
        assert answer.status_code == 200, answer.text
        evidence.scorecard = answer.json()["items"][0]["counters"]
        app = {"authorization": f"Bearer {stack.credentials.app}"}
        for report in sorted(evidence.reports)[-40:]:
            shown = (await client.get(f"/intake/v1/reports/{report}", headers=app)).json()
            evidence.shown[report] = (shown["case_id"], shown["status"])
    finally:
        await client.aclose()
