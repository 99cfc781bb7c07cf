"""Follows a workflow over MCP, in each way the official client can begin."""

import asyncio
import sys

from mcp import StdioServerParameters
from mcp.client.client import Client

DEFINITION = """
name: bugfix
events:
  submit: { data: { pr: { type: string, required: true } } }
initial: fix
states:
  fix: { guideline: Change the code., on: { submit: review } }
  review: { on: { approve: merged } }
  merged: { type: final }
"""


async def call(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    assert len(result.content) == 1 and result.content[0].type == "text", result
    return result.content[0].text, bool(result.is_error)


async def follow(server, mode):
    async with Client(StdioServerParameters(command=server, args=["serve"]), mode=mode) as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools][:3] == ["guidepost_where", "guidepost_start", "guidepost_do"]
        assert len(tools) == 8

        text, failed = await call(client, "guidepost_define", yaml=DEFINITION, save=True)
        assert not failed, text
        text, failed = await call(client, "guidepost_start", workflow="bugfix")
        assert not failed and "- submit {pr!}" in text, text
        text, failed = await call(client, "guidepost_do", run="r-1", event="merge", rev=2)
        assert failed and "Legal now: submit {pr!}" in text, text
        for _ in range(2):  # the second is a repeat, as after a time-out
            text, failed = await call(client, "guidepost_do", run="r-1", event="submit", rev=2, data={"pr": "#1"})
            assert not failed and text.startswith("ok rev 3: fix -> review"), text
        text, failed = await call(client, "guidepost_wait", run="r-1", rev=2, seconds=1)
        assert not failed and "state: review" in text, text

        listed = (await client.list_resources()).resources
        assert [str(item.uri) for item in listed] == ["guidepost://run/r-1", "guidepost://workflow/bugfix"]
        contents = (await client.read_resource("guidepost://run/r-1")).contents
        assert "next:\n- approve" in contents[0].text, contents
        prompts = (await client.list_prompts()).prompts
        assert [prompt.name for prompt in prompts] == ["resume_run", "start_workflow"]
        prompt = await client.get_prompt("resume_run", {"run": "r-1"})
        assert "- approve" in prompt.messages[0].content.text, prompt


for mode in ["legacy", "auto", "2026-07-28"]:
    asyncio.run(asyncio.wait_for(follow(sys.argv[1], mode), 60))
    print(f"{mode}: ok")
