"""Tokens of built-in accounts open every service, and none of them while the first password stands."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.city.credentials import accounts_key
from services.city.parts import SERVICES, part
from shared.auth.accounts import AccountSigner, public_pem, read_private_key
from shared.bus.opening import open_carrier
from shared.kernel.clock import utc_now

CLAIMS = {"sub": "li", "account": "li", "post": "command_leader", "centre": "command", "area": "", "unit": None}
# A route of each service that asks who is calling before anything else.
ASKED = {
    "intake": "/v1/catalogue",
    "dispatch": "/v1/me",
    "evaluation": "/v1/scorecards",
    "notify": "/v1/webhooks",
}


@pytest.mark.parametrize("name", SERVICES)
async def test_every_service_takes_them_and_refuses_those_of_a_first_password(
    name: str, database: str, tmp_path: Path
) -> None:
    path = accounts_key(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert accounts_key(tmp_path).read_bytes() == path.read_bytes()
    key = read_private_key(path)
    signer, now = AccountSigner(key, "wangge"), utc_now()
    service = part(name)
    secret = {"intake": "personal_key", "dispatch": "audit_key"}
    own: dict[str, Any] = {secret[name]: "A" * 43 + "="} if name in secret else {}
    settings = service.settings(
        environment="production",
        database_url=database,
        carrier="embedded",
        data_dir=tmp_path,
        accounts_public_key=public_pem(key.public_key()),
        **own,
    )
    carrier = open_carrier(settings)
    statuses = {}
    async with service.wire(settings, carrier) as wired:
        transport = httpx.ASGITransport(app=service.create_app(wired))
        async with httpx.AsyncClient(transport=transport, base_url="http://city") as http:
            for first in (False, True):
                token = signer.sign({**CLAIMS, "must_change": first}, now, now + timedelta(minutes=5))
                answer = await http.get(ASKED[name], headers={"Authorization": f"Bearer {token}"})
                statuses[first] = answer
    await carrier.close()
    assert statuses[False].status_code in (200, 422), statuses[False].text
    assert statuses[True].status_code == 403
    assert statuses[True].json()["type"] == "/problems/password-change-needed"
