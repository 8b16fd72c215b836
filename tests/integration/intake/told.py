"""A gateway for text messages and a mail server, real ones, on this machine."""

import asyncio
import datetime
import hmac
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SECRET = "gateway secret"


@dataclass
class Gateway:
    """Answers with the next of `answers`, 200 when there is none, and sends what it has not seen the key of."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    delivered: dict[str, Any] = field(default_factory=dict)
    after: float = 0.0

    def fresh(self) -> None:
        self.answers, self.asked, self.delivered, self.after = [], [], {}, 0.0

    async def take(self, request: Request) -> Response:
        raw = await request.body()
        stamp, signature = (part.partition("=")[2] for part in request.headers["x-wangge-signature"].split(","))
        expected = hmac.digest(SECRET.encode(), f"{stamp}.".encode() + raw, "sha256").hex()
        assert hmac.compare_digest(expected, signature)
        self.asked.append((dict(request.headers), orjson.loads(raw)))
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        if status < 300:
            self.delivered.setdefault(request.headers["idempotency-key"], orjson.loads(raw))
        await asyncio.sleep(self.after)
        return Response("the body of 13812345678 is of no interest", status, headers)


@asynccontextmanager
async def gateway() -> AsyncIterator[Gateway]:
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    made = Gateway(f"http://127.0.0.1:{door.getsockname()[1]}/sms")
    app = Starlette(routes=[Route("/sms", made.take, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    serving = asyncio.create_task(server._serve([door]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield made
    finally:
        server.should_exit = True
        await serving


class Mailbox:
    """Keeps what arrives; `refuse` is the answer to the next recipients."""

    def __init__(self) -> None:
        self.fresh()

    def fresh(self) -> None:
        self.mails: list[Message] = []
        self.refuse: list[str] = []
        self.encrypted: list[bool] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuse:
            return f"{self.refuse.pop(0)} <{address}> says no"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.encrypted.append(session.ssl is not None)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 kept"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "mail.key", folder / "mail.crt"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[0].write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    paths[1].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return paths


@asynccontextmanager
async def mail_server(folder: Path) -> AsyncIterator[tuple[int, Path, Mailbox]]:
    """Its port, the certificate that it is checked by, and what it takes in. Nothing is taken without STARTTLS."""
    import ssl

    key, crt = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True)
    await asyncio.to_thread(controller.start)
    try:
        yield port, crt, box
    finally:
        await asyncio.to_thread(controller.stop)
