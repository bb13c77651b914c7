"""Lines of options that are compared with crm_mon's, and what a CIB has to fill in for the words in braces."""

from __future__ import annotations

import re
import shlex

from lxml import etree

#: One line a way to ask. {node}, {resource} … stand for a name in the CIB; where it has none the line is left out.
LINES = (
    # each option alone
    "", "-r", "-n", "-f", "-o", "-t", "-c", "-L", "-A", "-D", "-R", "-b", "-s", "-Q", "-j",
    "-m", "-m0", "--fence-history=3", "-L cli-", "--neg-locations=cli-",
    # some together
    "-nr", "-Rr", "-Rn", "-Rnr", "-Rnrt", "-br", "-bn", "-bnr", "-bR", "-ft", "-RA", "-Dr", "-rAfotcL",
    "-nrAfotcLR", "-QA",
    # sections
    "-I all", "-I default,bans", "-I bans:cli-",
    *(
        f"-I none,{section}" for section in (
            "attributes", "bans", "counts", "dc", "failcounts", "failures", "fencing", "fencing-failed",
            "maint-mode", "nodes", "operations", "options", "resources", "stack",
            "summary", "tickets", "times",
        )
    ),
    "-U all", "-U none", "-U dc,times", "-U nodes,failures", "-I all -U summary,nodes", "-U summary -I dc", "-I list",
    "-U default",
    # filters
    "--node={node}", "--node={node} -r", "--node={node} -nr", "--node={node} -Rr", "--node={node} -br",
    "--node={node} -rAfotcL", "--node={node_tag} -rn", "--node={remote} -rn", "--node=nonsense -rn",
    "--node={node} --output-as=xml", "--node={node} --output-as=html",
    "--resource={primitive}", "--resource={primitive} -r", "--resource={primitive} -nr",
    "--resource={primitive} -rAfotcL", "--resource={primitive} -br", "--resource={primitive} --output-as=xml",
    "--resource={member} -r", "--resource={member} -Rr", "--resource={member} --output-as=xml",
    "--resource={group} -r", "--resource={group} -nr", "--resource={group} -rb", "--resource={group} --output-as=xml",
    "--resource={clone} -r", "--resource={clone} -Rr", "--resource={clone} -nr", "--resource={clone} --output-as=xml",
    "--resource={instance} -r", "--resource={instance} -Rr", "--resource={instance} --output-as=xml",
    "--resource={bundle} -r", "--resource={bundle} -Rr", "--resource={bundle} --output-as=xml",
    "--resource={bundled} -r", "--resource={bundled} --output-as=xml",
    "--resource={resource_tag} -r", "--resource={resource_tag} --output-as=xml", "--resource=nonsense -r",
    "--resource={primitive} --node={node} -rAfotcL",
    # formats
    "--output-as=text", "--output-as=text -rAfotcLR", "--output-as=console", "--output-as=xml", "--output-as=xml -n",
    "--output-as=xml -nR", "--output-as=xml -b", "--output-as=xml -U options,operations",
    "--output-as=xml -U summary,nodes", "--output-as=xml -Q", "-X", "-N",
    "--output-as=html", "--output-as=html -r -I all", "--output-as=html -Rnr -A", "--output-as=html -b -n",
    "--output-as=html -br", "--output-as=html --html-title=T --html-stylesheet=s.css", "--output-as=html --html-cgi",
    "-w", "--output-as=text --text-fancy",
)

_FILLED = re.compile(r"\{(\w+)\}")
_TAKEN = (
    ("primitive", "configuration/resources/primitive"), ("group", "configuration/resources/group"),
    ("member", "configuration/resources//group/primitive"), ("clone", "configuration/resources/clone"),
    ("instance", "configuration/resources/clone//primitive"), ("bundle", "configuration/resources/bundle"),
    ("bundled", "configuration/resources/bundle/primitive"),
)


def names(root: etree._Element) -> dict[str, str]:
    """What stands in a CIB for each word in braces; of several the middle one."""
    found = {word: _middle([str(one.get("id")) for one in root.iterfind(path)]) for word, path in _TAKEN}
    nodes = [one for one in root.iterfind("configuration/nodes/node") if one.get("uname")]
    found["node"] = _middle([str(one.get("uname")) for one in nodes if one.get("type") != "remote"])
    found["remote"] = _middle(
        [str(one.get("id")) for one in root.iterfind("status/node_state") if one.get("remote_node") == "true"]
    )
    known = {str(one.get("id")) for one in nodes}
    tags = {
        str(tag.get("id")): [str(one.get("id")) for one in tag.iterfind("obj_ref")]
        for tag in root.iterfind("configuration/tags/tag")
    }
    found["node_tag"] = _middle([tag for tag, members in tags.items() if known.issuperset(members)])
    found["resource_tag"] = _middle([tag for tag, members in tags.items() if not known.intersection(members)])
    return {word: name for word, name in found.items() if name}


def _middle(of: list[str]) -> str:
    return of[len(of) // 2] if of else ""


def words_for(line: str, known: dict[str, str]) -> list[str] | None:
    """The words of a line for a CIB with these names; None where it has none of a kind."""
    if any(word not in known for word in _FILLED.findall(line)):
        return None
    return [_FILLED.sub(lambda found: known[found[1]], word) for word in shlex.split(line)]
