"""How many durable steps per second another engine does: runs of ten steps that do nothing, on a file of SQLite.

Usage: peers.py langgraph|dbos FILE RUNS AT_ONCE. Prints steps per second, without what importing and setting up takes.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

STEPS = 10


def langgraph(path):
    import sqlite3
    from typing import TypedDict

    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        count: int

    graph = StateGraph(State)
    names = [f"s{n}" for n in range(STEPS)]
    for name in names:
        graph.add_node(name, lambda state: {"count": state["count"] + 1})
    for before, after in zip([START, *names], [*names, END]):
        graph.add_edge(before, after)
    connection = sqlite3.connect(path, check_same_thread=False)
    saver = SqliteSaver(connection)
    saver.setup()
    connection.execute("PRAGMA synchronous = FULL")
    app = graph.compile(checkpointer=saver)

    def run(number):
        config = {"configurable": {"thread_id": str(number)}}
        assert app.invoke({"count": 0}, config, durability="sync")["count"] == STEPS

    return run


def dbos(path):
    from dbos import DBOS

    DBOS(
        config={
            "name": "steps",
            "system_database_url": f"sqlite:///{path}",
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )

    @DBOS.step()
    def step(count):
        return count + 1

    @DBOS.workflow()
    def row():
        count = 0
        for _ in range(STEPS):
            count = step(count)
        return count

    DBOS.launch()

    def run(_number):
        assert row() == STEPS

    return run


def main():
    peer, path, runs, at_once = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    run = {"langgraph": langgraph, "dbos": dbos}[peer](path)
    run(-1)
    begun = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, range(runs)))
    print(runs * STEPS / (time.perf_counter() - begun), flush=True)
    if peer == "dbos":
        from dbos import DBOS

        DBOS.destroy()


main()
