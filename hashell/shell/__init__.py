"""Shell: the crm language and the pcs language over the same commands, one line at a time or interactively.

In:  argv (one_shot.py), a script (script in session.py), keys (app.py).
Out: data on standard output, narration on standard error, an exit code.
One declaration of a command (grammar/words.py) is read by the parser (match.py), completion (complete.py), colours
(highlight.py) and help (help.py). crm/ holds the levels of the crm language, pcs/ the nouns of pcs.
To change: a crm command: crm/<level>.py; a pcs command: pcs/<noun>.py; what either does: hashell.commands.
What a command that waits tells meanwhile: progress.py; lines of a script: lines.py; the wizards of script and template:
wizards.toml, filled in by wizards.py.
The interactive shell: keys, colours of the prompt and its parts: prompt.py; the loop, the toolbar, what happens on
Ctrl-C: app.py; which news appear above the prompt: live.py; a setting: settings.py; what is kept of typed lines:
remember.py; which words are secrets: scrub.py.
"""
