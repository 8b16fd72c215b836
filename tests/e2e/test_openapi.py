"""Every operation of the four services does what its OpenAPI document says: schemathesis finds nothing.

It reads the document of a running city and tries each operation with data that the document allows and that it does
not: what each field may be at its edges, missing and superfluous, other methods, other kinds of content, no credentials
and bad ones, what was deleted. Its checks, and what is set apart from them with the reason, are in
`openapi/schemathesis.toml`. A failure is printed with its check, and with the request as a line of curl.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from shared.auth import POSTS, issue_token
from shared.http import operations
from tests.e2e.split import SECRET, SplitCity, running_split
from tests.e2e.test_story import a_grid, case_of, report_in

SERVICES: Final = ("intake", "dispatch", "evaluation", "notify")
HERE: Final = Path(__file__).parent
REPORTS: Final = 8
WHO: Final = "# Who asks:"
STREAM: Final = 'include-path = "/v1/stream"\nenabled = false'

pytestmark = [pytest.mark.slow, pytest.mark.alone]


@pytest.fixture(scope="module")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SplitCity]:
    """Each service in a process of its own, on Postgres and Kafka; with a few cases."""
    folder = tmp_path_factory.mktemp("openapi") / "city"
    async with running_split(folder, layout=[(service, "all") for service in SERVICES]) as city:
        grid = await a_grid(city)
        cases, reports = [], []
        for _ in range(REPORTS):
            taken = await city.http.post("/intake/v1/reports", json=report_in(grid), headers=city.app())
            reports.append(taken.json()["id"])
            cases.append((await case_of(city, taken.json()))["id"])
        for name, ids in (("cases", cases), ("reports", reports)):
            (folder / f"{name}.dict").write_text("".join(f'"{each}"\n' for each in ids))
        yield city


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_does_what_its_document_says(city: SplitCity, service: str) -> None:
    await schemathesis(city, service, "--max-examples", "2")


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_gets_further_without_credentials(city: SplitCity, service: str) -> None:
    await schemathesis(city, service, "--phases", "coverage", signed_in=False)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_document_tells_an_app_developer_the_whole(city: SplitCity, service: str) -> None:
    document = (await city.http.get(f"/{service}/openapi.json")).json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    told = [operation for _, _, operation in operations(document)]
    assert len({each["operationId"] for each in told}) == len(told)
    for each in told:
        assert re.fullmatch(r"[a-z0-9_]+", each["operationId"]), each["operationId"]
        assert each["tags"], each["operationId"]
        assert each["summary"] not in ("", each["operationId"].replace("_", " ").title()), each["operationId"]
        assert "503" in each["responses"], each["operationId"]
        assert not {"default", "4XX"} & set(each["responses"]), each["operationId"]
    problem = document["components"]["responses"]["503"]
    assert problem["headers"]["Retry-After"]["required"]
    assert problem["content"]["application/problem+json"]["example"]["status"] == 503


async def schemathesis(city: SplitCity, service: str, *arguments: str, signed_in: bool = True) -> None:
    """Run it; what it found is the message of the failure."""
    said = (HERE / "openapi" / "schemathesis.toml").read_text(encoding="utf-8")
    if not signed_in:
        assert WHO in said
        assert STREAM in said
        said = said.partition(WHO)[0].replace(STREAM, STREAM.replace("false", "true"))
    config = city.folder / "schemathesis.toml"
    config.write_text(said, encoding="utf-8")
    [process] = city.of(service, "all")
    address = f"http://127.0.0.1:{process.port}/{service}/openapi.json"
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run", address]
    run = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        cwd=city.folder,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1]), **tokens()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await run.communicate()
    finally:
        if run.returncode is None:
            run.kill()
            await run.wait()
    assert run.returncode == 0, output.decode()


def tokens() -> dict[str, str]:
    """Post, in capitals → a token of it for the whole city."""
    unit = "water"
    return {
        post.upper(): issue_token(SECRET, subject=post, post=post, area="", unit=unit if post == "unit_clerk" else None)
        for post in POSTS
    }
