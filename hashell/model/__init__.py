"""Model: what is configured, read into frozen typed objects.

In:  a CIB and a moment (rules in the configuration may hold at one time and not at another).
Out: `configuration.read_configuration` gives a `Configuration`: cluster options, nodes, the tree of resources,
     constraints, templates, tags, fencing topology, alerts.
To change: a cluster option: options/cluster.py (its row: name, type, default, text) and cluster_options.py (its field);
     a meta-attribute: options/resource.py and resource_reader.py; how sets of name/value pairs combine: nvpairs.py;
     what an operation inherits: operations.py; the resources that a bundle stands for: bundles.py; the nodes that
     resources imply: guests.py; constructs of older schemas: upgrade.py.

**What a resource is here.** A `ResourceConfig` is a thing that somebody configured: one for each primitive, group,
clone and bundle, one for the member of a clone (not one for each instance), and one for each resource that a bundle or
a guest node implies (`implied`). Instances of clones are made in the room `state`, since how many there are depends on
the history too.

Meta-attributes and parameters are already evaluated for the moment (own sets, sets of the parents, rsc_defaults, in
Pacemaker's order of precedence). Parameters can depend on a node through rules: `ResourceConfig.parameters` takes the
node's attributes.

Order is Pacemaker's everywhere: resources and constraints as in the document, nodes by name with numbers in it compared
as numbers. What makes no sense is left out or gets its default, with a complaint in `Configuration.problems`.

Source: Pacemaker Explained, "Cluster-wide configuration", "Resources", "Constraints"; lib/pengine/unpack.c, complex.c.
"""
