"""Golden values from PyTorch 1.13 (CPU, f64, stored as f32) for encoders: torch.nn.TransformerEncoderLayer.

    python3 test/nn/goldens/make.py        # needs Debian's python3-torch; writes *.safetensors beside this file

Tensors have the names of frond's parameters; weights of linear maps are [in, out].
"""
import os
import sys

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../ops/goldens"))
from make import normal, save, with_gradients  # noqa: E402

WIDTH, INNER, HEADS, LAYERS = 8, 12, 2, 2


def parameters(layer):
    """A layer's parameters under frond's names; the layer computes with these very tensors."""
    names = {"linear1": "feedForward/inner", "linear2": "feedForward/outer", "norm1": "attentionNorm", "norm2": "feedForwardNorm"}
    p = {}
    for ours in ("query", "key", "value", "output"):
        p[f"attention/{ours}/weight"], p[f"attention/{ours}/bias"] = normal(WIDTH, WIDTH, scale=0.4), normal(WIDTH)
    for theirs, ours in names.items():
        module = getattr(layer, theirs)
        if theirs.startswith("norm"):
            p[f"{ours}/gamma"], p[f"{ours}/beta"] = normal(WIDTH), normal(WIDTH)
        else:
            p[f"{ours}/weight"], p[f"{ours}/bias"] = normal(module.in_features, module.out_features, scale=0.4), normal(module.out_features)
    return p


def state(p):
    """The same as PyTorch's state."""
    att = lambda part, kind: p[f"attention/{part}/{kind}"]
    result = {
        "self_attn.in_proj_weight": torch.cat([att(part, "weight").t() for part in ("query", "key", "value")]),
        "self_attn.in_proj_bias": torch.cat([att(part, "bias") for part in ("query", "key", "value")]),
        "self_attn.out_proj.weight": att("output", "weight").t(),
        "self_attn.out_proj.bias": att("output", "bias"),
    }
    for theirs, ours in {"linear1": "feedForward/inner", "linear2": "feedForward/outer"}.items():
        result[f"{theirs}.weight"], result[f"{theirs}.bias"] = p[f"{ours}/weight"].t(), p[f"{ours}/bias"]
    for theirs, ours in {"norm1": "attentionNorm", "norm2": "feedForwardNorm"}.items():
        result[f"{theirs}.weight"], result[f"{theirs}.bias"] = p[f"{ours}/gamma"], p[f"{ours}/beta"]
    return result


def encoder(norm, activation, epsilon):
    layer = torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, INNER, dropout=0.0, activation=activation, layer_norm_eps=epsilon,
        batch_first=True, norm_first=norm == "pre", dtype=torch.float64,
    )
    x = normal(2, 5, WIDTH)
    mask = (torch.arange(5)[None, :] < torch.tensor([5, 3])[:, None]).to(torch.int64)
    inputs, y = dict(x=x, mask=mask), x
    for i in range(LAYERS):
        p = parameters(layer)
        inputs.update({f"encoder/layer.{i}/{name}": value for name, value in p.items()})
        y = torch.nn.utils.stateless.functional_call(layer, state(p), (y,), dict(src_key_padding_mask=mask == 0))
    if norm == "pre":
        gamma, beta = inputs["encoder/norm/gamma"], inputs["encoder/norm/beta"] = normal(WIDTH), normal(WIDTH)
        y = F.layer_norm(y, (WIDTH,), gamma, beta, epsilon)
    return with_gradients(inputs, y)


CASES = {
    "pre_gelu": ("pre", F.gelu, 1e-5),
    "post_gelu": ("post", F.gelu, 1e-12),
    "post_geluTanh": ("post", lambda x: F.gelu(x, approximate="tanh"), 1e-12),
    "post_relu": ("post", F.relu, 1e-5),
    "pre_tanh": ("pre", torch.tanh, 1e-3),
}

if __name__ == "__main__":
    torch.manual_seed(7)
    for name, case in CASES.items():
        save(os.path.join(HERE, name), encoder(*case))
        print(name)
