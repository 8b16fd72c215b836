"""What the pages tell a user to type is typed, page by page, each in a shell of its own with nothing but `env.sh`.

A block of ```sh``` runs as it stands, in a folder that has `docs/` and nothing else; left out are blocks with a … in
them, which a user has to fill in. Every answer must be a 2xx, but for those that a page shows as refusals.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.conftest import City, running

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    *("reporting", "reporters", "catalogue", "open311", "clients/README", "media", "duplicates", "areas"),
    *("components", "fieldwork", "keys", "privacy", "cases", "desks", "scoring"),
)
PAGES = ("README.md", *(f"docs/{name}.md" for name in NAMES))
# What a page shows to be refused; a webhook's host has to be one of the reader's own.
REFUSED = {"docs/open311.md": [400], "README.md": [422]}
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = """
. {folder}/env.sh
# An answer's status goes to standard error; a stream, which never ends by itself, is heard for a second.
curl() {{
    case " $* " in
        *" -N "*) timeout 1 curl -sS "$@" >stream.txt || [ $? = 124 ]; grep -q '^: stream from' stream.txt ;;
        *) command curl -sS --max-time 30 -w '%{{stderr}}\\nstatus %{{http_code}} %{{method}} %{{url}}\\n' "$@" ;;
    esac
}}
set -eu
"""


@pytest.fixture(scope="module")
async def quiet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    async with running(tmp_path_factory.mktemp("typed") / "data", "--no-demo") as made:
        yield made


def typed(page: str) -> list[str]:
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return [each for each in blocks if "…" not in each and not each.startswith(("make ", "C()", ". .wangge"))]


@pytest.mark.parametrize("page", PAGES)
async def test_what_a_page_says_to_type_works(quiet: City, page: str, tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    blocks = typed(page)
    script = SHELL.format(folder=quiet.folder) + "\n".join(blocks)
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = (each.decode() for each in await asyncio.wait_for(process.communicate(), 600))
    assert process.returncode == 0, err + out
    answers = re.findall(r"^status (\d+) (.*)$", err, re.MULTILINE)
    assert answers or not any("curl -s" in block for block in blocks)
    refused = [(int(status), asked) for status, asked in answers if not status.startswith("2")]
    assert [status for status, _ in refused] == REFUSED.get(page, []), f"{refused}\n{out}"
