"""Media 媒体: pictures, sound and film sent along with a report or as evidence."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from shared.kernel.errors import Invalid, NotFound, TooLarge, UnsupportedMedia

# What the first bytes may show it to be → its media type. The name and the type a client gives are not believed.
TAKEN: Final = frozenset(
    {
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/heic",
        "audio/mpeg",
        "audio/mp4",
        "audio/aac",
        "audio/amr",
        "audio/ogg",
        "audio/wav",
        "video/mp4",
    }
)


class MediaTooLarge(TooLarge):
    slug, title, title_zh = "media-too-large", "The file is too large", "文件过大"


class MediaTypeRefused(UnsupportedMedia):
    slug, title, title_zh = "media-type-refused", "Not a picture, a sound or a film that is taken", "不支持的文件类型"


class NoFile(Invalid):
    slug, title, title_zh = "no-file", "No file was sent", "未上传文件"


class MediaNotFound(NotFound):
    slug, title, title_zh = "media-not-found", "No such media", "媒体文件不存在"


class Media(NamedTuple):
    """One stored file; its content lies in the media store under its id."""

    id: UUID
    media_type: str
    size: int
    sha256: bytes
    uploaded_by: str
    uploaded_at: datetime
