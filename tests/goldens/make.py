"""Makes the golden values of tests/goldens.rs: what PyTorch computes, as safetensors files in f64.

The committed files were made with PyTorch 2.15.0 (on the CPU), safetensors 0.8.0 and Python 3.11:

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    /tmp/torch/bin/python tests/goldens/make.py

It writes beside itself, the same bytes every time on the same machine. No test runs it.

    {rnn_tanh,gru,lstm}_step.safetensors       one step of torch.nn.RNNCell, GRUCell, LSTMCell
    {rnn_tanh,gru,lstm}_sequence.safetensors   T steps of torch.nn.RNN, GRU, LSTM, time-major
    optimizers.safetensors                     50 steps of each optimizer with given gradients
    schedules.safetensors                      60 learning rates of each schedule
    ops.safetensors                            ops, and clipping of gradients

Each loss is the sum of the results, weighted by random numbers: the weights of `y` are called `r_y`,
the gradient of the loss in `x` is called `grad.x`. Whole numbers (ids) are stored as f64 too.
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy, embedding, log_softmax

B, I, H, T = 3, 4, 5, 7  # batch, inputs, units, steps


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for name, cell, layer in [
        ("rnn_tanh", torch.nn.RNNCell, torch.nn.RNN),
        ("gru", torch.nn.GRUCell, torch.nn.GRU),
        ("lstm", torch.nn.LSTMCell, torch.nn.LSTM),
    ]:
        save(f"{name}_step", step(cell))
        save(f"{name}_sequence", sequence(layer))
    # One entry, because safetensors writes several in no fixed order.
    tensors, constants = optimizers()
    save("optimizers", tensors, {"constants": constants})
    save("schedules", schedules())
    save("ops", {**ops(), **clipping()})


def save(name, tensors, metadata=None):
    path = pathlib.Path(__file__).parent / f"{name}.safetensors"
    tensors = {key: tensor.detach().double().contiguous() for key, tensor in tensors.items()}
    save_file(tensors, path, metadata)
    print(f"{path.name}: {len(tensors)} tensors, PyTorch {torch.__version__}")


def leaf(*shape):
    return torch.randn(*shape).requires_grad_()


def with_gradients(leaves, results):
    """Leaves, results, the random weights of the results, and the gradients in the leaves."""
    weights = {f"r_{name}": torch.randn_like(y) for name, y in results.items()}
    loss = sum((y * weights[f"r_{name}"]).sum() for name, y in results.items())
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    gradients = {f"grad.{name}": grad for name, grad in zip(leaves, gradients)}
    return {**leaves, **results, **weights, **gradients}


# One step: input [B, I], h0, c0, h1 and c1 [B, H].
def step(cell):
    torch.manual_seed(1)
    cell = cell(I, H)
    leaves = {"input": leaf(B, I), "h0": leaf(B, H)}
    if isinstance(cell, torch.nn.LSTMCell):
        leaves["c0"] = leaf(B, H)
        h1, c1 = cell(leaves["input"], (leaves["h0"], leaves["c0"]))
        results = {"h1": h1, "c1": c1}
    else:
        results = {"h1": cell(leaves["input"], leaves["h0"])}
    return with_gradients({**leaves, **dict(cell.named_parameters())}, results)


# T steps: input [T, B, I], output [T, B, H], h0, c0, h_n and c_n [B, H], without PyTorch's axis of layers.
def sequence(layer):
    torch.manual_seed(2)
    layer = layer(I, H)
    leaves = {"input": leaf(T, B, I), "h0": leaf(B, H)}
    if isinstance(layer, torch.nn.LSTM):
        leaves["c0"] = leaf(B, H)
        state = (leaves["h0"].unsqueeze(0), leaves["c0"].unsqueeze(0))
        output, (h_n, c_n) = layer(leaves["input"], state)
        results = {"output": output, "h_n": h_n.squeeze(0), "c_n": c_n.squeeze(0)}
    else:
        output, h_n = layer(leaves["input"], leaves["h0"].unsqueeze(0))
        results = {"output": output, "h_n": h_n.squeeze(0)}
    return with_gradients({**leaves, **dict(layer.named_parameters())}, results)


# Parameters a [3, 2] and b [4]. Their gradients are not computed but given: grad.a [50, 3, 2] and grad.b [50, 4].
# {optimizer}.a.{k} is a after k steps.
def optimizers():
    torch.manual_seed(3)
    start = {"a": torch.randn(3, 2), "b": torch.randn(4)}
    grads = {"a": torch.randn(50, 3, 2), "b": torch.randn(50, 4)}
    grads["a"][:, 0, 0] = 0  # never any gradient
    grads["a"][:, 2, 1] *= 1e-8  # as small as the epsilons
    grads["b"][:25, 1] = 0  # none at first
    grads["b"][:, 0] = grads["b"][:, 0].abs()
    grads["b"][1::2, 0] *= -1  # changes its sign at every step
    tensors = {"a.0": start["a"], "b.0": start["b"], "grad.a": grads["a"], "grad.b": grads["b"]}

    constants = []
    for name, make in {
        "sgd": lambda params: torch.optim.SGD(params, lr=0.1),
        "momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9),
        "adagrad": lambda params: torch.optim.Adagrad(params, lr=0.1),
        "nesterov": lambda params: torch.optim.SGD(
            params, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.02
        ),
        "adagrad_decay": lambda params: torch.optim.Adagrad(params, lr=0.1, weight_decay=0.02),
        "rmsprop": lambda params: torch.optim.RMSprop(params, lr=0.01),
        "rmsprop_other": lambda params: torch.optim.RMSprop(
            params, lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.02, momentum=0.8, centered=True
        ),
        "adam": lambda params: torch.optim.Adam(params, lr=0.1),
        "adam_decay": lambda params: torch.optim.Adam(params, lr=0.1, weight_decay=0.02),
        "adamw": lambda params: torch.optim.AdamW(params, lr=0.1),
        "groups": lambda params: torch.optim.AdamW(
            [{"params": params[:1]}, {"params": params[1:], "lr": 0.03, "weight_decay": 0.0}],
            lr=0.1,
            weight_decay=0.05,
        ),
        "adam_other": lambda params: torch.optim.Adam(params, lr=0.1, betas=(0.7, 0.95), eps=1e-3),
    }.items():
        params = {key: value.clone().requires_grad_() for key, value in start.items()}
        optimizer = make(list(params.values()))
        for key in ["lr", "momentum", "eps", "alpha", "weight_decay"]:
            if key in optimizer.defaults:
                constants.append(f"{name}.{key}={optimizer.defaults[key]!r}")
        for i, beta in enumerate(optimizer.defaults.get("betas", []), start=1):
            constants.append(f"{name}.beta{i}={beta!r}")
        for k in range(1, 51):
            if k == 11:  # a falling rate tells rules apart that agree at a fixed one
                for group in optimizer.param_groups:
                    group["lr"] /= 2
            for key, value in params.items():
                value.grad = grads[key][k - 1].clone()
            optimizer.step()
            if k in [1, 2, 10, 50]:
                for key, value in params.items():
                    tensors[f"{name}.{key}.{k}"] = value.detach().clone()
    return tensors, " ".join(constants)


# The learning rate of 60 steps; for the plateau, also the losses that it saw.
def schedules():
    schedule = torch.optim.lr_scheduler
    torch.manual_seed(5)
    losses = torch.rand(60).cumsum(0).neg().exp() + 0.1 * torch.rand(60)
    tensors = {"losses": losses}
    for name, make in {
        "step": lambda sgd: schedule.StepLR(sgd, step_size=7, gamma=0.5),
        "cosine": lambda sgd: schedule.CosineAnnealingLR(sgd, T_max=59, eta_min=0.01),
        "warm_up": lambda sgd: schedule.LinearLR(sgd, start_factor=0.1, total_iters=20),
        "plateau": lambda sgd: schedule.ReduceLROnPlateau(sgd, factor=0.5, patience=3, min_lr=0.02),
    }.items():
        sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
        scheduler, rates = make(sgd), []
        for loss in losses:
            if name != "plateau":
                rates.append(sgd.param_groups[0]["lr"])
            sgd.step()
            scheduler.step(*([loss] if name == "plateau" else []))
            if name == "plateau":
                rates.append(sgd.param_groups[0]["lr"])
        tensors[name] = torch.tensor(rates)
    return tensors


# {op}.{input}, {op}.y, {op}.r_y and {op}.grad.{input}.
def ops():
    torch.manual_seed(4)
    tensors = {}

    def add(op, f, **leaves):
        leaves = {name: x.requires_grad_() for name, x in leaves.items()}
        case = with_gradients(leaves, {"y": f(**leaves)})
        tensors.update({f"{op}.{name}": tensor for name, tensor in case.items()})

    scores = torch.randn(4, 5)
    scores[1] *= 30  # some probabilities near 0 and 1
    scores[2] += 1e6  # e^1e6 overflows, and 1e6 + ln n is rounded
    targets = torch.tensor([3, 0, 4, 3])
    add("log_softmax", lambda x: log_softmax(x, dim=-1), x=scores.clone())
    add("cross_entropy", lambda x: cross_entropy(x, targets), x=scores.clone())
    tensors["cross_entropy.targets"] = targets

    line = torch.tensor([-800.0, -30.0, -1.5, -1e-9, 0.0, 0.3, 2.0, 30.0, 800.0])
    add("sigmoid", lambda x: torch.sigmoid(x), x=line.clone())
    add("tanh", lambda x: torch.tanh(x), x=line.clone())
    add("relu", lambda x: torch.relu(x), x=line.clone())

    add("matmul", lambda a, b: a @ b, a=torch.randn(3, 4), b=torch.randn(4, 5))
    add("matmul_t_left", lambda a, b: a.T @ b, a=torch.randn(4, 3), b=torch.randn(4, 5))
    add("matmul_t_right", lambda a, b: a @ b.T, a=torch.randn(3, 4), b=torch.randn(5, 4))
    add("matmul_t_both", lambda a, b: a.T @ b.T, a=torch.randn(4, 3), b=torch.randn(5, 4))

    add("add", lambda a, b: a + b, a=torch.randn(3, 4), b=torch.randn(4))
    add("sub", lambda a, b: a - b, a=torch.randn(3, 1), b=torch.randn(1, 4))
    add("mul", lambda a, b: a * b, a=torch.randn(2, 3, 4), b=torch.randn(3, 1))
    add("div", lambda a, b: a / b, a=torch.randn(4), b=torch.rand(2, 3, 1) + 0.5)

    add("sum", lambda x: x.sum(), x=torch.randn(2, 3, 4))
    add("sum_over_0_2", lambda x: x.sum((0, 2)), x=torch.randn(2, 3, 4))
    add("mean", lambda x: x.mean(), x=torch.randn(2, 3, 4))
    add("mean_over_1", lambda x: x.mean(1), x=torch.randn(2, 3, 4))
    add("mean_keep_0_2", lambda x: x.mean((0, 2), keepdim=True), x=torch.randn(2, 3, 4))

    ids = torch.tensor([1, 3, 1, 4, 1])
    add("rows", lambda w: embedding(ids, w), w=torch.randn(5, 3))
    tensors["rows.ids"] = ids
    return tensors


# Gradients a [3, 2] and b [4], the norm of both together, and what is left of them by norm and by value.
def clipping():
    torch.manual_seed(5)
    before = {"a": torch.randn(3, 2), "b": torch.randn(4)}
    tensors = {f"clip.{name}": grad for name, grad in before.items()}
    for name, clip, limit in [
        ("norm_active", torch.nn.utils.clip_grad_norm_, 1.0),
        ("norm_idle", torch.nn.utils.clip_grad_norm_, 100.0),
        ("value", torch.nn.utils.clip_grad_value_, 0.5),
    ]:
        params = {key: torch.zeros_like(grad).requires_grad_() for key, grad in before.items()}
        for key, grad in before.items():
            params[key].grad = grad.clone()
        norm = clip(list(params.values()), limit)
        tensors[f"clip.{name}.limit"] = torch.tensor(limit)
        if norm is not None:
            tensors[f"clip.{name}.norm"] = norm
        for key, param in params.items():
            tensors[f"clip.{name}.{key}"] = param.grad
    return tensors


if __name__ == "__main__":
    main()
