"""What tests take from npm: installed on first use, as a folder's package-lock.json says, to the hash."""

import fcntl
import shutil
import subprocess
from pathlib import Path

MINIMUM_NODE = 18


class NpmTrouble(Exception):
    """One line that says what is missing or failed, and what to do."""


def install(here: Path, what: str) -> str:
    """The node to run it with, once what `here` asks for is in place; `what` names it. Raises NpmTrouble."""
    node, npm = shutil.which("node"), shutil.which("npm")
    how = "install Node.js 18 or later with npm (Debian, Ubuntu: apt-get install nodejs npm)"
    if node is None or npm is None:
        raise NpmTrouble(f"the tests need {what}, which comes with Node.js: {how}")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0] or 0) < MINIMUM_NODE:
        raise NpmTrouble(f"{what} needs Node.js {MINIMUM_NODE}, and this is {version}: {how}")
    lock, copied = here / "package-lock.json", here / "node_modules" / "package-lock.json"
    with (here / "package.json").open("rb") as turn:  # one at a time: test workers would install over one another
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (copied.exists() and copied.read_bytes() == lock.read_bytes()):
            print(f"test: fetching {what} with npm", flush=True)
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            done = subprocess.run(command, cwd=here, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode != 0:
                said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
                raise NpmTrouble(f"npm could not fetch {what}: {said[0]}")
            shutil.copyfile(lock, copied)
    return node
