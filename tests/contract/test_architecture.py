"""The import contracts hold, and each of them was seen to fail: a rule that cannot break guards nothing."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# Contract → (package, a line that no module in it may hold).
PLANTED = {
    "services-independent": ("services.intake", "import services.dispatch.domain"),
    "shared-below-services": ("shared.bus", "import services.intake"),
    "city-on-top": ("services.notify", "import services.city"),
    "rooms": ("services.dispatch.store", "import services.dispatch.commands"),
    "edges-never-store": ("services.evaluation.api", "import services.evaluation.store"),
    "domain-pure": ("services.dispatch.domain", "import orjson"),
    "kernel-pure": ("shared.kernel", "import shared.settings"),
    "one-kafka-door": ("services.intake", "import aiokafka"),
    "one-telemetry-door": ("shared.contracts", "import opentelemetry.trace"),
    "one-migration-door": ("services.notify.store", "import psycopg"),
}
# One more for a rule with two halves: what is forbidden of the standard library.
IMPURE = ("services.evaluation.domain", "import time")


def _lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"COLUMNS": "200"}
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of a copy of the tree with one bad import for each contract."""
    folder = tmp_path_factory.mktemp("planted")
    for package in ("services", "shared"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.csv", "*.json")
        )
    (folder / "tests" / "contract").mkdir(parents=True)
    for name in (
        "tests/__init__.py",
        "tests/contract/__init__.py",
        "tests/contract/pure_contract.py",
        "pyproject.toml",
    ):
        shutil.copyfile(ROOT / name, folder / name)
    for package, line in [*PLANTED.values(), IMPURE]:
        with (folder / package.replace(".", "/") / "planted.py").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    return _lint(folder).stdout


def test_the_contracts_hold() -> None:
    result = _lint(ROOT)
    assert result.returncode == 0, result.stdout


def test_every_contract_has_its_planted_violation() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    assert {contract["id"] for contract in contracts} == set(PLANTED)


@pytest.mark.parametrize("contract", PLANTED)
def test_a_violation_breaks_its_contract(contract: str, planted: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    name = next(each["name"] for each in contracts if each["id"] == contract)
    assert re.search(rf"^{re.escape(name)} BROKEN", planted, re.MULTILINE), planted
    package, line = PLANTED[contract]
    imported = line.removeprefix("import ")
    broken = planted.partition("Broken contracts")[2]
    section = re.split(rf"^{re.escape(name)}$", broken, flags=re.MULTILINE)[1]
    # Of another distribution the graph knows the root only.
    target = imported if imported.startswith(("services", "shared")) else imported.partition(".")[0]
    assert re.search(rf"{re.escape(package)}\.planted\b.*\b{re.escape(target)}\b", section), section


def test_a_domain_cannot_even_look_at_the_clock(planted: str) -> None:
    assert "services.evaluation.domain.planted imports time" in planted
