"""Draws tasks to read: `draw.py SEED TASKS.jsonl...` prints ten of each kind, with their evidence.

They are those with the least SHA-256 of the seed followed by the task's id.
"""

import hashlib
import json
import sys

KINDS = ["one_hop", "bridge", "comparison", "intersection", "obfuscated", "unanswerable"]


def main():
    seed, *files = sys.argv[1:]
    tasks = []
    for file in files:
        with open(file, encoding="utf-8") as lines:
            tasks += [(file, json.loads(line)) for line in lines]
    for kind in KINDS:
        of_kind = [(file, task) for file, task in tasks if task["kind"] == kind]
        of_kind.sort(key=lambda pair: hashlib.sha256((seed + pair[1]["id"]).encode()).hexdigest())
        for file, task in of_kind[:10]:
            print(f"## {task['id']} ({file}, {task['hops']} hops)")
            print(f"   {task['question']}")
            print(f"   gold: {' | '.join(task['gold_answers']) or 'not found'}")
            for piece in task["evidence"]:
                quote = " ".join(piece["quote"].split())
                print(f"   [{piece['document']}] {quote}")


if __name__ == "__main__":
    main()
