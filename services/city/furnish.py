"""What a city that is tried out has from the start: the pack's areas, and a key for its app."""

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path

import shared.packs
from services.intake.commands.import_areas import import_areas
from services.intake.commands.issue_key import issue_key
from services.intake.commands.revoke_key import revoke_key
from services.intake.domain.area import GivenArea
from services.intake.domain.key import KeyAlreadyRevoked, KeyNotFound, Scope
from services.intake.grids.reading import from_features
from services.intake.wiring import Wired
from shared.auth import KEY_ACTIONS
from shared.kernel.area import AreaPath
from shared.packs import Pack
from shared.packs.geography import areas


async def define_areas(intake: Wired, pack: Pack, folder: Path) -> None:
    """Import the pack's areas, unless this folder's city already has them just so.

    Drawing and checking 8,562 grids takes seconds; the note in the folder saves them at every start but the first.
    """
    note = folder / "areas"
    wanted = await asyncio.to_thread(_fingerprint, pack)
    if note.exists() and note.read_text(encoding="utf-8").strip() == wanted:
        return
    given = await asyncio.to_thread(areas_of, pack)
    await import_areas(
        intake.pool,
        intake.outbox,
        intake.clock,
        given,
        levels=[level.key for level in pack.levels],
        tolerance_m2=intake.settings.area_tolerance_m2,
        retire_below=AreaPath(pack.area),
    )
    note.write_text(wanted + "\n", encoding="utf-8")


async def fresh_key(intake: Wired, pack: Pack, folder: Path) -> str:
    """A new key for the demo app, for the whole district; the one of the last start is revoked."""
    note = folder / "demo-key"
    if note.exists():
        old = note.read_text(encoding="utf-8").strip()
        with suppress(KeyNotFound, KeyAlreadyRevoked):  # the start that wrote the note was cut short
            await revoke_key(intake.pool, intake.outbox, intake.clock, old, "rotated")
    scope = Scope(tuple(sorted(KEY_ACTIONS)), AreaPath(pack.area), None, None)
    key, secret = await issue_key(intake.pool, intake.outbox, intake.clock, name="demo app 演示应用", scope=scope)
    note.write_text(key.id + "\n", encoding="utf-8")
    return secret


def areas_of(pack: Pack) -> list[GivenArea]:
    """The pack's hierarchy as an import takes it."""
    return from_features(areas(pack))


def _fingerprint(pack: Pack) -> str:
    """Changes with the pack's data and with the code that draws from them."""
    digest = hashlib.sha256()
    code = Path(shared.packs.__file__).parent
    for path in sorted([*(pack.folder / pack.name).glob("*.*"), *code.glob("*.py")]):
        digest.update(path.name.encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()
