"""timm's names of a vision transformer in torchvision's, without timm."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import VisionTransformer

from memnet.errors import MemnetError
from memnet.weights.files import match_tensors
from memnet.weights.timm_names import from_timm

DEPTH, WIDTH, INNER = 2, 8, 16
BLOCK = {  # names as in a state dict of timm 1.0.31's vit_base_patch16_224_miil
    "norm1.weight": (WIDTH,),
    "norm1.bias": (WIDTH,),
    "attn.qkv.weight": (3 * WIDTH, WIDTH),
    "attn.proj.weight": (WIDTH, WIDTH),
    "attn.proj.bias": (WIDTH,),
    "norm2.weight": (WIDTH,),
    "norm2.bias": (WIDTH,),
    "mlp.fc1.weight": (INNER, WIDTH),
    "mlp.fc1.bias": (INNER,),
    "mlp.fc2.weight": (WIDTH, INNER),
    "mlp.fc2.bias": (WIDTH,),
}
SHAPES = {
    "cls_token": (1, 1, WIDTH),
    "pos_embed": (1, 5, WIDTH),
    "patch_embed.proj.weight": (WIDTH, 3, 16, 16),
    "patch_embed.proj.bias": (WIDTH,),
    **{f"blocks.{n}.{name}": shape for n in range(DEPTH) for name, shape in BLOCK.items()},
    "norm.weight": (WIDTH,),
    "norm.bias": (WIDTH,),
    "head.weight": (1, WIDTH),
    "head.bias": (1,),
}


def published():
    generator = torch.Generator().manual_seed(0)
    return {f"vit.{n}": torch.randn(shape, generator=generator) for n, shape in SHAPES.items()}


def test_every_tensor_finds_its_place_in_torchvisions_network():
    network = VisionTransformer(32, 16, DEPTH, 2, WIDTH, INNER, num_classes=1)
    wanted = {f"vit.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors, original = published(), published()
    got = from_timm(tensors, "made.pth")
    match_tensors(got, wanted, "made.pth")
    layer = "vit.encoder.layers.encoder_layer_1"
    assert torch.equal(got[f"{layer}.ln_2.weight"], original["vit.blocks.1.norm2.weight"])
    assert torch.equal(got[f"{layer}.mlp.3.weight"], original["vit.blocks.1.mlp.fc2.weight"])
    assert not got[f"{layer}.self_attention.in_proj_bias"].any()
    assert len(got) == len(original) + DEPTH  # a bias of the attention in each block


@pytest.mark.parametrize(
    "name",
    ["vit.blocks.0.attn.qkv.bias", "vit.blocks.0.ls1.gamma", "vit.fc_norm.weight", "head.bias"],
)
def test_a_tensor_of_another_network_is_named(name):
    with pytest.raises(MemnetError, match=rf"made\.pth: '{name}' is no tensor"):
        from_timm({**published(), name: torch.zeros(1)}, "made.pth")
