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


ROWS, CLASSES = 4, 5


def leaf(*numbers):
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


def rows(labels=None):
    """Encodings of four texts, their weights and labels."""
    p = dict(sentence=normal(ROWS, WIDTH), weights=leaf(1.0, 0.5, 1.5, 2.0))
    return p if labels is None else dict(p, labels=labels)


def dense(p, name, x, count):
    p[f"{name}/weight"], p[f"{name}/bias"] = normal(x.shape[-1], count, scale=0.4), normal(count)
    return x @ p[f"{name}/weight"] + p[f"{name}/bias"]


def by_weight(losses, weights):
    return (losses * weights).sum() / weights.sum()


def classify(factors, smoothing):
    p = rows(torch.tensor([3, 0, 1, 3]))
    logits = dense(p, "output", p["sentence"], CLASSES)
    factors = torch.tensor(factors or [1.0] * CLASSES).double()
    losses = F.cross_entropy(logits, p["labels"], weight=factors, label_smoothing=smoothing, reduction="none")
    loss = (losses * p["weights"]).sum() / (factors[p["labels"]] * p["weights"]).sum()
    # the mean of PyTorch's own, where a row stands there as often as it weighs
    times = (p["weights"] * 2).long()
    own = F.cross_entropy(
        logits.repeat_interleave(times, 0), p["labels"].repeat_interleave(times), weight=factors, label_smoothing=smoothing
    )
    assert torch.allclose(loss, own, rtol=1e-12)
    return with_gradients(p, loss)


def multi_label():
    p = rows(leaf([1, 0, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 0, 1]))
    logits = dense(p, "output", p["sentence"], CLASSES)
    losses = F.binary_cross_entropy_with_logits(logits, p["labels"], reduction="none").mean(1)
    return with_gradients(p, by_weight(losses, p["weights"]))


def regress():
    p = rows(leaf(0.5, -2.0, 7.0, 1.25))
    value = dense(p, "output", p["sentence"], 1)[:, 0]
    return with_gradients(p, by_weight(F.mse_loss(value, p["labels"], reduction="none"), p["weights"]))


def match():
    p = rows()
    s = torch.sigmoid(dense(p, "output", p["sentence"], 1)[:, 0])
    losses = F.margin_ranking_loss(s[0::2], s[1::2], torch.ones(2).double(), margin=0.5, reduction="none")
    return with_gradients(p, by_weight(losses, p["weights"][0::2]))


def crf_over_pieces():
    """Emissions of each word's first piece, under the forward recursion in the log domain."""
    tags = 3
    counts, columns = [3, 1, 2], [[1, 2, 4], [1], [2, 3]]
    p = dict(encoded=normal(BATCH, TIME, WIDTH), weights=leaf(1.0, 2.0, 0.5), wordCounts=torch.tensor(counts))
    emissions = dense(p, "emission", p["encoded"], tags)
    p["crf/transitions"], p["crf/start"], p["crf/stop"] = normal(tags, tags), normal(tags), normal(tags)
    p["firstPieces"], p["tags"] = torch.zeros(BATCH, TIME, dtype=torch.int64), torch.zeros(BATCH, TIME, dtype=torch.int64)
    losses = []
    for row, count in enumerate(counts):
        gold = torch.randint(0, tags, (count,))
        p["firstPieces"][row] = row * TIME
        p["firstPieces"][row, :count] = row * TIME + torch.tensor(columns[row])
        p["tags"][row, :count] = gold
        words = emissions[row, columns[row]]
        alpha, score = p["crf/start"] + words[0], p["crf/start"][gold[0]] + words[0, gold[0]]
        for i in range(1, count):
            alpha = torch.logsumexp(alpha[:, None] + p["crf/transitions"], 0) + words[i]
            score = score + p["crf/transitions"][gold[i - 1], gold[i]] + words[i, gold[i]]
        losses.append(torch.logsumexp(alpha + p["crf/stop"], 0) - score - p["crf/stop"][gold[-1]])
    return with_gradients(p, by_weight(torch.stack(losses), p["weights"]))


def masked_lm():
    vocabulary, masked = 11, 5
    p = dict(
        encoded=normal(BATCH, TIME, WIDTH),
        table=normal(vocabulary, WIDTH),
        maskPositions=torch.tensor([1, 4, 2 * TIME + 5, 0, 0]),
        maskLabels=torch.tensor([7, 0, 10, -1, -1]),
    )
    x = p["encoded"].reshape(-1, WIDTH)[p["maskPositions"]]
    h = F.gelu(dense(p, "transform", x, WIDTH))
    p["norm/gamma"], p["norm/beta"], p["output/bias"] = normal(WIDTH), normal(WIDTH), normal(vocabulary)
    h = F.layer_norm(h, (WIDTH,), p["norm/gamma"], p["norm/beta"], 1e-12)
    return with_gradients(p, F.cross_entropy(F.linear(h, p["table"], p["output/bias"]), p["maskLabels"], ignore_index=-1))


def layer_mix():
    layers = 3
    p = {"all": normal(layers, BATCH, TIME, WIDTH), "task/mix/weights": normal(layers), "task/mix/scale": normal(1)}
    shares = torch.softmax(p["task/mix/weights"], 0) * p["task/mix/scale"]
    return with_gradients(p, (shares[:, None, None, None] * p["all"]).sum(0))


CASES = {
    "bert": lambda: bert(False),
    "ernie": lambda: bert(True),
    "classify": lambda: classify(None, 0.0),
    "classify_weighted": lambda: classify([1.0, 0.5, 3.0, 0.25, 1.0], 0.2),
    "classify_several": multi_label,
    "regress": regress,
    "match": match,
    "sequenceLabel_pieces": crf_over_pieces,
    "maskedLM": masked_lm,
    "layerMix": layer_mix,
}

if __name__ == "__main__":
    for name, case in CASES.items():
        torch.manual_seed(11)
        ops.save(os.path.join(HERE, name), case())
        print(name)
