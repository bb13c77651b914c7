"""State: what runs now, read from the status section against the model.

In:  a CIB and a moment.
Out: `cluster_state.read_cluster_state` gives a `ClusterState`: nodes and instances of resources as they are now, and
     `findings`: what reading alone already forces (fence this node, stop that, forget this failure), in the order in
     which it was found. It is the only input of the scheduler and of the status display.
To change: when a node counts as online: node_states.py; which resource or instance an entry of the history means:
     removed.py; what a recorded result means: results.py; what a failure asks for, and when it expires: failures.py;
     where a migration that was cut off leaves a resource: migrations.py; whether parameters changed: digests.py; what
     the instances of a clone or the parts of a bundle are: instances.py; the order of it all: reader.py.

Reading fills drafts (workspace.py), which are sealed in the end (sealing.py): no one can change what was read.

**Instances of clones.** A clone has a tree below it for each instance: `children[i]` of the clone is the instance with
number i, a primitive (`web:0`) or a group (`g:0`) whose members are `web:0`, `db:0`. Instances 0 … clone_max-1 always
exist, running or not (with clone_max 0 there is one, already `removed`). The number means something only in a unique
clone: the history of a node then names it (`web:0`). In an anonymous clone the history says only `web`, and the numbers
are dealt out while the history is read, nodes in the order of the status section: an instance already active on that
node, else the first inactive one, else a new one above clone_max, which is `removed` and will be stopped. So the same
cluster can be read with other numbers after a change; nothing but the display and the ids of actions depends on them.
`history_id` is the name under which the node knows the instance when that is not `id`.

**Removed resources** (Pacemaker's orphans) are in the history and not in the configuration: they stand after the
configured ones at the end of `resources`, `removed` set, with a ResourceConfig made from the history entry.

**Bundles.** `children` of a bundle are, replica by replica, container, address (if it has one) and remote connection
(if it has a primitive), and at the end the implied clone that holds the instances of its primitive. `replicas` says the
same by name.

**Order.** `resources` is sorted by priority, highest first, else as configured; nodes by name; `running` of a node and
`active_on` of a resource in the order in which the history told of it.

**Nodes are named by their id** in every table here (the id of a remote node is its name), since two entries may bear
one name.

Source: lib/pengine/unpack.c, native.c, clone.c, bundle.c; Pacemaker Explained, "Status".
"""
