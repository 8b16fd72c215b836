"""An import-linter contract: these packages import the standard library, themselves and what is named; nothing else."""

import sys
from fnmatch import fnmatchcase
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class PureContract(Contract):
    """`forbidden` needs every forbidden name; here a library that comes tomorrow is refused too.

    - modules: packages, with their descendants; `*` stands for one name.
    - allowed: our own packages that they may import.
    - denied: modules of the standard library that they may not.
    """

    type_name = "pure"

    modules: Any = fields.ListField(subfield=fields.StringField())
    allowed: Any = fields.ListField(subfield=fields.StringField(), required=False, default=[])
    denied: Any = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        wrong = []
        for module in sorted(graph.modules):
            home = _home(module, self.modules)
            if home is None:
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(module)):
                if not self._may(imported, home):
                    wrong.append(f"{module} imports {imported}")
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def _may(self, imported: str, home: str) -> bool:
        if any(imported == own or imported.startswith(f"{own}.") for own in (home, *self.allowed)):
            return True
        root = imported.partition(".")[0]
        return root in sys.stdlib_module_names and root not in self.denied

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["wrong"]:
            output.print_error(line)


def _home(module: str, packages: list[str]) -> str | None:
    """The package of `packages` in which the module lies, with its `*` resolved."""
    names = module.split(".")
    for package in packages:
        depth = package.count(".") + 1
        home = ".".join(names[:depth])
        if len(names) >= depth and fnmatchcase(home, package):
            return home
    return None
