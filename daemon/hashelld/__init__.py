"""hashelld: the node daemon, a few components that never call one another.

Each component (`cib_manager`, `controller`, `executor`, `fencer`, `watchdog`, `attribute_manager`, `alerts`, `ipc`, and
the `engine` that reaches the other nodes) is a state machine without I/O: `receive(event)` gives effects. The driver
(core/driver.py) performs the effects and feeds what comes of them back as events. Who hears which event stands in
node.py: read that first.
"""
