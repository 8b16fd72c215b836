"""What a walk through a file notes on its way."""

from datetime import datetime
from typing import Final

from services.intake.domain.media import MediaBroken, Spot, TooManyPixels

# A telephone of 2026 takes pictures of 200 million pixels, as JPEG, which is decoded at an eighth of its size. Other
# kinds are decoded whole: 64 million pixels are 256 MB.
MOST_PIXELS: Final = 64_000_000
MOST_PIXELS_JPEG: Final = 210_000_000


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
        most = MOST_PIXELS_JPEG if self.media_type == "image/jpeg" else MOST_PIXELS
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
