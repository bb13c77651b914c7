"""Commands: everything that a person can do to a cluster, in no grammar and on no screen.

In:  an `Env` (env.py): the cluster's client and a working copy of its CIB; and plain arguments.
Out: edits of the working copy, problems found, and for `Env.commit` one patch to the cluster. Nothing is printed here:
what there is to say goes to `Env.say`.
To change: how a configuration object is put in, replaced, renamed, taken out: configure.py; how ids and references are
settled: binding.py; what is done to resources: resources.py (states, moves), members.py (groups, clones, bundles),
creation.py (new ones with an agent's advice), parameters.py; constraints.py; nodes.py; options.py (cluster options,
defaults); fencing.py; acls.py; alerts.py; tags.py; what the agents say: agents.py; what makes no sense: checks.py.
What is wrong with a node or cluster: doctor.py (judgement), doctor_facts.py (what the machine says); the support
archive: support.py; setting a node up: setup.py; other nodes over ssh: ssh.py; other software: foreign/.
"""
