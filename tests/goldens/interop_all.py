"""Takes weights from the crate `rnn` to PyTorch and back with every combination of what both have.

    cargo build -p rnn --example interop
    /tmp/torch/bin/python tests/goldens/interop_all.py target/debug/examples/interop FOLDER

For each cell (rnn_tanh, rnn_relu, gru, lstm, lstm with a projection), 1 and 2 layers, one direction and two, with
and without biases, with lengths and initial states and without, f32 and f64: the example saves and `interop.py`
checks, then `interop.py` makes and the example checks. Prints the largest error of each cell, type and way; ends with
exit code 1 at the first combination that fails. The environment is that of `interop.py`.
"""

import contextlib
import io
import itertools
import re
import subprocess
import sys

import interop

CELLS = [["rnn_tanh"], ["rnn_relu"], ["gru"], ["lstm"], ["lstm", "--proj-size", "3"]]
SIZES = ["4", "5"]
OPTIONS = [["--num-layers", "2"], ["--bidirectional"], ["--no-bias"], ["--plain"]]


def main():
    _, example, folder = sys.argv
    runs = 0
    for (cell, *projection), dtype in itertools.product(CELLS, ["f32", "f64"]):
        worst = {"the crate to PyTorch": 0.0, "PyTorch to the crate": 0.0}
        for chosen in itertools.product(*([[], option] for option in OPTIONS)):
            words = [folder, cell, *SIZES, *projection, "--dtype", dtype, *sum(chosen, [])]
            there = crate(example, "save", words) + pytorch("check", words)
            back = pytorch("make", words) + crate(example, "check", words)
            for way, text in zip(worst, (there, back)):
                errors = [float(error) for error in re.findall("largest error ([^,]+),", text)]
                assert len(errors) == (3 if cell == "lstm" else 2), text
                worst[way] = max(worst[way], *errors)
                runs += 1
        for way, error in worst.items():
            print(f"{' '.join([cell, *projection])}, {dtype}, {way}: {error:.1e}")
    print(f"{runs} runs")


def crate(example, command, words):
    done = subprocess.run([example, command, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join([command, *words])}: {done.stderr}")
    return done.stdout


def pytorch(command, words):
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            interop.main([command, *words])
    except (Exception, SystemExit) as error:
        sys.exit(f"interop.py {' '.join([command, *words])}: {error}")
    return text.getvalue()


if __name__ == "__main__":
    main()
