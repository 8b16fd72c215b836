"""The data folder of a city that runs on one machine: made, locked, and reachable for the database's own user."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.city.trouble import Trouble

# POSIX access control lists as Linux stores them (linux/posix_acl_xattr.h): a version, then (tag, permissions, id)s.
ACL = "system.posix_acl_access"
ACL_VERSION = 2
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
NO_ID = 0xFFFFFFFF
TRAVERSE = 1


@contextmanager
def locked_folder(folder: Path) -> Iterator[Path]:
    """The folder, made if need be and ours alone until the block ends (or the process does, however it ends).

    Raises Trouble when it cannot be written, or another process has it.
    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Trouble(
            f"data folder {folder} cannot be written ({error.strerror}): name another, make run DATA=… or --data …"
        ) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(file, 20).decode(errors="replace").strip()
            raise Trouble(
                f"data folder {folder} is in use by process {owner or '?'}: stop that one, or name another folder"
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield folder
    finally:
        os.close(file)


def let_pass(path: Path, uid: int) -> None:
    """Let user `uid` walk through the folders above `path`, and nothing more: no listing, no other user.

    A root shell's own folders (/root, what mktemp -d makes) are closed to the user that Postgres runs as.
    Raises Trouble where the file system has no access control lists.
    """
    for folder in reversed(path.resolve().parents):
        if folder.stat().st_mode & TRAVERSE or folder.stat().st_uid == uid:
            continue
        try:
            os.setxattr(folder, ACL, _with_traversal(_acl(folder), uid))
        except OSError as error:
            raise Trouble(
                f"folder {folder} is closed to the user Postgres runs as: chmod o+x {folder}, or name another folder"
            ) from error


def _acl(folder: Path) -> list[tuple[int, int, int]]:
    try:
        raw = os.getxattr(folder, ACL)
    except OSError:
        mode = folder.stat().st_mode
        return [(USER_OBJ, mode >> 6 & 7, NO_ID), (GROUP_OBJ, mode >> 3 & 7, NO_ID), (OTHER, mode & 7, NO_ID)]
    return [entry for entry in struct.iter_unpack("<HHI", raw[4:])]


def _with_traversal(entries: list[tuple[int, int, int]], uid: int) -> bytes:
    """The same list, with x for the user; the mask (what named users and the group have at most) must allow it too."""
    group = next(permissions for tag, permissions, _ in entries if tag == GROUP_OBJ)
    mask = next((permissions for tag, permissions, _ in entries if tag == MASK), group)
    own = next((permissions for tag, permissions, user in entries if tag == USER and user == uid), 0)
    kept = [entry for entry in entries if entry[0] != MASK and (entry[0], entry[2]) != (USER, uid)]
    kept += [(USER, own | TRAVERSE, uid), (MASK, mask | TRAVERSE, NO_ID)]
    kept.sort(key=lambda entry: (entry[0], entry[2]))
    return struct.pack("<I", ACL_VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in kept)
