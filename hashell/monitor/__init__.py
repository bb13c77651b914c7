"""Monitor: the status of a cluster on a screen, or once as text, XML, HTML or JSON.

In:  words of a command line (options.py), a cluster through `client`.
Out: one_shot.py prints once and ends; it is the program behind `hashell monitor` and opens the full-screen app when
     nothing asks for a single output. It must start fast: no Textual, no asyncio.
     repeat.py prints again; corpus.py compares with crm_mon: `python -m hashell.monitor.corpus FOLDER`
     (corpus_lines.py: which options; peer_answers.py: what it said; corpus_differences.toml: why we differ).

    feed ─▶ session.py ─▶ past.py ─▶ scene.py ─▶ views/*.build(scene, wishes) ─▶ lines ─▶ widgets/line_view.py
                           keeps      a moment    pure, one a screen                       draws what is seen
    keys ─▶ acting.py ─▶ acts.py, edits.py ─▶ preview ─▶ done (or refused: read-only, or a scene of the past)

One model, one clock, one way to draw (showing.py), one way to act.
Around it: several clusters, themes, notices, pictures (around.py; settings.py: a person's own file); another process
asked what if, and what must change (supposing.py, asking.py).
To change: an option: options.py; how a line of the one-shot output reads: the room `status`; a screen: views/; a key:
           app.py (looking) or acting.py (changing); what is kept of the past, and how long: past.py.
"""
