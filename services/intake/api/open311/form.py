"""What a client posts: a form, plain or multipart, to the byte of its UTF-8. Anything else is not read."""

import codecs
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from shared.kernel.errors import FieldError, Invalid, Malformed, TooLarge, UnsupportedMedia

PLAIN, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
MOST_FIELDS: Final = 600
MOST_FILES: Final = 20
# A text field longer than this is none that anything here takes.
LONGEST_FIELD: Final = 64 << 10
_UTF_8 = codecs.lookup("utf-8").name


class NotAForm(UnsupportedMedia):
    slug, title, title_zh = "not-a-form", "The body must be a form", "请求体必须是表单"


class NotUtf8(Malformed):
    slug, title, title_zh = "not-utf-8", "The form must be UTF-8", "表单必须使用 UTF-8 编码"


@dataclass(slots=True)
class Form:
    """Fields with all their values, and the files of a multipart one. `raw` is what a plain form is recognised by."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: list[UploadFile] = field(default_factory=list)
    raw: bytes | None = None

    def getlist(self, key: Any) -> list[str]:
        return self.fields.get(key, [])

    async def close(self) -> None:
        for file in self.files:
            await file.close()


async def read_form(request: Request, most: int) -> Form:
    """Raises NotAForm, NotUtf8, Malformed, TooLarge, and Invalid for a field that holds U+0000. A plain form may have
    `most` bytes; of a multipart one the app's own limit holds.
    """
    said = request.headers.get("content-type", "")
    kind, _, parameters = said.partition(";")
    kind = kind.strip().lower()
    if parameters and parameters.strip().lower() != "charset=utf-8":
        _check_charset(said)
    if kind == PLAIN:
        raw = await _read(request, most)
        form = Form(raw=raw)
        _fill(form, _pairs(raw))
    elif kind == MULTIPART:
        form = await _multipart(request)
    else:
        raise NotAForm(
            f"the body is {kind or 'of no kind'}; send {PLAIN} or {MULTIPART}, in UTF-8",
            errors=[FieldError("header Content-Type", f"must be {PLAIN} or {MULTIPART}")],
        )
    return form


async def _read(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge(f"a plain form may have {most:,} bytes", facts={"limit_bytes": most})
        parts.append(part)
    return b"".join(parts)


def _check_charset(content_type: str) -> None:
    header = Message()
    header["content-type"] = content_type
    charset = header.get_param("charset")
    if isinstance(charset, str):
        _check_name(charset.strip("'\""))


def _check_name(charset: str) -> None:
    try:
        if codecs.lookup(charset).name in (_UTF_8, "ascii"):
            return
    except LookupError:
        pass
    raise NotUtf8(
        f"the form is said to be {charset[:40]!r}; send it in UTF-8",
        errors=[FieldError("header Content-Type", "charset must be utf-8")],
    )


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    """By hand: `parse_qsl` takes 10 µs for a usual request, this 4, of the 200 that a post has."""
    parts = raw.split(b"&")
    if len(parts) > MOST_FIELDS:
        raise Malformed(f"the form has more than {MOST_FIELDS} fields")
    try:
        return [(_plain(name), _plain(value)) for name, _, value in (part.partition(b"=") for part in parts)]
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None


def _plain(text: bytes) -> str:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return (unquote_to_bytes(text) if b"%" in text else text).decode()


async def _multipart(request: Request) -> Form:
    # Read as Latin-1, in which every byte is a letter, and turned into UTF-8 below: the parser itself would take bytes
    # that are none for Latin-1 and say nothing.
    boundary = Message()
    boundary["content-type"] = request.headers["content-type"]
    name = boundary.get_param("boundary")
    if not isinstance(name, str) or not name:
        raise Malformed("the multipart form names no boundary")
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    headers = Headers({"content-type": f'{MULTIPART}; charset=latin-1; boundary="{quoted}"'})
    parser = MultiPartParser(
        headers, _stream(request), max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD
    )
    try:
        read = await parser.parse()
    except MultiPartException as error:
        raise Malformed(f"the multipart form cannot be read: {error.message}") from None
    except UnicodeEncodeError:
        raise Malformed("the multipart form's boundary is not ASCII") from None
    form = Form()
    texts: list[tuple[str, str]] = []
    for key, value in read.multi_items():
        if isinstance(value, str):
            texts.append((key, value))
        elif value.filename or value.size:  # an empty choice of a file is sent as an empty file without a name
            form.files.append(value)
    try:
        _fill(form, ((_utf8(key), _utf8(value)) for key, value in texts))
    except BaseException:
        await form.close()
        raise
    return form


async def _stream(request: Request) -> AsyncGenerator[bytes, None]:
    async for part in request.stream():
        yield part


def _utf8(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None


def _not_utf8(error: UnicodeDecodeError) -> NotUtf8:
    return NotUtf8(f"the form is not UTF-8: {error.reason}")


def _fill(form: Form, pairs: Iterable[tuple[str, str]]) -> None:
    for key, value in pairs:
        if value == "":
            continue
        if "\x00" in value or "\x00" in key:
            name = key.replace("\x00", "")
            words = "must not contain the character U+0000"
            raise Invalid(f"{name} {words}", errors=[FieldError(f"/{name}", words)])
        if key == "_charset_":
            _check_name(value)
        form.fields.setdefault(key, []).append(value)
