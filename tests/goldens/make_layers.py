"""Makes layers.safetensors: torch.nn.RNN, GRU and LSTM over many configurations, in f64.

The committed file was made with PyTorch 2.15.0 (on the CPU), safetensors 0.8.0, numpy 2.4.6, Python 3.11:

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6
    /tmp/torch/bin/python tests/goldens/make_layers.py

It writes beside itself, the same bytes every time on the same machine. No test runs it.

common.py says how a file of cases is laid out. Of a case with L layers, D directions (2 if bidirectional),
P = proj_size or, without, hidden_size H:

    x                       [T, B, I]      the input; behind a row's length, arbitrary numbers up to 50 or so
    lengths                 [B]            of the rows, unless lengths=none
    h0, c0                  [L·D, B, P], [L·D, B, H], unless states=false; c0 only of an LSTM
    weight_ih_l0, …         the parameters under PyTorch's names: weight_ih_l{k}, weight_hh_l{k},
                            bias_ih_l{k}, bias_hh_l{k}, weight_hr_l{k} (with proj_size), each also with
                            _reverse
    output                  [T, B, D·P]    zero behind a row's length
    h_n, c_n                [L·D, B, P], [L·D, B, H], of each row at its last step, backwards the first
    r_output, r_h_n, r_c_n  their weights in the loss
    grad/x, grad/h0, grad/c0, grad/weight_ih_l0, …  the gradients of the loss

A line of the metadata has: cell (rnn_tanh, rnn_relu, gru, lstm, lstm_proj), num_layers, bidirectional, bias,
lengths (none; ragged: a full row and one of length 1 where there are two rows; short: no row is full), states,
batch, seq_len, input_size, hidden_size, proj_size (0 without), layout:

    time_major    as above
    batch_first   x [B, T, I] and output [B, T, D·P]; the states as above
    unbatched     x [T, I], output [T, D·P], states [L·D, P] and [L·D, H]; batch=1

Every two levels of two factors meet in some time-major case, unless they exclude each other: lstm_proj needs
hidden_size 2, and a row shorter than seq_len needs 2 steps.
"""

import itertools
import random

import torch
from common import case, save_cases
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FACTORS = {
    "cell": ["rnn_tanh", "rnn_relu", "gru", "lstm", "lstm_proj"],
    "num_layers": [1, 2, 3],
    "bidirectional": [False, True],
    "bias": [False, True],
    "lengths": ["none", "ragged", "short"],
    "states": [False, True],
    "batch": [1, 2, 3, 4, 5],
    "seq_len": list(range(1, 13)),
    "input_size": [1, 2, 3, 4],
    "hidden_size": [1, 2, 3, 4, 5],
}

# One each with lengths and without.
OTHER_LAYOUTS = [
    dict(cell="gru", num_layers=2, bidirectional=True, bias=True, lengths="ragged", states=True,
         batch=3, seq_len=5, input_size=2, hidden_size=4, layout="batch_first"),
    dict(cell="lstm_proj", num_layers=1, bidirectional=False, bias=True, lengths="none", states=False,
         batch=2, seq_len=6, input_size=3, hidden_size=3, layout="batch_first"),
    dict(cell="lstm", num_layers=2, bidirectional=True, bias=True, lengths="none", states=True,
         batch=1, seq_len=4, input_size=3, hidden_size=3, layout="unbatched"),
    dict(cell="rnn_tanh", num_layers=1, bidirectional=False, bias=False, lengths="none", states=False,
         batch=1, seq_len=7, input_size=2, hidden_size=5, layout="unbatched"),
]  # fmt: skip


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    rng = random.Random(1)
    configs = [{**config, "layout": "time_major"} for config in covering(76, rng)] + OTHER_LAYOUTS
    cases = []
    for i, config in enumerate(configs):
        projected = config["cell"] == "lstm_proj"
        config = {**config, "proj_size": rng.randrange(1, config["hidden_size"]) if projected else 0}
        cases.append((config, lively(config, lengths(config, rng), seed=1000 * i)))
    save_cases("layers", cases)


def covering(count, rng):
    """At least `count` configurations in which every possible pair of levels occurs.

    Each is, of 500 random ones, the one with the most new pairs.
    """
    open_pairs = {
        pair
        for (a, levels), (b, others) in itertools.combinations(FACTORS.items(), 2)
        for pair in itertools.product([(a, level) for level in levels], [(b, other) for other in others])
        if possible(dict(pair))
    }
    configs = []
    while open_pairs or len(configs) < count:
        wanted = sorted(open_pairs, key=str) or [()]  # sorted, because a set has no order to rely on
        candidates = []
        while len(candidates) < 500:
            config = {factor: rng.choice(levels) for factor, levels in FACTORS.items()}
            config |= dict(rng.choice(wanted))
            if possible(config):
                candidates.append(config)
        best = max(candidates, key=lambda config: len(open_pairs & pairs(config)))
        open_pairs -= pairs(best)
        configs.append(best)
    return configs


def pairs(config):
    return set(itertools.combinations(config.items(), 2))


def possible(config):
    thin = config.get("cell") == "lstm_proj" and config.get("hidden_size") == 1
    brief = config.get("lengths") == "short" and config.get("seq_len") == 1
    return not thin and not brief


def lengths(config, rng):
    batch, seq_len = config["batch"], config["seq_len"]
    match config["lengths"]:
        case "none":
            return None
        case "short":
            return torch.tensor([rng.randint(1, seq_len - 1) for _ in range(batch)])
        case "ragged":
            rows = [seq_len, 1] if batch > 1 else [rng.choice([1, seq_len])]
            rows += [rng.randint(1, seq_len) for _ in range(batch - len(rows))]
            rng.shuffle(rows)
            return torch.tensor(rows)


def lively(config, lengths, seed):
    """The case of the first seed in which no gradient is nearly zero by bad luck, as where every relu is off."""
    steps = config["seq_len"] if lengths is None else lengths.max()
    for k in range(1000):
        tensors = run(config, lengths, seed + k)
        dull = [
            name
            for name, gradient in tensors.items()
            if name.startswith("grad/")
            and gradient.abs().max() < 1e-3
            # After one step from zero, W_hh has met nothing but zeros.
            and not ("weight_hh" in name and steps == 1 and not config["states"])
        ]
        if not dull:
            return tensors
    raise RuntimeError(f"{config}: the gradients {dull} are nearly zero")


def run(config, lengths, seed):
    torch.manual_seed(seed)
    layer = make_layer(config)
    batch, hidden_size = config["batch"], config["hidden_size"]
    is_lstm = isinstance(layer, torch.nn.LSTM)
    rows = config["num_layers"] * (1 + config["bidirectional"])

    x = torch.randn(config["seq_len"], batch, config["input_size"])
    if lengths is not None:
        padding = torch.arange(config["seq_len"])[:, None] >= lengths
        x[padding] *= 20
    leaves = {"x": x}
    if config["states"]:
        leaves["h0"] = torch.randn(rows, batch, config["proj_size"] or hidden_size)
        if is_lstm:
            leaves["c0"] = torch.randn(rows, batch, hidden_size)
    if config["layout"] == "batch_first":
        leaves["x"] = x.transpose(0, 1).contiguous()
    elif config["layout"] == "unbatched":
        leaves = {name: leaf.squeeze(1) for name, leaf in leaves.items()}
    leaves = {name: leaf.requires_grad_() for name, leaf in leaves.items()}

    states = None
    if config["states"]:
        states = (leaves["h0"], leaves["c0"]) if is_lstm else leaves["h0"]
    output, last = through(layer, leaves["x"], lengths, states, config["seq_len"])
    h_n, c_n = last if is_lstm else (last, None)
    results = {"output": output, "h_n": h_n}
    if is_lstm:
        results["c_n"] = c_n
    constants = {} if lengths is None else {"lengths": lengths}
    return case({**leaves, **dict(layer.named_parameters())}, constants, results)


def make_layer(config):
    sizes = (config["input_size"], config["hidden_size"], config["num_layers"])
    options = {
        "bias": config["bias"],
        "bidirectional": config["bidirectional"],
        "batch_first": config["layout"] == "batch_first",
    }
    match config["cell"]:
        case "rnn_tanh":
            return torch.nn.RNN(*sizes, nonlinearity="tanh", **options)
        case "rnn_relu":
            return torch.nn.RNN(*sizes, nonlinearity="relu", **options)
        case "gru":
            return torch.nn.GRU(*sizes, **options)
        case "lstm" | "lstm_proj":
            return torch.nn.LSTM(*sizes, proj_size=config["proj_size"], **options)


def through(layer, x, lengths, states, seq_len):
    if lengths is None:
        return layer(x, states)
    packed = pack_padded_sequence(x, lengths, layer.batch_first, enforce_sorted=False)
    output, last = layer(packed, states)
    output, _ = pad_packed_sequence(output, layer.batch_first, total_length=seq_len)
    return output, last


if __name__ == "__main__":
    main()
