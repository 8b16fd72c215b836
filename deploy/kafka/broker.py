"""A real Kafka broker on this machine: fetched with Maven, started with Java, ready when it answers.

`python -m deploy.kafka.broker --port 9092` keeps one running in the foreground; tests use `Broker`.
"""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIB = HERE / "lib"
MINIMUM_JAVA = 17
READY_SECONDS = 90.0
STOP_SECONDS = 20.0
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# 385 MB resident; ready 4 s after the start. The first compiler alone: a broker of ours lives for minutes, and through
# the first of them the second one takes a fifth of two cores.
JVM = (
    "-XX:TieredStopAtLevel=1",
    "-Xms256m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=128m",
    "-Djava.awt.headless=true",
)
LOGGING = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"


class BrokerTrouble(Exception):
    """One line that says what is missing or failed, and what to do."""


def free_port() -> int:
    """A port of the loopback interface that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError as error:
            raise BrokerTrouble(f"port {port} is taken: choose another, make kafka KAFKA_PORT=…") from error


def java() -> str:
    """The java to use. Raises BrokerTrouble when there is none, or an old one."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else None
    found = found or shutil.which("java")
    how = "install it (Debian, Ubuntu: apt-get install openjdk-17-jre-headless) or set JAVA_HOME"
    if found is None:
        raise BrokerTrouble(f"Kafka needs Java {MINIMUM_JAVA} or later, and there is none: {how}")
    output = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
    version = output.partition('"')[2].partition('"')[0]
    major = version.split(".")[0]
    if major.isdigit() and int(major) < MINIMUM_JAVA:
        raise BrokerTrouble(f"Kafka needs Java {MINIMUM_JAVA} or later, and this is {version}: {how}")
    return found


def fetch() -> None:
    """Copy the broker's jars to lib/, unless those that pom.xml asks for are there already. Raises BrokerTrouble."""
    pom, copied = HERE / "pom.xml", LIB / "pom.xml"
    if copied.exists() and copied.read_bytes() == pom.read_bytes():
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerTrouble(
            "Kafka is fetched with Maven, and there is none: install it (Debian, Ubuntu: apt-get install maven)"
        )
    print("kafka: fetching the broker with Maven (55 MB)", flush=True)
    # Aside, then one rename: two that fetch at once do not see each other's half.
    aside = HERE / f"lib.{os.getpid()}"
    command = [maven, "-q", "-B", "-f", str(pom), COPY, f"-DoutputDirectory={aside}", "-DincludeScope=runtime"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        lines = [line for line in result.stdout.splitlines() if line.startswith("[ERROR]")] or [
            "[ERROR] no reason given"
        ]
        raise BrokerTrouble(f"Maven could not fetch the broker: {lines[0].removeprefix('[ERROR]').strip()}")
    shutil.copyfile(pom, aside / "pom.xml")
    shutil.rmtree(LIB, ignore_errors=True)
    with suppress(OSError):
        aside.rename(LIB)
    shutil.rmtree(aside, ignore_errors=True)


class Broker:
    """One broker on `data`, a folder of its own; a second start on the same folder finds its topics again.

    `advertised` is the port that clients are told to come back to, where something stands between them and the broker.
    """

    def __init__(self, data: Path, *, port: int = 0, advertised: int | None = None) -> None:
        self.data = data.resolve()
        self.port = port or free_port()
        self.controller_port = port + 1 if port else free_port()
        self.advertised = advertised or self.port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process; `ready` tells when it can be used. Raises BrokerTrouble."""
        runtime = java()
        fetch()
        for port in (self.port, self.controller_port):
            _refuse_taken(port)
        self.data.mkdir(parents=True, exist_ok=True)
        properties = self.data / "server.properties"
        template = (HERE / "server.properties").read_text(encoding="utf-8")
        filled = {"port": self.port, "controller_port": self.controller_port, "advertised": self.advertised}
        for name, value in (filled | {"data": self.data}).items():
            template = template.replace(f"{{{name}}}", str(value))
        properties.write_text(template, encoding="utf-8")
        program = [runtime, *JVM, LOGGING, "-cp", str(LIB / "*")]
        self._format(program, properties)
        with (self.data / "broker.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*program, "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _format(self, program: list[str], properties: Path) -> None:
        if (self.data / "log" / "meta.properties").exists():
            return
        cluster = self.data / "cluster.id"
        tool = [*program, "kafka.tools.StorageTool"]
        if not cluster.exists():
            made = subprocess.run([*tool, "random-uuid"], capture_output=True, text=True)
            cluster.write_text(made.stdout.strip(), encoding="utf-8")
        # With "=": an id may begin with a dash.
        arguments = ["format", "--standalone", f"--cluster-id={cluster.read_text()}", "--ignore-formatted"]
        result = subprocess.run([*tool, *arguments, "--config", str(properties)], capture_output=True, text=True)
        if result.returncode != 0:
            reason = (result.stderr.strip() or result.stdout.strip() or "no reason given").splitlines()[-1]
            raise BrokerTrouble(f"Kafka could not format {self.data}: {reason}")

    async def ready(self) -> None:
        """Wait until a group can commit: a listening port is not enough, the coordinator comes a second later."""
        deadline = time.monotonic() + READY_SECONDS
        while not await self._takes_a_commit():
            if self.process is None or self.process.poll() is not None:
                raise BrokerTrouble(f"Kafka ended at start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise BrokerTrouble(f"Kafka was not ready after {READY_SECONDS:.0f} s: {self._last_words()}")
            await asyncio.sleep(0.1)

    async def _takes_a_commit(self) -> bool:
        import logging

        from aiokafka import AIOKafkaConsumer, TopicPartition
        from aiokafka.admin import AIOKafkaAdminClient, NewTopic
        from aiokafka.errors import KafkaError

        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=3000)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id="readiness", enable_auto_commit=False)
        probe = TopicPartition("readiness", 0)
        try:
            async with asyncio.timeout(10):
                await admin.start()
                await admin.create_topics([NewTopic("readiness", 1, 1)])
                await consumer.start()
                consumer.assign([probe])
                await consumer.commit({probe: 0})
            return True
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await consumer.stop()
            await admin.close()
            logging.getLogger("aiokafka").setLevel(logging.NOTSET)

    def stop(self) -> None:
        """SIGTERM, and wait for it (about 2 s); SIGKILL should that not do."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """SIGKILL, as a machine that loses its power; `start` on the same folder and port comes back."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _last_words(self) -> str:
        path = self.data / "broker.log"
        lines = path.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'no message'} (more in {path})"


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a Kafka broker here until Ctrl-C.")
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--data", type=Path, default=Path(".wangge/kafka"), help="its folder (default .wangge/kafka)")
    arguments = parser.parse_args()
    broker = Broker(arguments.data, port=arguments.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        broker.start()
        asyncio.run(broker.ready())
        print(f"kafka: ready at {broker.bootstrap}, data in {broker.data}; Ctrl-C stops it", flush=True)
        assert broker.process is not None
        return broker.process.wait()
    except BrokerTrouble as trouble:
        print(f"kafka: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        broker.stop()


if __name__ == "__main__":
    sys.exit(main())
