"""Names of a vision transformer's tensors: timm's, as ViTMem publishes them, in torchvision's.

The two compute the same. timm's ``vit_base_patch16_224_miil`` has no bias in front of the attention
(``qkv``); torchvision's has one, which is zero then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from memnet.errors import MemnetError

if TYPE_CHECKING:
    from torch import Tensor

_QKV = "self_attention.in_proj_weight"
_NAMES = (
    (r"cls_token", "class_token"),
    (r"pos_embed", "encoder.pos_embedding"),
    (r"patch_embed\.proj\.(weight|bias)", r"conv_proj.\1"),
    (r"norm\.(weight|bias)", r"encoder.ln.\1"),
    (r"head\.(weight|bias)", r"heads.head.\1"),
    (r"blocks\.(\d+)\.(.+)", r"encoder.layers.encoder_layer_\1.\2"),
)
_WITHIN_A_BLOCK = (
    (r"norm([12])\.(weight|bias)", r"ln_\1.\2"),
    (r"attn\.qkv\.weight", _QKV),
    (r"attn\.proj\.(weight|bias)", r"self_attention.out_proj.\1"),
    (r"mlp\.fc1\.(weight|bias)", r"mlp.0.\1"),
    (r"mlp\.fc2\.(weight|bias)", r"mlp.3.\1"),
)
"""Pattern of timm's whole name, torchvision's; those of a block behind the block's name."""


def from_timm(
    tensors: Mapping[str, Tensor], where: str, *, prefix: str = "vit."
) -> dict[str, Tensor]:
    """Return the tensors of timm's vision transformer by torchvision's names.

    Parameters
    ----------
    tensors : by timm's names, each behind ``prefix``.
    where : the file's name, for the message.
    prefix : what stands before each name; it stays.

    Raises
    ------
    MemnetError
        naming the tensor that such a network does not have.
    """
    import torch  # here: what only reads headers starts without it

    renamed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        own = _renamed(name.removeprefix(prefix), _NAMES)
        block, found, inner = own.partition(".encoder_layer_")
        if found:
            number, _, rest = inner.partition(".")
            within = _renamed(rest, _WITHIN_A_BLOCK)
            own = f"{block}.encoder_layer_{number}.{within}" if within else ""
        if not own or not name.startswith(prefix):
            raise MemnetError(f"{where}: {name!r} is no tensor of timm's vision transformer.")
        renamed[prefix + own] = tensor
        if own.endswith(_QKV):
            bias = own.replace("in_proj_weight", "in_proj_bias")
            renamed[prefix + bias] = torch.zeros(len(tensor), dtype=tensor.dtype)
    return renamed


def _renamed(name: str, names: tuple[tuple[str, str], ...]) -> str:
    """Rename by the one pattern that fits; "" where none does."""
    for pattern, new in names:
        if match := re.fullmatch(pattern, name):
            return match.expand(new)
    return ""
