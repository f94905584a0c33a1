"""Golden values from PyTorch 1.13 (CPU, f64, stored as f32) for backbones and heads, gradients included.

    python3 test/palm/goldens/make.py        # needs Debian's python3-torch; writes *.safetensors beside this file

Tensors have the names of frond's parameters; weights of linear maps are [in, out].
"""
import importlib.util
import os

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))


def script(path):
    spec = importlib.util.spec_from_file_location(path, os.path.join(HERE, "../..", path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ops, nn = script("ops/goldens/make.py"), script("nn/goldens/make.py")
normal, with_gradients = ops.normal, ops.with_gradients
BATCH, TIME, WIDTH = 3, 6, nn.WIDTH


def bert(tasks):
    layers = 2
    p = dict(
        tokens=torch.randint(0, 11, (BATCH, TIME)),
        positions=torch.arange(TIME).repeat(BATCH, 1),
        segments=torch.randint(0, 2, (BATCH, TIME)),
        mask=(torch.arange(TIME)[None, :] < torch.tensor([6, 4, 1])[:, None]).to(torch.int64),
    )
    tables = dict(words=11, positions=9, segments=2)
    if tasks:
        p["tasks"] = torch.randint(0, 3, (BATCH, TIME))
        tables["tasks"] = 3
    x = 0
    for name, size in tables.items():
        p[f"{name}/weight"] = normal(size, WIDTH)
        x = x + F.embedding(p["tokens" if name == "words" else name], p[f"{name}/weight"])
    for part in ("gamma", "beta"):
        p[f"embeddingNorm/{part}"] = normal(WIDTH)
    x = F.layer_norm(x, (WIDTH,), p["embeddingNorm/gamma"], p["embeddingNorm/beta"], 1e-12)
    layer = torch.nn.TransformerEncoderLayer(
        WIDTH, nn.HEADS, nn.INNER, dropout=0.0, activation=F.gelu, layer_norm_eps=1e-12,
        batch_first=True, norm_first=False, dtype=torch.float64,
    )
    for i in range(layers):
        own = nn.parameters(layer)
        p.update({f"layers/layer.{i}/{name}": value for name, value in own.items()})
        x = torch.nn.utils.stateless.functional_call(layer, nn.state(own), (x,), dict(src_key_padding_mask=p["mask"] == 0))
    p["pooler/weight"], p["pooler/bias"] = normal(WIDTH, WIDTH, scale=0.4), normal(WIDTH)
    pooled = torch.tanh(x[:, 0] @ p["pooler/weight"] + p["pooler/bias"])
    return with_gradients(p, torch.cat([x, pooled[:, None]], 1))


CASES = {
    "bert": lambda: bert(False),
    "ernie": lambda: bert(True),
}

if __name__ == "__main__":
    for name, case in CASES.items():
        torch.manual_seed(11)
        ops.save(os.path.join(HERE, name), case())
        print(name)
