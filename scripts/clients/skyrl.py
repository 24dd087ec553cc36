"""SkyRL's own SearchEnv against a server: a search whose result holds the answer, then the answer.

    skyrl.py URL
"""

import importlib.metadata
import sys

from omegaconf import DictConfig
from skyrl_gym.envs.search.env import SearchEnv

QUESTION = "Who wrote the novel The Glass Harbour?"
ANSWER = "Mirela Tonkova"


def episode(url, answer):
    env = SearchEnv(
        DictConfig({"search_url": f"{url}/retrieve", "topk": 3, "timeout": 30, "log_requests": False}),
        {"reward_spec": {"ground_truth": {"target": [ANSWER]}}, "max_turns": 3},
    )
    env.init([{"role": "user", "content": QUESTION}])
    step = env.step(f"<search>{QUESTION}</search>")
    assert not step["done"], step
    found = step["observations"][0]["content"]
    assert found.startswith('\n<information>{"result": "Doc 1: \\"The Glass Harbour\\"'), found
    assert ANSWER in found, found
    return env.step(f"<answer>{answer}</answer>")["reward"]


url = sys.argv[1]
assert episode(url, ANSWER) == 1.0
assert episode(url, "Anton Brezik") == 0.0
print(f"skyrl-gym {importlib.metadata.version('skyrl-gym')}: SearchEnv, reward 1.0 and 0.0")
