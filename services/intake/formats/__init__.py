"""The formats of media, read as they come: what a file is, what of it may be kept, where and when it was taken.

A file is walked through once while it is on its way to the store, and what is private is gone before the store sees it:
nothing is decoded, the picture or the sound stays as it was to the bit. Sources: ITU-T T.81 (JPEG), JEITA CP-3451
(EXIF), W3C PNG, RFC 9649 (WebP), ISO/IEC 14496-12 and 23008-12 (MP4, HEIC), QuickTime File Format.
"""
