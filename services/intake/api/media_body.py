"""A file in the body of a request, piece by piece: bare, or as the field `file` of a form (multipart/form-data, RFC
7578).

The name and the type that the client gives are not looked at: a file has no name here, and its type is what it shows.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, BinaryIO, Final

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from services.intake.domain.media import NoFile
from shared.kernel.errors import FieldError, Invalid, Malformed

# A client that sends nothing for so long has lost its network; it sends again, or resumes.
IDLE_SECONDS: Final = 30.0
_FIELD: Final = b"file"
_BARE: Final = ("application/octet-stream", "image/", "audio/", "video/")


class UploadCutOff(Malformed):
    slug, title, title_zh = "upload-cut-off", "The upload ended before the file did", "上传中断"


class BadForm(Malformed):
    slug, title, title_zh = "bad-form", "The form cannot be read", "表单无法解析"


class SeveralFiles(Invalid):
    slug, title, title_zh = "several-files", "One file at a time", "一次只能上传一个文件"


FILE_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
"""What `openapi_extra` says of a route that takes a file."""


async def file_in(request: Request) -> AsyncIterator[bytes]:
    """The file, as it comes. Raises NoFile, SeveralFiles, BadForm, UploadCutOff."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    said = kind.decode("latin-1").lower()
    if said == "multipart/form-data":
        pieces = _of_form(_body(request), options.get(b"boundary", b""))
    elif said.startswith(_BARE):
        pieces = _body(request)
    else:
        raise _no_file(f"the body is {said or 'of no type'}; send a form with a field 'file', or the file itself")
    async for piece in pieces:
        yield piece


async def as_far_as_it_comes(request: Request) -> AsyncIterator[bytes]:
    """The body up to where it breaks off: what came of it counts."""
    try:
        async for piece in _body(request):
            yield piece
    except UploadCutOff:
        return


async def pieces_of(file: BinaryIO) -> AsyncIterator[bytes]:
    """A file that was received already, from its start."""
    await asyncio.to_thread(file.seek, 0)
    while piece := await asyncio.to_thread(file.read, 256 << 10):
        yield piece


async def _body(request: Request) -> AsyncIterator[bytes]:
    pieces = request.stream()
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UploadCutOff(f"nothing came for {IDLE_SECONDS:g} s; send it again, or resume: /v1/uploads") from None
        except ClientDisconnect:
            raise UploadCutOff("the connection was closed before the body had ended") from None
        if piece:
            yield piece


async def _of_form(body: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        async for piece in body:
            parser.write(piece)
            if form.files > 1:
                raise SeveralFiles("the form has a second field 'file'", errors=[FieldError("/file", "once only")])
            if form.content:
                content = bytes(form.content)
                form.content.clear()
                yield content
        parser.finalize()
    except FormParserError as error:
        raise BadForm(f"the body is not multipart/form-data: {error}") from None
    if not form.files:
        raise _no_file("the form has no field 'file' that is a file")
    if not form.ended:
        raise UploadCutOff("the form ends before its last boundary")


class _Form:
    """What the parser has met: `content` is what came of the file since it was last taken away."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.files = 0
        self.ended = False
        self._inside = False
        self._name = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._inside, self._headers = False, {}

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if options.get(b"name") == _FIELD and b"filename" in options:
            self.files += 1
            self._inside = True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._inside:
            self.content += data[start:end]

    def _end(self) -> None:
        self.ended = True


def _no_file(words: str) -> NoFile:
    return NoFile(words, errors=[FieldError("/file", "missing: a file")])
