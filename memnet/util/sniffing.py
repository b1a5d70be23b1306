"""What a file is by its first bytes: a stand-in of another, or compressed as a whole."""

from __future__ import annotations

LFS_POINTER = "git-LFS pointer"
WEB_PAGE = "web page"


def stand_in(start: bytes) -> str:
    """Tell by its first bytes whether a file only stands in the place of the one that was meant.

    Parameters
    ----------
    start : the file's first bytes, 200 or more where it has them.

    Returns
    -------
    str
        :data:`LFS_POINTER` (a checkout without ``git lfs pull``), :data:`WEB_PAGE` (an error
        message that was saved under the file's name), or "" for anything else.

    Examples
    --------
    >>> stand_in(b"version https://git-lfs.github.com/spec/v1")
    'git-LFS pointer'
    >>> stand_in(b"  <!DOCTYPE html><html>")
    'web page'
    """
    text = start[:200].lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return LFS_POINTER
    return WEB_PAGE if text.startswith((b"<!doctype html", b"<html")) else ""


_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
}
"""First bytes -> what wrote them, by the descriptions of the formats (gzip: RFC 1952)."""


def compression(start: bytes) -> str:
    """Tell by its first bytes how a file is compressed as a whole; "" for one that is not.

    Examples
    --------
    >>> import gzip
    >>> compression(gzip.compress(b"pictures")), compression(b"pictures")
    ('gzip', '')
    """
    return next((how for first, how in _COMPRESSED.items() if start.startswith(first)), "")
