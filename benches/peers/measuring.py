"""What the Python peers share: the lines, and the time of a step. The counterpart of benches/src/{figure,timing}.rs."""

import json
import statistics
import time

LONG = 0.5  # seconds; a way whose first run is so long is judged by it


def timed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def measure(ways, budget, min_reps):
    """The time of the fastest of several ways ({name: step}): the fields of a line."""
    least = {name: timed(step) for name, step in ways.items()}
    if len(ways) > 1:
        start, first = time.perf_counter(), True
        while first or time.perf_counter() - start < budget / 10:
            for name, step in ways.items():
                if least[name] < LONG:  # the first run was cold, so it does not count
                    least[name] = timed(step) if first else min(timed(step), least[name])
            first = False
    name = min(least, key=least.get)
    times = []
    start = time.perf_counter()
    while len(times) < min_reps or time.perf_counter() - start < budget:
        times.append(timed(ways[name]))
    found = {
        "median_us": round(1e6 * statistics.median(times), 3),
        "min_us": round(1e6 * min(times), 3),
        "reps": len(times),
    }
    return found | ({"way": name} if len(ways) > 1 else {})


def resident(name):
    """A line of /proc/self/status, in MiB."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
    raise SystemExit(f"/proc/self/status has no line {name}")


def peak(call):
    """The most memory while `call` runs, in MiB above what is resident before."""
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    call()
    return max(resident("VmHWM") - before, 0.0)


def parse_shapes(text):
    """[(T, B, I, H), …] from T,B,I,H;T,B,I,H;…"""
    shapes = []
    for part in text.split(";"):
        try:
            shape = tuple(int(number) for number in part.split(","))
        except ValueError:
            shape = ()
        if len(shape) != 4 or min(shape) < 1:
            raise SystemExit(f"`{part}` is no shape; give T,B,I,H: four whole numbers from 1 on")
        shapes.append(shape)
    return shapes


def print_line(line):
    print(json.dumps(line, separators=(",", ":")), flush=True)
