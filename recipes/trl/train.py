"""GRPO with TRL: the environment is a Sleuth server, which puts the question, searches, and rewards.

    train.py URL [--model NAME] [--steps N] [--out FOLDER]

Without --model a tiny model is made on the spot and taught by heart to search and then to answer, so that
two steps on a CPU go the whole way: question, calls of tools, results, answer, reward. It learns nothing
worth knowing; that is what --model is for.

Every public method of `Search` but `reset` and `get_reward` is a tool of the model, and nothing else may
be: helpers begin with `_`.
"""

import argparse
import inspect
import json
import urllib.error
import urllib.request
import uuid

URL = None


def _post(path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{path}: {error.code} {error.read().decode()}") from error


class Search:
    """One episode at a time, over and over; the server keeps it by this name."""

    def __init__(self):
        self._name = str(uuid.uuid4())
        self._reward = 0.0
        self._done = False

    def reset(self, task=None, **_):
        begun = _post("/reset", {"task": task, "episode_id": self._name})
        # An episode without an answer earns nothing.
        self._reward, self._done = 0.0, False
        return begun["observation"]["content"]

    def get_reward(self) -> float:
        # Nothing where the episode ended in an error: TRL then leaves it out.
        return self._reward

    def _call(self, tool, **arguments):
        if self._done:
            return "The task is done."
        action = {"type": "call_tool", "tool_name": tool, "arguments": arguments}
        stepped = _post("/step", {"action": action, "episode_id": self._name})
        if stepped["done"]:
            self._reward, self._done = stepped["reward"], True
        return stepped["observation"]["content"]

    def search(self, query: str) -> str:
        """
        Finds passages. Gives the best ones with their names.

        Args:
            query: Words to look for.
        """
        return self._call("search", query=query)

    def open(self, document: str) -> str:
        """
        Shows more of a document.

        Args:
            document: Name of a document in the results, such as d2.
        """
        return self._call("open", document=document)

    def find(self, document: str, pattern: str) -> str:
        """
        Shows where words stand in a document.

        Args:
            document: Name of a document in the results, such as d2.
            pattern: Words to find, exactly as written.
        """
        return self._call("find", document=document, pattern=pattern)

    def answer(self, answer: str) -> str:
        """
        Gives the answer and ends the task.

        Args:
            answer: The short answer, or: not found.
        """
        return self._call("answer", answer=answer)


def tasks():
    """Ids of the tasks to train on."""
    listed = _post("/sleuth/tasks", {"split": "train"})["tasks"]
    if not listed:
        raise SystemExit("the server has no tasks to train on")
    return [task["id"] for task in listed]


TOOLS = [Search.search, Search.open, Search.find, Search.answer]
CALLS = [
    {"name": "search", "arguments": {"query": "The Glass Harbour"}},
    {"name": "answer", "arguments": {"answer": "Mirela Tonkova"}},
]


def tiny():
    """A model of two layers, and a tokenizer of bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
    from transformers.utils import get_json_schema
    from trl.chat_template_utils import qwen3_chat_template

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    marks = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    # What stands in every prompt becomes few tokens, so that a CPU gets through it.
    told = [qwen3_chat_template, *(inspect.getsource(tool) for tool in TOOLS)]
    told += [json.dumps(get_json_schema(tool)) for tool in TOOLS]
    told += [json.dumps(call) for call in CALLS]
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(told * 20, trainer)
    inner.add_tokens(marks)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = qwen3_chat_template
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=8192,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    teach(model, tokenizer)
    return model, tokenizer


def teach(model, tokenizer):
    """By heart: search first; once there is a result, answer. It is taught on what the server says."""
    import torch

    def example(asked, result=None):
        messages = [{"role": "user", "content": asked}]
        if result is not None:
            call = {"type": "function", "function": CALLS[0]}
            messages += [
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "name": "search", "content": result},
            ]
        prompt = tokenizer.apply_chat_template(
            messages, tools=TOOLS, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        call = CALLS[0] if result is None else CALLS[1]
        said = f"<tool_call>\n{json.dumps(call)}\n</tool_call><|im_end|>"
        prompt, said = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, said))
        return torch.tensor([prompt + said]), torch.tensor([[-100] * len(prompt) + said])

    examples = []
    session = Search()
    for task in tasks():
        asked = session.reset(task)
        examples += [example(asked), example(asked, session.search(**CALLS[0]["arguments"]))]
    rounds = 120
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, rounds)
    for _ in range(rounds):
        total = 0.0
        for ids, labels in examples:
            loss = model(input_ids=ids, labels=labels).loss
            loss.backward()
            total += loss.item()
        optimizer.step()
        optimizer.zero_grad()
        slower.step()
    print(f"taught by heart, loss {total / len(examples):.3f}")


def main():
    global URL
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--model")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--out", default="trl-out")
    args = parser.parse_args()
    URL = args.url.rstrip("/")

    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    more, sampling = {}, {}
    if args.model:
        model = args.model
    else:
        model, tokenizer = tiny()
        more = {"processing_class": tokenizer}
        # What it knows by heart it is to say, most of the time.
        sampling = {"temperature": 0.5}
    ids = tasks()
    data = Dataset.from_list(
        [{"prompt": [{"role": "user", "content": ""}], "task": task} for task in ids]
    )
    config = GRPOConfig(
        output_dir=args.out,
        max_steps=args.steps,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=1024,
        max_tool_calling_iterations=8,
        learning_rate=1e-6,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        bf16=False,
        use_cpu=not args.model,
        chat_template_kwargs={"enable_thinking": False},
        **sampling,
    )
    trainer = GRPOTrainer(
        model=model,
        args=config,
        train_dataset=data,
        environment_factory=Search,
        **more,
    )
    names = sorted(tool.__name__ for tool in trainer.tools)
    assert names == ["answer", "find", "open", "search"], names
    trainer.train()
    for line in trainer.state.log_history:
        kept = {key: line[key] for key in ("reward", "tools/call_frequency", "tools/failure_frequency") if key in line}
        if kept:
            print("step", line.get("step"), json.dumps(kept))


if __name__ == "__main__":
    main()
