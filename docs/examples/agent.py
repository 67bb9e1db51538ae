#!/usr/bin/env python3
"""A whole executor for Cyrus in one file: it writes down what it was asked, and commits that. Put your own agent where `work` is."""

import json
import os
import subprocess
import sys
import threading
import queue


def say(event):
    print(json.dumps(event), flush=True)


def lines_of_stdin(into):
    """What Cyrus says while the agent works; None is the end."""
    for line in sys.stdin:
        said = json.loads(line)
        if said["type"] == "stop":
            os._exit(0)
        into.put(said)
    into.put(None)


def git(*words):
    subprocess.run(["git", *words], check=True, stdout=subprocess.DEVNULL)


def write(file, text):
    say({"type": "tool-use", "tool": "Write", "input": {"file": file}})
    with open(file, "w", encoding="utf-8") as out:
        out.write(text + "\n")
    git("add", "--", file)
    if subprocess.run(["git", "diff", "--cached", "--quiet"]).returncode != 0:
        git("commit", "--quiet", "-m", "Write down what was asked")
    say({"type": "tool-result", "output": "committed " + file, "isError": False})


def work(prompt, resume):
    """Your agent. Returns its last words, or None when it has asked something."""
    if resume:
        say({"type": "message", "content": "I go on where I was."})
    if prompt.startswith("Ask "):
        say({"type": "needs-input", "question": "Which port?", "options": ["4000", "5000"]})
        return None
    say({"type": "message", "content": "I write it down."})
    write("cyrus-test.txt", prompt)
    # Micro-dollars, of this report alone. Leave "cost" out where you do not know it.
    say({"type": "usage", "usage": {"model": "none", "inputTokens": len(prompt), "outputTokens": 0,
                                    "cacheReadTokens": 0, "cacheWriteTokens": 0, "cost": 0}})
    return "Written down."


def main():
    inbox = queue.Queue()
    threading.Thread(target=lines_of_stdin, args=(inbox,), daemon=True).start()
    start = inbox.get()
    if start is None:
        return
    request = start["request"]
    os.chdir(request["workingDirectory"])
    output = work(request["prompt"], request["conversation"]["resume"])
    while output is not None:
        # Everything a person has said meanwhile, and what crosses with the end, is read and acknowledged.
        if inbox.empty():
            say({"type": "complete", "result": {"state": "succeeded", "output": output}})
        message = inbox.get()
        if message is None:
            return
        write("message-%d.txt" % message["id"], message["text"])
        say({"type": "delivered", "messageId": message["id"]})


main()
