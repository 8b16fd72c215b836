"""A picture from standard input, its thumbnails to standard output: the small one's length in 4 bytes, then both."""

import io
import os
import resource
import sys

from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

from services.intake.domain.media import THUMBNAILS
from services.intake.formats.notes import MOST_PIXELS_JPEG

_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
# 64 million pixels decoded are 256 MB, turned upright as much again.
_MEMORY = 1536 << 20
_PROCESSOR_SECONDS = 20
_QUALITY = 80


def main() -> None:
    os.nice(10)  # a report is answered first
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS_JPEG
    register_heif_opener()
    try:
        small, large = thumbnails(sys.stdin.buffer.read())
    except Exception as error:  # whatever a damaged picture makes the decoder raise
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(len(small).to_bytes(4) + small + large)


def thumbnails(picture: bytes) -> list[bytes]:
    """In the order of THUMBNAILS, smallest first."""
    with Image.open(io.BytesIO(picture), formats=_FORMATS) as opened:
        most = max(THUMBNAILS.values())
        opened.draft("RGB", (most, most))
        profile = opened.info.get("icc_profile")
        upright = ImageOps.exif_transpose(opened)
    if upright.has_transparency_data:
        whole = upright.convert("RGBA")
        upright = Image.new("RGB", whole.size, "white")
        upright.paste(whole, mask=whole.getchannel("A"))
    made = []
    for longest in sorted(THUMBNAILS.values(), reverse=True):
        upright.thumbnail((longest, longest))
        if upright.mode != "RGB":
            upright = upright.convert("RGB")
        out = io.BytesIO()
        upright.save(out, "JPEG", quality=_QUALITY, optimize=True, icc_profile=profile)
        made.append(out.getvalue())
    return made[::-1]


if __name__ == "__main__":
    main()
