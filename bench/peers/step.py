"""Milliseconds, and milliseconds of the processor, of a training step in PyTorch on one thread: step.py LAYERS WIDTH HEADS INNER BATCH TIME CLASSES"""

import json
import sys
import time

import torch

layers, width, heads, inner, batch, steps, classes = map(int, sys.argv[1:])
torch.set_num_threads(1)
torch.manual_seed(1)

block = torch.nn.TransformerEncoderLayer(
    width, heads, inner, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
)
encoder = torch.nn.TransformerEncoder(block, layers, norm=torch.nn.LayerNorm(width))
model = torch.nn.Sequential(encoder, torch.nn.Linear(width, classes)).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
x = torch.randn(batch, steps, width)
labels = torch.randint(classes, (batch * steps,))


def step():
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x).view(-1, classes), labels)
    loss.backward()
    optimizer.step()


best = {"step": float("inf"), "processor": float("inf")}
for i in range(10):
    start, processor = time.perf_counter(), time.process_time()
    step()
    if i >= 2:
        best["step"] = min(best["step"], (time.perf_counter() - start) * 1000)
        best["processor"] = min(best["processor"], (time.process_time() - processor) * 1000)
print(json.dumps(best))
