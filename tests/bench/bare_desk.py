"""The bare form of an act: FastAPI, asyncpg and one transaction that locks, updates and adds two rows. Nothing else.

`python -m tests.bench.bare_desk --port 8080`, its database in WANGGE_DATABASE_URL. It asks nobody who they are, knows
no rule, version or Idempotency-Key, and its tables have no index beside their primary keys.
"""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import asyncpg
import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, StringConstraints

CONNECTIONS = 12  # as many as one of our processes has

TABLES = """
    CREATE SCHEMA bare;
    CREATE TABLE bare.cases (
        id uuid PRIMARY KEY, number text NOT NULL, status text NOT NULL, version int NOT NULL, area text NOT NULL,
        lon float8 NOT NULL, lat float8 NOT NULL, category text NOT NULL, description text NOT NULL, unit text,
        opened_at timestamptz NOT NULL, due_at timestamptz
    );
    CREATE TABLE bare.timeline (
        case_id uuid NOT NULL, version int NOT NULL, act text NOT NULL, at timestamptz NOT NULL, actor text NOT NULL,
        status text NOT NULL, opinion text, PRIMARY KEY (case_id, version)
    );
    CREATE TABLE bare.outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, key text NOT NULL, data bytea NOT NULL
    );
"""

LOCK = "SELECT status, version, area FROM bare.cases WHERE id = $1 FOR UPDATE"
UPDATE = "UPDATE bare.cases SET status = $2, version = $3 WHERE id = $1"
TELL = """
    INSERT INTO bare.timeline (case_id, version, act, at, actor, status, opinion) VALUES ($1, $2, $3, now(), $4, $5, $6)
"""
PUBLISH = "INSERT INTO bare.outbox (topic, key, data) VALUES ('cases', $1, $2)"


class ActBody(BaseModel):
    status: Annotated[str, StringConstraints(max_length=20)]
    actor: Annotated[str, StringConstraints(max_length=200)]
    opinion: Annotated[str, StringConstraints(max_length=2000)] | None = None


async def _nothing_to_reset(connection: object) -> None:
    """asyncpg would send `RESET ALL; …` at each release: the bare form is spared it, as ours is."""


@asynccontextmanager
async def _with_pool(app: FastAPI) -> AsyncIterator[None]:
    dsn = os.environ["WANGGE_DATABASE_URL"]
    async with asyncpg.create_pool(dsn, min_size=0, max_size=CONNECTIONS, reset=_nothing_to_reset) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_with_pool)


@app.get("/readyz")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.post("/cases/{case_id}/{act}")
async def do(case_id: UUID, act: str, body: ActBody, request: Request) -> dict[str, object]:
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(LOCK, case_id)
        if row is None:
            raise HTTPException(404)
        version = row["version"] + 1
        await connection.execute(UPDATE, case_id, body.status, version)
        await connection.execute(TELL, case_id, version, act, body.actor, body.status, body.opinion)
        told = {"case_id": case_id, "version": version, "act": act, "from": row["status"], **body.model_dump()}
        await connection.execute(PUBLISH, row["area"], orjson.dumps(told, default=str))
    return {"id": case_id, "status": body.status, "version": version}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=parser.parse_args().port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
