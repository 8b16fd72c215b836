"""A picture from standard input, its thumbnails to standard output: the small one's length in 4 bytes, then both."""

import io
import os
import resource
import sys

from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

from services.intake.domain.media import THUMBNAILS
from services.intake.formats.notes import MOST_PIXELS

_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
# Of addresses, libraries included; what it really takes is less than half of it (services/intake/formats/notes.py).
_MEMORY = 1 << 30
_PROCESSOR_SECONDS = 20
_QUALITY = 80


def main() -> None:
    os.nice(10)  # a report is answered first
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    Image.MAX_IMAGE_PIXELS = max(MOST_PIXELS.values())
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
        opened.thumbnail((most, most))  # first: turned at its full size it would be there twice
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
