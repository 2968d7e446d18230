"""Makes the tables of what was timed: `table.py FILE...`, with the lines that speed.py and the program speed write.

Ratios are of times of one process; each file is of one.
"""

import collections
import math
import sys

PEERS = ["torch", "torch.compile", "jax.jit", "paddle", "burn", "candle"]
LAYOUTS = {"pixel": "pixel-major", "class": "class-major"}
TOLERANCE = 1e-4  # of a loss, relative to scarce's


def read(files):
    """Times, [cell][implementation, build] → one for each file that has it, and the results of all."""
    times = collections.defaultdict(lambda: collections.defaultdict(dict))
    results, notes = collections.defaultdict(dict), []
    for file in files:
        for line in open(file):
            line = line.rstrip("\n")
            if line.startswith("# "):
                notes.append(line.removeprefix("# "))
                continue
            cell, name, build, *numbers = line.split("\t")
            milliseconds, *result = map(float, numbers)
            times[cell][name, build][file] = milliseconds
            results[cell][name, build] = result
    return times, results, notes


def check(results):
    wrong = []
    for cell, of_cell in results.items():
        own = next(loss for (name, _), (loss, *_) in of_cell.items() if name.startswith("scarce"))
        for (name, build), (loss, *_) in of_cell.items():
            if not abs(loss - own) <= TOLERANCE * abs(own):
                wrong.append(f"{cell}: {name} {build} has the loss {loss}, scarce {own}")
    return wrong


def best(of_cell, own):
    """The fastest peer's time over scarce's: of peers that were timed in one process with it, built alike if in Rust."""
    (_, build), candidates = own, []
    for file, time in of_cell[own].items():
        for (name, peer_build), peer_times in of_cell.items():
            if name in PEERS and peer_build in ("", build) and file in peer_times:
                candidates.append((peer_times[file] / time, name))
    return min(candidates)


def row(cells):
    return "| " + " | ".join(cells) + " |"


def speed(times):
    names = [key for of_cell in times.values() for key in of_cell]
    peers = [peer for peer in PEERS if any(name == peer for name, _ in names)]
    own = list(dict.fromkeys(key for key in names if key[0].startswith("scarce")))
    own_titles = [f"{name}, {build}" for name, build in own]
    print(row(["loss", "layout", "C", *peers, *own_titles, *(f"best peer / {title}" for title in own_titles)]))
    print("|---|---|--:|" + "--:|" * (len(peers) + len(own)) + "---|" * len(own))
    ratios = collections.defaultdict(list)
    for cell, of_cell in times.items():
        loss, layout, classes = cell.split("-")
        cells = [loss, LAYOUTS[layout], classes]
        for wanted in [*((peer,) for peer in peers), *own]:
            found = [of for key, of in of_cell.items() if key[: len(wanted)] == wanted]
            # Of scarce the time beside the peers in the first file; of the peers in Rust one for each build.
            shown = [f"{next(iter(of.values())):.3f}" for of in found]
            cells.append(" / ".join(shown) or "–")
        for key in own:
            ratio, peer = best(of_cell, key)
            ratios[key].append((loss, ratio))
            cells.append(f"**{ratio:.2f}** ({peer})")
        print(row(cells))
    print()
    print(row(["best peer / scarce: least, geometric mean, most", *own_titles]))
    print("|---" * (len(own) + 1) + "|")
    for loss in dict.fromkeys(loss for of in ratios.values() for loss, _ in of):
        cells = [loss]
        for key in own:
            of_loss = [ratio for name, ratio in ratios[key] if name == loss]
            mean = math.exp(sum(map(math.log, of_loss)) / len(of_loss))
            cells.append(f"{min(of_loss):.2f}, {mean:.2f}, {max(of_loss):.2f}")
        print(row(cells))


def errors(results):
    columns = list(dict.fromkeys(key for of_cell in results.values() for key in of_cell))
    columns.sort(key=lambda key: (PEERS.index(key[0]) if key[0] in PEERS else -1, key))
    print(row(["loss", "layout", "C", *(f"{name}, {build}" if build else name for name, build in columns)]))
    print("|---|---|--:|" + "--:|" * len(columns))
    for cell, of_cell in results.items():
        loss, layout, classes = cell.split("-")
        cells = [loss, LAYOUTS[layout], classes]
        for key in columns:
            cells.append("{1:.0e}, {2:.0e}".format(*of_cell[key]) if key in of_cell else "–")
        print(row(cells))


def main(*files):
    times, results, notes = read(files)
    wrong = check(results)
    for line in wrong:
        print("FAILED:", line, file=sys.stderr)
    if wrong:
        sys.exit(1)
    print("## Milliseconds a call\n")
    speed(times)
    print("\n## Errors: of the loss, relative; of the gradient, relative in the L1 norm\n")
    print("Against NumPy in f64 on the same inputs.\n")
    errors(results)
    print()
    for note in notes:
        print(f"* {note}")


main(*sys.argv[1:])
