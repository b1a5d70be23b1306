"""The pictures of a request, in memory alone: nothing that is uploaded touches the disk.

A file's name is echoed, cut and made printable; it is used for nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fastapi import Request
from pydantic import BaseModel, Field
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from memnet.util.text import printable
from memnet.web.problems import Problem
from memnet.web.schemas import FIELD, read_json
from memnet.web.settings import Limits

_LONGEST_NAME = 200


@dataclass(frozen=True)
class Upload:
    """A picture as it came: its name, cleaned, and its bytes."""

    name: str
    data: bytes


class PictureInJson(BaseModel):
    """A picture within JSON."""

    name: str = Field(default="", max_length=10_000, examples=["a.jpg"])
    data: str = Field(description="the encoded file, in base64")


class PicturesInJson(BaseModel):
    """Pictures within JSON."""

    pictures: list[PictureInJson] = Field(min_length=1)
    models: list[str] | None = Field(
        default=None, description="labels; all of the server's without it"
    )


async def read_uploads(request: Request, limits: Limits) -> tuple[list[Upload], list[str] | None]:
    """Read the pictures of a request, and the models that it names, None for none.

    Raises
    ------
    Problem
        if it is of another kind (415), cannot be understood (400, 422), has too many or too long
        files (413), or none.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise Problem(400, "The Content-Type has no boundary between the files.")
        uploads = await read_form(request.stream(), boundary, limits)
        models = None
    elif kind == b"application/json":
        body = await request.body()
        uploads, models = await asyncio.to_thread(_of_json, body, limits)  # it takes a while
    else:
        raise Problem(
            415,
            f"Send pictures as multipart/form-data in the field `{FIELD}`, or as application/json.",
        )
    if not uploads:
        raise Problem(422, f"No picture was sent; send files in the field `{FIELD}`.")
    return uploads, models


async def read_form(chunks: AsyncIterator[bytes], boundary: bytes, limits: Limits) -> list[Upload]:
    """Read the files of a form as it comes; raises :class:`Problem` as :func:`read_uploads`."""
    form = _Form(limits)
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        async for chunk in chunks:
            if chunk:
                parser.write(chunk)
    except FormParserError as error:
        raise Problem(400, f"The form is damaged ({printable(str(error), 200)}).") from error
    if not form.ended:
        raise Problem(400, "The form is cut off: its closing boundary is missing.")
    return form.uploads


class _Form:
    """What the parser finds in a form."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._field, self._value, self._disposition = b"", b"", b""
        self._name: str = ""
        self._pieces: list[bytes] = []
        self._size = 0
        self.uploads: list[Upload] = []
        self.ended = False

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._part_begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def _part_begin(self) -> None:
        if len(self.uploads) == self._limits.files:
            raise too_many(self._limits)
        self._disposition, self._field, self._value = b"", b"", b""
        self._pieces, self._size = [], 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field, self._value = b"", b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        field = options.get(b"name", b"").decode(errors="replace")
        if field != FIELD:
            raise Problem(
                422, f"The form has a field {printable(field, 50)!r}; send files as `{FIELD}`."
            )
        self._name = clean_name(options.get(b"filename", b"").decode(errors="replace"))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > self._limits.bytes_per_file:
            raise too_long(len(self.uploads), self._limits)
        self._pieces.append(data[start:end])

    def _part_end(self) -> None:
        self.uploads.append(Upload(self._name, b"".join(self._pieces)))
        self._pieces = []

    def _end(self) -> None:
        self.ended = True


def _of_json(body: bytes, limits: Limits) -> tuple[list[Upload], list[str] | None]:
    sent = read_json(PicturesInJson, body)
    if len(sent.pictures) > limits.files:
        raise too_many(limits)
    uploads = []
    for index, picture in enumerate(sent.pictures):
        try:
            data = base64.b64decode(picture.data, validate=True)
        except (binascii.Error, ValueError):
            raise Problem(
                422, f"pictures.{index}.data: this is no base64 (RFC 4648, no line breaks)."
            ) from None
        if len(data) > limits.bytes_per_file:
            raise too_long(index, limits)
        uploads.append(Upload(clean_name(picture.name), data))
    return uploads, sent.models


def too_many(limits: Limits) -> Problem:
    """Say that a request has too many pictures."""
    return Problem(
        413,
        f"A request may have {limits.files} picture{'' if limits.files == 1 else 's'}; send the "
        "others in further requests.",
    )


def too_long(index: int, limits: Limits) -> Problem:
    """Say which picture has too many bytes."""
    return Problem(
        413,
        f"The picture at index {index} has more than {limits.bytes_per_file:,} bytes, the limit "
        "for one; save it smaller.",
    )


def clean_name(name: str) -> str:
    r"""Make a client's file name fit to be echoed: no folders, no control characters, not long.

    Examples
    --------
    >>> clean_name("../../etc/pass\0wd"), clean_name("C:\\photos\\a.jpg")
    ('pass\\x00wd', 'a.jpg')
    """
    return printable(name.replace("\\", "/").rpartition("/")[2], _LONGEST_NAME)
