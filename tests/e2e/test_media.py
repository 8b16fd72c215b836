"""A telephone in a running city: its network breaks, its photograph comes all the same, and a desk looks at it."""

import asyncio
import base64
from urllib.parse import urlsplit

from shared.kernel.ids import uuid7
from tests.e2e.conftest import City
from tests.e2e.test_story import a_grid, case_of, report_in
from tests.pictures import OWNER, opened, picture

TUS = {"Tus-Resumable": "1.0.0"}
PART = {**TUS, "Content-Type": "application/offset+octet-stream"}


async def cut_off(city: City, head: str, sent: bytes, *, slowly: bool = False) -> bytes:
    """Send `head` and `sent` over a connection of its own and close it; what was answered before."""
    address = urlsplit(city.base)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    step = max(len(sent) // 20, 1) if slowly else len(sent)
    for at in range(0, len(sent), step):
        writer.write(sent[at : at + step])
        await writer.drain()
        await asyncio.sleep(0.02 if slowly else 0)
    if slowly:
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    else:
        await asyncio.sleep(0.2)
        answer = b""
    writer.close()
    await writer.wait_closed()
    return answer


async def further_than(city: City, where: str, at: int) -> int:
    """Where to go on, once what came of the last part is stored."""
    async with asyncio.timeout(10):
        while True:
            asked = await city.http.head(where, headers={**city.app(), **TUS})
            if int(asked.headers["upload-offset"]) > at:
                return int(asked.headers["upload-offset"])
            await asyncio.sleep(0.05)


async def test_a_photograph_that_was_named_before_it_came_arrives_over_a_bad_network(city: City) -> None:
    grid, sent, media = await a_grid(city), picture("JPEG", (1600, 1200), 6), uuid7()
    taken = await city.http.post("/intake/v1/reports", json=report_in(grid, media=[str(media)]), headers=city.app())
    assert taken.status_code == 201, taken.text
    report = taken.json()
    listed = f"/intake/v1/reports/{report['id']}/media"
    seen = await city.http.get(listed, headers=city.app())
    assert [item["state"] for item in seen.json()["items"]] == ["expected"]

    # The file bare, and the connection goes: more was promised than came. Nothing of it is there.
    key = city.credentials["app"]
    head = (
        f"PUT /intake/v1/media/{media} HTTP/1.1\nHost: x\nAuthorization: Bearer {key}\n"
        f"Content-Type: image/jpeg\nContent-Length: {len(sent)}"
    )
    await cut_off(city, head, sent[:-500])
    seen = await city.http.get(listed, headers=city.app())
    assert [item["state"] for item in seen.json()["items"]] == ["expected"]

    # As a resumable upload: each time the connection goes, what came stays.
    begun = await city.http.post(
        "/intake/v1/uploads",
        headers={
            **city.app(),
            **TUS,
            "Upload-Length": str(len(sent)),
            "Upload-Metadata": f"id {_base64(str(media))}",
        },
    )
    assert begun.status_code == 201, begun.text
    where, at, tries = begun.headers["location"], 0, 0
    while at < len(sent):
        tries += 1
        if tries < 4:
            head = (
                f"PATCH {where} HTTP/1.1\nHost: x\nAuthorization: Bearer {key}\nTus-Resumable: 1.0.0\n"
                f"Content-Type: {PART['Content-Type']}\nUpload-Offset: {at}\nContent-Length: {len(sent) - at}"
            )
            await cut_off(city, head, sent[at : at + len(sent) // 5])
        else:
            headers = {**city.app(), **PART, "Upload-Offset": str(at)}
            answer = await city.http.patch(where, content=sent[at:], headers=headers)
            assert answer.status_code == 204, answer.text
        at = await further_than(city, where, at)
    assert tries == 4
    seen = await city.http.get(where, headers=city.app())
    assert seen.json()["media"]["offered_location"] == {"lon": 116.31, "lat": 39.9083333, "datum": "wgs84"}

    case = await case_of(city, report)
    assert case["media"] == [str(media)]
    shown = await city.http.get(f"/intake/v1/media/{media}", headers=city.staff("acceptor"))
    assert OWNER.encode() not in shown.content
    assert opened(shown.content).tobytes() == opened(sent).tobytes()
    links = (await city.http.get(f"/intake/v1/media/{media}/links", headers=city.staff("acceptor"))).json()
    small = await city.http.get(links["small"])
    assert opened(small.content).size == (240, 320)
    assert (await city.http.get(links["small"].replace("small?", "large?"))).status_code == 403


async def test_a_slow_upload_comes_whole(city: City) -> None:
    sent = picture("PNG")
    head = (
        f"POST /intake/v1/media HTTP/1.1\nHost: x\nAuthorization: Bearer {city.credentials['app']}\n"
        f"Content-Type: image/png\nContent-Length: {len(sent)}"
    )
    assert b" 201 " in await cut_off(city, head, sent, slowly=True)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
