"""Search environments as each library would have them, with the search inside the process.

    gyms.py openenv FOLDER TASKS          HTTPEnvServer of openenv, over WebSockets
    gyms.py aviary FOLDER TASKS           TaskDatasetServer of fhaviary, over HTTP
    gyms.py skyrl FOLDER TASKS THREADS SECONDS
                                          SearchEnv of skyrl-gym, without any server: SESSIONS of them are
                                          stepped in this process alone, dealt to so many threads

The documents are those of FOLDER/corpus.jsonl, title and text as one, searched by bm25s (k1 .9, b .4,
Snowball English). TASKS is JSON Lines with `question` and `gold_answers`. A server prints one line,
`http://127.0.0.1:PORT`, when it answers; `skyrl` prints its operations and seconds.

An episode is a question, searches whose three documents come back as text, and an answer that earns 1
where it equals a gold answer.
"""

import json
import re
import socket
import string
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import bm25s
import Stemmer
import uvicorn

K = 3
SESSIONS = 64


class Search:
    def __init__(self, folder):
        self.stemmer = Stemmer.Stemmer("english")
        self.texts = []
        with open(f"{folder}/corpus.jsonl", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                self.texts.append(f'"{record.get("title", "")}"\n{record["text"]}')
        tokens = bm25s.tokenize(
            self.texts, stopwords="en", stemmer=self.stemmer, show_progress=False
        )
        self.index = bm25s.BM25(k1=0.9, b=0.4)
        self.index.index(tokens, show_progress=False)

    def __call__(self, query):
        tokens = bm25s.tokenize(
            [query], stopwords="en", stemmer=self.stemmer, show_progress=False
        )
        found, _ = self.index.retrieve(tokens, k=K, show_progress=False)
        return "\n\n".join(self.texts[at] for at in found[0])


def folded(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def reward(answer, task):
    return float(folded(answer) in [folded(gold) for gold in task["gold_answers"]])


def read_tasks(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def serve(app):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    server.run(sockets=[listener])


def openenv(search, tasks):
    from typing import Optional

    from fastapi import FastAPI
    from openenv.core.env_server.http_server import HTTPEnvServer
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class SearchAction(Action):
        query: Optional[str] = None
        answer: Optional[str] = None

    class SearchObservation(Observation):
        content: str = ""

    class SearchEnvironment(Environment):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def __init__(self):
            super().__init__()
            self.task = tasks[0]
            self.steps = 0

        def reset(self, seed=None, episode_id=None, index=0, **kwargs):
            self.task = tasks[index % len(tasks)]
            self.steps = 0
            return SearchObservation(content=self.task["question"])

        def step(self, action, timeout_s=None, **kwargs):
            self.steps += 1
            if action.answer is not None:
                earned = reward(action.answer, self.task)
                return SearchObservation(content="done", done=True, reward=earned)
            return SearchObservation(content=search(action.query), reward=0.0)

        @property
        def state(self):
            return State(step_count=self.steps)

    server = HTTPEnvServer(
        SearchEnvironment, SearchAction, SearchObservation, max_concurrent_envs=SESSIONS
    )
    app = FastAPI()
    server.register_routes(app)
    serve(app)


def aviary(search, tasks):
    from aviary.core import Environment, Message, TaskDataset, Tool, ToolRequestMessage
    from aviary.dataset_server import TaskDatasetServer

    class SearchEnvironment(Environment):
        def __init__(self, task):
            self.task = task
            self.state = None

        async def reset(self):
            self.done, self.earned = False, 0.0
            self.tools = [
                Tool.from_function(self.search),
                Tool.from_function(self.answer),
            ]
            return [Message(content=self.task["question"])], self.tools

        def search(self, query: str) -> str:
            """Finds passages.

            Args:
                query: Words to look for.
            """
            return search(query)

        def answer(self, answer: str) -> str:
            """Ends the task.

            Args:
                answer: The short answer.
            """
            self.done, self.earned = True, reward(answer, self.task)
            return "done"

        async def step(self, action: ToolRequestMessage):
            messages = await self.exec_tool_calls(action)
            return messages, self.earned, self.done, False

        async def export_frame(self):
            raise NotImplementedError

    class Dataset(TaskDataset):
        def get_new_env_by_idx(self, idx):
            return SearchEnvironment(tasks[idx % len(tasks)])

        def __len__(self):
            return len(tasks)

    serve(TaskDatasetServer(Dataset()).app)


def skyrl(search, tasks, n_threads, seconds):
    from omegaconf import DictConfig
    from skyrl_gym.envs.search.env import SearchEnv

    class InProcess(SearchEnv):
        def _execute_tool(self, tool_group_name, tool_name, tool_input):
            found = json.dumps({"result": search(tool_input[0])})
            return "\n<information>" + found + "</information>\n"

    config = DictConfig(
        {"search_url": "http://127.0.0.1:9/none", "topk": K, "timeout": 30, "log_requests": False}
    )

    def operations(at):
        while True:
            task = tasks[at % len(tasks)]
            extras = {
                "reward_spec": {"ground_truth": {"target": task["gold_answers"]}},
                "max_turns": 5,
            }
            env = InProcess(config, extras)
            env.init([{"role": "user", "content": task["question"]}])
            yield
            for other in range(3):
                query = tasks[(at + other) % len(tasks)]["question"]
                env.step(f"<search>{query}</search>")
                yield
            assert env.step(f"<answer>{task['gold_answers'][0]}</answer>")["done"]
            yield
            at += SESSIONS

    def step(numbers):
        sessions, done = [operations(at) for at in numbers], 0
        while time.perf_counter() - begun < seconds:
            for session in sessions:
                next(session)
            done += len(sessions)
        return done

    dealt = [range(nth, SESSIONS, n_threads) for nth in range(n_threads)]
    begun = time.perf_counter()
    if n_threads == 1:
        done = step(dealt[0])
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            done = sum(pool.map(step, dealt))
    print(done, time.perf_counter() - begun, flush=True)


kind, folder, tasks = sys.argv[1], sys.argv[2], read_tasks(sys.argv[3])
found = Search(folder)
match kind:
    case "openenv":
        openenv(found, tasks)
    case "aviary":
        aviary(found, tasks)
    case "skyrl":
        skyrl(found, tasks, int(sys.argv[4]), float(sys.argv[5]))
    case _:
        sys.exit(f"unknown environment `{kind}`: expected openenv, aviary or skyrl")
