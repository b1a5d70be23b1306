"""Files that only stand in the place of another: git-LFS pointers and saved web pages."""

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
