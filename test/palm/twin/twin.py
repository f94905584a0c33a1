"""The joint model in PyTorch, as plainly as it can be written: the same weights, batches, rates and optimizer as frond, dropout off.

    node test/palm/twin/export.mjs DATA OUT     # first weights and 100 batches, from frond
    python3 test/palm/twin/twin.py OUT NAME     # needs Debian's python3-torch; writes test/palm/twin/NAME.json

It computes in f64, so that what differs from frond is frond's rounding.
"""
import json
import math
import os
import struct
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {"F32": torch.float32, "I32": torch.int32, "U32": torch.int32}


def load(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = bytearray(data[begin:end])
        value = torch.frombuffer(raw, dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
        tensors[name] = value.double() if entry["dtype"] == "F32" else value.long()
    return tensors


def linear(p, name, x):
    return x @ p[name + "/weight"] + p[name + "/bias"]


def norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[name + "/gamma"], p[name + "/beta"], 1e-5)


def attention(p, name, x, mask, heads):
    batch, time, width = x.shape
    split = lambda part: linear(p, f"{name}/{part}", x).view(batch, time, heads, width // heads).transpose(1, 2)
    scores = split("query") @ split("key").transpose(-1, -2) / math.sqrt(width // heads)
    scores = scores.masked_fill(~mask[:, None, None, :], -math.inf)
    mixed = (torch.softmax(scores, -1) @ split("value")).transpose(1, 2).reshape(batch, time, width)
    return linear(p, f"{name}/output", mixed)


def encode(p, config, tokens, mask):
    batch, time = tokens.shape
    x = p["encoder/words/weight"][tokens] + p["encoder/positions/weight"][:time]
    x = torch.cat([p["encoder/sentence/weight"].expand(batch, 1, -1), x], 1)
    mask = torch.cat([torch.ones(batch, 1, dtype=torch.bool), mask], 1)
    for i in range(config["layers"]):
        name = f"encoder/layers/layer.{i}"
        x = x + attention(p, f"{name}/attention", norm(p, f"{name}/attentionNorm", x), mask, config["heads"])
        inner = F.gelu(linear(p, f"{name}/feedForward/inner", norm(p, f"{name}/feedForwardNorm", x)))
        x = x + linear(p, f"{name}/feedForward/outer", inner)
    x = norm(p, "encoder/layers/norm", x)
    return x[:, 1:], x[:, 0]


def crf_loss(emissions, tags, lengths, transitions, start, stop):
    """-log P(tags) of each sentence, by the forward recursion in the log domain."""
    batch, time, _ = emissions.shape
    rows = torch.arange(batch)
    alpha = start + emissions[:, 0]
    gold = start[tags[:, 0]] + emissions[rows, 0, tags[:, 0]]
    for t in range(1, time):
        live = t < lengths
        step = torch.logsumexp(alpha[:, :, None] + transitions, 1) + emissions[:, t]
        alpha = torch.where(live[:, None], step, alpha)
        gold = gold + live * (transitions[tags[:, t - 1], tags[:, t]] + emissions[rows, t, tags[:, t]])
    gold = gold + stop[tags[rows, lengths - 1]]
    return torch.logsumexp(alpha + stop, 1) - gold


def losses(p, config, b):
    encoded, sentence = encode(p, config, b["tokens"], b["mask"].bool())
    weights = b["weights"] / b["weights"].sum().clamp(min=1)
    intent = F.cross_entropy(linear(p, "intent/output", sentence), b["labels"], reduction="none")
    chain = [p[f"slots/crf/{name}"] for name in ("transitions", "start", "stop")]
    slots = crf_loss(linear(p, "slots/emission", encoded), b["tags"], b["lengths"], *chain)
    return (intent * weights).sum(), (slots * weights).sum()


def main(folder, name):
    config = json.load(open(os.path.join(folder, "config.json")))
    p = {key: value.requires_grad_() for key, value in load(os.path.join(folder, "weights.safetensors")).items()}
    batches = load(os.path.join(folder, "batches.safetensors"))
    decays = lambda name, value: value.dim() >= 2 and not name.endswith("/transitions")
    decayed = [value for name, value in p.items() if decays(name, value)]
    others = [value for name, value in p.items() if not decays(name, value)]
    groups = [{"params": decayed, "weight_decay": config["weightDecay"]}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.999), eps=1e-8)
    curve = []
    for step, rate in enumerate(config["rates"]):
        prefix = f"{step}/"
        batch = {key[len(prefix):]: value for key, value in batches.items() if key.startswith(prefix)}
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        intent, slots = losses(p, config, batch)
        (intent + slots).backward()
        torch.nn.utils.clip_grad_norm_(p.values(), config["clipNorm"])
        optimizer.step()
        curve.append([intent.item(), slots.item()])
        if step % 10 == 0:
            print(step, *curve[-1])
    with open(os.path.join(HERE, name + ".json"), "w") as out:
        json.dump({"about": "losses of twin.py, [intent, slots] per step", "losses": curve}, out, indent=0)
        out.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
