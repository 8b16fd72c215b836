"""`wangge personal …` as a person types it, beside a running city."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from uuid import uuid4

from services.intake.sealing import personal_key
from tests.integration.intake.conftest import Place


async def wangge(place: Place, *arguments: str, typed: str = "", **settings: str) -> tuple[int, str]:
    """Its exit status and all that it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")}
    environment |= {
        "WANGGE_DATABASE_URL": place.wired.settings.database_url,
        "WANGGE_DATA_DIR": str(place.wired.settings.data_dir),
        "COLUMNS": "200",
        **settings,
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.city", "personal", *arguments],
        input=typed, capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


async def test_erase_log_and_rewrap(own_intake: Place):
    phone = f"139{uuid4().int % 10**8:08d}"
    reports = []
    for number in (phone, phone, "13700000001"):
        reports.append((await own_intake.post(own_intake.body(reporter={"phone": number}))).json()["id"])
    status, said = await wangge(own_intake, "erase", "--phone", "-", typed=f"+86 {phone}\n")
    assert (status, said.startswith("personal: 1 keys destroyed, 2 reports")) == (0, True), said
    status, said = await wangge(own_intake, "log", "--report", reports[0])
    assert status == 0
    assert "cli:operator" in said
    assert "subject_request" in said
    for arguments, complaint in (
        (("erase",), "one way"),
        (("erase", "--phone", "x"), "give one telephone number"),
        (("erase", "--phone", phone, "--reason", "because"), "--reason is one of"),
        (("erase", "--report", str(uuid4())), "there is no report"),
    ):
        status, said = await wangge(own_intake, *arguments)
        assert (status, complaint in said, "Traceback" in said) == (1, True, False), said
    old = base64.b64encode(personal_key(own_intake.wired.settings)).decode()
    new = base64.b64encode(os.urandom(32)).decode()
    status, said = await wangge(own_intake, "rewrap", WANGGE_PERSONAL_KEY=new)
    assert (status, "WANGGE_PERSONAL_OLD_KEYS" in said, "Traceback" in said) == (1, True, False), said
    keys = {"WANGGE_PERSONAL_KEY": new, "WANGGE_PERSONAL_OLD_KEYS": json.dumps([old])}
    status, said = await wangge(own_intake, "rewrap", **keys)
    assert (status, said.startswith("personal: 1 keys wrapped anew, 0 reports")) == (0, True), said
    status, said = await wangge(own_intake, "erase", "--phone", "137 0000 0001", WANGGE_PERSONAL_KEY=new)
    assert (status, said.startswith("personal: 1 keys destroyed, 1 reports")) == (0, True), said
