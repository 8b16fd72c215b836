"""`/`: what runs, where each door is, and cases as they happen. The page itself is notify's console."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.notify import console
from services.notify.commands.make_ticket import make_ticket
from services.notify.wiring import Wired
from shared.auth import POSTS, Principal
from shared.kernel.area import AreaPath
from shared.packs import Pack


def routes(notify: Wired, pack: Pack, base: str, *, demo: bool) -> list[BaseRoute]:
    """The page, its files, and a ticket for its stream: this city is one that is tried out, nobody signs in to look."""
    note = console.Words(pack.demo.note.zh, pack.demo.note.en) if demo else None
    about = console.Landing(
        title=console.Words(pack.title.zh, pack.title.en),
        note=note,
        provenance=[console.Words(text.zh, text.en) for text in pack.provenance],
        area=pack.area,
        base=base,
        development=True,
    )
    page = HTMLResponse(console.landing(about), headers={"Content-Security-Policy": console.POLICY})
    viewer = Principal("staff", "landing-page", AreaPath(pack.area), POSTS["subscriber"][1], post="subscriber")

    async def landing(request: Request) -> Response:
        return page

    async def asset(request: Request) -> Response:
        found = console.ASSETS.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        return Response(found.content, media_type=found.media_type, headers={"Cache-Control": "max-age=300"})

    async def ticket(request: Request) -> Response:
        made = await make_ticket(notify.pool, notify.clock, viewer)
        return JSONResponse({"ticket": made.ticket, "expires_at": made.expires_at.isoformat()}, 201)

    return [
        Route("/", landing),
        Route("/console/{name}", asset),
        Route(console.TICKET_PATH, ticket, methods=["POST"]),
    ]
