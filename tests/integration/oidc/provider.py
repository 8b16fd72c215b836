"""The identity provider that tests sign in at: installed on first use, run on a free port, stopped for an outage."""

import asyncio
import base64
import hashlib
import re
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from deploy.kafka.broker import free_port
from tests import npm

HERE = Path(__file__).resolve().parent
SECRET = "a secret of the test client"
READY_SECONDS = 60.0


class ProviderTrouble(Exception):
    """One line that says what is missing or failed, and what to do."""


def install() -> str:
    """The node to run it with, once it is in place. Raises NpmTrouble."""
    return npm.install(HERE, "an identity provider")


class IdentityProvider:
    """One provider. `stop` and `start` again are an outage; its keys are then others."""

    def __init__(self) -> None:
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Raises ProviderTrouble."""
        node = await asyncio.to_thread(install)
        self._process = await asyncio.create_subprocess_exec(
            *(node, "server.mjs", str(self.port)),
            cwd=HERE,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said: list[str] = []
        assert self._process.stdout is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                while line := (await self._process.stdout.readline()).decode():
                    said.append(line.strip())
                    if said[-1] == "ready":
                        # Whatever it says from now on must not fill the pipe.
                        self._reading = asyncio.create_task(self._process.stdout.read())
                        return
        await self.stop()
        raise ProviderTrouble(f"the identity provider did not start: {' / '.join(said[-3:]) or 'it said nothing'}")

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def rotate(self, *, keep: bool) -> None:
        """A new signing key; with `keep` the old one stays published."""
        async with httpx.AsyncClient() as http:
            (await http.post(f"{self.issuer}/test/rotate{'?keep=1' if keep else ''}")).raise_for_status()

    async def counts(self) -> dict[str, int]:
        """How often discovery and keys were asked for: {discovery, keys}."""
        async with httpx.AsyncClient() as http:
            return (await http.get(f"{self.issuer}/test/counts")).json()  # type: ignore[no-any-return]

    async def token(self, who: str = "li", *, alg: str = "RS256", audience: str = "wangge") -> str:
        """An access token by the client credentials grant."""
        asked = {"grant_type": "client_credentials", "alg": alg, "audience": audience}
        async with httpx.AsyncClient() as http:
            answer = await http.post(f"{self.issuer}/token", data=asked, auth=(who, SECRET))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def sign_in(self, who: str) -> dict[str, str]:
        """What a person's browser and a console get: the authorization code flow with PKCE, its pages filled in.

        Returns the answer of the token endpoint: access_token, id_token, ….
        """
        verifier, back = secrets.token_urlsafe(48), "https://wangge.example/signed-in"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": "console",
            "response_type": "code",
            "scope": "openid",
            "redirect_uri": back,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.issuer}/auth", params=asked)
            for _ in range(10):
                if (where := answer.headers.get("location", "")).startswith(back):
                    break
                if where:
                    answer = await http.get(urljoin(self.issuer, where))
                    continue
                form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                assert form, answer.text
                assert prompt, answer.text
                filled = {"prompt": prompt[1], "login": who, "password": "any"}
                answer = await http.post(urljoin(self.issuer, form[1]), data=filled)
            code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
            exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
            answer = await http.post(
                f"{self.issuer}/token", data=exchange | {"code_verifier": verifier}, auth=("console", SECRET)
            )
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]
