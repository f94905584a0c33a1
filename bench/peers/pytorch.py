"""PyTorch on the processor as a contender; requests and answers as in ../contender.ts."""

import json
import math
import os
import sys
import time

# Debian's PyTorch multiplies by OpenBLAS, which `torch.set_num_threads` does not reach and which reads this when it is loaded. No
# suite asks for products on several threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

try:
    import torch
except ImportError:
    sys.exit("error: this Python has no PyTorch")

torch.manual_seed(1)


def threads(options):
    torch.set_num_threads(options["threads"])
    return torch.get_num_threads()


def matmul(options):
    used = threads(options)
    x = torch.randn(options["rows"], options["inner"])
    w = torch.randn(options["inner"], options["inner"])
    return lambda: torch.matmul(x, w), f"{used} threads"


def step(options):
    used, at, classes = threads(options), options["at"], options["classes"]
    block = torch.nn.TransformerEncoderLayer(
        at["width"], at["heads"], at["inner"], dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    encoder = torch.nn.TransformerEncoder(block, at["layers"], norm=torch.nn.LayerNorm(at["width"]))
    model = torch.nn.Sequential(encoder, torch.nn.Linear(at["width"], classes)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    x = torch.randn(at["batch"], at["time"], at["width"])
    labels = torch.arange(at["batch"] * at["time"]) * 37 % classes

    def work():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x).view(-1, classes), labels)
        loss.backward()
        optimizer.step()
        return loss

    return work, f"first loss {work().item():.3f}, {used} threads"


def crf(options):
    """A loop over time in the log domain, as one writes it."""
    used = threads(options)
    batch, steps, labels = options["batch"], options["time"], options["labels"]
    emissions = torch.randn(batch, steps, labels, requires_grad=True)
    transitions = torch.randn(labels, labels, requires_grad=True)
    begin = torch.randn(labels, requires_grad=True)
    end = torch.randn(labels, requires_grad=True)
    tags = torch.randint(labels, (batch, steps))

    def log_z():
        level = begin + emissions[:, 0]
        for t in range(1, steps):
            level = torch.logsumexp(level.unsqueeze(2) + transitions, 1) + emissions[:, t]
        return torch.logsumexp(level + end, 1)

    def gold():
        at_tags = emissions.gather(2, tags.unsqueeze(2)).squeeze(2).sum(1)
        between = transitions[tags[:, :-1], tags[:, 1:]].sum(1)
        return begin[tags[:, 0]] + at_tags + between + end[tags[:, -1]]

    def work():
        for leaf in (emissions, transitions, begin, end):
            leaf.grad = None
        (log_z() - gold()).mean().backward()

    return work, f"{used} threads"


def turn(work, repeats):
    processor, start = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        work()
    wall = time.perf_counter() - start
    return wall * 1000 / repeats, (time.process_time() - processor) * 1000 / repeats


def warm_up(work):
    start, calls, shortest = time.perf_counter(), 0, math.inf
    while True:
        shortest, calls = min(shortest, turn(work, 1)[0]), calls + 1
        passed = time.perf_counter() - start
        if passed > 2 or (passed > 0.3 and calls >= 5):
            return shortest


def burst(work, milliseconds, known):
    repeats = max(1, math.ceil(2 / max(known, 1e-4)))
    end = time.perf_counter() + milliseconds / 1000
    best, calls = [math.inf, math.inf], 0
    while calls == 0 or time.perf_counter() < end:
        best = [min(pair) for pair in zip(best, turn(work, repeats))]
        calls += repeats
    return {"wall": best[0], "processor": best[1], "calls": calls}


work, known = None, 0.0
for line in sys.stdin:
    request = json.loads(line)
    try:
        if "burst" in request:
            answer = burst(work, request["burst"], known)
        else:
            work, note = {"matmul": matmul, "step": step, "crf": crf}[request["prepare"]](request["options"])
            known, answer = warm_up(work), {"note": note}
    except Exception as problem:
        answer = {"failed": str(problem)}
    print("@" + json.dumps(answer), flush=True)
