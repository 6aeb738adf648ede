# SPDX-License-Identifier: MIT
"""Tables, as text or as Markdown."""

import dataclasses


@dataclasses.dataclass
class Table:
    title: str
    columns: list  # the first is for names
    rows: list = dataclasses.field(default_factory=list)
    note: str = ""

    def add(self, name, *cells):
        self.rows.append([name, *("–" if cell is None else str(cell) for cell in cells)])

    def markdown(self):
        lines = [f"### {self.title}", ""]
        lines.append("| " + " | ".join(self.columns) + " |")
        lines.append("| --- |" + " ---: |" * (len(self.columns) - 1))
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines) + "\n"

    def text(self):
        # Column titles of several words take a line for each.
        titles = [column.split() for column in self.columns[1:]]
        height = max(map(len, titles))
        heads = [[""] * (height - len(words)) + words for words in titles]
        body = [row[1:] for row in self.rows]
        widths = [max(map(len, head + [row[i] for row in body])) for i, head in enumerate(heads)]
        first = max(len(row[0]) for row in self.rows + [[self.columns[0]]])
        lines = [self.title, "=" * len(self.title)]
        for i in range(height):
            name = self.columns[0] if i == height - 1 else ""
            lines.append(name.ljust(first) + "".join(
                "  " + head[i].rjust(width) for head, width in zip(heads, widths)))
        for row in self.rows:
            lines.append(row[0].ljust(first) + "".join(
                "  " + cell.rjust(width) for cell, width in zip(row[1:], widths)))
        if self.note:
            lines += ["", self.note]
        return "\n".join(line.rstrip() for line in lines) + "\n"
