"""What a walk through a file notes on its way."""

from datetime import datetime
from typing import Final

from services.intake.domain.media import MediaBroken, Spot, TooManyPixels

# By what a thumbnail of it takes in memory, measured: a JPEG is decoded at an eighth of its size (200 million pixels,
# as telephones of 2026 take them, 61 MB), a PNG or HEIC whole (50 million: 260 and 372 MB), a WebP three times (25: 400
# MB).
MOST_PIXELS: Final = {
    "image/jpeg": 210_000_000,
    "image/png": 50_000_000,
    "image/heic": 50_000_000,
    "image/webp": 25_000_000,
}


class Notes:
    """Filled by a walk. `exif` is a TIFF block, as EXIF is written everywhere; `spot` and `at` are a film's."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type
        self.width: int | None = None
        self.height: int | None = None
        self.exif: bytes | None = None
        self.spot: Spot | None = None
        self.at: datetime | None = None

    def sized(self, width: int, height: int) -> None:
        """A picture of so many pixels. Raises MediaBroken for none, TooManyPixels."""
        most = MOST_PIXELS[self.media_type]
        if width < 1 or height < 1:
            raise broken("the picture has no width or no height")
        if width * height > most:
            raise TooManyPixels(
                f"{width:,} × {height:,} pixels; a picture of this kind may have {most:,}",
                facts={"limit_pixels": most},
            )
        if self.width is None or self.height is None or width * height > self.width * self.height:
            self.width, self.height = width, height


def broken(what: str) -> MediaBroken:
    return MediaBroken(f"{what}: the file is damaged, or not what its first bytes say")
