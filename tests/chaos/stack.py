"""Everything that runs: Postgres, Kafka, each service in processes of its own, proxies between them all.

The runner is their supervisor, as Kubernetes is in earnest: what has ended is started again, and nothing else is done
for it. A stack can be stopped and started again on its folder with everything that it has stored.
"""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx

from deploy.kafka.broker import Broker, BrokerTrouble
from services.city.credentials import Credentials
from services.city.embedded_postgres import EmbeddedPostgres
from services.city.trouble import Trouble
from shared.packs import load
from tests.chaos.brokers import Brokers
from tests.chaos.proxy import Proxy
from tests.chaos.server import Server
from tests.e2e.split import SECRET, OneOrigin, credentials_of, wangge

PACK = "haidian"
LAYOUT = (
    ("intake", "api"),
    ("intake", "worker"),
    ("intake", "worker"),
    ("dispatch", "api"),
    ("dispatch", "worker"),
    ("dispatch", "worker"),
    ("evaluation", "api"),
    ("evaluation", "worker"),
    ("notify", "api"),
    ("notify", "worker"),
    ("notify", "worker"),
)
SERVICES = ("intake", "dispatch", "evaluation", "notify")
MAX_CONNECTIONS = 150
# Every id that a transaction ever put into an outbox, by a trigger that only this stack has.
WITNESS = """
    CREATE SCHEMA chaos;
    CREATE TABLE chaos.put (schema text NOT NULL, event_id uuid NOT NULL, topic text NOT NULL,
                            subject text NOT NULL, sequence int NOT NULL);
    CREATE FUNCTION chaos.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos.put SELECT TG_TABLE_SCHEMA, event_id, topic, subject, sequence FROM new_rows;
        RETURN NULL;
    END $$;
"""
TRIGGER = """
    CREATE TRIGGER note AFTER INSERT ON {schema}.outbox REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION chaos.note()
"""


class Stack:
    """`data` holds what the servers store (a small file system of its own, where the run needs one)."""

    def __init__(self, folder: Path, data: Path, *, brokers: int, layout: tuple[tuple[str, str], ...] = LAYOUT) -> None:
        self.folder, self.data = folder, data
        data.mkdir(parents=True, exist_ok=True)
        self.postgres = EmbeddedPostgres(data, {"max_connections": str(MAX_CONNECTIONS), "wal_level": "minimal"})
        self.proxies = {name: Proxy(name) for name in (*SERVICES, "postgres", "kafka")}
        self.three = brokers > 1
        self.layout = layout
        self.kafka: Broker | Brokers
        self.servers: list[Server] = []
        self.credentials: Credentials
        self.restarts: list[str] = []
        self.notify_settings: dict[str, str] = {}

    def of(self, service: str, role: str) -> list[Server]:
        return [server for server in self.servers if (server.service, server.role) == (service, role)]

    @property
    def settings(self) -> dict[str, str]:
        return {
            "WANGGE_DATABASE_URL": f"postgresql://wangge@127.0.0.1:{self.proxies['postgres'].port}/wangge",
            "WANGGE_CARRIER": "kafka",
            "WANGGE_KAFKA_BOOTSTRAP": self.bootstrap,
            "WANGGE_KAFKA_REPLICATION": "3" if self.three else "1",
            "WANGGE_TOKEN_SECRET": SECRET,
            "WANGGE_PACK": PACK,
            "WANGGE_DATA_DIR": str(self.data / "files"),
            "WANGGE_LOG_FORMAT": "json",
            "WANGGE_WEBHOOK_PRIVATE_TARGETS": "true",
        }

    @property
    def bootstrap(self) -> str:
        return self.kafka.bootstrap if self.three else f"127.0.0.1:{self.proxies['kafka'].port}"

    @property
    def http(self) -> httpx.AsyncClient:
        """A client of the one origin, as an Ingress makes it; the caller closes it."""
        ports = {name: self.proxies[name].port for name in SERVICES}
        return httpx.AsyncClient(base_url="http://127.0.0.1", transport=OneOrigin(ports), timeout=20)

    def _end_left_over(self) -> None:
        """What a runner that was killed left behind: told by its pid and by this folder in its command or settings."""
        for path in (self.folder / "pids").glob("*"):
            with suppress(OSError):
                told = b"".join(Path(f"/proc/{path.name}/{what}").read_bytes() for what in ("cmdline", "environ"))
                if str(self.folder).encode() in told:
                    os.kill(int(path.name), signal.SIGKILL)
            path.unlink()

    def _remember(self, pid: int) -> None:
        (self.folder / "pids").mkdir(exist_ok=True)
        (self.folder / "pids" / str(pid)).touch()

    async def start(self) -> None:
        self._end_left_over()
        for proxy in self.proxies.values():
            await proxy.start()
        if self.three:
            self.kafka = Brokers(self.data / "kafka")
        else:
            self.kafka = Broker(self.data / "kafka", advertised=self.proxies["kafka"].port)
            self.proxies["kafka"].target = self.kafka.port
        await self.start_kafka()
        await self.start_postgres()
        new = not (self.folder / "key").exists()
        if new:
            await self._set_up()
        self.credentials = Credentials(**credentials_of((self.folder / "key").read_text(), PACK))  # type: ignore[arg-type]
        counts: dict[str, int] = {}
        for service, role in self.layout:
            kind = f"{service}-{role}"
            counts[kind] = counts.get(kind, 0) + 1
            server = Server(f"{kind}-{counts[kind]}", service, role, self.folder, self.settings)
            self.servers.append(server)
            if role != "worker":
                self.proxies[service].target = server.port
            await server.start()
        await self.all_ready()

    async def _set_up(self) -> None:
        await wangge(self.settings, "migrate")
        connection = await asyncpg.connect(self.postgres.dsn)
        await connection.execute(WITNESS)
        for schema in SERVICES:
            await connection.execute(TRIGGER.format(schema=schema))
        await connection.close()
        await wangge(self.settings, "areas", "import", "--pack", PACK)
        key = (await wangge(self.settings, "keys", "create", "chaos", "--area", load(PACK).area)).split()[-1]
        (self.folder / "key").write_text(key)

    async def start_postgres(self) -> None:
        """Until it takes connections; a server that was killed needs its last processes to be gone first."""
        until = time.monotonic() + 60
        while True:
            try:
                await self.postgres.start()
                break
            except Trouble:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.5)
        sockets = self.postgres._sockets
        self.proxies["postgres"].target = f"{sockets}/.s.PGSQL.5432"

    async def start_kafka(self) -> None:
        await asyncio.to_thread(self.kafka.start)
        for process in self.kafka.processes.values() if isinstance(self.kafka, Brokers) else [self.kafka.process]:
            if process is not None:
                self._remember(process.pid)
        await self.kafka.ready()

    async def watch(self) -> None:
        """Look after the services for ever, also while faults are under way; the servers' own faults see to them."""
        while True:
            self.restarts += await self._start_again()
            await asyncio.sleep(1)

    async def _start_again(self) -> list[str]:
        again = []
        for server in self.servers:
            if server.meant_to_run and not server.running:
                again.append(server.name)
                await server.start()
        return again

    async def supervise(self) -> list[str]:
        """Start again what has ended although it should run, servers too. The names, also kept in `restarts`."""
        again = []
        if self.postgres.process is None or self.postgres.process.poll() is not None:
            again.append("postgres")
            with suppress(Trouble):
                await self.start_postgres()
        if not self.three and isinstance(self.kafka, Broker):
            process = self.kafka.process
            if process is None or process.poll() is not None:
                again.append("kafka")
                with suppress(BrokerTrouble):
                    await self.start_kafka()
        again += await self._start_again()
        self.restarts += again
        return again

    async def all_ready(self, seconds: float = 300.0) -> dict[str, float]:
        """Until every process answers 200 on /readyz; who took how long. Raises AssertionError for who does not."""
        began = time.monotonic()
        took: dict[str, float] = {}
        while True:
            await self.supervise()
            answers = await asyncio.gather(*(server.is_ready() for server in self.servers))
            for server, ready in zip(self.servers, answers, strict=True):
                if not ready:
                    took[server.name] = time.monotonic() - began
            if all(answers):
                return took
            late = [server.name for server, ready in zip(self.servers, answers, strict=True) if not ready]
            assert time.monotonic() < began + seconds, f"not ready after {seconds:.0f} s: {', '.join(late)}"
            await asyncio.sleep(0.3)

    async def stop(self) -> None:
        for server in self.servers:
            if server.running:
                server.signal(signal.SIGCONT)
        await asyncio.gather(*(server.end() for server in self.servers))
        for proxy in self.proxies.values():
            await proxy.stop()
        await self.postgres.stop()
        if hasattr(self, "kafka"):
            await asyncio.to_thread(self.kafka.stop)
