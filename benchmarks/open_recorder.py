"""What the recorder of opened files costs a task of about 1 ms, beside an audit hook.

Limit: 1.01 times the same task without a recorder, also for tasks that trigger thousands of audit
events. The audit hook does nothing but compare the name of the event. A process measures a task
without a recorder and with it, alternately, and then with the hook, which cannot be removed.
"""

from __future__ import annotations

import argparse
import json

from measure import Comparison, Reading, compare, python_output, workspace

TASKS = {
    "that computes": "for i in range(85_000): pass",
    "that triggers 1,000 audit events": """
for i in range(1_000): get_frame()
for i in range(80_000): pass
""",
    "that triggers 30,000 audit events": "for i in range(30_000): id(path)",
    "that reads a file": """
read("input")
for i in range(84_000): pass
""",
    "that reads a file by its Path": """
path.read_bytes()
for i in range(84_000): pass
""",
}

LOOP = """
import json, sys, time
from contextlib import nullcontext
from pathlib import Path
from backfleet.code.open_recorder import recording
from backfleet.code.opened_files import OpenedFiles

body, repetitions = sys.argv[1], int(sys.argv[2])
path, get_frame = Path("input"), sys._getframe

def read(name):
    with open(name, "rb") as stream:
        return stream.read()

exec("def task():\\n" + "".join(f"    {line}\\n" for line in body.strip().splitlines()))

def measured(surroundings):
    with surroundings:
        for _ in range(20):
            task()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(200):
            task()
        return (time.perf_counter() - wall) / 200, (time.process_time() - cpu) / 200

opened = OpenedFiles(Path.cwd())
readings = {"none": [], "recorder": [], "audit hook": []}
for _ in range(repetitions):
    readings["none"].append(measured(nullcontext()))
    readings["recorder"].append(measured(recording(opened)))
names = []
sys.addaudithook(lambda event, arguments: names.append(arguments) if event == "open" else None)
for _ in range(repetitions):
    readings["audit hook"].append(measured(nullcontext()))
print(json.dumps(readings))
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repetitions", type=int, default=15)
    repetitions = arguments.parse_args().repetitions
    with workspace() as folder:
        (folder / "input").write_text("{}")
        for title, body in TASKS.items():
            output = python_output("-c", LOOP, body, str(repetitions))
            sides = {
                side: [Reading(wall, cpu) for wall, cpu in readings]
                for side, readings in json.loads(output).items()
            }
            for side in ("recorder", "audit hook"):
                comparison = Comparison(f"A task {title}, with the {side}", "us", 1e6, 1.01)
                compare(comparison, sides[side], sides["none"])


if __name__ == "__main__":
    main()
