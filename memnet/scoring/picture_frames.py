"""Tables of pictures in memory, as Spark, Ray, pandas and pyarrow hand them over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memnet.data.inputs import Item
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import Picture
from memnet.util.text import quoted, words_of

if TYPE_CHECKING:
    import pandas as pd

_BYTES = ("bytes", "content")
"""Columns of encoded pictures: as Ray's and Spark's readers of binary files call them."""

_EXACT = 2**53
"""Whole numbers up to here are the same as float64."""


def picture_items(table: pd.DataFrame | Mapping[str, Any] | Sequence[Any]) -> list[Item]:
    """Return the pictures of a table, one for each row.

    A cell without a picture becomes an item whose decoding says what is wrong with the cell.

    Raises
    ------
    MemnetError
        if it is no table, has neither paths nor pictures or one of them twice, or one ``image_id``
        stands for two pictures.
    """
    import pandas as pd

    from memnet.data.tables import has_column

    frame = _as_frame(table)
    columns = ("path", "image_id", *_BYTES)
    there = [name for name in columns if has_column(frame, name)]
    encoded = [name for name in _BYTES if name in there]
    if len(encoded) > 1 or there == encoded or not (encoded or "path" in there):
        has = ", ".join(map(repr, frame.columns)) or "none"
        raise MemnetError(
            "A table of pictures has a column 'path', or 'bytes' (or 'content') and 'image_id'; "
            f"this one's columns: {has}."
        )
    paths = _texts(frame["path"]) if "path" in there else pd.Series("", index=frame.index)
    ids = _texts(frame["image_id"]) if "image_id" in there else paths
    if encoded:
        column = encoded[0]
        pictures = [_encoded(column, cell) for cell in frame[column]]
    else:
        pictures = [path or PictureError("The table has no picture here.") for path in paths]
    items = [
        Item(image_id, path, picture if image_id else _without_id())
        for image_id, path, picture in zip(ids, paths, pictures, strict=True)
    ]
    _refuse_two_pictures_of_one_id(items)
    return items


def _as_frame(table: Any) -> pd.DataFrame:
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "to_pydict"):  # of pyarrow: pandas would make floats of numbers beside None
        table = table.to_pydict()
    if isinstance(table, str | bytes) or not isinstance(table, Mapping | Sequence):
        kind = f"{type(table).__module__}.{type(table).__qualname__}".removeprefix("builtins.")
        raise MemnetError(
            "A table of pictures is a DataFrame of pandas, a table of pyarrow, a mapping of "
            f"columns or a list of mappings, and no {kind}."
        )
    try:
        return pd.DataFrame(table, dtype=object)  # as it stands: no number becomes another
    except (ValueError, TypeError) as error:
        raise MemnetError(f"This is no table of pictures ({words_of(error)}).") from error


def _texts(cells: pd.Series) -> pd.Series:
    """Write ids or paths; whole numbers that pandas made floats of are whole still."""
    import pandas as pd

    from memnet.data.numbers import as_text

    if cells.dtype == object or pd.api.types.is_float_dtype(cells):
        values = [_whole(cell) for cell in cells.astype(object)]
        cells = pd.Series(values, index=cells.index, name=cells.name, dtype=object)
    return as_text(cells)


def _whole(cell: Any) -> Any:
    if not isinstance(cell, float) or not cell.is_integer():
        return cell
    if abs(cell) > _EXACT:
        raise MemnetError(
            f"The image_id {cell:.0f} was made a float on its way here, which does not hold all of "
            "its digits; make ids text before anything is missing among them."
        )
    return int(cell)


def _encoded(column: str, cell: Any) -> Picture:
    """Return an encoded picture; what is none says so when it is decoded, as a video's frame."""
    import pandas as pd

    if isinstance(cell, bytes | bytearray | memoryview):
        return bytes(cell) or PictureError("The table has no picture here.")
    if cell is None or cell is pd.NA or (isinstance(cell, float) and cell != cell):
        return PictureError("The table has no picture here.")
    return PictureError(
        f"The column {column!r} has a {type(cell).__name__} here; it holds encoded pictures, as "
        "bytes."
    )


def _without_id() -> PictureError:
    return PictureError("The table has no image_id here.")


def _refuse_two_pictures_of_one_id(items: Sequence[Item]) -> None:
    """As `memnet score` does, and for its reason: nobody could tell their scores apart."""
    seen: dict[str, Item] = {}
    for item in items:
        if isinstance(item.picture, PictureError):
            continue
        first = seen.setdefault(item.image_id, item)
        if first.picture != item.picture:
            raise MemnetError(
                f"Two pictures have the image_id {quoted(item.image_id)}"
                + (f" ({first.path} and {item.path})" if first.path and item.path else "")
                + ", so that their scores could not be told apart; give each its own."
            )
