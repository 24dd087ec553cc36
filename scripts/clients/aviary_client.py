"""aviary's client against a server of tasks: start, reset, steps and close.

    aviary_client.py URL
"""

import asyncio
import importlib.metadata
import sys

from aviary.core import ToolCall, ToolRequestMessage
from aviary.env_client import TaskDatasetClient


def call(name, **arguments):
    return ToolCall.from_name(name, **arguments)


async def episode(dataset, index, answer):
    env = dataset.get_new_env_by_idx(index)
    messages, tools = await env.reset()
    names = [tool.info.name for tool in tools]
    assert names == ["search", "open", "find", "answer"], names
    assert tools[0].info.parameters.required == ["query"], tools[0]
    assert "Question: " in messages[0].content, messages
    action = ToolRequestMessage(
        tool_calls=[call("search", query="The Glass Harbour"), call("open", document="d1")]
    )
    messages, reward, done, truncated = await env.step(action)
    assert (reward, done, truncated) == (0.0, False, False), (reward, done, truncated)
    assert [message.name for message in messages] == ["search", "open"], messages
    assert [m.tool_call_id for m in messages] == [c.id for c in action.tool_calls], messages
    assert "Mirela Tonkova" in messages[0].content, messages
    action = ToolRequestMessage(tool_calls=[call("answer", answer=answer)])
    _, reward, done, truncated = await env.step(action)
    assert done and not truncated
    await env.close()
    return reward


async def main(url):
    dataset = TaskDatasetClient(url)
    assert len(dataset) == 2, len(dataset)
    right = await episode(dataset, 0, "Mirela Tonkova")
    wrong = await episode(dataset, 1, "Mirela Tonkova")
    assert right == 1.0 and wrong <= 0.2, (right, wrong)
    env = dataset.get_new_env()
    await env.reset()
    await env.close()


asyncio.run(main(sys.argv[1]))
version = importlib.metadata.version("fhaviary")
print(f"fhaviary {version}: start, reset, step and close, reward 1.0 and at most 0.2")
