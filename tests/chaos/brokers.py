"""Three brokers, so that one can be lost: every topic has three copies, two of which must have a record."""

import asyncio
import subprocess
import time
from pathlib import Path

from deploy.kafka.broker import JVM, LIB, LOGGING, BrokerTrouble, fetch, free_port, java

PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.bootstrap.servers={controllers}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
offsets.topic.num.partitions=3
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
log.segment.bytes=67108864
"""
NODES = (1, 2, 3)


class Brokers:
    """A cluster on `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.ports = {node: free_port() for node in NODES}
        self._controllers = {node: free_port() for node in NODES}
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports.values())

    def start(self) -> None:
        """Every broker that does not run."""
        fetch()
        for node in NODES:
            if not (self.folder / f"{node}.properties").exists():
                self._format()
        for node in NODES:
            process = self.processes.get(node)
            if process is None or process.poll() is not None:
                self._start(node)

    def _program(self) -> list[str]:
        small = [flag for flag in JVM if not flag.startswith("-Xmx")]
        return [java(), *small, "-Xmx256m", LOGGING, "-cp", str(LIB / "*")]

    def _start(self, node: int) -> None:
        with (self.folder / f"{node}.log").open("ab") as output:
            self.processes[node] = subprocess.Popen(
                [*self._program(), "kafka.Kafka", str(self.folder / f"{node}.properties")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _format(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        tool = [*self._program(), "kafka.tools.StorageTool"]

        def uuid() -> str:
            return subprocess.run([*tool, "random-uuid"], capture_output=True, text=True, check=True).stdout.strip()

        cluster = uuid()
        voters = ",".join(f"{node}@127.0.0.1:{self._controllers[node]}:{uuid()}" for node in NODES)
        for node in NODES:
            path = self.folder / f"{node}.properties"
            filled = PROPERTIES.format(
                node=node,
                controllers=",".join(f"127.0.0.1:{port}" for port in self._controllers.values()),
                port=self.ports[node],
                controller=self._controllers[node],
                data=self.folder / f"log-{node}",
            )
            path.write_text(filled, encoding="utf-8")
            arguments = ["format", f"--cluster-id={cluster}", f"--initial-controllers={voters}", "--config", str(path)]
            result = subprocess.run([*tool, *arguments], capture_output=True, text=True)
            if result.returncode:
                raise BrokerTrouble(f"Kafka could not format {path}: {result.stderr.strip()}")

    async def ready(self) -> None:
        """Until all three are there and a leader was found for everything."""
        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.errors import KafkaError

        until = time.monotonic() + 90
        while True:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=3000)
            try:
                async with asyncio.timeout(10):
                    await admin.start()
                    cluster = await admin.describe_cluster()
                if len(cluster["brokers"]) == len(NODES):
                    return
            except (KafkaError, OSError, TimeoutError):
                pass
            finally:
                await admin.close()
            if time.monotonic() > until:
                raise BrokerTrouble(f"the three brokers were not ready after 90 s; see {self.folder}")
            await asyncio.sleep(0.3)

    async def busiest(self) -> int:
        """The leader of most partitions."""
        from aiokafka.admin import AIOKafkaAdminClient

        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            leads = dict.fromkeys(NODES, 0)
            for topic in await admin.describe_topics():
                for partition in topic["partitions"]:
                    leads[partition["leader"]] = leads.get(partition["leader"], 0) + 1
        finally:
            await admin.close()
        return max(NODES, key=lambda node: leads[node])

    def lose(self, node: int) -> None:
        self.processes[node].kill()
        self.processes[node].wait()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
