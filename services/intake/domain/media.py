"""Media 媒体: pictures, sound and film sent along with a report or as evidence."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from shared.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMedia,
)

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
        "video/quicktime",
    }
)

# Thumbnails 缩略图: the longer side in pixels, for a list and for a screen.
THUMBNAILS: Final = {"small": 320, "large": 1280}

# A client may name media by an id of its own, before the file has come: a UUIDv7, whose time says when it was made. A
# field worker's telephone may have been without a network for a month.
OWN_ID_FOR: Final = timedelta(days=30)
CLOCK_SKEW: Final = timedelta(minutes=5)


class MediaTooLarge(TooLarge):
    slug, title, title_zh = "media-too-large", "The file is too large", "文件过大"


class MediaTypeRefused(UnsupportedMedia):
    slug, title, title_zh = "media-type-refused", "Not a picture, a sound or a film that is taken", "不支持的文件类型"


class NoFile(Invalid):
    slug, title, title_zh = "no-file", "No file was sent", "未上传文件"


class MediaNotFound(NotFound):
    slug, title, title_zh = "media-not-found", "No such media", "媒体文件不存在"


class MediaBroken(Invalid):
    slug, title, title_zh = "media-broken", "The file is damaged or cut off", "文件损坏或不完整"


class TooManyPixels(TooLarge):
    slug, title, title_zh = "too-many-pixels", "The picture has too many pixels", "图片像素过多"


class MediaIdTaken(Conflict):
    slug, title, title_zh = "media-id-taken", "This id stands for another file", "该媒体编号已用于其他文件"


class BadMediaId(Invalid):
    slug, title, title_zh = "bad-media-id", "Not an id that a client may make", "媒体编号无效"


class TooManyUnnamed(TooMany):
    slug, title, title_zh = "too-many-unnamed", "Too many files that no report names", "未被引用的媒体文件过多"


class MediaStoreAway(Unavailable):
    slug, title, title_zh = "media-store-away", "The media store cannot be reached", "媒体存储暂时不可用"


class NoThumbnail(UnsupportedMedia):
    slug, title, title_zh = "no-thumbnail", "There is no thumbnail of this", "该媒体没有缩略图"


class LinkNotValid(Forbidden):
    slug, title, title_zh = "link-not-valid", "The link is not valid, or not any more", "链接无效或已过期"


class Spot(NamedTuple):
    """Where a device says it was: degrees, WGS 84."""

    lon: float
    lat: float


class Media(NamedTuple):
    """One stored file. Its content lies in the media store under `stored_as`; `sha256` is that of the file as it was
    sent, of which what is private may have been left out. `spot` and `taken_at` are what the file said, for its sender.
    """

    id: UUID
    media_type: str
    size: int
    sha256: bytes
    uploaded_by: str
    uploaded_at: datetime
    stored_as: str
    width: int | None = None
    height: int | None = None
    spot: Spot | None = None
    taken_at: datetime | None = None

    @property
    def is_picture(self) -> bool:
        return self.media_type.startswith("image/")


def may_be_made(media_id: UUID, now: datetime) -> bool:
    """Whether a client may have made this id of late: UUIDv7 (RFC 9562), its time within OWN_ID_FOR."""
    if media_id.version != 7:
        return False
    age = now.timestamp() - (media_id.int >> 80) / 1000
    return -CLOCK_SKEW.total_seconds() <= age <= OWN_ID_FOR.total_seconds()
