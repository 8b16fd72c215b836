"""Make a thumbnail: when somebody first asks for it, and then it is kept beside the picture."""

from uuid import UUID

from services.intake.domain.media import THUMBNAILS, Media, MediaNotFound, NoThumbnail
from services.intake.media_files import MediaFiles
from services.intake.thumbnails import Thumbnailer


async def make_thumbnail(files: MediaFiles, thumbnailer: Thumbnailer, media: Media, size: str) -> bytes:
    """A JPEG of this size. Two who ask at once may both make it: they make the same.

    Raises NoThumbnail, MediaNotFound, MediaStoreAway.
    """
    if not media.is_picture:
        raise NoThumbnail(f"{media.id} is {media.media_type}; pictures have thumbnails")
    kept = await files.get_whole(thumbnail_name(media.stored_as, size))
    if kept is not None:
        return kept
    picture = await files.get_whole(media.stored_as)
    if picture is None:
        raise MediaNotFound(f"the content of {media.id} is gone from the media store")
    made = await thumbnailer.make(picture)
    for each, content in made.items():
        await files.put_whole(thumbnail_name(media.stored_as, each), content)
    return made[size]


def thumbnail_name(stored_as: str, size: str) -> str:
    return f"thumbnails/{stored_as}.{size}.jpg"


def names_of(stored_as: str) -> list[str]:
    """Every name under which something of a file is stored."""
    return [stored_as, *(thumbnail_name(stored_as, size) for size in THUMBNAILS)]


def media_named_in(name: str) -> UUID | None:
    """The media, or the upload, whose id a name in the store begins with; None: the name is not of our making."""
    own = name.removeprefix("thumbnails/").removeprefix("uploads/")
    try:
        return UUID(own[:36])
    except ValueError:
        return None
