"""`make check`: everything that needs no server, two at a time on two cores; only what fails is shown whole."""

import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared import migrations

BIN = Path(sys.executable).parent


def _sql(folder: Path) -> list[str]:
    """Every migration as it is sent to the database, for squawk: it tells what would lock or break running code."""
    paths = []
    for schema in migrations.schemas():
        for revision in migrations.revisions(schema):
            path = folder / f"{schema}.{revision.path.name}"
            path.write_text(revision.path.read_text(encoding="utf-8").replace("{schema}", schema), encoding="utf-8")
            paths.append(str(path))
    return paths


def _step(name: str, command: list[str]) -> tuple[str, float, subprocess.CompletedProcess[str]]:
    began = time.monotonic()
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return name, time.monotonic() - began, result


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wangge-sql-") as folder, ThreadPoolExecutor(2) as pool:
        steps = {
            "types": [f"{BIN}/mypy"],
            "unit and contract tests": [sys.executable, "-m", "pytest", "-q", "tests/unit", "tests/contract"],
            "format": [f"{BIN}/ruff", "format", "--check", "--quiet", "."],
            "lint": [f"{BIN}/ruff", "check", "--quiet", "--output-format", "concise", "."],
            "architecture": [f"{BIN}/lint-imports"],
            "SQL": [f"{BIN}/squawk", "--config", "deploy/local/squawk.toml", *_sql(Path(folder))],
        }
        failed = []
        for name, seconds, result in pool.map(lambda step: _step(*step), steps.items()):
            print(f"check: {name} {'ok' if result.returncode == 0 else 'FAILED'} ({seconds:.1f} s)", flush=True)
            if result.returncode != 0:
                print(result.stdout, flush=True)
                failed.append(name)
    outcome = f"failed: {', '.join(failed)}" if failed else "all in order"
    print(f"check: {outcome} ({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
