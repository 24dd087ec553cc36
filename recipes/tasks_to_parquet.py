"""Makes training data of tasks, in the rows that verl's and SkyRL's search recipes read.

    tasks_to_parquet.py verl|skyrl TASKS.jsonl FOLDER

Tasks of the split `train` become FOLDER/train.parquet, those of `dev` FOLDER/validation.parquet; tasks of
`test` are left out. Tasks without a gold answer are left out, too: both recipes score by exact match.
Needs pandas and pyarrow.
"""

import json
import pathlib
import sys

import pandas

SEARCH_R1 = (
    "Answer the given question. You must conduct reasoning inside <think> and </think> first every time "
    "you get new information. After reasoning, if you find you lack some knowledge, you can call a search "
    "engine by <search> query </search> and it will return the top searched results between "
    "<information> and </information>. You can search as many times as you want. If you find no further "
    "external knowledge needed, you can directly provide the answer inside <answer> and </answer>, "
    "without detailed illustrations. For example, <answer> Beijing </answer>. Question: "
)
VERL = (
    "Answer the given question. If you lack some knowledge, call the tool search with a list of queries. "
    "When you know enough, give the short answer inside <answer> and </answer>. Question: "
)


def row(kind, index, task):
    question, target = task["question"], {"target": task["gold_answers"]}
    source = "searchR1_" + (task.get("provenance", {}).get("source") or "sleuth")
    extra = {"index": index, "question": question, "split": task["split"], "task": task["id"]}
    if kind == "skyrl":
        return {
            "data_source": source,
            "prompt": [{"role": "user", "content": SEARCH_R1 + question}],
            "env_class": "search",
            "reward_spec": {"style": "rule", "ground_truth": target},
            "extra_info": extra,
        }
    create = {"ground_truth": target, "question": question, "data_source": source}
    extra |= {"need_tools_kwargs": True, "tools_kwargs": {"search": {"create_kwargs": create}}}
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": VERL + question}],
        "ability": "fact-reasoning",
        "reward_model": {"style": "rule", "ground_truth": target},
        "extra_info": extra,
    }


def main(kind, path, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]
    for split, name in (("train", "train"), ("dev", "validation")):
        chosen = [t for t in tasks if t.get("split", "test") == split and t["gold_answers"]]
        if chosen:
            rows = [row(kind, index, task) for index, task in enumerate(chosen)]
            pandas.DataFrame(rows).to_parquet(folder / f"{name}.parquet")
        print(f"{len(chosen)} tasks of the split {split}")


if len(sys.argv) != 4 or sys.argv[1] not in ("verl", "skyrl"):
    sys.exit("usage: tasks_to_parquet.py verl|skyrl TASKS.jsonl FOLDER")
main(*sys.argv[1:])
