"""Which failures are expected, and the line that each becomes."""

import os
from typing import Final

# For a city that `make run` started, a file says where.
_WHERE: Final = "start Postgres, or set WANGGE_DATABASE_URL; beside make run: . .wangge/env.sh"


def one_line(error: BaseException) -> str | None:
    """What to tell a person, or None for what is a bug and deserves its traceback."""
    import asyncpg
    from pydantic import ValidationError

    from services.city.trouble import Trouble
    from shared.auth.accounts import BadAccountsKey
    from shared.bus.carrier import CarrierRefused
    from shared.contracts.export import NotAdditive
    from shared.installation_key import BadInstallationKey
    from shared.kernel.errors import Refusal
    from shared.migrations import MigrationFailed, SchemaNotCurrent
    from shared.packs import BadPack

    if isinstance(error, Refusal):
        return error.detail
    said = (
        Trouble
        | MigrationFailed
        | SchemaNotCurrent
        | CarrierRefused
        | NotAdditive
        | BadInstallationKey
        | BadAccountsKey
    )
    if isinstance(error, said):
        return str(error)
    if isinstance(error, BadPack):
        more = f"; {len(error.problems) - 1} more: wangge pack check {error.name}" if len(error.problems) > 1 else ""
        return f"pack {error.name} cannot be used: {error.problems[0]}{more}"
    if isinstance(error, ValidationError):
        return _settings(error)
    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError) and _is_connecting(error):
        return f"database: {_flat(error)}: {_WHERE}"
    if type(error).__module__.partition(".")[0] == "aiokafka":
        # A connection error's own words are a list of address families; where it was said already.
        why = "no connection" if type(error).__name__ == "KafkaConnectionError" else _flat(error)
        return f"Kafka at {_kafka()}: {why}: start it (make kafka), or set WANGGE_KAFKA_BOOTSTRAP"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ConnectionError | TimeoutError) or (isinstance(error, OSError) and _is_network(error)):
        return f"no connection to the database ({_flat(error)}): {_WHERE}"
    return None


def _settings(error: object) -> str:
    from pydantic import ValidationError

    assert isinstance(error, ValidationError)
    found = []
    for each in error.errors(include_url=False, include_input=False):
        name = "_".join(str(part) for part in each["loc"])
        message = each["msg"].removeprefix("Value error, ")
        found.append(f"WANGGE_{name.upper()}: {message}" if name else message)
    return "; ".join(found)


def _is_connecting(error: BaseException) -> bool:
    """Classes 08 (connection), 28 (authorisation), 3D (no such database), 53 (too many) and 57P03 (starting up)."""
    code = getattr(error, "sqlstate", None) or "08"
    return code[:2] in ("08", "28", "3D", "53") or code == "57P03"


def _is_network(error: OSError) -> bool:
    import errno
    import socket

    return isinstance(error, socket.gaierror) or error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOENT)


def _kafka() -> str:
    return os.environ.get("WANGGE_KAFKA_BOOTSTRAP", "127.0.0.1:9092")


def _flat(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
