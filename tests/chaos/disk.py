"""A small disk of a run's own, so that it can be full."""

import os
import shutil
import subprocess
from pathlib import Path


def mount_small_disk(folder: Path, megabytes: int) -> bool:
    """A tmpfs of its own at `folder`, unless it is there from an earlier run; False where we may not mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.path.ismount(folder):
        return True
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    may = os.geteuid() == 0 and shutil.which("mount") is not None
    return may and subprocess.run(command, capture_output=True).returncode == 0


def unmount_small_disk(folder: Path) -> None:
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def with_small_disk(folder: Path, megabytes: int) -> list[str] | None:
    """What to put before a command so that it finds a small disk at `folder` without being root; it ends with it.

    A namespace in which we may mount, and inside it one in which we are ourselves again: Postgres does not run as root.
    None where the kernel does not allow that.
    """
    ourselves = f"--map-user={os.geteuid()} --map-group={os.getegid()}"
    mount = f"mount -t tmpfs -o size={megabytes}m,mode=755 tmpfs"
    script = f'{mount} "$0" && exec unshare --user {ourselves} "$@"'
    before = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(folder)]
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], capture_output=True).returncode:
        return None
    return before
