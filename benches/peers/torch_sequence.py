"""PyTorch's recurrent layers, measured as `sequence` measures this project: the same arguments, the same lines.

    python torch_sequence.py --threads 2 --shapes "50,32,128,256" --cells lstm --ops fwd,fwdbwd,train,rss

`--serve` answers requests on standard input, as benches/src/program.rs says. `--onednn off` runs LSTMs as PyTorch does
without oneDNN's kernel (GRU and RNN have none).
"""

import argparse
import json
import subprocess
import sys

import torch
from torch import nn

from measuring import measure, parse_shapes, peak, print_line

VOCAB = 65
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
SHAPES = "25,1,64,100;35,20,128,128;50,32,128,256;64,64,256,512;100,16,512,1024;1000,1,64,128"


def fwd(cell, seq_len, batch, inputs, units):
    layer = LAYERS[cell](inputs, units)
    xs = torch.rand(seq_len, batch, inputs) * 2 - 1

    def step():
        with torch.inference_mode():
            layer(xs)

    return {"layer": step}


def fwdbwd(cell, seq_len, batch, inputs, units):
    layer = LAYERS[cell](inputs, units)
    xs = (torch.rand(seq_len, batch, inputs) * 2 - 1).requires_grad_()
    r = torch.rand(seq_len, batch, units) * 2 - 1
    wanted = [xs, *layer.parameters()]

    def step():
        outputs, _ = layer(xs)
        torch.autograd.grad((outputs * r).sum(), wanted)

    return {"layer": step}


class LanguageModel(nn.Module):
    def __init__(self, cell, inputs, units):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, inputs)
        self.rnn = LAYERS[cell](inputs, units)
        self.head = nn.Linear(units, VOCAB)

    def forward(self, ids):
        return self.head(self.rnn(self.embedding(ids))[0])


def train(cell, seq_len, batch, inputs, units):
    ids, targets = torch.randint(VOCAB, (2, seq_len, batch))

    def way(fused):
        model = LanguageModel(cell, inputs, units)
        adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

        def step():
            adam.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(model(ids).view(-1, VOCAB), targets.view(-1))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            adam.step()

        return step

    return {"fused Adam": way(True), "Adam": way(False)}


OPS = {"fwd": fwd, "fwdbwd": fwdbwd, "train": train}


def memory(cell, shape):
    """The most memory of training steps, above what the inputs and the parameters take."""

    def first_way(*shape):
        return next(iter(train(cell, *shape).values()))

    first_way(2, 2, 4, 4)()  # what is loaded and started at the first step of all
    step = first_way(*shape)
    return peak(lambda: [step() for _ in range(3)])


def figure(arguments, request):
    cell, op = request.get("cell"), request.get("op")
    if cell not in LAYERS:
        raise ValueError(f"`{cell}` is no cell; there are rnn, gru and lstm")
    shape = tuple(request[name] for name in "TBIH")
    line = {
        "impl": "torch" if arguments.onednn == "on" else "torch-no-onednn",
        "cell": cell,
        **dict(zip("TBIH", shape)),
        "op": op,
        "threads": arguments.threads,
    }
    if op in OPS:
        found = measure(OPS[op](cell, *shape), request["budget"], request["min_reps"])
    elif op == "rss" and arguments.alone:
        found = {"mib": memory(cell, shape)}
    elif op == "rss":
        itself = [sys.executable, __file__, "--alone", "--onednn", arguments.onednn]
        chosen = ["--ops", op, "--cells", cell, "--shapes", ",".join(map(str, shape))]
        threads = ["--threads", str(arguments.threads)]
        process = subprocess.run(itself + chosen + threads, capture_output=True, text=True)
        if process.returncode != 0:
            raise ValueError(f"the process for the memory failed: {process.stderr.strip()}")
        found = {"mib": json.loads(process.stdout)["mib"]}
    else:
        raise ValueError(f"`{op}` is no operation of PyTorch's here; there are fwd, fwdbwd, train and rss")
    return line | found


def main():
    parser = argparse.ArgumentParser(description="Measures PyTorch's recurrent layers.")
    parser.add_argument("--shapes", type=parse_shapes, default=SHAPES)
    parser.add_argument("--cells", default="rnn,gru,lstm")
    parser.add_argument("--ops", default="fwd,fwdbwd,train")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=0.5)
    parser.add_argument("--min-reps", type=int, default=5)
    parser.add_argument("--onednn", choices=["on", "off"], default="on")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    torch.backends.mkldnn.set_flags(arguments.onednn == "on")
    if arguments.serve:
        for line in sys.stdin:
            try:
                print_line(figure(arguments, json.loads(line)))
            except Exception as error:  # whatever it is, whoever asked should read it
                print_line({"error": f"{type(error).__name__}: {error}"})
        return
    for shape in arguments.shapes:
        for cell in arguments.cells.split(","):
            for op in arguments.ops.split(","):
                request = {"cell": cell, **dict(zip("TBIH", shape)), "op": op}
                request |= {"budget": arguments.budget, "min_reps": arguments.min_reps}
                try:
                    print_line(figure(arguments, request))
                except ValueError as error:
                    raise SystemExit(f"torch_sequence: {error}") from None


if __name__ == "__main__":
    main()
