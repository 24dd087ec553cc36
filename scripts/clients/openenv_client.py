"""OpenEnv's generic client against a server of tasks: reset, steps and state over a WebSocket.

    openenv_client.py URL
"""

import importlib.metadata
import json
import sys
import urllib.request

from openenv.core import GenericEnvClient


def post(url, path, body):
    data = json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def over_socket(url):
    with GenericEnvClient(base_url=url).sync() as env:
        begun = env.reset(task="author")
        assert begun.done is False and begun.reward is None, begun
        assert begun.observation["question"] == "Who wrote the novel The Glass Harbour?", begun
        assert begun.metadata["task"] == "author", begun
        found = env.step({"query": "The Glass Harbour"})
        assert found.reward == 0.0 and not found.done, found
        assert "Mirela Tonkova" in found.observation["content"], found
        assert found.observation["results"][0]["title"] == "The Glass Harbour", found
        tools = env.step({"type": "list_tools"}).observation["tools"]
        assert [tool["name"] for tool in tools] == ["search", "open", "find", "answer"], tools
        opened = env.step(
            {"type": "call_tool", "tool_name": "open", "arguments": {"document": "d1"}}
        )
        assert opened.observation["error"] is None, opened
        assert "lighthouse keeper" in opened.observation["result"], opened
        state = env.state()
        assert state["step_count"] == 2 and state["episode_id"], state
        end = env.step({"answer": "Mirela Tonkova", "citations": ["e1"]})
        assert end.done and end.reward == 1.0, end
        assert end.metadata["end"]["correct"] is True, end
        # Another episode on the same connection; a wrong answer.
        env.reset(task="caravan")
        end = env.step({"answer": "Mirela Tonkova"})
        assert end.done and end.reward <= 0.2, end
        try:
            env.step({"query": "after the end"})
            raise AssertionError("a step after the end")
        except RuntimeError as error:
            assert "EXECUTION_ERROR" in str(error), error
        try:
            env.step({"no": "action"})
            raise AssertionError("a step that is no action")
        except RuntimeError as error:
            assert "VALIDATION_ERROR" in str(error), error


url = sys.argv[1]
over_socket(url)
assert post(url, "/reset", {"seed": 3})["done"] is False
[name] = json.load(urllib.request.urlopen(f"{url}/list_environments"))
assert post(url, f"/{name}/num_tasks", {"split": "train"}) == {"num_tasks": 2}
version = importlib.metadata.version("openenv")
print(f"openenv {version}: GenericEnvClient over WebSocket, reward 1.0 and at most 0.2; tasks over HTTP")
