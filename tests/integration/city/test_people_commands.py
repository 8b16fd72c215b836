"""The commands for units, people, rosters and accounts, as a person types them."""

from pathlib import Path

import jwt
import pytest

from shared.auth.accounts import read_private_key, read_public_keys
from tests.integration.city.test_command_line import wangge


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "units.csv").write_text(
        "code,name_zh,name_en,dept,area\ncli-repair,抢修队,Repair team,drainage,110108\n", encoding="utf-8"
    )
    (tmp_path / "people.csv").write_text(
        "subject,name,post,unit,area\ncli-wang,王磊,grid_worker,,110108.012\ncli-li,李娜,unit_clerk,cli-repair,110108\n",
        encoding="utf-8",
    )
    (tmp_path / "roster.csv").write_text("area,a,weekdays\n110108.012.099.001,cli-wang,周一-周五\n", encoding="utf-8")
    return tmp_path


async def test_from_three_files_to_an_account(own_database: str, files: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database}
    command: tuple[str, ...]
    for command, file, said in (
        (("people", "import"), "people.csv", "line 3, unit: there is no unit 'cli-repair'"),
        (("people", "roster"), "roster.csv", "line 2, a: cli-wang is in no post on the spot"),
    ):
        status, _, errors = await wangge(*command, str(files / file), **settings)
        assert status == 1
        assert said in errors
        assert errors.splitlines()[-1].startswith(f"wangge: {files / file}: 1 findings, nothing was taken over")
    for command, file, said in (
        (("units", "import"), "units.csv", "units: 1 added, 0 ended, 0 as before"),
        (("people", "import"), "people.csv", "people: 2 added, 0 ended, 0 as before"),
        (("people", "roster", "--dry-run"), "roster.csv", "roster: would be 1 added, 0 ended, 0 as before"),
    ):
        assert (await wangge(*command, str(files / file), **settings))[:2] == (0, f"{said}\n")

    status, password, notice = await wangge("accounts", "create", "cli-wang", **settings)
    assert (status, len(password.strip())) == (0, 16)
    assert "初始密码只显示一次" in notice
    status, _, errors = await wangge("accounts", "create", "cli-wang", **settings)
    assert status == 1
    assert "there is an account cli-wang" in errors
    assert (await wangge("accounts", "disable", "cli-wang", **settings))[0] == 0
    status, listed, _ = await wangge("accounts", "list", **settings)
    assert status == 0
    assert "cli-wang" in listed
    assert "停用" in listed


async def test_a_key_for_tokens_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.key"
    status, public, _ = await wangge("accounts", "key", "--to", str(path))
    assert status == 0
    assert path.stat().st_mode & 0o777 == 0o600
    (key,) = read_public_keys(public)
    token = jwt.encode({"sub": "x"}, read_private_key(path), algorithm="EdDSA")
    assert jwt.decode(token, key, algorithms=["EdDSA"])["sub"] == "x"
    status, _, errors = await wangge("accounts", "key", "--to", str(path))
    assert status == 1
    assert "exists" in errors


async def test_a_key_that_is_none_stops_the_start_with_its_name(own_database: str, tmp_path: Path) -> None:
    settings = {"WANGGE_DATABASE_URL": own_database, "WANGGE_ACCOUNTS_KEY_FILE": str(tmp_path / "none")}
    status, _, errors = await wangge("serve", "dispatch", "--port", "0", **settings)
    assert status == 1
    assert errors.splitlines()[-1].startswith(f"wangge: WANGGE_ACCOUNTS_KEY_FILE {tmp_path / 'none'}: No such file")
