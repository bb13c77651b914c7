"""Agents: resource and fence agents — find them, describe them, build a call, read its result.

In:  an `AgentName`, parameters of a resource, an action.
Out: `Call` (program, arguments, environment, timeout: call.py), `AgentMetadata` (metadata.py), an OCF code and an
     execution status for what a program answered (ocf.py, lsb.py, systemd.py, stonith.py).
To change: where agents are looked for: find.py; the environment that an OCF agent sees: ocf.py; what a fence agent is
     told: stonith.py; our own agents: ocf/hashell/ and fence/ (scripts, package data), with their meta-data inside.
I/O: find.py looks at folders, run.py runs a call and waits (for shells; the daemon has a driver of its own).
Source: OCF Resource Agent API 1.1; LSB 5.0 core, "Init script actions"; FenceAgentAPI.md of fence-agents.
"""
