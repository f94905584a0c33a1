"""The cases of main.ts in PyTorch eager mode on the same card: pytorchGpu.py JSON; each line that begins with @ is a row."""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

if not torch.cuda.is_available():
    sys.exit("PyTorch sees no card")

asked = json.loads(sys.argv[1])
batch, steps, small = asked["batch"], asked["time"], asked["small"]
card = "cuda"
torch.manual_seed(1)
# full f32, as frond computes; the default too
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False


def milliseconds_of(work):
    """Of one call where many follow each other."""
    for _ in range(3):
        work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    once = (time.perf_counter() - start) * 1000
    count, best = max(1, min(1000, round(asked["milliseconds"] / once))), float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(count):
            work()
        torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - start) * 1000 / count)
    return best


def row(case, what, unit, make, value=lambda milliseconds: milliseconds, note=""):
    made = {"case": case, "what": what, "by": "PyTorch", "unit": unit}
    try:
        made.update(value=value(milliseconds_of(make())), note=note)
    except Exception as problem:
        made["note"] = f"not measured: {str(problem).splitlines()[0]}"
    print("@" + json.dumps(made), flush=True)
    torch.cuda.empty_cache()


def matmul(size, dtype):
    def make():
        x = torch.randn(size, size, device=card, dtype=dtype)
        w = torch.randn(size, size, device=card, dtype=dtype)
        return lambda: torch.matmul(x, w)

    return make


def attention(batch, steps, heads, width, backward):
    def make():
        shape = (batch, steps, heads, width // heads)
        q, k, v = (torch.randn(shape, device=card, requires_grad=backward) for _ in range(3))
        upstream = torch.randn(batch, heads, steps, width // heads, device=card)

        def work():
            out = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
            if backward:
                torch.autograd.grad(out, (q, k, v), upstream)

        return work

    return make


class Encoder(nn.Module):
    """Word and position tables, pre-norm blocks, a last norm."""

    def __init__(self, words, positions, layers, width, heads, inner, dropout, outer):
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Embedding(positions, width)
        block = nn.TransformerEncoderLayer(
            width, heads, inner, dropout=dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.outer = nn.Dropout(outer)

    def embed(self, tokens):
        return self.words(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))


class Bert(nn.Module):
    def __init__(self, layers, width, classes):
        super().__init__()
        self.encoder = Encoder(30522, 512, layers, width, width // 64, 4 * width, 0.1, 0.0)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens, labels):
        logits = self.head(self.encoder.blocks(self.encoder.embed(tokens)))
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


class Joint(nn.Module):
    """Intent by a learned position in front, slots by a linear-chain CRF as a loop over time."""

    def __init__(self, intents, tags):
        super().__init__()
        self.encoder = Encoder(702, 129, 2, 128, 4, 512, 0.1, 0.3)
        self.front = nn.Parameter(torch.randn(1, 1, 128) * 0.02)
        self.intent, self.emission = nn.Linear(128, intents), nn.Linear(128, tags)
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        self.begin, self.end = nn.Parameter(torch.zeros(tags)), nn.Parameter(torch.zeros(tags))

    def forward(self, tokens, intents, tags):
        encoder = self.encoder
        x = torch.cat([self.front.expand(tokens.shape[0], -1, -1), encoder.embed(tokens)], 1)
        y = encoder.outer(encoder.blocks(encoder.outer(x)))
        emissions = self.emission(y[:, 1:])
        level = self.begin + emissions[:, 0]
        for t in range(1, tokens.shape[1]):
            level = torch.logsumexp(level.unsqueeze(2) + self.transitions, 1) + emissions[:, t]
        at_tags = emissions.gather(2, tags.unsqueeze(2)).squeeze(2).sum(1)
        between = self.transitions[tags[:, :-1], tags[:, 1:]].sum(1)
        gold = self.begin[tags[:, 0]] + at_tags + between + self.end[tags[:, -1]]
        return F.cross_entropy(self.intent(y[:, 0]), intents) + (torch.logsumexp(level + self.end, 1) - gold).mean()


def step(model_of, feeds_of, clip=None):
    def make():
        model = model_of().to(card).train()
        feeds = feeds_of()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)

        def work():
            optimizer.zero_grad()
            model(*feeds).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()

        return work

    return make


def ids(limit, *shape):
    return torch.randint(limit, shape, device=card)


for size in asked["sizes"]:
    for dtype, name in ((torch.float32, "f32"), (torch.float16, "f16")):
        flops = 2 * size**3
        row(f"{size}x{size}x{size}", f"matmul {name}", "GFLOP/s", matmul(size, dtype), lambda ms: flops / ms / 1e6)

heads, width = (2, 64) if small else (12, 768)
for b, t in ((batch, steps),) if small else ((batch, steps), (8, 512)):
    case = f"b{b} t{t} h{heads} w{width}"
    row(case, "attention forward", "ms", attention(b, t, heads, width, False))
    row(case, "attention forward and backward", "ms", attention(b, t, heads, width, True))

joint = step(lambda: Joint(21, 120), lambda: (ids(702, batch, steps), ids(21, batch), ids(120, batch, steps)), clip=1.0)
row(f"joint 2x128 b{batch} t{steps}", "training step", "ms", joint, note="CRF as a loop over time")
layers, width, name = (1, 64, "BERT 1x64") if small else (12, 768, "BERT-base")
bert = step(lambda: Bert(layers, width, 16), lambda: (ids(30522, batch, steps), ids(16, batch, steps)))
row(f"{name} b{batch} t{steps}", "training step", "ms", bert)
