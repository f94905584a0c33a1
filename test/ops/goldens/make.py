"""Golden values from PyTorch 1.13 (CPU, f32 and f64) for the ops that frond computes with kernels of its own.

    python3 test/ops/goldens/make.py        # needs Debian's python3-torch; writes *.safetensors beside this file

Each case holds inputs, outputs and the gradients of all inputs under a random upstream gradient.
"""
import json
import math
import os
import struct

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {torch.float32: "F32", torch.float64: "F64", torch.int32: "I32"}


def save(name, tensors):
    header, offset, blobs = {}, 0, []
    for key, value in tensors.items():
        value = value.detach().contiguous()
        if value.dtype == torch.int64:
            value = value.to(torch.int32)
        blob = value.numpy().tobytes()
        header[key] = {
            "dtype": TYPES[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, name + ".safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def normal(*shape, scale=1.0):
    return (torch.randn(*shape, dtype=torch.float64) * scale).requires_grad_()


def with_gradients(inputs, output):
    upstream = torch.randn_like(output)
    output.backward(upstream)
    out = {key: value for key, value in inputs.items()}
    out["out"], out["upstream"] = output, upstream
    for key, value in inputs.items():
        if value.grad is not None:
            out["d." + key] = value.grad
    return {key: value.detach().to(torch.float32) if value.is_floating_point() else value for key, value in out.items()}


def layer_norm():
    x, gamma, beta = normal(5, 7, 24, scale=3.0), normal(24), normal(24)
    return with_gradients(dict(x=x, gamma=gamma, beta=beta), F.layer_norm(x, (24,), gamma, beta, 1e-5))


def gelu():
    x = normal(11, 13, scale=3.0)
    return with_gradients(dict(x=x), F.gelu(x))


def cross_entropy():
    logits = normal(9, 14, scale=4.0)
    labels = torch.randint(0, 14, (9,))
    return with_gradients(dict(logits=logits, labels=labels), F.cross_entropy(logits, labels, reduction="none"))


def attend(q, k, v, mask, heads):
    batch, time, width = q.shape
    split = lambda t: t.view(batch, time, heads, width // heads).transpose(1, 2)
    scores = split(q) @ split(k).transpose(-1, -2) / math.sqrt(width // heads)
    scores = scores.masked_fill(mask[:, None, None, :] == 0, -math.inf)
    return (torch.softmax(scores, -1) @ split(v)).transpose(1, 2).reshape(batch, time, width)


def attention():
    q, k, v = normal(3, 10, 32), normal(3, 10, 32), normal(3, 10, 32)
    mask = (torch.arange(10)[None, :] < torch.tensor([10, 6, 1])[:, None]).to(torch.int64)
    return with_gradients(dict(q=q, k=k, v=v, mask=mask), attend(q, k, v, mask, 4))


def encoder_layer():
    """Pre-norm: x + attention(norm(x)), then + feed-forward(norm(x)) with gelu."""
    width, inner, heads = 16, 40, 4
    p = dict(
        x=normal(2, 9, width),
        gamma1=normal(width), beta1=normal(width),
        wq=normal(width, width, scale=0.3), bq=normal(width), wk=normal(width, width, scale=0.3), bk=normal(width),
        wv=normal(width, width, scale=0.3), bv=normal(width), wo=normal(width, width, scale=0.3), bo=normal(width),
        gamma2=normal(width), beta2=normal(width),
        w1=normal(width, inner, scale=0.3), b1=normal(inner), w2=normal(inner, width, scale=0.3), b2=normal(width),
        mask=(torch.arange(9)[None, :] < torch.tensor([9, 5])[:, None]).to(torch.int64),
    )
    h = F.layer_norm(p["x"], (width,), p["gamma1"], p["beta1"], 1e-5)
    attended = attend(h @ p["wq"] + p["bq"], h @ p["wk"] + p["bk"], h @ p["wv"] + p["bv"], p["mask"], heads)
    y = p["x"] + attended @ p["wo"] + p["bo"]
    h = F.layer_norm(y, (width,), p["gamma2"], p["beta2"], 1e-5)
    return with_gradients(p, y + F.gelu(h @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"])


def adam_w():
    """Five steps with weight decay and global-norm clipping over two parameters."""
    torch.manual_seed(5)
    start = [torch.randn(6, 50), torch.randn(17)]
    params = [value.clone().requires_grad_() for value in start]
    groups = [{"params": [params[0]], "weight_decay": 0.01}, {"params": [params[1]], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.999), eps=1e-8)
    out = {"start.0": start[0], "start.1": start[1]}
    for step in range(5):
        gradients = [torch.randn_like(value) * 0.3 for value in params]
        for value, gradient in zip(params, gradients):
            value.grad = gradient.clone()
        out[f"norm.{step}"] = torch.nn.utils.clip_grad_norm_(params, 1.0).reshape(1)
        optimizer.step()
        for i, (value, gradient) in enumerate(zip(params, gradients)):
            out[f"gradient.{step}.{i}"] = gradient
            out[f"after.{step}.{i}"] = value.detach().clone()
    return out


if __name__ == "__main__":
    torch.manual_seed(20)
    for case in (layer_norm, gelu, cross_entropy, attention, encoder_layer, adam_w):
        save(case.__name__, case())
        print(case.__name__)
