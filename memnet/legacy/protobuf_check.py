"""A look at a protobuf file before protobuf reads it: says where it is damaged, bounds its cost.

The protobuf library answers damage with a bare "error parsing message", and a hostile file of two
bytes per field makes it allocate a hundred times the file's size. This walk over the field headers
(a few hundred in a real file; values are skipped, not read) names the message, the field and the
byte, and refuses files with absurdly many fields.
"""

from __future__ import annotations

from typing import Any

from memnet.errors import MemnetError

MOST_FIELDS = 100_000
"""A MemNet file has about 500."""

_LENGTH_DELIMITED = 2
_FIXED = {1: 8, 5: 4}  # wire type -> bytes


def check_wire(data: memoryview, descriptor: Any, source: str) -> None:
    """Walk a serialized message and everything inside it that the schema knows.

    Parameters
    ----------
    data : the file.
    descriptor : protobuf descriptor of the message that it should hold.
    source : the file's name, for the message.

    Raises
    ------
    MemnetError
        in one sentence: truncated, a field longer than the file, a field of the wrong wire type, a
        name that is no text, or too many fields.
    """
    budget = MOST_FIELDS
    waiting = [(descriptor, 0, len(data), descriptor.name)]
    while waiting:
        message, at, end, where = waiting.pop()
        while at < end:
            budget -= 1
            if budget < 0:
                raise MemnetError(
                    f"{source} has more than {MOST_FIELDS:,} fields, a hundred times as many as "
                    "any network of this kind: it is damaged or no Caffe file."
                )
            start = at
            tag, at = _varint(data, at, end, source, where)
            number, wire = tag >> 3, tag & 7
            field = message.fields_by_number.get(number)
            label = f"field {field.name!r} of {where}" if field else f"field {number} of {where}"
            if number == 0 or wire not in (0, 1, 2, 5):
                raise MemnetError(
                    f"{source} is damaged or no Caffe file: at byte {start:,}, in {where}, stands "
                    f"no field that protobuf could mean (field {number}, wire type {wire})."
                )
            if field is not None and wire not in _wire_types(field):
                raise MemnetError(
                    f"{source} is damaged or no Caffe file: {label}, at byte {start:,}, is stored "
                    f"as wire type {wire}, which Caffe never does."
                )
            if wire == 0:
                _, at = _varint(data, at, end, source, where)
                continue
            size = _FIXED.get(wire, 0)
            if wire == _LENGTH_DELIMITED:
                size, at = _varint(data, at, end, source, where)
            if at + size > end:
                raise MemnetError(
                    f"{source} is cut off or damaged: {label}, at byte {start:,}, needs {size:,} "
                    f"bytes and only {end - at:,} are there; copy or download the file again."
                )
            if field is not None and field.type == field.TYPE_STRING:
                _text(data[at : at + size], source, label)
            if wire == _LENGTH_DELIMITED and field is not None and field.message_type:
                inner = f"{where}.{field.name}" if where != descriptor.name else field.name
                waiting.append((field.message_type, at, at + size, inner))
            at += size


def _wire_types(field: Any) -> tuple[int, ...]:
    """Tell how the schema's field may lie on the wire; repeated numbers may be packed or not."""
    plain = {
        field.TYPE_FLOAT: 5,
        field.TYPE_BYTES: 2,
        field.TYPE_STRING: 2,
        field.TYPE_MESSAGE: 2,
    }.get(field.type, 0)
    return (plain, _LENGTH_DELIMITED) if is_repeated(field) else (plain,)


def is_repeated(field: Any) -> bool:
    """Tell whether a field of the schema may stand several times.

    Releases of protobuf before 6.30 say it by ``label`` alone, which those of today advise against.
    """
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(field.label == field.LABEL_REPEATED)


def _text(data: memoryview, source: str, label: str) -> None:
    """Names are checked here; protobuf would stumble over a broken one when it is used."""
    try:
        bytes(data).decode("utf-8")
    except UnicodeDecodeError:
        raise MemnetError(f"{source} is damaged or no Caffe file: {label} is no text.") from None


def _varint(data: memoryview, at: int, end: int, source: str, where: str) -> tuple[int, int]:
    value = shift = 0
    start = at
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise MemnetError(
        f"{source} is cut off or damaged: the number at byte {start:,}, in {where}, does not end; "
        "copy or download the file again."
    )
