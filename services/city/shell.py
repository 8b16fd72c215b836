"""`DIR/env.sh`: what a shell beside a running city needs, for `curl` and for the command `wangge`, in one line to type.

The database of such a city lies behind a socket in its folder, and its key for personal data in a file there: nobody
should have to find that out before `wangge keys list` works.
"""

import sys
from pathlib import Path
from shlex import quote
from typing import Final

from services.city.credentials import write_secret
from shared.settings import Settings

_SCRIPT: Final = """\
# Written anew at every start of the city. In a shell beside it:  . {here}
# CITY, APP and AS are for curl (`-H "$APP"`, `-H "$(AS acceptor)"`), the settings below them for the command wangge.
CITY={city}
C() {{ python3 -c "import json, sys; print(json.load(open(sys.argv[1]))$1)" {credentials}; }}
APP="Authorization: Bearer $(C '["app"]')"
AS() {{ echo "Authorization: Bearer $(C "['tokens']['$1']")"; }}
export WANGGE_DATABASE_URL={database} WANGGE_CARRIER=embedded
export WANGGE_DATA_DIR={folder} WANGGE_PACK={pack}
case ":$PATH:" in *:{commands}:*) ;; *) PATH="$PATH":{commands} ;; esac
"""


def write_shell(folder: Path, base: str, settings: Settings) -> Path:
    """The script, for the owner alone: it names no secret, and leads to all of them."""
    path = folder / "env.sh"
    script = _SCRIPT.format(
        here=quote(str(path)),
        city=quote(base),
        credentials=quote(str(folder / "credentials.json")),
        database=quote(settings.database_url),
        folder=quote(str(folder)),
        pack=quote(settings.pack),
        commands=quote(str(Path(sys.executable).parent)),
    )
    write_secret(path, script.encode())
    return path
