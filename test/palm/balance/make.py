"""What balances of three tasks come to in PyTorch after 20 steps, for balance.test.ts.

    python3 test/palm/balance/make.py orders.json     # needs Debian's python3-torch; writes golden.json beside this file

orders.json: for each step and task, the order in which pcGrad takes the tasks, as the test prints it under WRITE_ORDERS=orders.json.
Everything is computed in 64 bits from numbers of 32.
"""

import json
import math
import os
import sys

import torch

STEPS, ROWS, WIDTH, HIDDEN = 20, 16, 4, 6
TASKS = ["a", "b", "c"]
SCALES = {"a": 1.0, "b": 3.0, "c": 0.3}


def wave(count, factor, shift):
    """Numbers that look random, the same in the test."""
    return torch.tensor([math.sin(factor * k + shift) for k in range(count)], dtype=torch.float32).double()


def parameters():
    shapes = {"shared/layer/weight": (WIDTH, HIDDEN), "shared/layer/bias": (HIDDEN,)}
    for task in TASKS:
        shapes[f"{task}/output/weight"] = (HIDDEN, 1)
        shapes[f"{task}/output/bias"] = (1,)
    return {
        name: (wave(math.prod(shape), 1.7, i) * 0.5).float().double().reshape(shape).requires_grad_()
        for i, (name, shape) in enumerate(shapes.items())
    }


def data():
    x = wave(ROWS * WIDTH, 2.3, 0.5).reshape(ROWS, WIDTH)
    return x, {task: wave(ROWS, 3.1, i) * SCALES[task] for i, task in enumerate(TASKS)}


def losses_of(p):
    x, golds = data()
    hidden = torch.tanh(x @ p["shared/layer/weight"] + p["shared/layer/bias"])
    found = {t: (hidden @ p[f"{t}/output/weight"] + p[f"{t}/output/bias"]).reshape(-1) for t in TASKS}
    # products of f32 in the test are rounded; here the numbers of 32 bits are taken as they are
    return torch.stack([((found[t] - golds[t].float().double()) ** 2).mean() for t in TASKS])


def gradients(loss, p):
    found = torch.autograd.grad(loss, list(p.values()), retain_graph=True, allow_unused=True)
    return {name: torch.zeros_like(v) if g is None else g for (name, v), g in zip(p.items(), found)}


SHARED = ["shared/layer/weight", "shared/layer/bias"]


def flat(gradient):
    return torch.cat([gradient[name].reshape(-1) for name in SHARED])


def weighted(p, losses, weights, shared=None):
    """Gradients of all parameters with a factor for each task, with other ones for what they share."""
    each = [gradients(loss, p) for loss in losses]
    out = {}
    for name in p:
        factors = weights if shared is None or name not in SHARED else shared
        out[name] = sum(f * g[name] for f, g in zip(factors, each))
    return out


def uncertainty(p, losses, state, step):
    s = torch.stack([state[f"balance/{t}"] for t in TASKS])
    loss = (torch.exp(-s) * losses + s).sum()
    every = {**p, **state}
    return gradients(loss, every)


def dynamic_average(p, losses, state, step):
    means = state.setdefault("means", [])
    weights = torch.ones(3, dtype=torch.float64)
    if len(means) >= 2:
        weights = 3 * torch.softmax(means[-1] / means[-2] / 2, 0)
    means.append(losses.detach())
    return weighted(p, losses, weights)


def grad_norm(p, losses, state, step):
    scores = state["balance/scores"]
    weights = 3 * torch.softmax(scores, 0)
    norms = weights * torch.stack([flat(gradients(loss, p)).norm() for loss in losses])
    first = state.setdefault("first", losses.detach())
    ratio = losses.detach() / first
    target = (norms.mean() * (ratio / ratio.mean()) ** 1.5).detach()
    out = weighted(p, losses, weights.detach())
    distance = (norms - target).abs().sum()
    (gradient,) = torch.autograd.grad(distance, [scores])
    # in the first epoch nothing is known yet
    out["balance/scores"] = gradient if step > 0 else torch.zeros_like(gradient)
    return out


def pc_grad(p, losses, state, step):
    each = [flat(gradients(loss, p)) for loss in losses]
    total = torch.zeros_like(each[0])
    for i in range(3):
        mine = each[i].clone()
        for j in ORDERS[step][i]:
            dot = mine @ each[j]
            if j != i and dot < 0:
                mine -= dot / (each[j] @ each[j]) * each[j]
        total += mine
    out = weighted(p, losses, torch.ones(3))
    at = 0
    for name in SHARED:
        out[name] = total[at : at + p[name].numel()].reshape(p[name].shape)
        at += p[name].numel()
    return out


BALANCES = {
    "uncertainty": (uncertainty, {f"balance/{t}": () for t in TASKS}),
    "dynamicAverage": (dynamic_average, {}),
    "gradNorm": (grad_norm, {"balance/scores": (3,)}),
    "pcGrad": (pc_grad, {}),
}


def run(balance, learnt, adam):
    p = parameters()
    state = {name: torch.zeros(shape, dtype=torch.float64).requires_grad_() for name, shape in learnt.items()}
    every = {**p, **state}
    optimizer = (
        torch.optim.Adam(every.values(), lr=0.01) if adam else torch.optim.SGD(every.values(), lr=0.05)
    )
    losses = []
    for step in range(STEPS):
        loss = losses_of(p)
        losses.append(loss.tolist())
        found = balance(p, loss, state, step)
        for name, value in every.items():
            value.grad = found[name].detach()
        optimizer.step()
    return {"losses": losses, "weights": {name: value.detach().reshape(-1).tolist() for name, value in every.items()}}


if __name__ == "__main__":
    ORDERS = json.load(open(sys.argv[1]))
    golden = {"orders": ORDERS}
    for name, (balance, learnt) in BALANCES.items():
        for adam in (False, True):
            golden[f"{name} {'adam' if adam else 'descent'}"] = run(balance, learnt, adam)
    text = json.dumps(golden, separators=(",", ":"))
    with open(os.path.join(os.path.dirname(__file__), "golden.json"), "w") as file:
        file.write(text + "\n")
