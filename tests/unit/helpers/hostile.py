"""What a subject may write to rewrite a terminal, to command a CI system, or to say something else than it shows."""

import re
import unicodedata

TEXTS = {
    "clear the screen": "\x1b[2J\x1b[H0 behaviours: all hold",
    "move up": "a\x1b[5A\x1b[2Kserial calls rotate   holds",
    "conceal": "\x1b[8mhidden\x1b[0m",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://127.0.0.1/\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "device control": "\x1bP1$r0m\x1b\\",
    "half of a sequence": "ends in \x1b[",
    "c1": "\x9b2J\x9d0;owned\x9c\x85next",
    "bell": "\x07\x07",
    "return": "wrong\rright",
    "backspace": "wrong\b\b\b\b\bright",
    "null": "a\x00b\x7f",
    "new page": "a\x0bb\x0cc",
    "bidirectional": "\u202eright to left\u202c \u2066isolated\u2069 \u200f\u061c",
    "zero width": "order-service-1\u200b \u200d \ufeff \u00ad \u2060",
    "other lines": "a\u2028b\u2029c\x1cd\x1ee",
    "filler": "order-service-1\u3164\u115f\u034f\ufe0f\U000e0101",
    "tags": "a\U000e0041\U000e007f",
    "half of a character": "a\ud800b\udfff",
    "command": "::set-output name=verdict::conformant",
    "indented command": "first\n \t\u3000::error file=a::b",
    "command after a return": "first\r::add-mask::x\r\n::stop-commands::y",
    "command after a blank": "\x85\u2028 ::warning::x",
    "older command": "said ##[add-path]x and ##vso[task.setvariable variable=x]y ##teamcity[buildStatus status='x']",
    "long command": "x" * 500 + " ::save-state name=a::" + "b" * 500,
    "rich": "[bold red]x[/bold red] [link=http://127.0.0.1]y[/link] :warning: [/]",
    "markdown": "# title\n\n| a |\n|---|\n[x](http://127.0.0.1) ![y](http://127.0.0.1) <script>alert(1)</script>",
}
"""By what they would do."""

_COLOURS = re.compile(r"\x1b\[(?:0|1|2|5|7|3[0-7]|4[0-7])m")
"""pytest's own."""


def harm(output: str) -> list[str]:
    """Return what in an output steers a terminal, cannot be seen, or is a command to a CI system."""
    plain = _COLOURS.sub("", output)
    bad = {character for character in plain if character not in "\n\t" and _unseen(character)}
    commands = re.findall(r"^\s*::.*", plain, re.MULTILINE) + re.findall(r"##(?:vso|teamcity)?\[.*", plain)
    return sorted(map(repr, bad)) + commands


def _unseen(character: str) -> bool:
    category = unicodedata.category(character)
    return category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or character in "\u3164\u115f\u034f\ufe0f\U000e0101"
