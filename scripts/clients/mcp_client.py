"""The MCP client of the `mcp` package against a server, in both eras of the protocol.

    mcp_client.py URL
"""

import asyncio
import importlib.metadata
import json
import sys
import urllib.request

from mcp.client.client import Client


async def cycle(url, mode):
    async with Client(f"{url}/mcp", mode=mode) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == {"search", "fetch", "get_document"}, tools
        found = await client.call_tool("search", {"query": "novel The Glass Harbour"})
        assert not found.is_error, found
        assert len(found.content) == 1, found
        assert json.loads(found.content[0].text) == found.structured_content, found
        hit = found.structured_content["results"][0]
        assert hit["title"] == "The Glass Harbour" and hit["id"] == hit["docid"], hit
        with urllib.request.urlopen(hit["url"]) as page:
            assert "Mirela Tonkova" in page.read().decode(), hit
        page = (await client.call_tool("fetch", {"id": hit["id"]})).structured_content
        assert "Mirela Tonkova" in page["text"] and page["url"] == hit["url"], page
        page = (await client.call_tool("get_document", {"docid": hit["docid"]})).structured_content
        assert "Mirela Tonkova" in page["text"], page
        assert (await client.call_tool("fetch", {"id": "nothing"})).is_error
        return client.session.protocol_version


url = sys.argv[1]
eras = [asyncio.run(cycle(url, mode)) for mode in ("auto", "legacy")]
assert eras[0] != eras[1], eras
print(f"mcp {importlib.metadata.version('mcp')}: search, fetch, get_document in {eras[0]} and {eras[1]}")
