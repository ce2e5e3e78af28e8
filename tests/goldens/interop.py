"""Takes weights from the crate `rnn` to PyTorch and back, in files.

Used with PyTorch 2.15.0 (on the CPU), safetensors 0.8.0, numpy 2.4.6 and Python 3.11. No test runs it, because
no test may need PyTorch:

    python3 -m venv /tmp/torch
    /tmp/torch/bin/pip install torch==2.15.0 safetensors==0.8.0 numpy==2.4.6

    /tmp/torch/bin/python tests/goldens/interop.py check FOLDER CELL INPUT_SIZE HIDDEN_SIZE [options]
    /tmp/torch/bin/python tests/goldens/interop.py make  FOLDER CELL INPUT_SIZE HIDDEN_SIZE [options]

    CELL                rnn_tanh, rnn_relu, gru or lstm
    --num-layers N      1 if not given
    --bidirectional
    --no-bias
    --proj-size P       of an lstm; 0, none, if not given
    --dtype f32|f64     only of make, f32 if not given: the type of every number written
    --plain             only of make: neither lengths nor initial states
    --tolerance X       only of check: of |difference| / max(1, |ours|, |PyTorch's|); if not given,
                        2e-6 where a file is f32 and 1e-12 where both are f64

Both commands use the same two files in FOLDER, so what `make` writes is what `check` reads:

    weights.safetensors  the parameters under PyTorch's names (weight_ih_l0, weight_hh_l0, bias_ih_l0,
                         bias_hh_l0, weight_hr_l0, …_l1, …_reverse), all of them and nothing else; metadata
                         is not looked at
    run.safetensors      one run: x [T, B, I], output [T, B, D·P], h_n [L·D, B, P] and, of an lstm,
                         c_n [L·D, B, H], with P the proj_size or hidden_size; optional are lengths [B]
                         (whole numbers of any type), h0 [L·D, B, P] and c0 [L·D, B, H] (of an lstm both
                         or none)

check: the crate has written both files. Loads the weights by
`torch.nn.LSTM(…).load_state_dict(safetensors.torch.load_file(f))`, runs x and compares all results. Prints the
largest error of each; ends with exit code 1, and a sentence, if one is too large or a file does not fit.

make: PyTorch writes both files: random weights, x [6, 3, I], lengths, h0, c0 and the results, the same
bytes every time. The crate loads weights.safetensors and must find the results from x, lengths, h0, c0.

The crate's side is the example `interop`: `cargo run -p rnn --example interop -- save|check FOLDER …` with
the same words. `interop_all.py` runs both sides with every combination.
"""

import argparse
import pathlib
import sys

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def main(words=None):
    args = arguments(words)
    torch.set_num_threads(1)
    layer = make_layer(args)
    {"check": check, "make": make}[args.command](args, layer)


def arguments(words):
    parser = argparse.ArgumentParser(description="Takes weights from the crate `rnn` to PyTorch and back.")
    parser.add_argument("command", choices=["check", "make"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("cell", choices=["rnn_tanh", "rnn_relu", "gru", "lstm"])
    parser.add_argument("input_size", type=int)
    parser.add_argument("hidden_size", type=int)
    parser.add_argument("--num-layers", type=int, default=1)
    parser.add_argument("--bidirectional", action="store_true")
    parser.add_argument("--no-bias", action="store_true")
    parser.add_argument("--proj-size", type=int, default=0)
    parser.add_argument("--dtype", choices=["f32", "f64"], default="f32")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--tolerance", type=float)
    args = parser.parse_args(words)
    if args.proj_size and args.cell != "lstm":
        parser.error("--proj-size is for an lstm")
    return args


def make_layer(args):
    torch.manual_seed(1)
    sizes = (args.input_size, args.hidden_size, args.num_layers)
    options = {"bias": not args.no_bias, "bidirectional": args.bidirectional}
    if args.cell.startswith("rnn_"):
        return torch.nn.RNN(*sizes, nonlinearity=args.cell.removeprefix("rnn_"), **options)
    if args.cell == "gru":
        return torch.nn.GRU(*sizes, **options)
    return torch.nn.LSTM(*sizes, proj_size=args.proj_size, **options)


def run(layer, given):
    """The results, by name, from x and perhaps lengths, h0 and c0."""
    is_lstm = isinstance(layer, torch.nn.LSTM)
    x, states = given["x"], None
    if "h0" in given:
        states = (given["h0"], given["c0"]) if is_lstm else given["h0"]
    if "lengths" in given:
        x = pack_padded_sequence(x, given["lengths"].long(), enforce_sorted=False)
    with torch.no_grad():
        output, last = layer(x, states)
    if "lengths" in given:
        output, _ = pad_packed_sequence(output, total_length=len(given["x"]))
    h_n, c_n = last if is_lstm else (last, None)
    return {"output": output, "h_n": h_n, **({"c_n": c_n} if is_lstm else {})}


def check(args, layer):
    weights = load_file(args.folder / "weights.safetensors")
    stored = load_file(args.folder / "run.safetensors")
    dtypes = {tensor.dtype for name, tensor in (weights | stored).items() if name != "lengths"}
    single = torch.float32 in dtypes
    tolerance = args.tolerance if args.tolerance is not None else 2e-6 if single else 1e-12
    needed = ["x", "output", "h_n"] + (["c_n"] if args.cell == "lstm" else [])
    needed += ["c0"] if args.cell == "lstm" and "h0" in stored else []
    for name in needed:
        if name not in stored:
            sys.exit(f"run.safetensors lacks {name}")

    # f32 numbers are run in f64: what PyTorch itself rounds does not count against the crate.
    layer.double().load_state_dict(weights)
    stored = {name: tensor.double() for name, tensor in stored.items()}

    bad = []
    for name, theirs in run(layer, stored).items():
        ours = stored[name]
        if ours.shape != theirs.shape:
            sys.exit(f"{name} has the shape {list(ours.shape)}, in PyTorch {list(theirs.shape)}")
        scale = torch.maximum(ours.abs(), theirs.abs()).clamp(min=1)
        error = ((ours - theirs).abs() / scale).max().item()
        print(f"{name}: {list(ours.shape)}, largest error {error:.1e}, allowed {tolerance:.0e}")
        if not error <= tolerance:
            bad.append(name)
    if bad:
        sys.exit(f"{', '.join(bad)} differ from PyTorch's")


def make(args, layer):
    dtype = {"f32": torch.float32, "f64": torch.float64}[args.dtype]
    layer = layer.to(dtype)
    steps, batch = 6, 3
    rows = args.num_layers * (2 if args.bidirectional else 1)
    given = {"x": torch.randn(steps, batch, args.input_size, dtype=dtype)}
    if not args.plain:
        given["lengths"] = torch.tensor([3, steps, 1], dtype=dtype)
        given["h0"] = torch.randn(rows, batch, args.proj_size or args.hidden_size, dtype=dtype)
        if args.cell == "lstm":
            given["c0"] = torch.randn(rows, batch, args.hidden_size, dtype=dtype)
    args.folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.contiguous() for name, weight in layer.state_dict().items()}
    save_file(weights, args.folder / "weights.safetensors")
    results = {name: result.contiguous() for name, result in run(layer, given).items()}
    save_file(given | results, args.folder / "run.safetensors")
    print(f"{args.folder}: weights.safetensors and run.safetensors, PyTorch {torch.__version__}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, SafetensorError, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
