"""Resumable uploads 断点续传: a file that comes in parts, over as many connections as it takes."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.kernel.errors import Conflict, Invalid, NotFound, TooLarge, TooMany, UnsupportedMedia


class UploadNotFound(NotFound):
    slug, title, title_zh = "upload-not-found", "No such upload, or not any more", "上传任务不存在或已过期"


class WrongOffset(Conflict):
    """`facts["offset"]` is where to go on."""

    slug, title, title_zh = "wrong-offset", "The upload does not go on here", "上传偏移量不符"


class TooMuchSent(TooLarge):
    slug, title, title_zh = "more-than-announced", "More was sent than Upload-Length says", "上传内容超出声明长度"


class TooManyUploads(TooMany):
    slug, title, title_zh = "too-many-uploads", "Too many uploads are open", "未完成的上传过多"


class NotAnOffset(Invalid):
    slug, title, title_zh = "bad-upload-header", "A header of the upload is missing or wrong", "上传请求头缺失或无效"


class NotAPart(UnsupportedMedia):
    slug, title, title_zh = "not-a-part", "A part is application/offset+octet-stream", "上传分片的内容类型不符"


class Upload(NamedTuple):
    """`id` is that of the media it becomes. `received` of `length` bytes are durable; `done`: it has become media."""

    id: UUID
    length: int
    received: int
    uploaded_by: str
    expires_at: datetime
    done: bool


def goes_on_at(upload: Upload, offset: int) -> None:
    """Raise WrongOffset unless the next byte of `upload` is the one at `offset`."""
    if offset != upload.received:
        raise WrongOffset(
            f"{upload.received:,} of {upload.length:,} bytes are stored, and this part begins at {offset:,}; "
            "ask with HEAD where to go on",
            facts={"offset": upload.received},
        )
