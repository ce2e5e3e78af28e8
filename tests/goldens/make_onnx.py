"""Makes onnx.safetensors: ONNX's operators LSTM, GRU and RNN, in f64.

Versions 14 and 22 of the operators compute the same.

The committed file was made with PyTorch 2.15.0 (on the CPU), safetensors 0.8.0, numpy 2.4.6, onnx 1.23.2,
onnxruntime 1.32.0 and Python 3.11:

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    /tmp/torch/bin/pip install onnx==1.23.2 onnxruntime==1.32.0
    /tmp/torch/bin/python tests/goldens/make_onnx.py

It writes beside itself, the same bytes every time on the same machine. No test runs it.

common.py says how a file of cases is laid out. Of a case with D directions (2 if bidirectional) and G gates
(LSTM 4, GRU 3, RNN 1), under the operator's own names:

    X                         [T, B, I]     behind a row's length, arbitrary numbers
    sequence_lens             [B]           with lens=true
    initial_h, initial_c      [D, B, H]     with initial=true; initial_c only of LSTM
    W, R                      [D, G·H, I], [D, G·H, H]   rows i o f c of LSTM, z r h of GRU
    B                         [D, 2·G·H]    with bias=true; of W, then of R, each in the order of the rows
    P                         [D, 3·H]      with peepholes=true; p_i, p_o, p_f
    Y                         [T, D, B, H]  zero behind a row's length
    Y_h, Y_c                  [D, B, H]     of each row at its last step, in a reverse direction the first
    r_Y, r_Y_h, r_Y_c         their weights in the loss
    grad/X, grad/W, …         the gradients of the loss

A line of the metadata has: op (LSTM, GRU, RNN), direction (forward, reverse, bidirectional), bias, lens,
initial, seq_len, batch, input_size, hidden_size, clip (none or the threshold); of LSTM also peepholes and
input_forget, of GRU linear_before_reset, of RNN activation (Tanh, Relu).

Where the operator's text leaves room, this is what ONNX Runtime does: `input_forget` = 1 means f = 1 − i, which
leaves the rows and the peephole of f unused, with gradients of zero; `clip` bounds the sums that enter the
gates' activations, peepholes and biases included, and leaves alone the C_t that enters h.

Every case agrees with ONNX Runtime, which computes in f32, within 2e-6. Those that onnx.reference knows agree
with it in f64 within 1e-13: it ignores sequence_lens, clip and input_forget, and does not know Relu.
"""

import numpy as np
import onnx
import onnxruntime
import torch
from common import case, save_cases
from onnx.reference import ReferenceEvaluator

LSTM = dict(op="LSTM", peepholes=False, input_forget=0)
GRU = dict(op="GRU", linear_before_reset=0)
RNN = dict(op="RNN", activation="Tanh")
FORWARD, REVERSE, BOTH = [dict(direction=d) for d in ["forward", "reverse", "bidirectional"]]
PLAIN = dict(bias=True, lens=False, initial=False, clip=None)
FULL = dict(bias=True, lens=True, initial=True, clip=None)
PEEPHOLES, COUPLED, LINEAR = dict(peepholes=True), dict(input_forget=1), dict(linear_before_reset=1)
RELU = dict(activation="Relu")

CONFIGS = [
    LSTM | FORWARD | PLAIN,
    LSTM | REVERSE | FULL | dict(bias=False),
    LSTM | BOTH | FULL,
    LSTM | FORWARD | PLAIN | PEEPHOLES,
    LSTM | REVERSE | FULL | PEEPHOLES,
    LSTM | BOTH | PLAIN | PEEPHOLES | dict(initial=True),
    LSTM | BOTH | FULL | PEEPHOLES | dict(bias=False),
    LSTM | FORWARD | PLAIN | COUPLED,
    LSTM | BOTH | FULL | COUPLED,
    LSTM | FORWARD | PLAIN | PEEPHOLES | COUPLED | dict(initial=True),
    LSTM | BOTH | FULL | PEEPHOLES | COUPLED,
    LSTM | FORWARD | PLAIN | dict(initial=True, clip=0.6),
    LSTM | BOTH | FULL | dict(clip=0.8),
    LSTM | BOTH | FULL | PEEPHOLES | dict(clip=0.7),
    LSTM | BOTH | FULL | PEEPHOLES | COUPLED | dict(clip=0.9),
    GRU | FORWARD | PLAIN,
    GRU | REVERSE | FULL,
    GRU | BOTH | PLAIN | dict(initial=True),
    GRU | BOTH | FULL | dict(bias=False),
    GRU | FORWARD | PLAIN | LINEAR,
    GRU | REVERSE | FULL | LINEAR | dict(bias=False),
    GRU | BOTH | FULL | LINEAR,
    GRU | FORWARD | PLAIN | dict(clip=0.6),
    GRU | BOTH | FULL | LINEAR | dict(clip=0.7),
    RNN | FORWARD | PLAIN | dict(initial=True),
    RNN | BOTH | PLAIN | dict(initial=True),
    RNN | BOTH | FULL,
    RNN | REVERSE | FULL | RELU,
    RNN | BOTH | FULL | RELU | dict(bias=False),
    RNN | FORWARD | PLAIN | dict(clip=0.6),
    RNN | BOTH | FULL | RELU | dict(clip=0.8),
]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
INPUTS = {
    "LSTM": ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"],
    "GRU": ["X", "W", "R", "B", "sequence_lens", "initial_h"],
    "RNN": ["X", "W", "R", "B", "sequence_lens", "initial_h"],
}
OUTPUTS = {"LSTM": ["Y", "Y_h", "Y_c"], "GRU": ["Y", "Y_h"], "RNN": ["Y", "Y_h"]}


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    cases = []
    for i, config in enumerate(CONFIGS):
        sizes = dict(seq_len=4 + i % 4, batch=2 + i % 3, input_size=2 + i % 2, hidden_size=2 + i // 2 % 3)
        config = {"op": config["op"], "direction": config["direction"], **config, **sizes}
        cases.append((config, make_case(config, seed=i)))
    save_cases("onnx", cases)


def make_case(config, seed):
    torch.manual_seed(seed)
    op, clip = config["op"], config["clip"]
    steps, batch, inputs, hidden = [config[k] for k in ["seq_len", "batch", "input_size", "hidden_size"]]
    gates, directions = GATES[op], 2 if config["direction"] == "bidirectional" else 1

    leaves = {
        "X": torch.randn(steps, batch, inputs),
        "W": torch.empty(directions, gates * hidden, inputs).uniform_(-1, 1),
        "R": torch.empty(directions, gates * hidden, hidden).uniform_(-1, 1),
    }
    if config["bias"]:
        leaves["B"] = torch.empty(directions, 2 * gates * hidden).uniform_(-0.5, 0.5)
    if config["initial"]:
        leaves["initial_h"] = torch.empty(directions, batch, hidden).uniform_(-1, 1)
        if op == "LSTM":
            leaves["initial_c"] = torch.randn(directions, batch, hidden)
    if config.get("peepholes"):
        leaves["P"] = torch.empty(directions, 3 * hidden).uniform_(-1, 1)
    constants, lens = {}, None
    if config["lens"]:
        lens = torch.randint(1, steps + 1, (batch,))
        lens[torch.randperm(batch)[:2]] = torch.tensor([1, steps])
        constants["sequence_lens"] = lens
        leaves["X"][torch.arange(steps)[:, None] >= lens] *= 20
    leaves = {name: leaf.requires_grad_() for name, leaf in leaves.items()}

    clipped = []
    results = run(config, leaves, lens, clipped)
    if clip is not None:
        share = torch.cat([x.flatten() for x in clipped]).mean()
        assert 0.1 < share < 0.9, f"{config}: clip acts on {share:.0%}"
    check(config, leaves | constants, results)
    return case(leaves, constants, results)


def run(config, leaves, lens, clipped):
    """The operator. Appends to `clipped` which elements the threshold changed."""
    x, clip = leaves["X"], config["clip"]
    steps, batch, hidden = config["seq_len"], config["batch"], config["hidden_size"]
    lens = torch.full((batch,), steps) if lens is None else lens

    def bounded(x):
        if clip is None:
            return x
        clipped.append((x.detach().abs() > clip).double())
        return x.clamp(-clip, clip)

    def of_direction(d, name, default):
        return leaves[name][d] if name in leaves else torch.zeros(default)

    ys, last_hs, last_cs = [], [], []
    directions = ["forward", "reverse"] if config["direction"] == "bidirectional" else [config["direction"]]
    for d, direction in enumerate(directions):
        w, r = leaves["W"][d], leaves["R"][d]
        b = of_direction(d, "B", 2 * len(w))
        p = of_direction(d, "P", 3 * hidden).chunk(3)
        h = of_direction(d, "initial_h", (batch, hidden))
        c = of_direction(d, "initial_c", (batch, hidden))
        y = [None] * steps
        for t in range(steps) if direction == "forward" else reversed(range(steps)):
            h_new, c_new = STEPS[config["op"]](config, x[t], h, c, w, r, b, p, bounded)
            inside = (t < lens)[:, None]
            h, c = torch.where(inside, h_new, h), torch.where(inside, c_new, c)
            y[t] = torch.where(inside, h_new, 0)
        ys.append(torch.stack(y))
        last_hs.append(h)
        last_cs.append(c)
    results = {"Y": torch.stack(ys, 1), "Y_h": torch.stack(last_hs)}
    if config["op"] == "LSTM":
        results["Y_c"] = torch.stack(last_cs)
    return results


# The new h and c. Of W, R and both biases, w_i is the part of gate i, and so on.


def lstm_step(config, x, h, c, w, r, b, p, bounded):
    w_b, r_b = b.chunk(2)
    p_i, p_o, p_f = p
    i, o, f, g = (x @ w.T + h @ r.T + w_b + r_b).chunk(4, 1)
    i = bounded(i + p_i * c).sigmoid()
    f = 1 - i if config["input_forget"] else bounded(f + p_f * c).sigmoid()
    c = f * c + i * bounded(g).tanh()
    o = bounded(o + p_o * c).sigmoid()
    return o * c.tanh(), c


def gru_step(config, x, h, c, w, r, b, p, bounded):
    (w_z, w_r, w_h), (r_z, r_r, r_h) = w.chunk(3), r.chunk(3)
    w_bz, w_br, w_bh, r_bz, r_br, r_bh = b.chunk(6)
    z = bounded(x @ w_z.T + h @ r_z.T + w_bz + r_bz).sigmoid()
    reset = bounded(x @ w_r.T + h @ r_r.T + w_br + r_br).sigmoid()
    if config["linear_before_reset"]:
        n = bounded(x @ w_h.T + reset * (h @ r_h.T + r_bh) + w_bh).tanh()
    else:
        n = bounded(x @ w_h.T + (reset * h) @ r_h.T + r_bh + w_bh).tanh()
    return (1 - z) * n + z * h, c


def rnn_step(config, x, h, c, w, r, b, p, bounded):
    w_b, r_b = b.chunk(2)
    activation = {"Tanh": torch.tanh, "Relu": torch.relu}[config["activation"]]
    return activation(bounded(x @ w.T + h @ r.T + w_b + r_b)), c


STEPS = {"LSTM": lstm_step, "GRU": gru_step, "RNN": rnn_step}


def check(config, inputs, results):
    """Compares with the other implementations of the operator."""
    outputs = OUTPUTS[config["op"]]
    arrays = {name: tensor.detach().numpy() for name, tensor in inputs.items()}

    singles = {name: array.astype(np.float32) for name, array in arrays.items()}
    if "sequence_lens" in arrays:
        singles["sequence_lens"] = arrays["sequence_lens"].astype(np.int32)
    model = make_model(config, singles, onnx.TensorProto.FLOAT).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    compare("ONNX Runtime", config, outputs, session.run(None, singles), results, 2e-6)

    relu = config.get("activation") == "Relu"
    if not (config["lens"] or config["clip"] or config.get("input_forget") or relu):
        reference = ReferenceEvaluator(make_model(config, arrays, onnx.TensorProto.DOUBLE))
        compare("onnx.reference", config, outputs, reference.run(None, arrays), results, 1e-13)


def make_model(config, arrays, dtype):
    op, names = config["op"], INPUTS[config["op"]]
    attributes = {k: config[k] for k in ["input_forget", "linear_before_reset"] if k in config}
    if config["clip"] is not None:
        attributes["clip"] = config["clip"]
    if op == "RNN":
        attributes["activations"] = [config["activation"]] * len(arrays["W"])
    node = onnx.helper.make_node(
        op,
        [name if name in arrays else "" for name in names],
        OUTPUTS[op],
        direction=config["direction"],
        hidden_size=config["hidden_size"],
        **attributes,
    )
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        op,
        [
            value(name, onnx.TensorProto.INT32 if name == "sequence_lens" else dtype, arrays[name].shape)
            for name in names
            if name in arrays
        ],
        [value(name, dtype, [None] * (4 if name == "Y" else 3)) for name in OUTPUTS[op]],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def compare(other, config, names, theirs, ours, tolerance):
    for name, array in zip(names, theirs, strict=True):
        error = np.abs(array - ours[name].detach().numpy()).max()
        assert error <= tolerance, f"{other} differs in {name} by {error:.1e}: {config}"


if __name__ == "__main__":
    main()
